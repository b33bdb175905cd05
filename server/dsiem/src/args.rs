//! What can be typed, and what the environment may say.
//!
//! `dsiem` may stand where the Go binary stood, so it takes Go's flags and variables, short ones included; dsiem-rs's
//! spellings of the same flags are accepted as well. Some of Go's flags have nothing to switch on here: they are
//! accepted with a warning.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{
    ArgAction, Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    value_parser,
};
use dsiem_backend::args::{FrontendAccessArgs, TuningArgs};
use dsiem_frontend::args::{AlarmRetentionArgs, AlarmStoreArgs, AuthArgs, ByteSize, DoorArgs};
use dsiem_frontend::body::DEFAULT_MAX_BODY;
use dsiem_runtime::args::{
    ChoiceArgs, EventsTokenArgs, HomeArgs, IoArgs, LogArgs, NatsArgs, OtelArgs, StreamArgs, parse_bool,
    without_empty_environment,
};
use dsiem_runtime::build;
use dsiem_runtime::bus::nats::check_url;
use reqwest::Url;

use crate::attack;

mod tools;

pub(crate) use tools::{
    BackupArgs, LedgerArgs, NodesAction, NodesArgs, ResetPasswordArgs, UsersAction, UsersArgs,
};

/// A minute: what a machine that dies may take with it should be little.
const MAX_FSYNC_MILLIS: i64 = 60_000;

const EXAMPLES: &str = "\
Examples:
  dsiem serve                          everything in one process, folders beside the executable
  dsiem serve --home /srv/dsiem        the same with the folders configs/, logs/ and web/dist elsewhere
  dsiem serve --port 9090 --writeableConfig
  DSIEM_MODE=cluster-backend DSIEM_NODE=be-1 DSIEM_FRONTEND=http://fe:8080 dsiem serve";

const SAMPLE_ATTACK_EXAMPLES: &str = "\
Examples:
  dsiem sample-attack --list                                     the cases of the sample file
  dsiem sample-attack --wait logs/siem_alarms.json               posts the first attack and shows its alarm
  dsiem sample-attack --examples my_examples.json --case \"A worm\" --to http://10.0.0.4:8080";

const IMPORT_ALARMS_EXAMPLES: &str = "\
Examples:
  dsiem import alarms                                     the files of this installation, from its logs folder
  dsiem import alarms --from /var/log/dsiem               those of another one
  dsiem import alarms --from /var/log/dsiem --alarm-store postgresql://dsiem:secret@db/dsiem";

/// OSSIM-style event correlation: normalized events in, alarms out.
#[derive(Debug, Parser)]
#[command(name = "dsiem", version = build::VERSION, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How much is logged.
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until SIGTERM or SIGINT: events in over HTTP, alarms out into files
    #[command(after_help = EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Post a sample attack to a running dsiem and show the alarms that come of it
    #[command(after_help = SAMPLE_ATTACK_EXAMPLES)]
    SampleAttack(Box<SampleAttackArgs>),
    /// Show the books of running programs: what came in, what became of it, and whether that balances
    #[command(after_help = tools::LEDGER_EXAMPLES)]
    Ledger(Box<LedgerArgs>),
    /// Show the backends that the stream of events keeps something for, or forget one
    #[command(after_help = tools::NODES_EXAMPLES)]
    Nodes(Box<NodesArgs>),
    /// Copy the alarm store to a file, also while it is in use
    #[command(after_help = tools::BACKUP_EXAMPLES)]
    Backup(Box<BackupArgs>),
    /// Let a user in again who is locked out
    #[command(after_help = tools::USERS_EXAMPLES)]
    Users(Box<UsersArgs>),
    /// Read what an existing installation has into this one
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print the version
    Version,
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Read siem_alarms.json and siem_alarm_events.json into the alarm store; may be done again
    #[command(after_help = IMPORT_ALARMS_EXAMPLES)]
    Alarms(Box<ImportAlarmsArgs>),
}

