//! What can be typed, and what the environment may say: every flag and variable of the backends that this one takes the
//! place of, and a few of its own.
//!
//! [`EngineArgs`] are those of correlation itself, wherever it runs; [`ServeArgs`] add what a process of its own needs.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{
    ArgAction, Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, value_parser,
};
use dsiem_core::duplicates::DEFAULT_WINDOW_SECS;
use dsiem_core::event::DEFAULT_MAX_CLOCK_SKEW_SECS;
use dsiem_runtime::args::{
    ChoiceArgs, ConfigTokenArgs, HomeArgs, IoArgs, LogArgs, NatsArgs, OtelArgs, StreamArgs, parse_bool,
    without_empty_environment,
};
use dsiem_runtime::bus::Durability;
use dsiem_runtime::bus::nats::check_url;
use dsiem_runtime::secret::SecretError;
use reqwest::Url;

use crate::checkpoint::DEFAULT_INTERVAL_SECS;
use crate::http::Access;

/// No time in minutes or seconds that can be typed is longer than this: ten years, in minutes.
const MAX_MINUTES: i64 = 10 * 366 * 24 * 60;
/// An hour, in seconds.
const HOUR_SECS: i64 = 60 * 60;
/// A day, in seconds.
const DAY_SECS: i64 = 24 * 60 * 60;
/// A name longer than this does not fit into the names of files.
const MAX_NODE_BYTES: usize = 150;

const EXAMPLES: &str = "\
Examples:
  dsiem-backend serve -n backend-1 -f http://10.0.0.4:8080
  dsiem-backend serve -n backend-1 --msq nats://10.0.0.5:4222 --filter-threads 4 --metrics-address 0.0.0.0:9100
  DSIEM_NODE=backend-1 DSIEM_FRONTEND=http://frontend:8080 dsiem-backend -j serve";

/// Events in, alarms out: correlates the events that frontends put on NATS.
#[derive(Debug, Parser)]
#[command(name = "dsiem-backend", version = dsiem_runtime::build::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// How much is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Correlate until SIGTERM or SIGINT
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeArgs>),
}

/// The arguments of `serve`.
#[derive(Debug, Clone, ClapArgs)]
pub struct ServeArgs {
    /// Name of this node, such as be-1: it loads directives_be-1.json and those that begin with directives_be-1_
    #[arg(short = 'n', long, env = "DSIEM_NODE", value_parser = parse_node)]
    pub node: String,

    /// Where NATS is; several servers with commas between them
    #[arg(long, env = "DSIEM_MSQ", hide_env_values = true, default_value = "nats://dsiem-nats:4222", value_name = "URL",
          value_parser = check_url)]
    pub msq: String,

    /// Who this process is on NATS.
    #[command(flatten)]
    pub nats: NatsArgs,

    /// The stream of events.
    #[command(flatten)]
    pub stream: StreamArgs,

    /// Frontend to pull the configuration from
    #[arg(short = 'f', long, env = "DSIEM_FRONTEND", hide_env_values = true, default_value = "http://frontend:8080",
          value_name = "URL", value_parser = parse_frontend)]
    pub frontend: Url,

    /// What the frontend has to be shown, and has to show.
    #[command(flatten)]
    pub access: FrontendAccessArgs,

    /// Serve /metrics, /healthz and /readyz here [default: not at all]
    #[arg(long, env = "DSIEM_METRICS_ADDRESS", value_name = "IP:PORT")]
    pub metrics_address: Option<SocketAddr>,

    /// How it correlates.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// The threads of connections.
    #[command(flatten)]
    pub io: IoArgs,

    /// Where its folders are.
    #[command(flatten)]
    pub home: HomeArgs,

    /// Telemetry over OpenTelemetry.
    #[command(flatten)]
    pub otel: OtelArgs,
}

/// How a process gets along with the frontend that it asks.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct FrontendAccessArgs {
    /// What `/config` asks for.
    #[command(flatten)]
    pub token: ConfigTokenArgs,

    /// Certificates (PEM) that the certificate of an https frontend must come from [default: those of the system]
    #[arg(long, env = "DSIEM_FRONTEND_CA", value_name = "FILE")]
    pub frontend_ca: Option<PathBuf>,
}

impl FrontendAccessArgs {
    /// What they say.
    ///
    /// # Errors
    /// If the token cannot be used.
    pub fn access(&self) -> Result<Access, SecretError> {
        Ok(Access { token: self.token.token()?, ca: self.frontend_ca.clone() })
    }
}

