//! The engine of a case: it is started, takes events, and says when it has handled them.
//!
//! There are no look-ups and no saved state. Ingest and the dispatcher have one thread for them both, so that what is not
//! spread over threads has its time told apart; the other parts have threads of their own anyway.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use dsiem_backend::alarm_log::{self, AlarmLog};
use dsiem_backend::counters::Counters;
use dsiem_backend::enrich::{Enrich, EnrichSettings};
use dsiem_backend::filter::FilterMode;
use dsiem_backend::http;
use dsiem_backend::pipeline::{self, Correlation, Parts, PipelineConfig};
use dsiem_backend::workers::WorkerMode;
use dsiem_core::assets::{self, Assets};
use dsiem_core::backlog::Settings;
use dsiem_core::hash::Seed;
use dsiem_runtime::bus::{Acknowledger, EventPublisher, PublishError, memory};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::program;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::case::{Case, Way};
use crate::decoded::Decoded;
use crate::feed::{self, Load};
use crate::traffic::Traffic;
use crate::usage::SERIAL;

/// How many events may wait on the bus, as by default.
pub(crate) const QUEUE_EVENTS: usize = 32_768;

/// How many alarm records may wait, as in front of the files.
const QUEUE_RECORDS: usize = 4_096;

/// How often the thread of the alarm files takes records while they keep coming.
const WRITE_EVERY: Duration = Duration::from_millis(5);

/// More than any case opens.
const MAX_BACKLOGS: usize = 10_000_000;

/// Backlogs that are opened at a time, so that the events that open them are not all in memory.
const OPENED_AT_ONCE: u64 = 16_384;

/// How often is looked whether everything has been handled.
const POLL: Duration = Duration::from_micros(200);

/// An engine that gets nothing done for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running engine.
pub(crate) struct Engine {
    runtime: Runtime,
    counters: Counters,
    way: Way,
    door: Door,
    sent: u64,
    files: Option<TempDir>,
}

/// Where events go in.
enum Door {
    Bytes(EventPublisher),
    Decoded(Decoded),
}

impl Engine {
    /// Starts what the case asks for, without backlogs.
    pub(crate) fn start(case: &Case) -> anyhow::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name(SERIAL).enable_all().build();
        let runtime = runtime.context("no runtime")?;
        let entered = runtime.enter();
        let metrics = Metrics::new();
        let counters = Counters::new(&metrics);
        let (alarm_log, files) = alarm_log(case.way, &metrics)?;
        let clock = Clock::system();
        let bus = memory::bus(QUEUE_EVENTS, clock.clone());
        let parts = Parts {
            directives: feed::directives(case.directives)?,
            assets: Arc::new(home()?),
            overload: bus.overload_sender,
            alarm_log,
            enrich: Enrich::new(Vec::new(), EnrichSettings::default(), &metrics, http::client()?),
            store: None,
            checkpoints: None,
            clock: clock.clone(),
            counters: counters.clone(),
            metrics,
            readiness: Readiness::new(),
            shutdown: Shutdown::new(),
            fault: None,
        };
        let config = config(case.filters);
        let door = match case.way {
            Way::Bytes => {
                pipeline::start(config, parts, bus.subscription)?;
                Door::Bytes(bus.publisher)
            }
            Way::Decoded => {
                let correlation = Correlation::new(config, parts, Acknowledger::Nobody)?;
                let (decoded, filtered) = Decoded::start(&correlation.filter(), case.filters, clock)?;
                correlation.start(filtered);
                Door::Decoded(decoded)
            }
        };
        drop(entered);
        Ok(Self { runtime, counters, way: case.way, door, sent: 0, files })
    }

    /// Opens all backlogs of `opening`.
    pub(crate) fn open(&mut self, opening: &Traffic) -> anyhow::Result<()> {
        let backlogs = opening.backlogs();
        for first in (0..backlogs).step_by(OPENED_AT_ONCE.try_into().context("a small number")?) {
            let range = first..backlogs.min(first + OPENED_AT_ONCE);
            self.send(Load::new(opening, range, self.way)?)?;
        }
        self.wait()?;
        let open = self.counters.pairs_opened.get();
        anyhow::ensure!(open == backlogs, "{open} of {backlogs} backlogs are open");
        Ok(())
    }

    /// Hands events over, as fast as the engine takes them.
    pub(crate) fn send(&mut self, load: Load) -> anyhow::Result<()> {
        match (&mut self.door, load) {
            (Door::Bytes(publisher), Load::Bytes(batches)) => {
                for batch in batches {
                    self.sent += batch.len() as u64;
                    self.runtime.block_on(publish(publisher, batch))?;
                }
            }
            (Door::Decoded(decoded), Load::Decoded(batches)) => {
                for batch in batches {
                    self.sent += batch.len() as u64;
                    decoded.send(batch, self.runtime.handle())?;
                }
            }
            _ => anyhow::bail!("these events are not of the kind that this engine takes"),
        }
        Ok(())
    }

    /// Waits until everything that was sent has been handled.
    pub(crate) fn wait(&self) -> anyhow::Result<()> {
        let mut last = (self.handled(), Instant::now());
        while last.0 < self.sent {
            thread::sleep(POLL);
            let handled = self.handled();
            if handled > last.0 {
                last = (handled, Instant::now());
            }
            anyhow::ensure!(last.1.elapsed() < PATIENCE, "{handled} of {} events are handled", self.sent);
        }
        Ok(())
    }

    /// Events that are through. One of these concerns one directive at most.
    fn handled(&self) -> u64 {
        let c = &self.counters;
        c.events_unconcerned.get() + c.pairs_opened.get() + c.pairs_consumed.get()
    }

    /// Whether `concerned` events have counted in a backlog, no more and no less.
    pub(crate) fn check(&self, concerned: u64) -> anyhow::Result<()> {
        let consumed = self.counters.pairs_consumed.get();
        anyhow::ensure!(consumed == concerned, "{consumed} events were counted instead of {concerned}");
        Ok(())
    }

    /// Removes the alarm files. The engine may still be writing.
    pub(crate) fn remove_files(&mut self) -> anyhow::Result<()> {
        self.files.take().map_or(Ok(()), |files| files.close().context("cannot remove the alarm files"))
    }
}