/// The arguments of `import alarms`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ImportAlarmsArgs {
    /// Folder of the two files [default: the logs folder of --home]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from: Option<PathBuf>,

    /// Where they are put.
    #[command(flatten)]
    pub(crate) store: AlarmStoreArgs,

    /// Where the folders are.
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// The arguments of `sample-attack`.
#[derive(Debug, ClapArgs)]
pub(crate) struct SampleAttackArgs {
    /// File of examples, as docs/directives.md describes them
    #[arg(long, default_value_os_t = attack::default_examples(), value_name = "FILE")]
    pub(crate) examples: PathBuf,

    /// Name of the case, or a part of it that no other has [default: the first that raises an alarm]
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    pub(crate) case: Option<String>,

    /// List the cases of the file, and post nothing
    #[arg(long)]
    pub(crate) list: bool,

    /// Where dsiem or a frontend is
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = attack::parse_server)]
    pub(crate) to: Url,

    /// What it asks for.
    #[command(flatten)]
    pub(crate) token: EventsTokenArgs,

    /// Certificates (PEM) that its certificate must come from, where it serves https [default: those of the system]
    #[arg(long, env = "DSIEM_FRONTEND_CA", value_name = "FILE")]
    pub(crate) frontend_ca: Option<PathBuf>,

    /// The alarm file of that installation: wait for the alarms in it, show them and hold them against the case
    #[arg(long, value_name = "FILE")]
    pub(crate) wait: Option<PathBuf>,

    /// Seconds to wait at most
    #[arg(long, default_value = "30", value_name = "SECS")]
    pub(crate) deadline: u32,
}

/// Which part of an installation the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Everything in one process, with no other service
    Standalone,
    /// HTTP in, events out to NATS
    ClusterFrontend,
    /// Events in from NATS, alarms out
    ClusterBackend,
}