/// Default of `--stop-grace`: within the ten seconds that containers are given.
const DEFAULT_STOP_GRACE_SECS: u32 = 9;

/// How a process correlates, whatever else it does.
#[derive(Debug, Clone, ClapArgs)]
pub struct EngineArgs {
    /// Events that may wait to be filtered, beyond which the newest are dropped and counted; 0 for 524288
    #[arg(
        short = 'q',
        long = "max_queue",
        visible_alias = "max-queue",
        env = "DSIEM_MAXQUEUE",
        default_value = "32768",
        value_name = "EVENTS"
    )]
    pub max_queue: u32,

    /// Rate of events per second that this process should sustain; only what the watchdog reports depends on it
    #[arg(
        short = 'e',
        long = "max_eps",
        visible_alias = "max-eps",
        env = "DSIEM_MAXEPS",
        default_value = "1000",
        value_name = "RATE"
    )]
    pub max_eps: u32,

    /// Seconds that a matching event may wait in here before frontends are told to slow down; 0 for never
    #[arg(
        short = 'd',
        long = "max_delay",
        visible_alias = "max-delay",
        env = "DSIEM_MAXDELAY",
        default_value = "180",
        value_name = "SECONDS"
    )]
    pub max_delay: u32,

    /// Seconds without such a wait after which frontends are told that it is over
    #[arg(
        long = "hold_duration",
        visible_alias = "hold-duration",
        env = "DSIEM_HOLDDURATION",
        default_value = "10",
        value_name = "SECONDS"
    )]
    pub hold_duration: u32,

    /// Minutes added to the timeout of every stage, for logs that come late
    #[arg(short = 'l', long, env = "DSIEM_MINALARMLIFETIME", default_value = "0", value_name = "MINUTES",
          value_parser = value_parser!(u32).range(..=MAX_MINUTES))]
    pub min_alarm_lifetime: u32,

    /// What an alarm can be set to.
    #[command(flatten)]
    pub choices: ChoiceArgs,

    /// Lowest risk of the class Medium, from 2
    #[arg(
        long = "med_risk_min",
        visible_alias = "med-risk-min",
        env = "DSIEM_MEDRISKMIN",
        default_value = "3",
        value_name = "RISK"
    )]
    pub med_risk_min: u8,

    /// Highest risk of the class Medium, above --med_risk_min and up to 9
    #[arg(
        long = "med_risk_max",
        visible_alias = "med-risk-max",
        env = "DSIEM_MEDRISKMAX",
        default_value = "6",
        value_name = "RISK"
    )]
    pub med_risk_max: u8,

    /// Minutes for which an answer of an intel or vulnerability source is kept; 0 for 10
    #[arg(short = 'c', long, env = "DSIEM_CACHEDURATION", default_value = "10", value_name = "MINUTES",
          value_parser = value_parser!(u32).range(..=MAX_MINUTES))]
    pub cache: u32,

    /// Also ask intel sources about private, reserved and other addresses that are not global
    #[arg(long = "intel_private_ip", visible_alias = "intel-private-ip", env = "DSIEM_INTELPRIVATEIP",
          num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true",
          default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub intel_private_ip: bool,

    /// Skip directives and look-up sources that cannot work, and repair what Go dsiem repairs, instead of stopping
    #[arg(long, env = "DSIEM_LENIENT_DIRECTIVES", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub lenient_directives: bool,

    /// What is spelled alike in all programs.
    #[command(flatten)]
    pub tuning: TuningArgs,
}

/// How a process correlates, as far as the flags are spelled alike in all our programs.
#[derive(Debug, Clone, ClapArgs)]
pub struct TuningArgs {
    /// Save open backlogs when stopping and go on with them when starting
    #[arg(long, env = "DSIEM_RELOAD_BACKLOGS", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "true", value_parser = parse_bool, action = ArgAction::Set)]
    pub reload_backlogs: bool,

    /// Whether events are kept until they are dealt with, and state survives a killed process: auto (where the bus can
    /// keep them), require (nothing is accepted that is not kept), or off
    #[arg(long, env = "DSIEM_DURABILITY", default_value = "auto", value_name = "auto|require|off")]
    pub durability: Durability,

    /// Seconds between two checkpoints of the state
    #[arg(long, env = "DSIEM_CHECKPOINT_INTERVAL", default_value_t = DEFAULT_INTERVAL_SECS, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(1..=HOUR_SECS))]
    pub checkpoint_interval: u32,

