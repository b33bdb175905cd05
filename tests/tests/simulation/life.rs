//! One life of the process: the pipeline of production on one thread, with its files in a folder.
//!
//! Between the pipeline and the writer of the alarm files, every line and sync is counted, so that a life can end before
//! any of them: from then on nothing reaches the files, and whoever leads the life is told.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsiem_backend::alarm_log::{self, AlarmLog, Ends, LogRecord};
use dsiem_backend::checkpoint::Checkpoints;
use dsiem_backend::counters::Counters;
use dsiem_backend::enrich::{Enrich, EnrichSettings};
use dsiem_backend::pipeline::{self, Parts, PipelineConfig};
use dsiem_backend::state::Store;
use dsiem_core::directive::Directive;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::EventPublisher;
use dsiem_runtime::bus::kept::Stream;
use dsiem_runtime::clock::Clock;
use dsiem_runtime::ledger::Balance;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use dsiem_tests::engine::pipeline_config;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::cases::{WINDOW_SECS, assets, settings};

/// The node that state is kept for.
const NODE: &str = "node-1";

const GRACE: Duration = Duration::from_secs(60);

/// How many lines may wait between the pipeline and the writer.
const LINES: usize = 4_096;

/// What a life begins with.
pub(crate) struct Beginning<'a> {
    pub(crate) directives: &'a [Arc<Directive>],
    pub(crate) home: &'a Path,
    pub(crate) stream: &'a Stream,
    pub(crate) now: ReceiptTime,
    /// How often checkpoints are made, if any.
    pub(crate) checkpoints: Option<Duration>,
    /// How long a checkpoint takes: behind the moment where the alarm files end, and before they are synced.
    pub(crate) pause: Duration,
    /// Before which line or sync it ends.
    pub(crate) writes: Option<u32>,
}

/// How many lines and syncs of the alarm log there may be before a life is over.
#[derive(Clone)]
pub(crate) struct Writes {
    left: Arc<AtomicU32>,
    over: Arc<Notify>,
}

impl Writes {
    const ANY: u32 = u32::MAX;

    fn new(writes: Option<u32>) -> Self {
        Self { left: Arc::new(AtomicU32::new(writes.unwrap_or(Self::ANY))), over: Arc::default() }
    }

    /// From now on.
    pub(crate) fn limit(&self, writes: u32) {
        self.left.store(writes, Ordering::Relaxed);
    }

    /// Waits until the last one has been made and another is to be.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    /// Takes one; when there is none, the end.
    async fn take(&self) {
        match self.left.load(Ordering::Relaxed) {
            Self::ANY => {}
            0 => {
                self.over.notify_one();
                std::future::pending::<()>().await;
            }
            left => self.limit(left - 1),
        }
    }
}

/// A running process.
pub(crate) struct Life {
    pub(crate) publisher: EventPublisher,
    pub(crate) writes: Writes,
    counters: Counters,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Life {
    pub(crate) fn begin(beginning: &Beginning<'_>) -> anyhow::Result<Self> {
        let Beginning { directives, home, stream, now, checkpoints, pause, writes } = *beginning;
        let (clock, shutdown) = (Clock::simulated(now), Shutdown::new());
        let (metrics, readiness, writes) = (Metrics::new(), Readiness::new(), Writes::new(writes));
        let counters = Counters::new(&metrics);
        let open = |interval| Checkpoints::open(home, NODE, interval, &metrics, &readiness);
        let mut checkpoints = checkpoints.map(open).transpose()?.map(Checkpoints::inline);
        let known = checkpoints.as_ref().and_then(Checkpoints::alarm_log_ends);
        let behind = checkpoints.as_ref().and_then(Checkpoints::position);
        let bus = stream.bus(behind, clock.clone());
        let (files, writing) = alarm_log::open_inline(home, known, None, &metrics, &readiness)?;
        if let Some(checkpoints) = &mut checkpoints {
            checkpoints.begin(files.first_ends())?;
        }
        shutdown.spawn("alarm log", writing);
        let (lines, written) = mpsc::channel(LINES);
        shutdown.spawn("counted alarm log", count(written, files, writes.clone(), pause));
        let parts = Parts {
            directives: directives.to_vec(),
            assets: Arc::new(assets()),
            overload: bus.overload_sender,
            alarm_log: AlarmLog::to(lines, &metrics),
            enrich: Enrich::new(Vec::new(), EnrichSettings::default(), &metrics, client()),
            store: Some(Store::open(home, NODE, counters.clone())?),
            checkpoints,
            clock,
            counters: counters.clone(),
            metrics,
            readiness: readiness.clone(),
            shutdown: shutdown.clone(),
            fault: None,
        };
        let config =
            PipelineConfig { settings: settings(), duplicate_window_secs: WINDOW_SECS, ..pipeline_config() };
        pipeline::start(config, parts, bus.subscription)?;
        Ok(Self { publisher: bus.publisher, writes, counters, readiness, shutdown })
    }

    /// Ends it in order.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        Ok(self.shutdown.finish(GRACE).await?)
    }

