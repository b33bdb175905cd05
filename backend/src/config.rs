//! What was meant by the arguments: one small struct per part, checked as a whole.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dsiem_core::backlog::{Limits, Settings};
use dsiem_core::directive::check::Mode;
use dsiem_core::hash::Seed;
use dsiem_core::risk::RiskLimits;
use dsiem_runtime::bus::nats::UNLIMITED_QUEUE;
use dsiem_runtime::bus::{Durability, NatsConfig};
use dsiem_runtime::files::Home;
use dsiem_runtime::program;

use crate::args::{EngineArgs, ServeArgs, TuningArgs};
use crate::config_sync::{SyncConfig, SyncLimits};
use crate::enrich::EnrichSettings;
use crate::filter::FilterMode;
use crate::http::Access;
use crate::pipeline::PipelineConfig;
use crate::workers::WorkerMode;

/// What `--cache 0` means, in minutes, as in Go dsiem.
const DEFAULT_CACHE_MINUTES: u32 = 10;

/// Correlation, whatever process it runs in.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Events that may wait to be filtered.
    pub max_queue: usize,
    /// The pipeline itself.
    pub pipeline: PipelineConfig,
    /// Look-ups.
    pub enrich: EnrichSettings,
    /// How directives are read.
    pub mode: Mode,
    /// How long all tasks may take when the process stops.
    pub stop_grace: Duration,
    /// Whether state is saved when stopping and read when starting.
    pub reload_backlogs: bool,
    /// Whether events are kept until they are dealt with.
    pub durability: Durability,
    /// The time between two checkpoints.
    pub checkpoint_interval: Duration,
    /// What whoever typed the arguments might not expect.
    pub warnings: Vec<String>,
}

/// A backend as a process of its own.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where configuration files and logs are.
    pub home: Home,
    /// Where NATS is, and this node's name.
    pub nats: NatsConfig,
    /// Where the configuration comes from.
    pub sync: SyncConfig,
    /// What the frontend has to be shown, and has to show.
    pub access: Access,
    /// Where `/metrics`, `/healthz` and `/readyz` are served.
    pub metrics_address: Option<SocketAddr>,
    /// Correlation.
    pub engine: EngineConfig,
}

/// Arguments that do not go together, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<String>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl ServeConfig {
    /// What `args` mean in a process with this `seed` and so many CPUs.
    ///
    /// # Errors
    /// Everything that does not go together.
    pub fn from_args(args: ServeArgs, seed: Seed, cpus: usize) -> Result<Self, ConfigError> {
        let home = args.home.home().map_err(|error| ConfigError { problems: vec![error.to_string()] });
        let engine = EngineConfig::from_args(&args.engine, seed, cpus);
        let access = args.access.access().map_err(|error| ConfigError { problems: vec![error.to_string()] });
        let credentials =
            args.nats.credentials().map_err(|error| ConfigError { problems: vec![error.to_string()] });
        let (home, mut engine, access, credentials) = match (home, engine, access, credentials) {
            (Ok(home), Ok(engine), Ok(access), Ok(credentials)) => (home, engine, access, credentials),
            (home, engine, access, credentials) => {
                let errors = [home.err(), engine.err(), access.err(), credentials.err()];
                let problems = errors.into_iter().flatten().flat_map(|error| error.problems);
                return Err(ConfigError { problems: problems.collect() });
            }
        };
        if args.otel.otel_tracing_enabled || args.otel.otel_metrics_enabled {
            let text = "OpenTelemetry is not sent yet; metrics are served at /metrics with --metrics-address";
            engine.warnings.push(text.to_owned());
        }
        let sync = SyncConfig {
            frontend: args.frontend,
            node: args.node.clone(),
            configs: home.configs.clone(),
            mode: engine.mode,
            limits: SyncLimits::default(),
        };
        let nats = NatsConfig {
            url: args.msq,
            node: args.node,
            credentials,
            durability: engine.durability,
            stream: args.stream.into(),
        };
        Ok(Self { home, nats, sync, access, metrics_address: args.metrics_address, engine })
    }
}

