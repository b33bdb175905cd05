//! The load: a process of its own that prepares its events, then sends them at a rate and says how that went.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::traffic::{Clock, Traffic, now_nanos};
use crate::{nats_load, web_load};

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// To NATS, one message each.
    Nats,
    /// Over HTTP, one a request.
    Single,
    /// Over HTTP, an array of ten a request.
    Tens,
    /// Over HTTP, an array of a hundred a request.
    Array,
    /// The same over one connection, so that their order is kept.
    InOrder,
    /// Over HTTP, a hundred lines a request.
    Ndjson,
}

impl Form {
    /// Events in one request or message.
    pub(crate) fn batch(self) -> u64 {
        match self {
            Self::Nats | Self::Single => 1,
            Self::Tens => 10,
            Self::Array | Self::InOrder | Self::Ndjson => 100,
        }
    }

    /// Keep-alive connections.
    pub(crate) fn connections(self) -> u64 {
        match self {
            Self::Nats | Self::InOrder => 1,
            Self::Single => 64,
            Self::Tens | Self::Array | Self::Ndjson => 8,
        }
    }
}

/// What to send, where to and how fast.
#[derive(Debug, Clone, Args)]
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
    /// Number of the first event
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// Events altogether
    #[arg(long)]
    pub(crate) events: u64,
    /// To the subject that only the floor hears
    #[arg(long)]
    pub(crate) to_floor: bool,
    /// When event number 0 was received, in nanoseconds since 1970; now if it is not given
    #[arg(long)]
    pub(crate) start_nanos: Option<u64>,
    /// File into which it is written when each request was sent
    #[arg(long)]
    pub(crate) times: Option<PathBuf>,
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

    /// The numbers of the events.
    pub(crate) fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.events
    }

    /// The clock of the events.
    pub(crate) fn clock(&self) -> Clock {
        Clock::at(self.start_nanos.unwrap_or_else(now_nanos))
    }

    /// When the event with this number is to be sent, after the start.
    pub(crate) fn due(&self, number: u64) -> Duration {
        let nanos = u128::from(number - self.first) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Sends, and says how that went on the standard output.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let sent = match self.form {
            Form::Nats => nats_load::send(self)?,
            Form::Single | Form::Tens | Form::Array | Form::InOrder | Form::Ndjson => web_load::send(self)?,
        };
        let line = json!({"events": sent.events, "nanos": sent.took.as_nanos(), "refused": sent.refused});
        writeln!(std::io::stdout().lock(), "{line}").context("nobody reads the result")
    }

    /// The words that make another process of this program do it.
    pub(crate) fn words(&self) -> Vec<String> {
        let form = self.form.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        let words = format!(
            "load --port {} --form {form} --rate {} --first {} --events {} {}{}",
            self.port,
            self.rate,
            self.first,
            self.events,
            self.traffic.words(),
            if self.to_floor { " --to-floor" } else { "" }
        );
        let mut words: Vec<_> = words.split_whitespace().map(ToOwned::to_owned).collect();
        words.extend(self.start_nanos.map(|nanos| format!("--start-nanos={nanos}")));
        words.extend(self.times.as_ref().map(|path| format!("--times={}", path.display())));
        words
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