    /// What must be so at the end of any life.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Counters { events_failed, pairs_failed, backlogs_failed, backlogs_discarded, .. } =
            &self.counters;
        let lost = [
            ("events failed", events_failed),
            ("pairs failed", pairs_failed),
            ("backlogs failed", backlogs_failed),
            ("saved backlogs discarded", backlogs_discarded),
            ("events dropped at the stop", &self.counters.events_dropped_at_stop),
            ("pairs without room", &self.counters.discarded_no_room),
        ];
        if let Some((what, counter)) = lost.iter().find(|(_, counter)| counter.get() > 0) {
            return Err(format!("{what}: {}", counter.get()));
        }
        match self.readiness.report().degraded.iter().next() {
            Some((condition, reason)) => Err(format!("degraded: {condition}: {reason}")),
            None => Ok(()),
        }
    }

    /// What must be so when it has stopped in order.
    pub(crate) fn check_books(&self) -> Result<(), String> {
        for balance in self.counters.balances() {
            let Balance { name, incoming, outgoing, in_flight } = balance;
            let out: u64 = outgoing.iter().map(|(_, counter)| counter.get()).sum();
            if incoming.get() != out || in_flight.get() != 0 {
                let (came, left) = (incoming.get(), in_flight.get());
                return Err(format!(
                    "{name} do not balance: {came} came in, {out} went out, {left} in flight"
                ));
            }
        }
        Ok(())
    }

    /// How many backlogs are open.
    pub(crate) fn open(&self) -> i64 {
        self.counters.backlogs_open.get()
    }
}

/// Hands records on to the files, as many as this life lives to write. What is written goes on while a checkpoint pauses.
async fn count(mut lines: mpsc::Receiver<LogRecord>, files: AlarmLog, writes: Writes, pause: Duration) {
    while let Some(record) = lines.recv().await {
        match record {
            LogRecord::Flush { sync, reply } => {
                drop(tokio::spawn(flush(files.clone(), writes.clone(), pause, sync, reply)));
            }
            line => {
                writes.take().await;
                files.write(line).await;
            }
        }
    }
}

async fn flush(files: AlarmLog, writes: Writes, pause: Duration, sync: bool, reply: oneshot::Sender<Ends>) {
    if sync && !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    writes.take().await;
    let ends = files.flush(sync).await;
    if !sync && !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    if let Some(ends) = ends {
        reply.send(ends).ok();
    }
}

/// Nobody is asked anything, so that one is enough for all lives.
fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| dsiem_backend::http::client().expect("the client is built")).clone()
}

/// Saved files get the simulated time, since their age is held against that of a checkpoint.
pub(crate) fn date_files(home: &Path, now: ReceiptTime) -> std::io::Result<()> {
    let now = UNIX_EPOCH + Duration::from_nanos(now.nanos().unsigned_abs());
    for entry in fs::read_dir(home.join("backlogs"))? {
        let entry = entry?;
        // Written by the clock of the machine, which is far ahead of any simulation.
        if entry.metadata()?.modified()? > now + Duration::from_secs(86_400) {
            date(&entry.path(), now)?;
        }
    }
    Ok(())
}

fn date(file: &Path, time: SystemTime) -> std::io::Result<()> {
    fs::File::options().write(true).open(file)?.set_modified(time)
}
