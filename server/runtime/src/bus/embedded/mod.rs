//! The bus within one process that keeps what it has been given: an embedded log.
//!
//! [`publish`](super::EventPublisher::publish) returns when the events are in the log and the log is on the disk. What the
//! process has not acknowledged when it ends, for whatever reason, comes again when the log is opened the next time.
//!
//! | `fsync_interval` | what survives of events for which `publish` returned `Ok` |
//! |---|---|
//! | 0 | everything, whether the process is killed, the system crashes or the power fails, as long as the disk keeps what it has confirmed |
//! | more | everything if the process is killed; if the machine goes down, all but those of the last interval, and the log itself stays sound |
//!
//! A part each: `publisher`, `subscription`, the thread in `writer` that owns the file, and the file in `store`.

mod health;
mod open;
mod publisher;
mod record;
mod resume;
mod shared;
mod store;
mod subscription;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::{error, info};

pub use publisher::{Acknowledger, CONFIRM_LIMIT, Publisher};
pub use subscription::Subscription;

use super::memory::MemoryBus;
use super::overload::SIGNALS_KEPT;
use super::{EventPublisher, EventSubscription, OverloadReceiver, OverloadSender, Position};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::status::Readiness;
use health::Health;
use resume::{Contents, Gap};
use shared::Shared;
use store::{Store, Syncing};
use writer::Writer;

/// The `count` events in the bytes of a row of the log; `None` if they are not what was written.
#[must_use]
pub fn read_row(bytes: Vec<u8>, count: u64) -> Option<Vec<super::Message>> {
    record::decode(bytes, count).ok()
}

/// The usual limit of the log on the disk, in bytes.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Requests, and other wishes, before the thread of the log.
const MAX_WAITING_REQUESTS: usize = 65_536;

/// Groups of events between the thread of the log and the subscription.
const MAX_QUEUED_GROUPS: usize = 1_024;

/// What may be in memory, in bytes. Smaller in tests.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Events that wait to be stored.
    waiting: usize,
    /// Stored events that wait for the subscription; what is beyond is read from the file.
    queued: usize,
    /// Events that are read from the file at a time.
    read: usize,
}

const LIMITS: Limits = Limits { waiting: 64 * 1024 * 1024, queued: 16 * 1024 * 1024, read: 1024 * 1024 };

/// What a log is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Its file. Beside it lies one more of the same name and `-wal`; the two belong together.
    pub path: PathBuf,
    /// Events are refused when those that are kept have so many bytes on the disk.
    pub max_bytes: u64,
    /// How long events may be in the hands of the operating system before they are put onto the disk. Zero: they are on
    /// the disk before `publish` returns.
    pub fsync_interval: Duration,
}

/// What the thread of the log knows of its file.
#[derive(Clone, Debug)]
struct Place {
    path: PathBuf,
    max_bytes: u64,
    fsync_interval: Duration,
    boot: Option<String>,
    limits: Limits,
}

impl Place {
    fn syncing(&self) -> Syncing {
        if self.fsync_interval.is_zero() { Syncing::EachCommit } else { Syncing::Later }
    }
}

/// Opens the log, or begins one, and starts its thread. What lies behind `resume` is handed out; without it, all there is.
///
/// When `resume` is a place in another log, or in a part of this one that is gone, that is counted, logged and shown as a
/// condition of `readiness`, and reading begins with what there is. A log that is damaged is set aside and a new one begun.
///
/// `shutdown` waits for the thread, which ends when the subscription is closed, or when the last publisher is gone and
/// everything has been read. Must be called within a tokio runtime. Reads the file; takes its time for a large one.
///
/// # Errors
///
/// When the file cannot be used, because another process has it, or for what the system says.
pub fn bus(
    config: EmbeddedConfig,
    resume: Option<Position>,
    clock: Clock,
    metrics: &Metrics,
    readiness: Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<MemoryBus> {
    let EmbeddedConfig { path, max_bytes, fsync_interval } = config;
    let place = Place { path, max_bytes, fsync_interval, boot: open::boot_id(), limits: LIMITS };
    bus_at(place, resume, clock, metrics, readiness, shutdown)
}

fn bus_at(
    place: Place,
    resume: Option<Position>,
    clock: Clock,
    metrics: &Metrics,
    readiness: Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<MemoryBus> {
    let waiting_bytes = place.limits.waiting;
    let health = Health::new(metrics, readiness);
    let (store, next) = begin(&place, resume, &health)
        .with_context(|| format!("cannot open the event log {}", place.path.display()))?;
    let on_disk = usize::try_from(store.count_from(next)?).unwrap_or(usize::MAX);
    let (stream, last) = (store.stream, store.last);
    info!(
        path = %place.path.display(), stream = stream.0, waiting = on_disk, bytes = store.used_bytes(),
        "the event log is open"
    );
    let shared = Arc::new(Shared::new(waiting_bytes, on_disk));
    shared.acknowledge(Position { stream, sequence: next - 1 });
    let (commands, received) = mpsc::channel(MAX_WAITING_REQUESTS);
    let (sent, to_subscription) = mpsc::channel(MAX_QUEUED_GROUPS);
    let (signals, signal_receiver) = broadcast::channel(SIGNALS_KEPT);
    let subscription = Subscription {
        commands: commands.clone(),
        sent: to_subscription,
        asked: None,
        begun: VecDeque::new(),
        stream,
        next,
        head: Position { stream, sequence: last },
        shared: shared.clone(),
        clock: clock.clone(),
    };
    let writer = Writer {
        place,
        store: Some(store),
        reopened: None,
        stream,
        last,
        commands: received,
        sent,
        shared: shared.clone(),
        health,
        sync_due: None,
        untidy: false,
    };
    start(writer, shutdown)?;
    let publisher = Publisher::new(commands, shared, waiting_bytes, clock);
    Ok(MemoryBus {
        publisher: EventPublisher::Embedded(publisher),
        subscription: EventSubscription::Embedded(subscription),
        overload_sender: OverloadSender::Memory(signals),
        overload_receiver: OverloadReceiver::Memory(signal_receiver),
    })
}

/// The log at its place, and the number of the first event to hand out.
fn begin(place: &Place, resume: Option<Position>, health: &Health) -> anyhow::Result<(Store, u64)> {
    let open::Opened { mut store, unsynced, set_aside } =
        open::open(&place.path, place.syncing(), place.boot.as_deref())?;
    if let Some((aside, why)) = set_aside {
        health.set_aside(&aside, &why);
    }
    let log = Contents { stream: store.stream, erased: store.erased, last: store.last };
    let (next, gap) = resume::begin(log, resume);
    for gap in unsynced.then_some(Gap::Unsynced).into_iter().chain(gap) {
        health.gap(&gap);
    }
    store.skip_to(next - 1)?;
    Ok((store, next))
}

fn start(writer: Writer, shutdown: &Shutdown) -> anyhow::Result<()> {
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name("event-log".to_owned()).spawn(move || {
        writer.run(&timer);
        ended.send(()).ok(); // who does not wait does not want to know
    })?;
    let stopping = shutdown.clone();
    shutdown.spawn("event log", async move {
        if end.await.is_err() {
            error!("the thread of the event log panicked, stopping");
            stopping.fail();
        }
    });
    Ok(())
}