    /// Threads that decode events and look up which directives they concern; 0 for half of the CPUs, up to 8
    #[arg(long, env = "DSIEM_FILTER_THREADS", default_value = "0", value_name = "THREADS",
          value_parser = value_parser!(u16).range(..=256))]
    pub filter_threads: u16,

    /// Threads that directives and their backlogs run on; 0 for as many as there are CPUs
    #[arg(long, env = "DSIEM_CORRELATION_THREADS", default_value = "0", value_name = "THREADS",
          value_parser = value_parser!(u16).range(..=256))]
    pub correlation_threads: u16,

    /// Keep every directive awake from the start, instead of waking it with its first event
    #[arg(long, env = "DSIEM_PRELOAD_DIRECTIVES", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub preload_all_directives: bool,

    /// Minutes without a backlog after which a directive goes back to sleep
    #[arg(long, env = "DSIEM_DIRECTIVES_IDLE_TIMEOUT_MINUTES", default_value = "10", value_name = "MINUTES",
          value_parser = value_parser!(u32).range(5..=MAX_MINUTES))]
    pub idle_directives_timeout: u32,

    /// Seconds for which a directive knows an event id again and discards the event as a duplicate; 0 for not at all
    #[arg(long, env = "DSIEM_DUPLICATE_WINDOW", default_value_t = DEFAULT_WINDOW_SECS, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(..=DAY_SECS))]
    pub duplicate_window: u32,

    /// Seconds that an event may lie before the end of an earlier stage: from so many on it is discarded. With 0, an
    /// event of the same second still counts
    #[arg(long, env = "DSIEM_TIME_ORDER_TOLERANCE", default_value = "5", value_name = "SECONDS",
          value_parser = value_parser!(u32).range(..=DAY_SECS))]
    pub time_order_tolerance: u32,

    /// Seconds that an event's timestamp may lie after its receipt; beyond, the time of receipt is taken
    #[arg(long, env = "DSIEM_MAX_CLOCK_SKEW", default_value_t = DEFAULT_MAX_CLOCK_SKEW_SECS, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(..=366 * DAY_SECS))]
    pub max_clock_skew: u32,

    /// Do not test the protocol of rules, for directives that were written for Go dsiem, which never did
    #[arg(long, env = "DSIEM_IGNORE_PROTOCOL", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub ignore_protocol: bool,

    /// Open backlogs; when there are more, the oldest that has not passed its second stage is dropped and counted
    #[arg(long, env = "DSIEM_MAX_BACKLOGS", default_value = "1000000", value_name = "BACKLOGS",
          value_parser = value_parser!(u32).range(1..))]
    pub max_backlogs: u32,

    /// Seconds that a process may take to stop before it gives up; raise it, and what your system grants, to save very
    /// many open backlogs
    #[arg(long, env = "DSIEM_STOP_GRACE", default_value_t = DEFAULT_STOP_GRACE_SECS, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(1..=DAY_SECS))]
    pub stop_grace: u32,
}

impl Args {
    /// Reads the words of a command line, the first of which is the program's name, and the environment.
    ///
    /// # Errors
    /// What is wrong with them, or that help was asked for; [`clap::Error::exit`] does what is right for each.
    pub fn read(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let command = without_empty_environment(Self::command());
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

/// A name that can be part of the names of files.
///
/// # Errors
/// What is wrong with it.
pub fn parse_node(text: &str) -> Result<String, String> {
    let node = text.trim();
    if node.is_empty() {
        return Err("the node needs a name, for example backend-1".to_owned());
    }
    if node.starts_with('.') || node.contains(['/', '\\']) || node.chars().any(char::is_control) {
        return Err(format!("{node:?} cannot be part of a file name: use letters, digits, - and _"));
    }
    if node.len() > MAX_NODE_BYTES {
        return Err(format!("the name has {} bytes; at most {MAX_NODE_BYTES} are possible", node.len()));
    }
    Ok(node.to_owned())
}

/// The address of a frontend.
///
/// # Errors
/// What is wrong with it.
pub fn parse_frontend(text: &str) -> Result<Url, String> {
    let right = "write it as http://host:port";
    let url = Url::parse(text.trim()).map_err(|error| format!("{error}: {right}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("it does not begin with http:// or https:// and a host: {right}"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
