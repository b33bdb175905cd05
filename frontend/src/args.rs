//! What can be typed, and what the environment may say: every flag and variable of the frontends that this one takes the
//! place of, and a few of its own.

use std::ffi::OsString;
use std::net::IpAddr;
use std::str::FromStr;

use clap::{ArgAction, Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use dsiem_runtime::args::{
    ChoiceArgs, ConfigTokenArgs, HomeArgs, IoArgs, LogArgs, NatsArgs, OtelArgs, StreamArgs, parse_bool,
    without_empty_environment,
};
use dsiem_runtime::bus::Durability;
use dsiem_runtime::bus::nats::check_url;

use crate::body::DEFAULT_MAX_BODY;

mod alarms;
mod auth;
mod doors;

pub use alarms::{AlarmRetentionArgs, AlarmStoreArgs, AlarmStoreError};
pub use auth::AuthArgs;
pub use doors::DoorArgs;

/// Bounds of `--max-body`, in bytes.
const BODY_RANGE: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 30;

const EXAMPLES: &str = "\
Examples:
  dsiem-frontend serve -n frontend-1
  dsiem-frontend serve -n frontend-1 --msq nats://10.0.0.5:4222 --tcp-port 9090 --writable-config
  DSIEM_NODE=frontend-1 DSIEM_MAXEPS=5000 DSIEM_MINEPS=500 dsiem-frontend -j serve";

/// HTTP in, events out: takes normalized events over HTTP and hands them to the backends over NATS.
#[derive(Debug, Parser)]
#[command(name = "dsiem-frontend", version = dsiem_runtime::build::VERSION, after_help = EXAMPLES)]
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
    /// Serve until SIGTERM or SIGINT
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeArgs>),
}

/// The arguments of `serve`.
#[derive(Debug, ClapArgs)]
pub struct ServeArgs {
    /// Name of this node, unique among its kind
    #[arg(short = 'n', long, env = "DSIEM_NODE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub node: String,

    /// Address to listen on
    #[arg(short = 'a', long, env = "DSIEM_ADDRESS", default_value = "0.0.0.0", value_name = "IP")]
    pub ip_address: IpAddr,

    /// Port to listen on
    #[arg(short = 'p', long, env = "DSIEM_PORT", default_value = "8080", value_name = "PORT",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub tcp_port: u16,

    /// Where NATS is; several servers with commas between them
    #[arg(long, env = "DSIEM_MSQ", hide_env_values = true, default_value = "nats://dsiem-nats:4222", value_name = "URL",
          value_parser = check_url)]
    pub msq: String,

    /// Who this process is on NATS.
    #[command(flatten)]
    pub nats: NatsArgs,

    /// Whether events are kept until backends have dealt with them: auto (where NATS can keep them), require (nothing is
    /// accepted that is not kept), or off
    #[arg(long, env = "DSIEM_DURABILITY", default_value = "auto", value_name = "auto|require|off")]
    pub durability: Durability,

    /// The stream of events.
    #[command(flatten)]
    pub stream: StreamArgs,

    /// Events that may wait for NATS at the same time before requests get 503; 0 for 524288
    #[arg(
        short = 'q',
        long = "max_queue",
        alias = "max-queue",
        env = "DSIEM_MAXQUEUE",
        default_value = "25000",
        value_name = "EVENTS"
    )]
    pub max_queue: u32,

    /// Highest rate of events per second that is let in; the limit is off unless this and --min_eps are above 0
    #[arg(
        short = 'e',
        long = "max_eps",
        alias = "max-eps",
        env = "DSIEM_MAXEPS",
        default_value = "0",
        value_name = "RATE"
    )]
    pub max_eps: u32,

    /// Rate of events per second that is let in however overloaded backends are
    #[arg(
        short = 'i',
        long = "min_eps",
        alias = "min-eps",
        env = "DSIEM_MINEPS",
        default_value = "0",
        value_name = "RATE"
    )]
    pub min_eps: u32,

    /// Largest body of a request, as sent and as decompressed: bytes, or with KiB, MiB or GiB
    #[arg(long = "max-body", env = "DSIEM_MAX_BODY", default_value_t = ByteSize(DEFAULT_MAX_BODY),
          value_name = "SIZE")]
    pub max_body: ByteSize,

    /// Let configuration files be written and deleted over HTTP
    #[arg(long, env = "DSIEM_WRITEABLECONFIG", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub writable_config: bool,

    /// Who may come in.
    #[command(flatten)]
    pub doors: DoorArgs,

    /// Who may use the API and the page.
    #[command(flatten)]
    pub auth: AuthArgs,

    /// What `/config` asks for.
    #[command(flatten)]
    pub config_token: ConfigTokenArgs,

    /// What an alarm can be set to.
    #[command(flatten)]
    pub choices: ChoiceArgs,

    /// Where alarms are kept.
    #[command(flatten)]
    pub alarm_store: AlarmStoreArgs,

    /// How long alarms are kept.
    #[command(flatten)]
    pub alarm_retention: AlarmRetentionArgs,

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

