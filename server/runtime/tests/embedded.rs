//! The embedded log where it counts: processes that are killed, a disk that is full, two processes and one log.
//!
//! The other process is this test program again: tests that are ignored unless they are named, and that find in
//! `LOG_FOLDER` what they are to do.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps says where it failed; clippy knows only test functions"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use dsiem_runtime::bus::{EmbeddedConfig, MemoryBus, Position, PublishError, StreamId, embedded};
use dsiem_runtime::{Clock, Metrics, Readiness, Shutdown};

const FOLDER: &str = "LOG_FOLDER";
const ROUND: &str = "ROUND";
const STREAM: &str = "STREAM";
const PUBLISHERS: u64 = 4;
const BATCH: u64 = 10;

fn open(
    folder: &Path,
    resume: Option<Position>,
    fsync_interval: Duration,
) -> (MemoryBus, Readiness, Shutdown) {
    let path = folder.join("events");
    let config = EmbeddedConfig { path, max_bytes: embedded::MAX_BYTES, fsync_interval };
    let (readiness, shutdown) = (Readiness::new(), Shutdown::new());
    let bus = embedded::bus(config, resume, Clock::system(), &Metrics::new(), readiness.clone(), &shutdown);
    (bus.unwrap(), readiness, shutdown)
}

async fn stop(bus: MemoryBus, shutdown: Shutdown) {
    drop(bus);
    shutdown.finish(Duration::from_secs(60)).await.unwrap();
}

/// This program with one of its ignored tests.
fn this_program(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(FOLDER, folder);
    command
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("the test that starts this program names a folder").into()
}

/// Which publisher of which round, and its how manieth event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    round: u64,
    publisher: u64,
    number: u64,
}

impl Name {
    fn write(self) -> String {
        format!("event {} {} {}", self.round, self.publisher, self.number)
    }

    fn read(text: &str) -> Option<Self> {
        // The test harness may have begun the line.
        let mut numbers = text.rsplit_once("event ")?.1.split(' ').map(|number| number.parse().ok());
        Some(Self { round: numbers.next()??, publisher: numbers.next()??, number: numbers.next()?? })
    }
}

