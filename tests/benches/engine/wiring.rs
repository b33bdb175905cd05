//! The wiring of `pipeline::start` once more, for what that cannot do: take decoded events, or give each part a thread
//! of its own so that its time is known.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_backend::backlog::Surroundings;
use dsiem_backend::catalog::Catalog;
use dsiem_backend::census::Census;
use dsiem_backend::filter::{self, Filter, FilterMode, FilteredBatch};
use dsiem_backend::ingest::{self, BATCHES_IN_FLIGHT};
use dsiem_backend::manager::{Manager, Retirement, Shared};
use dsiem_backend::pipeline::{Parts, PipelineConfig};
use dsiem_backend::pressure::Pressure;
use dsiem_backend::roster::{RETIREMENTS, Roster};
use dsiem_backend::workers::Workers;
use dsiem_core::snapshot::DirectiveState;
use dsiem_runtime::clock::Clock;
use dsiem_runtime::status::Readiness;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::decoded::Decoded;

/// Starts an engine with ingest and the dispatcher on threads of their own, as managers and backlogs are anyway.
pub(crate) fn apart(config: &PipelineConfig, parts: Parts) -> anyhow::Result<()> {
    let (catalog, filter) = catalog_and_filter(config, &parts);
    let (send, filtered) = filter::start(filter, config.filter, BATCHES_IN_FLIGHT)?;
    let queue_length = parts.metrics.gauge("dsiem_queue_length", "Events waiting in the receive queue");
    let (counters, shutdown, subscription) = (parts.counters, parts.shutdown, parts.subscription);
    let surroundings = Surroundings {
        settings: Arc::new(config.settings.clone()),
        assets: parts.assets,
        alarm_log: parts.alarm_log,
        enrich: parts.enrich,
        counters: counters.clone(),
    };
    let behind = Behind::new(config, catalog, surroundings, parts.clock)?;
    on_own_thread("ingest", async move {
        ingest::run(subscription, counters, queue_length, shutdown, send).await;
    })?;
    on_own_thread("dispatcher", behind.run(filtered))
}

/// Starts an engine without the decoder; where its events go in.
pub(crate) fn decoded(config: &PipelineConfig, parts: Parts, runtime: &Handle) -> anyhow::Result<Decoded> {
    let (catalog, filter) = catalog_and_filter(config, &parts);
    let FilterMode::Threads(threads) = config.filter else { anyhow::bail!("the filter has threads here") };
    let (door, filtered) = Decoded::start(&filter, threads, parts.clock.clone())?;
    let surroundings = Surroundings {
        settings: Arc::new(config.settings.clone()),
        assets: parts.assets,
        alarm_log: parts.alarm_log,
        enrich: parts.enrich,
        counters: parts.counters,
    };
    let behind = Behind::new(config, catalog, surroundings, parts.clock)?;
    runtime.spawn(behind.run(filtered));
    Ok(door)
}

fn catalog_and_filter(config: &PipelineConfig, parts: &Parts) -> (Arc<Catalog>, Filter) {
    let catalog = Catalog::new(parts.directives.clone(), parts.assets.clone(), config.settings.seed);
    let catalog = Arc::new(catalog);
    let filter = Filter {
        catalog: catalog.clone(),
        counters: parts.counters.clone(),
        max_clock_skew_secs: config.settings.max_clock_skew_secs,
    };
    (catalog, filter)
}

fn on_own_thread(name: &str, work: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(work));
    thread.map(drop).with_context(|| format!("cannot start the thread {name}"))
}

/// What lies behind the filter.
struct Behind {
    catalog: Arc<Catalog>,
    shared: Arc<Shared>,
    wishes: mpsc::Receiver<Retirement>,
    workers: Workers,
}

impl Behind {
    fn new(
        config: &PipelineConfig,
        catalog: Arc<Catalog>,
        surroundings: Surroundings,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let (retirements, wishes) = mpsc::channel(RETIREMENTS);
        let census = Census::new(config.max_backlogs, surroundings.counters.clone(), Readiness::new());
        let shared = Arc::new(Shared {
            surroundings: Arc::new(surroundings),
            clock,
            census,
            pressure: Pressure::new(config.max_delay),
            retirements,
            store: None,
            tasks: TaskTracker::new(),
            duplicate_window_secs: config.duplicate_window_secs,
            idle_timeout: Some(config.idle_timeout),
            event_budget: Duration::from_secs(1) / config.target_eps.max(1),
        });
        let workers = Workers::start(config.workers).context("cannot start the correlation threads")?;
        Ok(Self { catalog, shared, wishes, workers })
    }

    /// The dispatcher; the managers that it wakes, and their backlogs, are tasks of the workers.
    async fn run(self, filtered: mpsc::Receiver<FilteredBatch>) {
        let Self { catalog, shared, wishes, workers } = self;
        let (directives, counters) = (catalog.len(), shared.surroundings.counters.clone());
        let running = TaskTracker::new();
        let wake = Box::new(move |slot, mailbox, wake_time| {
            let (directive, shared) = (catalog.directive(slot).clone(), shared.clone());
            let state = DirectiveState::default();
            let run =
                async move { Manager::new(slot, directive, shared, mailbox, wake_time, state).run().await };
            workers.spawn(&running, run);
        });
        Roster::new(directives, wake, counters).run(filtered, wishes).await;
    }
}