/// The arguments of `serve`. Where two programs spell a flag differently, the first is Go's.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Which part of an installation this is; with DSIEM_MODE set, directives load leniently as in Go dsiem [default: standalone]
    #[arg(short = 'm', long, env = "DSIEM_MODE", value_enum)]
    pub(crate) mode: Option<Mode>,

    /// Name of this node; needed in a cluster
    #[arg(long, env = "DSIEM_NODE")]
    pub(crate) node: Option<String>,

    /// Where NATS is, in a cluster
    #[arg(long, env = "DSIEM_MSQ", hide_env_values = true, default_value = "nats://dsiem-nats:4222", value_name = "URL",
          value_parser = check_url)]
    pub(crate) msq: String,

    /// Who this process is on NATS.
    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// The stream of events.
    #[command(flatten)]
    pub(crate) stream: StreamArgs,

    /// Where a backend of a cluster gets its configuration from, such as http://frontend:8080
    #[arg(long, env = "DSIEM_FRONTEND", value_name = "URL")]
    pub(crate) frontend: Option<String>,

    /// What a frontend asks for, and has to show.
    #[command(flatten)]
    pub(crate) access: FrontendAccessArgs,

    /// Address to listen on
    #[arg(
        short = 'a',
        long,
        visible_alias = "ip-address",
        env = "DSIEM_ADDRESS",
        default_value = "0.0.0.0",
        value_name = "IP"
    )]
    pub(crate) address: IpAddr,

    /// Port to listen on
    #[arg(short = 'p', long, visible_alias = "tcp-port", env = "DSIEM_PORT", default_value = "8080",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,

    /// Seconds an event may wait in here before senders are slowed down; 0 for as long as it takes
    #[arg(short = 'd', long = "maxDelay", aliases = ["max-delay", "max_delay"], env = "DSIEM_MAXDELAY",
          default_value = "180", value_name = "SECS")]
    pub(crate) max_delay: u32,

    /// Events that may wait to be correlated; 0 for 524288
    #[arg(short = 'q', long = "maxQueue", aliases = ["max-queue", "max_queue"], env = "DSIEM_MAXQUEUE",
          default_value = "25000", value_name = "EVENTS")]
    pub(crate) max_queue: u32,

    /// Highest rate of events per second that is let in; no limit unless this and --minEPS are above 0
    #[arg(short = 'e', long = "maxEPS", aliases = ["max-eps", "max_eps"], env = "DSIEM_MAXEPS", default_value = "0",
          value_name = "RATE")]
    pub(crate) max_eps: u32,

    /// Rate of events per second that is let in however overloaded correlation is
    #[arg(short = 'i', long = "minEPS", aliases = ["min-eps", "min_eps"], env = "DSIEM_MINEPS", default_value = "0",
          value_name = "RATE")]
    pub(crate) min_eps: u32,

    /// Minutes added to the life of every stage, for late logs
    #[arg(short = 'l', long = "minAlarmLifetime", aliases = ["min-alarm-lifetime", "min_alarm_lifetime"],
          env = "DSIEM_MINALARMLIFETIME", default_value = "0", value_name = "MINUTES")]
    pub(crate) min_alarm_lifetime: u32,

    /// Seconds without overload until senders are told that it is over
    #[arg(short = 'n', long = "holdDuration", aliases = ["hold-duration", "hold_duration"], env = "DSIEM_HOLDDURATION",
          default_value = "10", value_name = "SECS")]
    pub(crate) hold_duration: u32,

    /// Minutes that answers of look-ups are remembered; 0 for 10
    #[arg(
        short = 'c',
        long = "cacheDuration",
        alias = "cache",
        env = "DSIEM_CACHEDURATION",
        default_value = "10",
        value_name = "MINUTES"
    )]
    pub(crate) cache_duration: u32,

    /// Ask threat intelligence about private addresses as well
    #[arg(long = "intelPrivateIP", aliases = ["intel-private-ip", "intel_private_ip"], env = "DSIEM_INTELPRIVATEIP",
          num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true",
          default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) intel_private_ip: bool,

    /// Let configuration files be written and deleted over HTTP
    #[arg(long = "writeableConfig", aliases = ["writable-config", "writeable-config"], env = "DSIEM_WRITEABLECONFIG",
          num_args = 0..=1, require_equals = true, value_name = "BOOL", default_missing_value = "true",
          default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) writeable_config: bool,

    /// Largest body of a request, as sent and as decompressed: bytes, or with KiB, MiB or GiB
    #[arg(long = "max-body", env = "DSIEM_MAX_BODY", default_value_t = ByteSize(DEFAULT_MAX_BODY), value_name = "SIZE")]
    pub(crate) max_body: ByteSize,

    /// Milliseconds that events may be in the hands of the operating system before they are on the disk; 0: a request is
    /// answered once its events are. Only in one process
    #[arg(long = "fsync-interval", env = "DSIEM_FSYNC_INTERVAL", default_value = "0", value_name = "MILLIS",
          value_parser = value_parser!(u32).range(..=MAX_FSYNC_MILLIS))]
    pub(crate) fsync_interval: u32,

    /// Mebibytes of events that are kept until they are dealt with; beyond, requests get 503. Only in one process
    #[arg(long = "event-log-max-mib", env = "DSIEM_EVENT_LOG_MAX_MIB", default_value = "8192", value_name = "MIB",
          value_parser = value_parser!(u32).range(16..))]
    pub(crate) event_log_max_mib: u32,
    /// Who may come in.
    #[command(flatten)]
    pub(crate) doors: DoorArgs,

    /// Who may use the API and the page.
    #[command(flatten)]
    pub(crate) auth: AuthArgs,

    /// What an alarm can be set to.
    #[command(flatten)]
    pub(crate) choices: ChoiceArgs,

    /// Where alarms are kept.
    #[command(flatten)]
    pub(crate) alarm_store: AlarmStoreArgs,

    /// How long alarms are kept.
    #[command(flatten)]
    pub(crate) alarm_retention: AlarmRetentionArgs,

    /// Lowest risk of class Medium
    #[arg(long = "medRiskMin", aliases = ["med-risk-min", "med_risk_min"], env = "DSIEM_MEDRISKMIN", default_value = "3")]
    pub(crate) med_risk_min: u8,

    /// Highest risk of class Medium
    #[arg(long = "medRiskMax", aliases = ["med-risk-max", "med_risk_max"], env = "DSIEM_MEDRISKMAX", default_value = "6")]
    pub(crate) med_risk_max: u8,

    /// Leave out directives that cannot work and repair what Go dsiem repairs, instead of refusing to start [default: true where a mode is set]
    #[arg(long = "lenient-directives", env = "DSIEM_LENIENT_DIRECTIVES", num_args = 0..=1, require_equals = true,
          value_name = "BOOL", default_missing_value = "true", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) lenient_directives: Option<bool>,

    /// What is spelled alike in all programs.
    #[command(flatten)]
    pub(crate) tuning: TuningArgs,

    /// Where a backend of a cluster serves /metrics, /healthz and /readyz; the other modes serve them on their port
    #[arg(long = "metrics-address", env = "DSIEM_METRICS_ADDRESS", value_name = "IP:PORT")]
    pub(crate) metrics_address: Option<std::net::SocketAddr>,

    /// The threads of connections.
    #[command(flatten)]
    pub(crate) io: IoArgs,

    /// Flags of Go dsiem that switch nothing on here.
    #[command(flatten)]
    pub(crate) retired: RetiredArgs,

    /// Where its folders are.
    #[command(flatten)]
    pub(crate) home: HomeArgs,

    /// Telemetry over OpenTelemetry.
    #[command(flatten)]
    pub(crate) otel: OtelArgs,
}

