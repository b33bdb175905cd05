//! `dsiem serve`: frontend and backend in one process over the in-process bus, or one of them where the Go binary's
//! `DSIEM_MODE` says so.

use anyhow::Context as _;
use dsiem_backend::args::{EngineArgs, parse_frontend, parse_node};
use dsiem_backend::config::{EngineConfig, ServeConfig as BackendConfig};
use dsiem_backend::config_files::{self, Selection};
use dsiem_backend::config_sync::{SyncConfig, SyncLimits};
use dsiem_backend::service::{self as backend, Surroundings};
use dsiem_core::configuration::Readers;
use dsiem_frontend::alarms::{self, AlarmsConfig, Process};
use dsiem_frontend::config::{
    Config as FrontendConfig, ServeConfig as FrontendServeConfig, queue_limit, throttle,
};
use dsiem_frontend::config_store::Choices;
use dsiem_frontend::nodes::{Membership, Nodes};
use dsiem_frontend::service as frontend;
use dsiem_runtime::bus::{
    AlarmSubscription, BusView, EmbeddedConfig, NatsConfig, alarms as alarm_bus, backlog_queries, embedded,
    memory, reports,
};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::files::Home;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::nodes::{NodeKind, OpenByDirective};
use dsiem_runtime::program;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{info, warn};

use crate::args::{Mode, ServeArgs};

/// The node's name in one process, where nobody has to tell nodes apart.
const STANDALONE_NODE: &str = "dsiem";

/// The events that are kept, beside the checkpoints.
const EVENT_LOG_FILE: &str = "events.sqlite";

/// The rate that the watchdog takes as the target when none is given.
const TARGET_EPS: u32 = 1_000;

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    for warning in args.retired.warnings() {
        warn!("{warning}");
    }
    if args.otel.otel_tracing_enabled || args.otel.otel_metrics_enabled {
        warn!("OpenTelemetry is not sent yet; metrics are at /metrics");
    }
    let home = args.home.home()?;
    match args.mode.unwrap_or(Mode::Standalone) {
        Mode::Standalone => standalone(args, home).await,
        Mode::ClusterFrontend => {
            let listen = SocketAddr::new(args.address, args.port);
            let nats = nats(&args)?;
            let alarms = alarms_config(&args, &home)?;
            let frontend = frontend_config(&args, home)?;
            frontend::serve(FrontendServeConfig { listen, nats, frontend, alarms }).await
        }
        Mode::ClusterBackend => backend::serve(backend_config(&args, home)?).await,
    }
}

async fn standalone(args: ServeArgs, home: Home) -> anyhow::Result<()> {
    let node = args.node.clone().unwrap_or_else(|| STANDALONE_NODE.to_owned());
    let engine = engine_config(&args)?;
    let alarms_config = alarms_config(&args, &home)?;
    let frontend_config = frontend_config(&args, home.clone())?;
    let (clock, metrics, readiness) = (Clock::system(), Metrics::new(), Readiness::new());
    let shutdown = Shutdown::new();
    shutdown.on_signals();

    let (folder, mode) = (home.configs.clone(), engine.mode);
    let loaded = tokio::task::spawn_blocking(move || config_files::load(&folder, &Selection::All, mode))
        .await?
        .map_err(|unusable| {
            anyhow::anyhow!(
                "the configuration in {} cannot be used (the folder is chosen with --home or DSIEM_HOME):\n{unusable}",
                home.configs.display()
            )
        })?;
    let listener = frontend::listen_on(SocketAddr::new(args.address, args.port)).await?;
    let checkpoints = backend::open_checkpoints(&engine, &home, &node, &metrics, &readiness)?;
    let alarms = match alarms_config {
        Some(config) => Some(alarms::open(config).await?),
        None => None,
    };
    let mut view = BusView::Memory;
    let bus = match &checkpoints {
        None => memory::bus(engine.max_queue, clock.clone()),
        Some(checkpoints) => {
            let config = EmbeddedConfig {
                path: checkpoints.folder().join(EVENT_LOG_FILE),
                max_bytes: u64::from(args.event_log_max_mib) << 20,
                fsync_interval: Duration::from_millis(args.fsync_interval.into()),
            };
            view = BusView::EventLog { max_bytes: config.max_bytes, metrics: metrics.clone() };
            let resume = checkpoints.position();
            embedded::bus(config, resume, clock.clone(), &metrics, readiness.clone(), &shutdown).context(
                "events cannot be kept; make the folder writable, or give --durability off (DSIEM_DURABILITY)",
            )?
        }
    };
    let alarm_publisher = alarms.as_ref().map(|alarms| {
        let (publisher, queue) = alarm_bus::queue(&metrics);
        let process =
            Process { clock: clock.clone(), metrics: &metrics, readiness: &readiness, shutdown: &shutdown };
        alarms.start(AlarmSubscription::Memory(queue), &process);
        publisher
    });
    let by_directive = OpenByDirective::default();
    let (asker, queries) = backlog_queries();
    let membership = Membership {
        kind: NodeKind::OneProcess,
        node: node.clone(),
        described: frontend_config.described().and(engine.described(by_directive.clone())),
        reports: reports(&metrics),
        bus: view,
        asker,
    };
    let nodes = Nodes::start(membership, &clock, &metrics, &readiness, &shutdown);
    let surroundings = Surroundings {
        node,
        home,
        subscription: bus.subscription,
        checkpoints,
        overload: bus.overload_sender,
        alarms: alarm_publisher,
        queries,
        by_directive,
        clock: clock.clone(),
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        shutdown: shutdown.clone(),
    };
    let grace = engine.stop_grace;
    backend::start(engine, loaded, surroundings)?;
    let parts = frontend::Parts {
        publisher: bus.publisher,
        overload: bus.overload_receiver,
        alarms,
        nodes,
        clock,
        metrics,
        readiness,
        shutdown: shutdown.clone(),
    };
    info!(address = %listener.local_addr()?, "dsiem started");
    shutdown.spawn("frontend", frontend::run(frontend_config, parts, listener));
    shutdown.run_until_stopped("dsiem", grace).await
}