async fn publish(publisher: &EventPublisher, batch: Vec<Bytes>) -> anyhow::Result<()> {
    loop {
        match publisher.publish(batch.clone()).await {
            Err(PublishError::QueueFull) => {}
            result => return result.context("the bus does not take an event"),
        }
    }
}

/// Files behind the whole pipeline; behind what begins with decoded events and ends with backlogs, a channel as long, to
/// a thread that drops what it gets, as rarely as the one of the files takes it: being woken for each record, and waking
/// for each, would cost both sides more than the record.
fn alarm_log(way: Way, metrics: &Metrics) -> anyhow::Result<(AlarmLog, Option<TempDir>)> {
    if way == Way::Bytes {
        let folder = TempDir::new().context("no folder for the alarm files")?;
        let (log, end) = alarm_log::open(folder.path(), None, None, metrics, &Readiness::new())?;
        tokio::spawn(end);
        return Ok((log, Some(folder)));
    }
    let (sender, mut records) = mpsc::channel(QUEUE_RECORDS);
    let drain = move || {
        let mut batch = Vec::with_capacity(QUEUE_RECORDS);
        while records.blocking_recv_many(&mut batch, QUEUE_RECORDS) > 0 {
            batch.clear();
            if records.len() < QUEUE_RECORDS / 4 {
                thread::sleep(WRITE_EVERY);
            }
        }
    };
    thread::Builder::new().name("drain".to_owned()).spawn(drain).context("no thread for alarm records")?;
    Ok((AlarmLog::to(sender, metrics), None))
}

/// The defaults, but for the number of backlogs.
fn config(filters: usize) -> PipelineConfig {
    PipelineConfig {
        settings: Settings::new(Seed(7)),
        filter: FilterMode::Threads(filters),
        workers: WorkerMode::Threads(program::cpus()),
        duplicate_window_secs: 600,
        max_backlogs: MAX_BACKLOGS,
        preload: false,
        idle_timeout: Duration::from_secs(600),
        max_delay: Duration::ZERO,
        hold: Duration::from_secs(10),
        target_eps: 1_000,
    }
}

fn home() -> anyhow::Result<Assets> {
    let file = br#"{"assets":[{"name":"home","cidr":"10.0.0.0/8","value":5}]}"#;
    let entries = assets::read("assets.json", file).into_result();
    Ok(Assets::new(entries.ok().context("the assets of the benchmark are wrong")?))
}
