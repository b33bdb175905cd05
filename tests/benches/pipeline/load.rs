//! The load: a process of its own that prepares its events, then sends them at a rate and says how that went.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::traffic::Traffic;
use crate::{nats_load, web_load};

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// To NATS, one message each.
    Nats,
    /// Over HTTP, one a request.
    Single,
    /// Over HTTP, an array of a hundred a request.
    Array,
    /// Over HTTP, a hundred lines a request.
    Ndjson,
}

impl Form {
    /// Events in one request or message.
    pub(crate) fn batch(self) -> u64 {
        match self {
            Self::Nats | Self::Single => 1,
            Self::Array | Self::Ndjson => 100,
        }
    }

    /// Keep-alive connections.
    pub(crate) fn connections(self) -> u64 {
        match self {
            Self::Nats => 1,
            Self::Single => 64,
            Self::Array | Self::Ndjson => 8,
        }
    }
}

/// What to send, where to and how fast.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Server, by its port on this machine
    #[arg(long)]
    pub(crate) port: u16,
    /// How
    #[arg(long, value_enum)]
    pub(crate) form: Form,
    /// Events a second
    #[arg(long)]
    pub(crate) rate: u32,
    /// Events altogether
    #[arg(long)]
    pub(crate) events: u64,
    /// To the subject that only the floor hears
    #[arg(long)]
    pub(crate) to_floor: bool,
    /// Which
    #[command(flatten)]
    pub(crate) traffic: Traffic,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sent {
    /// Events that the server has taken.
    pub(crate) events: u64,
    /// From the first to the last.
    pub(crate) took: Duration,
    /// Requests that had to be sent again because the server was busy.
    pub(crate) refused: u64,
}

impl Load {
    /// The address of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Sends, and says how that went on the standard output.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let sent = match self.form {
            Form::Nats => nats_load::send(self)?,
            Form::Single | Form::Array | Form::Ndjson => web_load::send(self)?,
        };
        let line = json!({"events": sent.events, "nanos": sent.took.as_nanos(), "refused": sent.refused});
        writeln!(std::io::stdout().lock(), "{line}").context("nobody reads the result")
    }

    /// The words that make another process of this program do it.
    pub(crate) fn words(&self) -> Vec<String> {
        let name = |value: Option<clap::builder::PossibleValue>| value.map(|v| v.get_name().to_owned());
        let form = name(self.form.to_possible_value()).unwrap_or_default();
        let phase = name(self.traffic.phase.to_possible_value()).unwrap_or_default();
        let Traffic { directives, sources, one_in, .. } = self.traffic;
        let words = format!(
            "load --port {} --form {form} --rate {} --events {} --directives {directives} --sources {sources} \
             --one-in {one_in} --phase {phase}{}",
            self.port,
            self.rate,
            self.events,
            if self.to_floor { " --to-floor" } else { "" }
        );
        words.split_whitespace().map(ToOwned::to_owned).collect()
    }
}

impl Sent {
    /// Reads what [`Load::run`] says.
    pub(crate) fn read(line: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(line).context("the load process said something else")?;
        let number = |key: &str| value[key].as_u64().with_context(|| format!("the load does not say {key}"));
        let took = Duration::from_nanos(number("nanos")?);
        Ok(Self { events: number("events")?, took, refused: number("refused")? })
    }
}