/// A number of bytes, written as `4096`, `512KiB`, `16MiB` or `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub usize);

/// Units, from the largest on, and the power of two that each is.
const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = |text: &str, unit: &str| {
            let at = text.len().checked_sub(unit.len())?;
            text.get(at..)?.eq_ignore_ascii_case(unit).then(|| text[..at].trim_end().to_owned())
        };
        let (number, shift) = UNITS
            .iter()
            .find_map(|(name, shift)| Some((unit(text, name)?, *shift)))
            .unwrap_or_else(|| (text.to_owned(), 0));
        let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.filter(|bytes| BODY_RANGE.contains(bytes)).map(Self).ok_or_else(|| {
            format!(
                "\"{text}\" is not a size from 1KiB to 1GiB; write a number of bytes, or for example 16MiB"
            )
        })
    }
}

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = UNITS.iter().find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        match unit {
            Some((name, shift)) => write!(f, "{}{name}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(words: &str) -> Result<(LogArgs, ServeArgs), String> {
        let all = std::iter::once("dsiem-frontend").chain(words.split_whitespace());
        let args = Args::read(all).map_err(|e| e.to_string())?;
        let Command::Serve(serve) = args.command;
        Ok((args.log, *serve))
    }

    #[test]
    fn the_defaults_are_those_of_existing_frontends_except_for_the_limiter() {
        let (_, args) = serve("serve -n fe").unwrap();
        assert_eq!((args.ip_address.to_string().as_str(), args.tcp_port), ("0.0.0.0", 8080));
        assert_eq!(args.msq, "nats://dsiem-nats:4222");
        assert_eq!((args.max_queue, args.max_eps, args.min_eps), (25_000, 0, 0));
        assert_eq!(args.max_body, ByteSize(16 << 20));
        assert!(!args.writable_config);
        assert_eq!(args.choices.status.0, ["Open", "In-Progress", "Closed"]);
        assert_eq!(
            args.choices.tags.0,
            ["Identified Threat", "False Positive", "Valid Threat", "Security Incident"]
        );
    }

    #[test]
    fn every_spelling_of_existing_command_lines_works() {
        let long = "serve --node fe --ip-address 127.0.0.1 --tcp-port 9 --msq nats://x --max_queue 1 --max_eps 2 --min_eps 3 \
                    --writable-config --status A,B --tags C --otel-tracing-enabled --otel-endpoint http://o";
        let short = "serve -n fe -a 127.0.0.1 -p 9 --msq nats://x -q 1 -e 2 -i 3 --writable-config=true -s A,B -t C \
                     --otel-tracing-enabled --otel-endpoint http://o";
        let kebab = "serve --node=fe --ip-address=127.0.0.1 --tcp-port=9 --msq=nats://x --max-queue=1 --max-eps=2 \
                     --min-eps=3 --writable-config=on --status=A,B --tags=C --otel-tracing-enabled=1 --otel-endpoint=http://o";
        let all = [long, short, kebab].map(|words| format!("{:?}", serve(words).unwrap()));
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        assert!(all[0].contains("max_queue: 1, max_eps: 2, min_eps: 3"), "{}", all[0]);
    }

    #[test]
    fn log_flags_stand_before_or_after_serve() {
        for words in ["-v -j serve -n fe", "serve -n fe -v -j", "-v serve -n fe --json"] {
            let (log, _) = serve(words).unwrap();
            assert_eq!((log.verbosity, log.json), (1, true), "{words}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_users_own_text() {
        for (words, part) in [
            ("serve", "--node"),
            ("serve -n fe -p 0", "'0'"),
            ("serve -n fe -p 65536", "65536"),
            ("serve -n fe -a localhost", "localhost"),
            ("serve -n fe -q -1", "-1"),
            ("serve -n fe --max-body 1", "1KiB to 1GiB"),
            ("serve -n fe -s A,,B", "A,,B"),
            ("serve -n fe --writable-config=maybe", "maybe"),
            ("serve -n fe --test-env", "--test-env"),
            ("", "Usage"),
        ] {
            let error = serve(words).unwrap_err();
            assert!(error.contains(part), "{words}: {error}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_alike() {
        for (text, bytes) in [("4096", 4096), ("512KiB", 512 << 10), ("16mib", 16 << 20), ("1 GiB", 1 << 30)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        assert_eq!(ByteSize(16 << 20).to_string(), "16MiB");
        assert_eq!(ByteSize(4097).to_string(), "4097");
        for text in ["", "MiB", "1023", "2GiB", "-1", "1.5MiB", "99999999999999999999", "é"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
