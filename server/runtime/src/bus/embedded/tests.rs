//! The log as a bus: what goes in comes out, once, in order, over restarts, and what is missing is said.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use dsiem_core::time::ReceiptTime;

use super::*;
use crate::bus::memory::MAX_EVENT_BYTES;
use crate::bus::{Batch, PublishError, StreamId};

mod faults;
mod model;

const KIB: usize = 1024;

/// A bus whose folder outlives it.
struct Process {
    bus: MemoryBus,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
}

fn place(folder: &Path) -> Place {
    let limits = Limits { waiting: 256 * KIB, queued: 64 * KIB, read: 32 * KIB };
    let path = folder.join("events");
    Place { path, max_bytes: MAX_BYTES, fsync_interval: Duration::ZERO, boot: None, limits }
}

impl Process {
    fn try_start(place: Place, resume: Option<Position>) -> anyhow::Result<Self> {
        let (metrics, readiness, shutdown) = (Metrics::new(), Readiness::new(), Shutdown::new());
        let bus = bus_at(place, resume, Clock::system(), &metrics, readiness.clone(), &shutdown)?;
        Ok(Self { bus, metrics, readiness, shutdown })
    }

    fn start(folder: &Path, resume: Option<Position>) -> Self {
        Self::try_start(place(folder), resume).unwrap()
    }

    async fn stop(self) {
        drop(self.bus);
        self.shutdown.finish(Duration::from_secs(60)).await.unwrap();
        assert!(!self.shutdown.failed());
    }

    async fn publish(&self, names: impl IntoIterator<Item = impl ToString>) -> Result<(), PublishError> {
        self.bus
            .publisher
            .publish(names.into_iter().map(|name| Bytes::from(name.to_string())).collect())
            .await
    }

    /// The next `count` events, and the place behind them.
    async fn take(&mut self, count: usize) -> (Vec<String>, Option<Position>) {
        let (mut names, mut reached) = (Vec::new(), None);
        while names.len() < count {
            let batch = self.bus.subscription.next_batch(count - names.len()).await.unwrap();
            names.extend(batch_names(&batch));
            reached = batch.reached.or(reached);
        }
        (names, reached)
    }

    /// Everything until the end.
    async fn take_rest(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(batch) = self.bus.subscription.next_batch(1_000).await {
            names.extend(batch_names(&batch));
        }
        names
    }

    /// Waits until the log says so; it tells these figures after it has done what they count.
    async fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        while !condition(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn stored_bytes(&self) -> i64 {
        self.metrics.gauge("dsiem_event_log_bytes", "").get()
    }

    fn gaps(&self, reason: &str) -> u64 {
        self.metrics.counter_by("dsiem_event_log_gaps", "", "reason").with(reason).get()
    }

    fn lost(&self) -> u64 {
        self.metrics.counter("dsiem_event_log_events_lost", "").get()
    }

    fn degraded(&self) -> Vec<&'static str> {
        let report = self.readiness.report();
        assert!(report.ready);
        report.degraded.into_keys().collect()
    }
}

fn batch_names(batch: &Batch) -> Vec<String> {
    batch.messages.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn events_come_out_in_order_with_their_place() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    let before = Clock::system().now();
    process.publish(["a", "b"]).await.unwrap();
    process.publish(["c"]).await.unwrap();
    assert_eq!(process.bus.subscription.queue_length(), 3);
    let first = process.bus.subscription.next_batch(2).await.unwrap();
    assert_eq!(batch_names(&first), ["a", "b"]);
    assert!(first.messages[0].received >= before && first.drained_at.is_some());
    let place = first.reached.unwrap();
    assert_eq!(place.sequence, 2);
    let second = process.bus.subscription.next_batch(2).await.unwrap();
    assert_eq!(batch_names(&second), ["c"]);
    assert_eq!(second.reached, Some(Position { stream: place.stream, sequence: 3 }));
    assert!(second.drained_at.unwrap() >= earlier_by_a_second(before), "there is nothing more");
    assert_eq!(process.bus.subscription.queue_length(), 0);
    let idle = process.bus.subscription.next_batch(2).await.unwrap();
    assert_eq!((idle.messages.len(), idle.reached), (0, None));
    assert!(idle.drained_at > second.drained_at, "it tells the time");
    assert!(process.degraded().is_empty());
    process.stop().await;
}

