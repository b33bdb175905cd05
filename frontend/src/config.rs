//! What was meant by the arguments: one small struct per part, checked as a whole.

use std::io;
use std::net::SocketAddr;

use dsiem_core::configuration::Readers;
use dsiem_core::throttle::{BoundsError, Throttle};
use dsiem_runtime::bus::NatsConfig;
use dsiem_runtime::bus::nats::{CredentialsError, UNLIMITED_QUEUE};
use dsiem_runtime::files::Home;

use crate::alarms::AlarmsConfig;
use crate::args::{AlarmStoreError, ServeArgs};
use crate::auth::AuthConfig;
use crate::auth::config::AuthConfigError;
use crate::config_store::Choices;
use crate::doors::{Doors, DoorsError};

/// A frontend, whatever bus it is on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where configuration files, logs and the page are.
    pub home: Home,
    /// Bytes of one body, as sent and as decompressed.
    pub max_body: usize,
    /// Between which rates events are let in; none: without a limit.
    pub throttle: Option<Throttle>,
    /// Events on their way to the bus at the same time.
    pub max_queue: usize,
    /// Whether configuration files can be written and deleted over HTTP.
    pub writable_config: bool,
    /// Who loads the configuration files.
    pub readers: Readers,
    /// What people may set an alarm to.
    pub choices: Choices,
    /// Who may come in.
    pub doors: Doors,
    /// Who may use the API and the page.
    pub auth: AuthConfig,
}

/// A frontend as a process of its own.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where NATS is, and this node's name.
    pub nats: NatsConfig,
    /// The frontend itself.
    pub frontend: Config,
    /// Where alarms are kept; `None`: nowhere.
    pub alarms: Option<AlarmsConfig>,
}

/// Arguments that do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The limiter's bounds.
    #[error("{0}; see --min-eps (DSIEM_MINEPS) and --max-eps (DSIEM_MAXEPS)")]
    Rates(#[from] BoundsError),
    /// The system does not say where the executable is.
    #[error(transparent)]
    Home(#[from] io::Error),
    /// Tokens or certificates for HTTP.
    #[error(transparent)]
    Doors(#[from] DoorsError),
    /// Where alarms are kept.
    #[error(transparent)]
    AlarmStore(#[from] AlarmStoreError),
    /// Who may use the API and the page.
    #[error(transparent)]
    Auth(#[from] AuthConfigError),
    /// Tokens or certificates for NATS.
    #[error(transparent)]
    Nats(#[from] CredentialsError),
}

impl ServeConfig {
    /// What `args` mean.
    ///
    /// # Errors
    /// If they do not go together.
    pub fn from_args(args: ServeArgs) -> Result<Self, ConfigError> {
        if args.otel.otel_tracing_enabled || args.otel.otel_metrics_enabled {
            tracing::warn!("OpenTelemetry is not sent yet; metrics are at /metrics");
        }
        let home = args.home.home()?;
        let alarms =
            args.alarm_store.alarms(args.alarm_retention, &home.logs, args.choices.status.0.first())?;
        let listen = SocketAddr::new(args.ip_address, args.tcp_port);
        let frontend = Config {
            home,
            max_body: args.max_body.0,
            throttle: throttle(args.min_eps, args.max_eps)?,
            max_queue: queue_limit(args.max_queue),
            writable_config: args.writable_config,
            readers: Readers::Nodes,
            choices: Choices { status: args.choices.status.0, tags: args.choices.tags.0 },
            doors: args.doors.doors(&args.config_token)?,
            auth: args.auth.auth(listen)?,
        };
        let nats = NatsConfig {
            url: args.msq,
            node: args.node,
            credentials: args.nats.credentials()?,
            durability: args.durability,
            stream: args.stream.into(),
        };
        Ok(Self { listen, nats, frontend, alarms })
    }
}

/// The limiter between `min_eps` and `max_eps`; off unless both are above 0, which is said where it looks unintended.
///
/// # Errors
/// If both are above 0 and the wrong way round.
pub fn throttle(min_eps: u32, max_eps: u32) -> Result<Option<Throttle>, BoundsError> {
    if (min_eps == 0) != (max_eps == 0) {
        tracing::warn!(
            min_eps,
            max_eps,
            "the event rate is not limited: --min-eps and --max-eps must both be above 0"
        );
    }
    Throttle::new(min_eps, max_eps)
}

/// The limit that `--max-queue` names; 0 is as good as no limit, and still one.
#[must_use]
pub fn queue_limit(max_queue: u32) -> usize {
    match max_queue {
        0 => UNLIMITED_QUEUE,
        limit => limit as usize,
    }
}