/// Flags of Go dsiem that are accepted so that command lines go on working.
#[derive(Debug, Clone, Copy, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RetiredArgs {
    /// Accepted, without effect: Elastic APM
    #[arg(long, env = "DSIEM_APM", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) apm: bool,

    /// Accepted, without effect: profiles over HTTP
    #[arg(long, env = "DSIEM_PPROF", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) pprof: bool,

    /// Accepted, without effect: use --home
    #[arg(long, env = "DSIEM_DEV", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) dev: bool,

    /// Accepted, without effect: event rates over a websocket
    #[arg(long, env = "DSIEM_WEBSOCKET", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub(crate) websocket: bool,
}

impl Args {
    /// Reads the words of a command line, the first of which is the program's name, and the environment.
    pub(crate) fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        // Where NATS is may be said before or after what to do with its nodes.
        let everywhere = |nodes: clap::Command| nodes.mut_args(|arg| arg.global(true));
        let command = without_empty_environment(Self::command().mut_subcommand("nodes", everywhere));
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

impl RetiredArgs {
    /// What to tell whoever uses one of them.
    pub(crate) fn warnings(self) -> impl Iterator<Item = &'static str> {
        [
            (self.apm, "--apm (DSIEM_APM) has no effect: Elastic APM is not supported"),
            (self.pprof, "--pprof (DSIEM_PPROF) has no effect"),
            (self.dev, "--dev (DSIEM_DEV) has no effect: say where the folders are with --home (DSIEM_HOME)"),
            (self.websocket, "--websocket (DSIEM_WEBSOCKET) has no effect: event rates are at /metrics"),
        ]
        .into_iter()
        .filter_map(|(given, warning)| given.then_some(warning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(words: &[&str]) -> ServeArgs {
        match Args::read(["dsiem"].iter().chain(words).copied()).expect("these words are right").command {
            Command::Serve(args) => *args,
            other => panic!("not serve: {other:?}"),
        }
    }

    #[test]
    fn nothing_has_to_be_given() {
        let args = serve(&["serve"]);
        assert_eq!((args.mode, args.port, args.max_eps, args.lenient_directives), (None, 8080, 0, None));
    }

    #[test]
    fn the_flags_of_the_go_binary_are_taken() {
        let args = serve(&[
            "serve",
            "-a",
            "127.0.0.1",
            "-p",
            "9",
            "-d",
            "1",
            "-q",
            "2",
            "-e",
            "30",
            "-i",
            "4",
            "-l",
            "5",
            "-n",
            "6",
            "-c",
            "7",
            "-t",
            "a b,c",
            "-s",
            "d",
            "-m",
            "cluster-backend",
            "--writeableConfig",
            "--intelPrivateIP",
            "--medRiskMin",
            "2",
            "--medRiskMax",
            "8",
            "--node",
            "n",
            "--msq",
            "nats://h:1",
            "--frontend",
            "http://f",
            "--apm",
            "--pprof",
            "--dev",
            "--websocket",
            "--trace",
        ]);
        assert_eq!((args.max_delay, args.max_queue, args.max_eps, args.min_eps), (1, 2, 30, 4));
        assert_eq!((args.min_alarm_lifetime, args.hold_duration, args.cache_duration), (5, 6, 7));
        assert_eq!(args.choices.tags.0, ["a b", "c"]);
        assert_eq!(args.mode, Some(Mode::ClusterBackend));
        assert!(args.writeable_config && args.intel_private_ip);
        assert_eq!(args.retired.warnings().count(), 4);
    }

    #[test]
    fn the_long_spellings_of_go_and_of_dsiem_rs_mean_the_same() {
        for (go, rs) in [
            ("--maxDelay", "--max_delay"),
            ("--maxQueue", "--max-queue"),
            ("--maxEPS", "--max_eps"),
            ("--minEPS", "--min-eps"),
            ("--minAlarmLifetime", "--min-alarm-lifetime"),
            ("--holdDuration", "--hold_duration"),
            ("--cacheDuration", "--cache"),
        ] {
            let (go, rs) = (serve(&["serve", go, "7"]), serve(&["serve", rs, "7"]));
            assert_eq!(format!("{go:?}"), format!("{rs:?}"));
        }
    }

    #[test]
    fn a_sample_attack_needs_no_flag_in_a_standalone_installation() {
        let args = Args::read(["dsiem", "sample-attack"]).expect("these words are right");
        let Command::SampleAttack(args) = args.command else { panic!("not sample-attack") };
        assert_eq!((args.to.as_str(), args.wait, args.case), ("http://127.0.0.1:8080/", None, None));
        assert!(Args::read(["dsiem", "sample-attack", "--to", "localhost"]).is_err());
        assert!(Args::read(["dsiem", "sample-attack", "--list", "--case", "x"]).is_err());
    }

    #[test]
    fn the_books_are_those_of_this_machine_unless_others_are_named() {
        let from = |words: &[&str]| match Args::read(words.iter().copied()).map(|args| args.command) {
            Ok(Command::Ledger(args)) => args.from.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("not ledger: {other:?}"),
        };
        assert_eq!(from(&["dsiem", "ledger"]), ["http://127.0.0.1:8080/"]);
        let two = ["dsiem", "ledger", "--from", "http://a:1", "--from", "http://b:2/metrics"];
        assert_eq!(from(&two), ["http://a:1/", "http://b:2/metrics"]);
    }

    #[test]
    fn where_nats_is_stands_before_or_after_what_to_do_with_its_nodes() {
        for words in
            ["nodes --msq a:1 --nats-user u forget be-1", "nodes forget be-1 --msq a:1 --nats-user u"]
        {
            let all = std::iter::once("dsiem").chain(words.split(' '));
            let Ok(Command::Nodes(args)) = Args::read(all).map(|args| args.command) else {
                panic!("{words}")
            };
            assert_eq!((args.msq.as_str(), args.nats.nats_user.as_deref()), ("a:1", Some("u")), "{words}");
            let action = args.action;
            assert!(matches!(action, Some(NodesAction::Forget { ref node, force: false }) if node == "be-1"));
        }
        assert!(Args::read(["dsiem", "nodes", "forget"]).is_err(), "no name");
    }

    #[test]
    fn there_is_no_test_env() {
        assert!(Args::read(["dsiem", "--test-env", "serve"]).is_err());
    }
}