fn earlier_by_a_second(time: ReceiptTime) -> ReceiptTime {
    time.plus_nanos(-1_000_000_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_keep_their_order() {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 500;
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    let publishing: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let bus = process.bus.publisher.clone();
            tokio::spawn(async move {
                for start in (0..EACH).step_by(20) {
                    let events = (start..start + 20).map(|event| Bytes::from(format!("{publisher} {event}")));
                    bus.publish(events.collect()).await.unwrap();
                }
            })
        })
        .collect();
    let (names, reached) = process.take(PUBLISHERS * EACH).await;
    assert_eq!(reached.unwrap().sequence, (PUBLISHERS * EACH) as u64);
    for publisher in 0..PUBLISHERS {
        let prefix = format!("{publisher} ");
        let events: Vec<_> = names.iter().filter_map(|name| name.strip_prefix(&prefix)).collect();
        assert_eq!(events, numbers(0..EACH));
    }
    for publishing in publishing {
        publishing.await.unwrap();
    }
    process.stop().await;
}

#[tokio::test]
async fn who_is_behind_reads_from_the_file_and_misses_nothing() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    // Some ten times what may wait in memory; some of it is read in between.
    let name = |number: usize| format!("{number:01000}");
    let mut taken = Vec::new();
    for start in (0..700).step_by(7) {
        process.publish((start..start + 7).map(name)).await.unwrap();
        if start % 3 == 0 {
            taken.extend(process.take(2).await.0);
        }
    }
    assert_eq!(process.bus.subscription.queue_length(), 700 - taken.len());
    let rest = 700 - taken.len();
    taken.extend(process.take(rest).await.0);
    assert_eq!(taken, (0..700).map(name).collect::<Vec<_>>());
    process.publish(["live again"]).await.unwrap();
    assert_eq!(process.take(1).await.0, ["live again"]);
    process.stop().await;
}

#[tokio::test]
async fn after_a_restart_everything_behind_the_given_place_comes_again() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(numbers(0..100)).await.unwrap();
    let (_, place) = process.take(30).await;
    process.stop().await;

    let mut process = Process::start(folder.path(), place);
    assert_eq!(process.bus.subscription.queue_length(), 70);
    process.publish(numbers(100..110)).await.unwrap();
    let (names, reached) = process.take(80).await;
    assert_eq!(names, numbers(30..110));
    assert_eq!(reached, place.map(|place| Position { sequence: 110, ..place }));
    process.stop().await;

    let mut process = Process::start(folder.path(), reached);
    process.publish(["new"]).await.unwrap();
    assert_eq!(
        process.take(1).await,
        (vec!["new".to_owned()], reached.map(|at| Position { sequence: 111, ..at }))
    );
    assert!(process.degraded().is_empty());
    process.stop().await;
}

#[tokio::test]
async fn what_is_acknowledged_is_erased_and_its_room_used_again() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    let acknowledger = process.bus.subscription.acknowledger();
    let large = "x".repeat(100 * KIB);
    let mut sizes = Vec::new();
    for _ in 0..12 {
        for _ in 0..10 {
            process.publish([&large, &large]).await.unwrap();
        }
        let (_, reached) = process.take(20).await;
        acknowledger.acknowledge(reached.unwrap());
        process.wait_until(|process| process.stored_bytes() < 300 * KIB as i64).await;
        sizes.push(fs::metadata(folder.path().join("events")).unwrap().len());
    }
    let largest = sizes.iter().max().unwrap();
    assert!(*largest < 12 * 1024 * KIB as u64, "2 MiB at a time, 24 in all: {sizes:?}");
    process.stop().await;
}

