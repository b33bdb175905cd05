//! The whole correlation pipeline in this process, with the clock in the test's hand.
//!
//! The parts are those of production, wired by the same function; only the surroundings differ: the in-process bus, a
//! simulated clock on paused time, the filter on the runtime's own thread, and alarms into a channel.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsiem_backend::alarm_log::{AlarmLog, Ends, LogRecord};
use dsiem_backend::backlog::Fault;
use dsiem_backend::checkpoint::Checkpoints;
use dsiem_backend::counters::Counters;
use dsiem_backend::enrich::{Enrich, EnrichSettings};
use dsiem_backend::filter::FilterMode;
use dsiem_backend::http;
use dsiem_backend::pipeline::{self, Parts, PipelineConfig};
use dsiem_backend::state::Store;
use dsiem_backend::workers::WorkerMode;
use dsiem_core::assets::{self, Assets};
use dsiem_core::backlog::Settings;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::hash::Seed;
use dsiem_core::sources::Source;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{EventPublisher, PublishError, memory};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// When simulated time begins: 2026-01-01T00:00:00Z.
pub const EPOCH_SECS: i64 = 1_767_225_600;

/// The node that state is saved for.
const NODE: &str = "node-1";

const GRACE: Duration = Duration::from_secs(60);

/// How many events, and records of the alarm log, may wait.
const QUEUE: usize = 100_000;

/// Longer than events wait to be taken together, and too short for anything else to happen.
const SETTLE: Duration = Duration::from_millis(5);

/// What to start an [`Engine`] with.
pub struct EngineConfig {
    /// The pipeline's own configuration, for a test to change.
    pub pipeline: PipelineConfig,
    /// The content of a directive file.
    pub directives: Value,
    /// The content of an asset file.
    pub assets: Value,
    /// Look-up sources.
    pub sources: Vec<Source>,
    /// What the clock says at the start, in seconds after [`EPOCH_SECS`].
    pub start_secs: i64,
    /// Whether checkpoints are made, once a second.
    pub checkpoints: bool,
    /// Called with each event before a backlog takes it; may panic.
    pub fault: Option<Fault>,
}

impl EngineConfig {
    /// Directives with the default settings, in a network where 10.0.0.0/8 is home and worth 5.
    #[must_use]
    pub fn new(directives: Value) -> Self {
        Self {
            pipeline: pipeline_config(),
            directives,
            assets: json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]}),
            sources: Vec::new(),
            start_secs: 0,
            checkpoints: false,
            fault: None,
        }
    }
}

/// The default settings, with a fixed hash seed.
#[must_use]
pub fn settings() -> Settings {
    Settings::new(Seed(7))
}

/// The pipeline on the runtime that starts it, with the default settings.
#[must_use]
pub fn pipeline_config() -> PipelineConfig {
    PipelineConfig {
        settings: settings(),
        filter: FilterMode::Inline,
        workers: WorkerMode::Inline,
        duplicate_window_secs: 600,
        max_backlogs: 1_000_000,
        preload: false,
        idle_timeout: Duration::from_secs(600),
        max_delay: Duration::ZERO,
        hold: Duration::from_secs(10),
        target_eps: 1_000,
    }
}

/// A running pipeline.
pub struct Engine {
    publisher: EventPublisher,
    records: mpsc::Receiver<LogRecord>,
    taken: Vec<LogRecord>,
    /// The simulated time.
    pub clock: Clock,
    /// The books.
    pub counters: Counters,
    /// What an orchestrator is told.
    pub readiness: Readiness,
    shutdown: Shutdown,
}

impl Engine {
    /// Starts the pipeline of a test; its state is kept in `home` when there is one.
    ///
    /// # Panics
    /// When a file of the configuration has a problem, or the pipeline does not start.
    #[must_use]
    pub fn start(config: EngineConfig, home: Option<&Path>) -> Self {
        let clock = Clock::simulated(ReceiptTime::from_secs(EPOCH_SECS + config.start_secs));
        let bus = memory::bus(QUEUE, clock.clone());
        let (metrics, readiness, shutdown) = (Metrics::new(), Readiness::new(), Shutdown::new());
        let counters = Counters::new(&metrics);
        let (record_sender, records) = records();
        let store = home.map(|home| Store::open(home, NODE, counters.clone()).expect("the store opens"));
        let client = http::client().expect("the client is built");
        let parts = Parts {
            directives: directives(&config.directives),
            assets: Arc::new(read_assets(&config.assets)),
            overload: bus.overload_sender,
            alarm_log: AlarmLog::to(record_sender, &metrics),
            enrich: Enrich::new(config.sources, EnrichSettings::default(), &metrics, client),
            store,
            checkpoints: config.checkpoints.then(|| checkpoints(home, &metrics, &readiness)).flatten(),
            clock: clock.clone(),
            counters: counters.clone(),
            metrics,
            readiness: readiness.clone(),
            shutdown: shutdown.clone(),
            fault: config.fault,
        };
        pipeline::start(config.pipeline, parts, bus.subscription).expect("the pipeline starts");
        Self { publisher: bus.publisher, records, taken: Vec::new(), clock, counters, readiness, shutdown }
    }