fn fsync_interval_of(round: u64) -> Duration {
    // Whether every group is synced or none makes no difference to a process that is killed.
    if round.is_multiple_of(2) { Duration::ZERO } else { Duration::from_secs(3_600) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by another test"]
async fn publish_until_killed() {
    let round = std::env::var(ROUND).unwrap().parse().unwrap();
    let (mut bus, _, _shutdown) = open(&folder(), None, fsync_interval_of(round));
    for publisher in 0..PUBLISHERS {
        let bus = bus.publisher.clone();
        tokio::spawn(async move {
            for start in (0..).step_by(BATCH as usize) {
                let names = (start..start + BATCH).map(|number| Name { round, publisher, number });
                bus.publish(names.map(|name| Bytes::from(name.write())).collect()).await.unwrap();
                println!("{}", Name { round, publisher, number: start + BATCH - 1 }.write());
            }
        });
    }
    // Half of what there is, so that the log is read from memory and from the file.
    while let Some(batch) = bus.subscription.next_batch(100).await {
        if bus.subscription.queue_length() < 1_000 && !batch.messages.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Lets a process publish until it has had `lines` answers, and kills it. Adds what was answered to `answered`.
fn publish_and_kill(folder: &Path, round: u64, lines: usize, answered: &mut BTreeMap<(u64, u64), u64>) {
    let mut command = this_program("publish_until_killed", folder);
    let mut child: Child = command.env(ROUND, round.to_string()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut note = |line: String| {
        if let Some(name) = Name::read(&line) {
            answered.insert((name.round, name.publisher), name.number);
        }
    };
    for _ in 0..lines {
        note(output.next().expect("the child goes on until it is killed").unwrap());
    }
    child.kill().unwrap();
    // What it had still said.
    output.map_while(Result::ok).for_each(note);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_answered_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = BTreeMap::new();
    let mut found: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut place = None;
    for round in 0..6 {
        publish_and_kill(folder.path(), round, 30 + 40 * round as usize, &mut answered);
        let (mut bus, readiness, shutdown) = open(folder.path(), place, Duration::ZERO);
        assert!(readiness.report().degraded.is_empty());
        while bus.subscription.queue_length() > 0 {
            let batch = bus.subscription.next_batch(1_000).await.unwrap();
            place = batch.reached.or(place);
            for message in batch.messages {
                let name = Name::read(std::str::from_utf8(&message.payload).unwrap()).unwrap();
                let next = found.entry((name.round, name.publisher)).or_insert(0);
                assert_eq!(name.number, *next, "in order, each once: {name:?}");
                *next += 1;
            }
        }
        bus.subscription.acknowledger().acknowledge(place.unwrap());
        stop(bus, shutdown).await;
        let total: u64 = found.values().sum();
        assert_eq!(place.unwrap().sequence, total, "numbers have no holes");
    }
    assert_eq!(answered.len() as u64, 6 * PUBLISHERS);
    for (publisher, last) in answered {
        assert!(
            found.get(&publisher).is_some_and(|found| *found > last),
            "{publisher:?} was answered up to {last}"
        );
        // What was stored but not answered is there as a whole.
        assert_eq!(found[&publisher] % BATCH, 0);
    }
}

/// Events of such a size that a request makes up more than a row.
fn numbered(number: u64) -> Bytes {
    Bytes::from(format!("event 0 0 {number}{}", " ".repeat(3_000)))
}

fn number_of(payload: &[u8]) -> u64 {
    Name::read(std::str::from_utf8(payload).unwrap().trim_end()).unwrap().number
}

/// The number in each event is its number in the log.
async fn read_on(bus: &mut MemoryBus, place: &mut Option<Position>) {
    let batch = bus.subscription.next_batch(50).await.unwrap();
    let mut next = place.map_or(0, |place| place.sequence) + 1;
    for message in &batch.messages {
        assert_eq!(number_of(&message.payload), next);
        next += 1;
    }
    if let Some(reached) = batch.reached {
        assert_eq!(reached.sequence, next - 1);
        *place = Some(reached);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by another test"]
async fn publish_and_acknowledge_until_killed() {
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (stream, sequence) = (StreamId(number(STREAM)), number(ROUND));
    let mut place = (sequence > 0).then_some(Position { stream, sequence });
    let (mut bus, _, _shutdown) = open(&folder(), place, Duration::ZERO);
    let publisher = bus.publisher.clone();
    tokio::spawn(async move {
        for start in (sequence + 1..).step_by(40) {
            publisher.publish((start..start + 40).map(numbered).collect()).await.unwrap();
            println!("answered {}", start + 39);
        }
    });
    let acknowledger = bus.subscription.acknowledger();
    loop {
        read_on(&mut bus, &mut place).await;
        if let Some(place) = place {
            println!("read {} {}", place.stream.0, place.sequence);
            acknowledger.acknowledge(place);
        }
    }
}

#[tokio::test]
async fn a_process_that_erases_can_be_killed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut place: Option<Position> = None;
    for round in 0..6 {
        let mut command = this_program("publish_and_acknowledge_until_killed", folder.path());
        command.env(ROUND, place.map_or(0, |place| place.sequence).to_string());
        command.env(STREAM, place.map_or(0, |place| place.stream.0).to_string());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answered = 0;
        let mut note = |line: String| {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                [.., "answered", number] => answered = number.parse().unwrap(),
                [.., "read", stream, number] => {
                    let (stream, sequence) = (StreamId(stream.parse().unwrap()), number.parse().unwrap());
                    place = Some(Position { stream, sequence });
                }
                _ => {}
            }
        };
        for _ in 0..60 + 37 * round {
            note(output.next().expect("the child goes on until it is killed").unwrap());
        }
        child.kill().unwrap();
        output.map_while(Result::ok).for_each(note);
        child.wait().unwrap();

        let (mut bus, readiness, shutdown) = open(folder.path(), place, Duration::ZERO);
        assert!(readiness.report().degraded.is_empty(), "nothing is missing behind what was read");
        while bus.subscription.queue_length() > 0 {
            read_on(&mut bus, &mut place).await;
        }
        assert!(place.is_some_and(|place| place.sequence >= answered), "{place:?}, {answered} answered");
        stop(bus, shutdown).await;
    }
}

#[tokio::test]
async fn two_processes_cannot_have_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let (bus, _, shutdown) = open(folder.path(), None, Duration::ZERO);
    bus.publisher.publish(vec![Bytes::from_static(b"a")]).await.unwrap();
    let other = this_program("publish_until_killed", folder.path()).env(ROUND, "0").output().unwrap();
    assert!(!other.status.success());
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("another process is using it"), "{said}");
    stop(bus, shutdown).await;
}

#[tokio::test]
#[ignore = "started by another test, on a small disk"]
async fn fill_the_disk() {
    let folder = folder();
    let (mut bus, readiness, shutdown) = open(&folder, None, Duration::ZERO);
    let ballast = folder.join("ballast");
    let large = Bytes::from("x".repeat(100 * 1024));
    let mut stored = 0;
    for _ in 0..2 {
        fill(&ballast);
        let refused = loop {
            match bus.publisher.publish(vec![large.clone(); 3]).await {
                Ok(()) => stored += 3,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, PublishError::NotConfirmed);
        let report = readiness.report();
        assert!(
            report.ready && report.degraded["event_log"].contains("no room left on the disk"),
            "{report:?}"
        );
        std::fs::remove_file(&ballast).unwrap();
        bus.publisher.publish(vec![large.clone()]).await.unwrap();
        stored += 1;
        assert!(readiness.report().degraded.is_empty());
    }
    let mut found = 0;
    while found < stored {
        found += bus.subscription.next_batch(100).await.unwrap().messages.len();
    }
    assert_eq!((found, bus.subscription.queue_length()), (stored, 0));
    stop(bus, shutdown).await;
    let (bus, readiness, shutdown) = open(&folder, None, Duration::ZERO);
    assert_eq!(bus.subscription.queue_length(), stored);
    assert!(readiness.report().degraded.is_empty());
    stop(bus, shutdown).await;
    println!("the disk was full twice");
}

/// Takes what is left on the disk but about half a megabyte.
fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(ballast).unwrap();
    while file.write_all(&[0; 64 * 1024]).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(512 * 1024)).unwrap();
}

#[test]
fn a_full_disk_refuses_events_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=8m tmpfs '{}'", folder.path().display());
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-Ur", "-m", "sh", "-c", script]);
        command
    };
    if !in_namespace(&mount).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: a file system cannot be mounted in a user namespace here");
        return;
    }
    let program = this_program("fill_the_disk", folder.path());
    let mut command = in_namespace(&format!("{mount} && exec \"$0\" \"$@\""));
    command.arg(program.get_program()).args(program.get_args()).env(FOLDER, folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("the disk was full twice"), "{said}");
}