impl EngineConfig {
    /// What `args` mean in a process with this `seed` and so many CPUs.
    ///
    /// # Errors
    /// Everything that does not go together.
    pub fn from_args(args: &EngineArgs, seed: Seed, cpus: usize) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let durability = durability(&args.tuning)?;
        let pipeline = PipelineConfig {
            filter: FilterMode::Threads(program::threads(args.tuning.filter_threads, cpus)),
            workers: WorkerMode::Threads(correlation_threads(args.tuning.correlation_threads, cpus)),
            duplicate_window_secs: args.tuning.duplicate_window,
            max_backlogs: as_size(args.tuning.max_backlogs),
            preload: args.tuning.preload_all_directives,
            idle_timeout: minutes(args.tuning.idle_directives_timeout),
            max_delay: Duration::from_secs(args.max_delay.into()),
            hold: hold(args.hold_duration, &mut warnings),
            target_eps: args.max_eps,
            settings: settings(args, seed)?,
        };
        let enrich = EnrichSettings {
            cache_for: minutes(if args.cache == 0 { DEFAULT_CACHE_MINUTES } else { args.cache }),
            intel_private_ip: args.intel_private_ip,
            ..EnrichSettings::default()
        };
        Ok(Self {
            max_queue: if args.max_queue == 0 { UNLIMITED_QUEUE } else { as_size(args.max_queue) },
            pipeline,
            enrich,
            mode: Mode { lenient: args.lenient_directives, ignore_protocol: args.tuning.ignore_protocol },
            stop_grace: Duration::from_secs(args.tuning.stop_grace.into()),
            reload_backlogs: args.tuning.reload_backlogs,
            durability,
            checkpoint_interval: Duration::from_secs(args.tuning.checkpoint_interval.into()),
            warnings,
        })
    }
}

/// Without state that is kept, keeping events is of no use: nobody knows which of them have been dealt with.
fn durability(tuning: &TuningArgs) -> Result<Durability, ConfigError> {
    match tuning.durability {
        Durability::Require if !tuning.reload_backlogs => Err(ConfigError {
            problems: vec![
                "--durability require (DSIEM_DURABILITY) needs --reload-backlogs (DSIEM_RELOAD_BACKLOGS)"
                    .to_owned(),
            ],
        }),
        Durability::Auto if !tuning.reload_backlogs => Ok(Durability::Off),
        durability => Ok(durability),
    }
}

fn settings(args: &EngineArgs, seed: Seed) -> Result<Settings, ConfigError> {
    let mut problems = Vec::new();
    let risk_limits = RiskLimits::new(args.med_risk_min, args.med_risk_max).unwrap_or_else(|error| {
        problems
            .push(format!("--med_risk_min (DSIEM_MEDRISKMIN), --med_risk_max (DSIEM_MEDRISKMAX): {error}"));
        RiskLimits::default()
    });
    let mut first = |list: &[String], flag: &str| {
        let first = list.first().filter(|first| !first.is_empty());
        if first.is_none() {
            problems.push(format!("{flag} is empty: give at least one, the first is for new alarms"));
        }
        first.map(|first| Arc::from(first.as_str())).unwrap_or_default()
    };
    let status = first(&args.choices.status.0, "--status (DSIEM_STATUS)");
    let tag = first(&args.choices.tags.0, "--tags (DSIEM_TAGS)");
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    Ok(Settings {
        seed,
        time_order_tolerance_secs: args.tuning.time_order_tolerance,
        min_alarm_lifetime_secs: args.min_alarm_lifetime.saturating_mul(60),
        max_clock_skew_secs: args.tuning.max_clock_skew,
        risk_limits,
        status,
        tag,
        limits: Limits::default(),
    })
}

