//! The arguments of the tools that look at a running installation.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, value_parser};
use dsiem_backend::args::parse_frontend;
use dsiem_frontend::args::AlarmStoreArgs;
use dsiem_runtime::args::{HomeArgs, NatsArgs};
use dsiem_runtime::bus::nats::check_url;
use reqwest::Url;

pub(super) const LEDGER_EXAMPLES: &str = "\
Examples:
  dsiem ledger                                                   the books of `dsiem serve` on this machine
  dsiem ledger --from http://frontend:8080 --from http://backend:9090
  watch dsiem ledger                                             the same every two seconds

What came in is what became of it and what is on its way. Exit code 1: it is not.";

pub(super) const NODES_EXAMPLES: &str = "\
Examples:
  dsiem nodes --msq nats://nats:4222              the nodes, and how far each of them is
  dsiem nodes forget be-3                         be-3 will not come back: keep nothing for it any more";

pub(super) const BACKUP_EXAMPLES: &str = "\
Examples:
  dsiem backup --to /backup/alarms.sqlite                         the alarms of this installation
  dsiem backup --home /srv/dsiem --to /backup/alarms-$(date +%F).sqlite

Alarms in PostgreSQL are backed up with pg_dump.";

pub(super) const USERS_EXAMPLES: &str = "\
Examples:
  dsiem users reset-password alice                                another password, which is shown
  dsiem users reset-password alice --alarm-store postgresql://dsiem:secret@db/dsiem

Where the alarms are in a file, stop dsiem first.";

/// The arguments of `backup`.
#[derive(Debug, ClapArgs)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,

    /// Which store.
    #[command(flatten)]
    pub(crate) store: AlarmStoreArgs,

    /// Where the folders are.
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// The arguments of `users`.
#[derive(Debug, ClapArgs)]
pub(crate) struct UsersArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: UsersAction,
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersAction {
    /// Give a user another password, which is shown, and let him in again if he was kept out
    ResetPassword(Box<ResetPasswordArgs>),
}

/// The arguments of `users reset-password`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ResetPasswordArgs {
    /// Which user
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Which store.
    #[command(flatten)]
    pub(crate) store: AlarmStoreArgs,

    /// Where the folders are.
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// The arguments of `ledger`.
#[derive(Debug, ClapArgs)]
pub(crate) struct LedgerArgs {
    /// Where a program serves /metrics; may be given for several: `dsiem serve`, frontends, and the --metrics-address of
    /// backends
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = parse_frontend)]
    pub(crate) from: Vec<Url>,

    /// Certificates (PEM) that those of https servers must come from [default: those of the system]
    #[arg(long, env = "DSIEM_FRONTEND_CA", value_name = "FILE")]
    pub(crate) frontend_ca: Option<PathBuf>,
}

/// The arguments of `nodes`.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodesArgs {
    /// Where NATS is
    #[arg(long, env = "DSIEM_MSQ", hide_env_values = true, default_value = "nats://dsiem-nats:4222", value_name = "URL",
          value_parser = check_url)]
    pub(crate) msq: String,

    /// Who we are on NATS.
    #[command(flatten)]
    pub(crate) nats: NatsArgs,

    /// Hours of silence after which the stream holds no more events for a backend; as the backends have it
    #[arg(long, env = "DSIEM_NODE_EXPIRY", default_value = "24", value_name = "HOURS",
          value_parser = value_parser!(u32).range(1..))]
    pub(crate) node_expiry: u32,

    /// What to do [default: list].
    #[command(subcommand)]
    pub(crate) action: Option<NodesAction>,
}

/// What to do with nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodesAction {
    /// Show all nodes that the stream of events knows (what is done without a word)
    List,
    /// Keep no more events for a node that will not come back
    Forget {
        /// Its name
        node: String,

        /// Also if it is alive
        #[arg(long)]
        force: bool,
    },
}