#[tokio::test]
async fn closing_refuses_what_is_new_and_hands_out_what_is_queued() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    process.publish(["a", "b"]).await.unwrap();
    process.bus.subscription.close();
    assert_eq!(process.publish(["c"]).await, Err(PublishError::Closed));
    assert!(!process.bus.publisher.is_connected());
    assert_eq!(process.take_rest().await, ["a", "b"]);
    process.stop().await;
}

#[tokio::test]
async fn without_publishers_everything_is_handed_out_before_the_end() {
    let folder = folder();
    let mut process = Process::start(folder.path(), None);
    let large = "x".repeat(10 * KIB);
    for _ in 0..20 {
        process.publish([&large]).await.unwrap();
    }
    let MemoryBus { publisher, subscription, overload_sender, overload_receiver } = process.bus;
    let another = publisher.clone();
    drop(publisher);
    another.publish(vec![Bytes::from_static(b"last")]).await.unwrap();
    process.bus = MemoryBus { publisher: another, subscription, overload_sender, overload_receiver };
    let Process { bus: MemoryBus { publisher, mut subscription, .. }, shutdown, .. } = process;
    drop(publisher);
    let mut count = 0;
    while let Some(batch) = subscription.next_batch(3).await {
        count += batch.messages.len();
    }
    assert_eq!(count, 21);
    shutdown.finish(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn events_that_are_too_large_are_named() {
    let folder = folder();
    let process = Process::start(folder.path(), None);
    let large = "x".repeat(MAX_EVENT_BYTES + 1);
    let refused = PublishError::TooLarge { index: 1, size: MAX_EVENT_BYTES + 1, max: MAX_EVENT_BYTES };
    assert_eq!(process.publish(["a", &large]).await, Err(refused));
    assert_eq!(
        process.publish([&large[1..]]).await,
        Ok(()),
        "larger than all the memory there is for waiting"
    );
    assert_eq!(process.bus.publisher.publish(Vec::new()).await, Ok(()));
    process.stop().await;
}

#[tokio::test]
async fn it_is_full_at_its_limit_and_takes_events_again_when_there_is_room() {
    let folder = folder();
    let limited = Place { max_bytes: 512 * KIB as u64, ..place(folder.path()) };
    let mut process = Process::try_start(limited, None).unwrap();
    let large = "x".repeat(50 * KIB);
    let mut stored = 0;
    while process.publish([&large]).await.is_ok() {
        stored += 1;
    }
    assert!((5..=10).contains(&stored), "{stored} of 50 KiB");
    assert_eq!(process.publish([&large]).await, Err(PublishError::QueueFull));
    assert_eq!(process.degraded(), [health::STORING]);

    let (_, reached) = process.take(stored).await;
    process.bus.subscription.acknowledger().acknowledge(reached.unwrap());
    process.wait_until(|process| process.stored_bytes() < 200 * KIB as i64).await;
    process.publish([&large]).await.unwrap();
    assert!(process.degraded().is_empty());
    process.stop().await;
}

#[tokio::test]
async fn with_an_interval_everything_is_there_after_an_orderly_end_and_synced_in_time() {
    let folder = folder();
    let fsync_interval = Duration::from_millis(5);
    let lazy = || Place { fsync_interval, ..place(folder.path()) };
    let process = Process::try_start(lazy(), None).unwrap();
    let empty = fs::metadata(folder.path().join("events")).unwrap().len();
    process.publish(numbers(0..1_000)).await.unwrap();
    // What is synced is moved into the main file.
    while fs::metadata(folder.path().join("events")).unwrap().len() == empty {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.publish(numbers(1_000..1_010)).await.unwrap();
    process.stop().await;
    let mut process = Process::try_start(lazy(), None).unwrap();
    assert_eq!(process.take(1_010).await.0, numbers(0..1_010));
    assert!(process.degraded().is_empty());
    process.stop().await;
}