/// Without any time between, `true` and `false` would alternate with every event.
fn hold(secs: u32, warnings: &mut Vec<String>) -> Duration {
    if secs == 0 {
        warnings.push(
            "--hold_duration (DSIEM_HOLDDURATION) is 0: 1 second is taken, the least that works".to_owned(),
        );
    }
    Duration::from_secs(secs.max(1).into())
}

fn correlation_threads(asked: u16, cpus: usize) -> usize {
    match asked {
        0 => cpus.max(1),
        asked => asked.into(),
    }
}

fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}

fn as_size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};

    fn config(words: &[&str]) -> Result<ServeConfig, ConfigError> {
        let all = ["dsiem-backend", "serve", "-n", "be-1", "--home", "/srv"].iter().chain(words).copied();
        let Command::Serve(args) = Args::read(all).unwrap().command;
        ServeConfig::from_args(*args, Seed(1), 4)
    }

    #[test]
    fn without_flags_it_is_as_the_specification_says() {
        let config = config(&[]).unwrap();
        let (engine, pipeline) = (&config.engine, &config.engine.pipeline);
        assert_eq!((config.nats.node.as_str(), config.sync.node.as_str()), ("be-1", "be-1"));
        assert_eq!(config.sync.configs, std::path::Path::new("/srv/configs"));
        assert_eq!(engine.max_queue, 32_768);
        assert!(engine.reload_backlogs && !engine.mode.lenient && !engine.mode.ignore_protocol);
        assert_eq!(engine.enrich.cache_for, Duration::from_secs(600));
        assert_eq!(engine.enrich.time_limit, Duration::from_secs(10));
        assert_eq!(pipeline.duplicate_window_secs, 600);
        assert_eq!(pipeline.max_backlogs, 1_000_000);
        assert_eq!((pipeline.max_delay, pipeline.hold), (Duration::from_secs(180), Duration::from_secs(10)));
        assert_eq!(pipeline.idle_timeout, Duration::from_secs(600));
        assert!(!pipeline.preload);
        let settings = &pipeline.settings;
        assert_eq!((&*settings.status, &*settings.tag), ("Open", "Identified Threat"));
        assert_eq!((settings.time_order_tolerance_secs, settings.max_clock_skew_secs), (5, 300));
        assert_eq!(settings.risk_limits, RiskLimits::default());
        assert_eq!(engine.warnings, Vec::<String>::new());
    }

    #[test]
    fn numbers_with_a_meaning_of_their_own() {
        let config = config(&["--max_queue", "0", "-c", "0", "--hold_duration", "0", "-l", "2"]).unwrap();
        assert_eq!(config.engine.max_queue, 524_288);
        assert_eq!(config.engine.enrich.cache_for, Duration::from_secs(600));
        assert_eq!(config.engine.pipeline.hold, Duration::from_secs(1));
        assert_eq!(config.engine.pipeline.settings.min_alarm_lifetime_secs, 120);
        assert!(config.engine.warnings[0].contains("DSIEM_HOLDDURATION"));
    }

    #[test]
    fn the_number_of_correlation_threads_follows_the_cpus_unless_given() {
        assert_eq!(
            (correlation_threads(0, 0), correlation_threads(0, 16), correlation_threads(3, 16)),
            (1, 16, 3)
        );
    }

    #[test]
    fn risk_limits_out_of_order_name_flags_values_and_what_is_right() {
        for (min, max) in [("6", "3"), ("1", "6"), ("3", "10"), ("5", "5")] {
            let error = config(&["--med_risk_min", min, "--med_risk_max", max]).unwrap_err().to_string();
            for part in
                ["--med_risk_min", "--med_risk_max", min, max, "2 <= med_risk_min < med_risk_max <= 9"]
            {
                assert!(error.contains(part), "{part} is missing in {error}");
            }
        }
    }

    #[test]
    fn what_is_accepted_without_effect_is_told() {
        let config = config(&["--otel-metrics-enabled"]).unwrap();
        assert!(config.engine.warnings[0].contains("OpenTelemetry"));
    }
}