fn alarms_config(args: &ServeArgs, home: &Home) -> anyhow::Result<Option<AlarmsConfig>> {
    let open = args.choices.status.0.first();
    Ok(args.alarm_store.alarms(args.alarm_retention, &home.logs, open)?)
}

fn frontend_config(args: &ServeArgs, home: Home) -> anyhow::Result<FrontendConfig> {
    Ok(FrontendConfig {
        home,
        max_body: args.max_body.0,
        throttle: throttle(args.min_eps, args.max_eps)
            .context("see --minEPS (DSIEM_MINEPS) and --maxEPS (DSIEM_MAXEPS)")?,
        max_queue: queue_limit(args.max_queue),
        writable_config: args.writeable_config,
        readers: if matches!(args.mode, Some(Mode::ClusterFrontend)) {
            Readers::Nodes
        } else {
            Readers::OneProcess
        },
        choices: Choices { status: args.choices.status.0.clone(), tags: args.choices.tags.0.clone() },
        doors: args.doors.doors(&args.access.token)?,
        auth: args.auth.auth(SocketAddr::new(args.address, args.port))?,
    })
}

fn backend_config(args: &ServeArgs, home: Home) -> anyhow::Result<BackendConfig> {
    let engine = engine_config(args)?;
    let frontend = args.frontend.as_deref().context(
        "a backend of a cluster gets its configuration from a frontend: give --frontend (DSIEM_FRONTEND), such as http://frontend:8080",
    )?;
    let frontend = parse_frontend(frontend)
        .map_err(|reason| anyhow::anyhow!("--frontend (DSIEM_FRONTEND) {frontend:?}: {reason}"))?;
    let nats = nats(args)?;
    let sync = SyncConfig {
        frontend,
        node: nats.node.clone(),
        configs: home.configs.clone(),
        mode: engine.mode,
        limits: SyncLimits::default(),
    };
    let access = args.access.access()?;
    Ok(BackendConfig { home, nats, sync, access, metrics_address: args.metrics_address, engine })
}

fn nats(args: &ServeArgs) -> anyhow::Result<NatsConfig> {
    let node = args.node.as_deref().context("a node of a cluster needs a name: give --node (DSIEM_NODE)")?;
    let node = parse_node(node).map_err(|reason| anyhow::anyhow!("--node (DSIEM_NODE): {reason}"))?;
    Ok(NatsConfig {
        url: args.msq.clone(),
        node,
        credentials: args.nats.credentials()?,
        durability: args.tuning.durability,
        stream: args.stream.into(),
    })
}

fn engine_config(args: &ServeArgs) -> anyhow::Result<EngineConfig> {
    let engine = EngineArgs {
        max_queue: args.max_queue,
        max_eps: if args.max_eps == 0 { TARGET_EPS } else { args.max_eps },
        max_delay: args.max_delay,
        hold_duration: args.hold_duration,
        min_alarm_lifetime: args.min_alarm_lifetime,
        choices: args.choices.clone(),
        med_risk_min: args.med_risk_min,
        med_risk_max: args.med_risk_max,
        cache: args.cache_duration,
        intel_private_ip: args.intel_private_ip,
        tuning: args.tuning.clone(),
        // Where it stands in for the Go binary, what that accepts is accepted.
        lenient_directives: args.lenient_directives.unwrap_or(args.mode.is_some()),
    };
    Ok(EngineConfig::from_args(&engine, program::seed(), program::cpus())?)
}