    /// Sends an event now: what is missing of `event_id`, `timestamp`, `sensor` and `rcvd_time` is filled in, the times
    /// from the clock.
    ///
    /// # Panics
    /// When the bus does not take it.
    pub async fn send(&mut self, mut event: Value) {
        let now = self.clock.now();
        let fill = |event: &mut Value, key: &str, value: Value| {
            if event.get(key).is_none() {
                event[key] = value;
            }
        };
        fill(&mut event, "event_id", json!(format!("auto-{}", now.nanos())));
        fill(&mut event, "timestamp", json!(timestamp(now.secs())));
        fill(&mut event, "sensor", json!("test"));
        fill(&mut event, "rcvd_time", json!(now.nanos()));
        self.publisher.publish(vec![Bytes::from(event.to_string())]).await.expect("the bus takes the event");
        self.settle().await;
    }

    /// Puts events on the bus as they are, and takes what has been written meanwhile; waits for as long as the bus is
    /// full.
    ///
    /// # Panics
    /// When the bus is closed.
    pub async fn publish(&mut self, events: Vec<Bytes>) {
        while let Err(error) = self.publisher.publish(events.clone()).await {
            assert_eq!(error, PublishError::QueueFull, "the bus takes events");
            self.take_records();
        }
        self.take_records();
    }

    /// Lets everything that can happen now happen. Time is paused, so the sleep ends once nobody has anything to do.
    pub async fn settle(&mut self) {
        tokio::time::sleep(SETTLE).await;
        self.take_records();
    }

    /// Lets `secs` seconds pass.
    pub async fn pass(&mut self, secs: u64) {
        tokio::time::sleep(Duration::from_secs(secs)).await;
        self.settle().await;
    }

    /// Lets the time pass until `secs` after the start of simulated time.
    pub async fn pass_until(&mut self, secs: i64) {
        let left = ReceiptTime::from_secs(EPOCH_SECS + secs).since(self.clock.now());
        tokio::time::sleep(Duration::from_nanos(left.max(0).unsigned_abs())).await;
        self.settle().await;
    }

    /// Every alarm document so far, in order.
    ///
    /// # Panics
    /// When one is not JSON.
    #[must_use]
    pub fn documents(&self) -> Vec<Value> {
        let documents = self.taken.iter().filter_map(|record| match record {
            LogRecord::Alarm { document: json, .. } => {
                Some(serde_json::from_slice(json).expect("an alarm document is JSON"))
            }
            _ => None,
        });
        documents.collect()
    }

    /// The last document of each alarm, in the order in which the alarms appeared.
    #[must_use]
    pub fn alarms(&self) -> Vec<Value> {
        let mut alarms: Vec<Value> = Vec::new();
        for document in self.documents() {
            match alarms.iter_mut().find(|alarm| alarm["alarm_id"] == document["alarm_id"]) {
                Some(alarm) => *alarm = document,
                None => alarms.push(document),
            }
        }
        alarms
    }

    /// Every alarm-event line so far as (alarm id, stage, event id), in order.
    #[must_use]
    pub fn links(&self) -> Vec<(String, u8, String)> {
        let links = self.taken.iter().filter_map(|record| match record {
            LogRecord::AlarmEvent { alarm_id, stage, event, .. } => {
                Some((alarm_id.to_string(), *stage, event.id.to_string()))
            }
            _ => None,
        });
        links.collect()
    }

    /// Stops the pipeline in the orderly way and takes what it wrote until the end.
    ///
    /// # Panics
    /// When a part does not stop.
    pub async fn stop(&mut self) {
        self.shutdown.finish(GRACE).await.expect("every part stops in time");
        let rest = async {
            while let Some(record) = self.records.recv().await {
                self.taken.push(record);
            }
        };
        tokio::time::timeout(GRACE, rest).await.expect("nobody writes after the stop");
    }

    fn take_records(&mut self) {
        while let Ok(record) = self.records.try_recv() {
            self.taken.push(record);
        }
    }
}

/// A log whose lines go into a channel, and which is never behind.
fn records() -> (mpsc::Sender<LogRecord>, mpsc::Receiver<LogRecord>) {
    let (sender, mut written) = mpsc::channel(QUEUE);
    let (forward, records) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        while let Some(record) = written.recv().await {
            match record {
                LogRecord::Flush { reply, .. } => drop(reply.send(Ends::default())),
                line => drop(forward.send(line).await),
            }
        }
    });
    (sender, records)
}

fn checkpoints(home: Option<&Path>, metrics: &Metrics, readiness: &Readiness) -> Option<Checkpoints> {
    let interval = Duration::from_secs(1);
    home.map(|home| {
        Checkpoints::open(home, NODE, interval, metrics, readiness).expect("the checkpoints open")
    })
}

/// An RFC 3339 timestamp.
///
/// # Panics
/// When `secs` is not a time.
#[must_use]
pub fn timestamp(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).expect("a time").to_string()
}

fn directives(file: &Value) -> Vec<Arc<dsiem_core::directive::Directive>> {
    let checked = check::read("directives_test.json", file.to_string().as_bytes(), Mode::default());
    let directives = checked.into_result().expect("the test's directives are right");
    directives.into_iter().map(Arc::new).collect()
}

fn read_assets(file: &Value) -> Assets {
    let checked = assets::read("assets_test.json", file.to_string().as_bytes());
    Assets::new(checked.into_result().expect("the test's assets are right"))
}
