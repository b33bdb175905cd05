//! The backend put together: configuration from the frontend, events from NATS, alarms into the logs folder.
//!
//! [`start`] is what correlation needs from outside, so that the same code is a process of its own over NATS
//! ([`serve`]) and a part of `dsiem serve` over the bus in memory.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use dsiem_runtime::bus::nats::Lease;
use dsiem_runtime::bus::{
    AlarmPublisher, BacklogQueries, Durability, EventSubscription, Nats, OverloadSender,
};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::files::Home;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::nodes::{NodeKind, OpenByDirective, Reporter};
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::{self, Readiness};
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use crate::alarm_feed::{Feed, WAITING_BYTES};
use crate::checkpoint::{self, Checkpoints};
use crate::config::{EngineConfig, ServeConfig};
use crate::config_files::Loaded;
use crate::counters::Counters;
use crate::enrich::Enrich;
use crate::pipeline::{self, Parts};
use crate::state::Store;
use crate::{alarm_log, config_sync, http};

/// The name of the condition in `/readyz` that this process alone is its node.
const NODE: &str = "node";

/// The name of the condition in `/readyz`.
const DIRECTIVES: &str = "directives";

/// What correlation needs from outside.
pub struct Surroundings {
    /// This node's name, which saved state carries.
    pub node: String,
    /// Where the logs folder is.
    pub home: Home,
    /// Where events come from.
    pub subscription: EventSubscription,
    /// What is on disk of the state, from [`open_checkpoints`].
    pub checkpoints: Option<Checkpoints>,
    /// Where overload is told.
    pub overload: OverloadSender,
    /// Where alarms go besides the files; `None`: nowhere.
    pub alarms: Option<AlarmPublisher>,
    /// The time.
    pub clock: Clock,
    /// Who wants to see open backlogs.
    pub queries: BacklogQueries,
    /// Where it is told which directives have how many.
    pub by_directive: OpenByDirective,
    /// Counters and gauges of the process.
    pub metrics: Metrics,
    /// What an orchestrator is told.
    pub readiness: Readiness,
    /// When to stop; waits for everything that is started here.
    pub shutdown: Shutdown,
}

/// Starts correlation with a set of configuration.
///
/// # Errors
/// What cannot be opened or started, and what to do about it.
pub fn start(config: EngineConfig, loaded: Loaded, surroundings: Surroundings) -> anyhow::Result<()> {
    let Surroundings {
        node,
        home,
        subscription,
        mut checkpoints,
        overload,
        alarms,
        clock,
        queries,
        by_directive,
        metrics,
        readiness,
        shutdown,
    } = surroundings;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let skipped = report(&loaded, &metrics);
    let counters = Counters::new(&metrics);
    let seed = config.pipeline.settings.seed;
    let feed = alarms.map(|publisher| Feed::new(publisher, WAITING_BYTES, seed, &metrics));
    let known = checkpoints.as_ref().and_then(Checkpoints::alarm_log_ends);
    let (alarm_log, writing) = alarm_log::open(&home.logs, known, feed, &metrics, &readiness)?;
    if let Some(checkpoints) = &mut checkpoints {
        checkpoints.begin(alarm_log.first_ends())?;
    }
    let store = if config.reload_backlogs {
        Some(Store::open(&home.logs, &node, counters.clone())?)
    } else {
        info!("--reload-backlogs is false: saved state is neither read nor written");
        None
    };
    let enrich = Enrich::new(loaded.sources, config.enrich, &metrics, http::client()?);
    shutdown.spawn("alarm log", writing);
    let parts = Parts {
        directives: loaded.directives.into_iter().map(Arc::new).collect(),
        assets: Arc::new(loaded.assets),
        overload,
        alarm_log,
        enrich,
        store,
        checkpoints,
        clock,
        counters,
        metrics,
        readiness: readiness.clone(),
        shutdown: shutdown.clone(),
        fault: None,
    };
    let inquiry = pipeline::start(config.pipeline, parts, subscription)?;
    let counts = inquiry.clone();
    by_directive.set(move |limit| counts.most_open(limit));
    shutdown.spawn_service("backlog answers", inquiry.answer(node, queries));
    // Only now: whoever is told that this process is ready may send it events.
    match skipped {
        Some(reason) => readiness.degrade(DIRECTIVES, reason),
        None => readiness.set(DIRECTIVES, Ok(())),
    }
    Ok(())
}

/// What is on disk of a node's state, unless nothing is to be kept there.
///
/// # Errors
/// When it cannot be opened, and what to do about it.
pub fn open_checkpoints(
    config: &EngineConfig,
    home: &Home,
    node: &str,
    metrics: &Metrics,
    readiness: &Readiness,
) -> anyhow::Result<Option<Checkpoints>> {
    if config.durability == Durability::Off || !config.reload_backlogs {
        return Ok(None);
    }
    Checkpoints::open(&home.logs, node, config.checkpoint_interval, metrics, readiness).map(Some)
}

