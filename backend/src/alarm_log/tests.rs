//! The alarm log through its door: records in, files out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Instant;

use super::*;

struct Fixture {
    folder: tempfile::TempDir,
    metrics: Metrics,
    readiness: Readiness,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), metrics: Metrics::new(), readiness: Readiness::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn open(&self) -> (AlarmLog, tokio::task::JoinHandle<()>) {
        let (log, task) = open(self.folder.path(), None, None, &self.metrics, &self.readiness).unwrap();
        (log, tokio::spawn(task))
    }

    fn is_degraded(&self) -> bool {
        format!("{:?}", self.readiness.report()).contains("siem_alarms.json")
    }
}

fn alarm(text: &str) -> LogRecord {
    LogRecord::Alarm { document: text.as_bytes().to_vec(), standing: None }
}

fn link(event_id: &str) -> LogRecord {
    let event = Event { id: event_id.into(), ..(*crate::fixtures::event("e", 1, "10.0.0.9")).clone() };
    LogRecord::AlarmEvent { alarm_id: AlarmId::saved("a1"), stage: 2, event: Arc::new(event), is_alarm: true }
}

/// Waits until `condition` holds; the limit is far beyond what it takes.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn both_files_exist_from_the_start() {
    let fixture = Fixture::new();
    let (_log, _task) = fixture.open();
    assert_eq!(fixture.read(ALARMS_FILE), "");
    assert_eq!(fixture.read(ALARM_EVENTS_FILE), "");
}

#[tokio::test]
async fn each_record_is_a_line_of_its_file_with_the_keys_in_their_order() {
    let fixture = Fixture::new();
    let (log, task) = fixture.open();
    log.write(alarm(r#"{"alarm_id":"a1"}"#)).await;
    log.write(link("e \"1\"\n")).await;
    log.write(link("é")).await;
    drop(log);
    task.await.unwrap();
    assert_eq!(fixture.read(ALARMS_FILE), "{\"alarm_id\":\"a1\"}\n");
    assert_eq!(
        fixture.read(ALARM_EVENTS_FILE),
        "{\"alarm_id\":\"a1\",\"stage\":2,\"event_id\":\"e \\\"1\\\"\\n\"}\n{\"alarm_id\":\"a1\",\"stage\":2,\"event_id\":\"é\"}\n"
    );
}

#[tokio::test]
async fn everything_accepted_is_written_before_the_task_ends() {
    let fixture = Fixture::new();
    let (log, task) = fixture.open();
    let writers = (0..4).map(|writer| {
        let log = log.clone();
        tokio::spawn(async move {
            for n in 0..2 * QUEUE_RECORDS {
                log.write(alarm(&format!("{writer} {n}"))).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    drop(log);
    for writer in writers {
        writer.await.unwrap();
    }
    task.await.unwrap();
    let text = fixture.read(ALARMS_FILE);
    for writer in 0..4 {
        let prefix = format!("{writer} ");
        let numbers: Vec<usize> =
            text.lines().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert_eq!(
            numbers,
            (0..2 * QUEUE_RECORDS).collect::<Vec<_>>(),
            "the records of writer {writer}, in their order"
        );
    }
}

#[tokio::test]
async fn an_existing_file_is_appended_to() {
    let fixture = Fixture::new();
    fs::write(fixture.path(ALARMS_FILE), "before\n").unwrap();
    let (log, task) = fixture.open();
    log.write(alarm("after")).await;
    drop(log);
    task.await.unwrap();
    assert_eq!(fixture.read(ALARMS_FILE), "before\nafter\n");
}

#[tokio::test]
async fn a_full_disk_is_retried_until_there_is_room_and_nothing_is_lost_or_doubled() {
    let fixture = Fixture::new();
    symlink("/dev/full", fixture.path(ALARMS_FILE)).unwrap();
    let (log, task) = fixture.open();
    log.write(alarm("1")).await;
    log.write(link("e1")).await;
    until("a degraded readiness", || fixture.is_degraded()).await;
    let failures = fixture.metrics.counter("dsiem_alarm_log_failures", "");
    until("a second attempt", || failures.get() >= 2).await;

    fs::write(fixture.path("roomy"), "").unwrap();
    fs::rename(fixture.path("roomy"), fixture.path(ALARMS_FILE)).unwrap();
    log.write(alarm("2")).await;
    drop(log);
    task.await.unwrap();
    assert_eq!(fixture.read(ALARMS_FILE), "1\n2\n");
    assert_eq!(fixture.read(ALARM_EVENTS_FILE).lines().count(), 1);
    assert!(!fixture.is_degraded());
}

#[tokio::test]
async fn a_writer_waits_while_the_queue_is_full() {
    let fixture = Fixture::new();
    symlink("/dev/full", fixture.path(ALARMS_FILE)).unwrap();
    let (log, task) = fixture.open();
    log.write(alarm("being written")).await;
    until("a degraded readiness", || fixture.is_degraded()).await;
    for n in 0..QUEUE_RECORDS {
        log.write(alarm(&n.to_string())).await;
    }
    {
        let mut one_more = pin!(tokio::task::unconstrained(log.write(alarm("one more"))));
        assert!(futures::poll!(&mut one_more).is_pending(), "the queue is full");
        fs::write(fixture.path("roomy"), "").unwrap();
        fs::rename(fixture.path("roomy"), fixture.path(ALARMS_FILE)).unwrap();
        one_more.await;
    }
    drop(log);
    task.await.unwrap();
    assert_eq!(fixture.read(ALARMS_FILE).lines().count(), QUEUE_RECORDS + 2);
}

#[tokio::test]
async fn with_the_task_dropped_a_failing_disk_is_given_up_and_what_is_lost_is_counted() {
    let fixture = Fixture::new();
    symlink("/dev/full", fixture.path(ALARMS_FILE)).unwrap();
    let (log, task) = fixture.open();
    log.write(alarm("1")).await;
    until("a degraded readiness", || fixture.is_degraded()).await;
    log.write(alarm("2")).await;
    task.abort();
    let lost = fixture.metrics.counter("dsiem_alarm_log_lost", "");
    until("both counted as lost", || lost.get() == 2).await;
    log.write(alarm("3")).await;
    assert_eq!(lost.get(), 3);
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_start_and_is_named() {
    let fixture = Fixture::new();
    fs::write(fixture.path("logs"), "a file where the folder should be").unwrap();
    let error = open(&fixture.path("logs"), None, None, &fixture.metrics, &fixture.readiness).err().unwrap();
    assert!(format!("{error:#}").contains("siem_alarms.json"), "{error:#}");
}