/// Says what was loaded, and returns in what way that is less than what the files hold.
fn report(loaded: &Loaded, metrics: &Metrics) -> Option<String> {
    loaded.log_problems();
    let skipped = metrics.gauge("dsiem_directives_skipped", "Directives left out because they cannot work");
    skipped.set(i64::try_from(loaded.skipped).unwrap_or(i64::MAX));
    info!(directives = loaded.directives.len(), sources = loaded.sources.len(), "configuration loaded");
    (loaded.skipped > 0).then(|| {
        let reason =
            format!("{} directives are left out because they cannot work; the log says why", loaded.skipped);
        warn!(skipped = loaded.skipped, "{reason}");
        reason
    })
}

/// A process of its own: events from NATS, alarms into files, until SIGTERM or SIGINT.
///
/// # Errors
/// If the configuration cannot be used, or something of the process cannot be opened, failed, or did not stop in time.
pub async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let ServeConfig { home, nats, sync, access, metrics_address, engine } = config;
    let node = nats.node.clone();
    let (clock, metrics, readiness) = (Clock::system(), Metrics::new(), Readiness::new());
    let shutdown = Shutdown::new();
    shutdown.on_signals();
    readiness.set(DIRECTIVES, Err("the configuration is not loaded yet".to_owned()));
    if let Some(address) = metrics_address {
        serve_status(address, &metrics, &readiness, &shutdown).await?;
    }
    let Some(loaded) = config_sync::pull(&sync, &access.client()?, &readiness, &shutdown).await? else {
        info!("stopped before there was a configuration");
        return Ok(());
    };
    let nats = Nats::connect(nats, clock.clone(), &metrics, &shutdown);
    shutdown
        .spawn_service("readiness of the event bus", status::follow_bus(nats.connected(), readiness.clone()));
    if let Some(health) = nats.stream_health() {
        shutdown.spawn_service("readiness of the stream", status::follow_stream(health, readiness.clone()));
    }
    let by_directive = OpenByDirective::default();
    let (who, described) = ((NodeKind::Backend, node.clone()), engine.described(by_directive.clone()));
    let reporter = Reporter::new(who, described, &clock, (&metrics, &readiness), nats.report_sender());
    shutdown.spawn_service("node reports", reporter.run());
    let file = (engine.durability != Durability::Off).then(|| checkpoint::holder_file(&home.logs, &node));
    let Some(mut lease) = stand_by(&nats, &node, file, &readiness, &shutdown).await else {
        info!("stopped before this process was the node");
        return Ok(());
    };
    // Only now: the process that had the lease may have had the files.
    let checkpoints = open_checkpoints(&engine, &home, &node, &metrics, &readiness)?;
    let resume = checkpoints.as_ref().and_then(Checkpoints::position);
    let surroundings = Surroundings {
        node: node.clone(),
        home,
        subscription: nats.subscribe_events(engine.max_queue, resume),
        checkpoints,
        overload: nats.overload_sender(),
        alarms: Some(nats.alarm_publisher()),
        queries: nats.backlog_queries(),
        by_directive,
        clock,
        metrics,
        readiness,
        shutdown: shutdown.clone(),
    };
    let grace = engine.stop_grace;
    start(engine, loaded, surroundings)?;
    info!(%node, "backend started");
    let stopped = tokio::select! {
        stopped = shutdown.run_until_stopped("the backend", grace) => stopped,
        () = stop_without(&mut lease, &node, &shutdown) => Ok(()),
    };
    lease.release().await;
    stopped
}

/// Waits until this process alone is the node of its name; `None` if it has to stop before.
async fn stand_by(
    nats: &Nats,
    node: &str,
    file: Option<PathBuf>,
    readiness: &Readiness,
    shutdown: &Shutdown,
) -> Option<Lease> {
    let waiting = format!("not yet known to be the only process of the node {node}");
    readiness.set(NODE, Err(waiting));
    let lease = shutdown.token().run_until_cancelled(nats.lease_with(file)).await?;
    readiness.set(NODE, Ok(()));
    Some(lease)
}

/// Stops the process when another one has become its node; does not return.
async fn stop_without(lease: &mut Lease, node: &str, shutdown: &Shutdown) {
    lease.lost().await;
    error!(%node, "another process has become this node, stopping; give each backend a --node of its own");
    shutdown.fail();
    std::future::pending::<()>().await;
}

/// Serves `/metrics`, `/healthz` and `/readyz` on an address of their own.
async fn serve_status(
    address: std::net::SocketAddr,
    metrics: &Metrics,
    readiness: &Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another --metrics-address (DSIEM_METRICS_ADDRESS)")
    })?;
    let serving = status::serve(listener, metrics.clone(), readiness.clone(), shutdown.clone());
    shutdown.spawn_service("status", serving);
    Ok(())
}
