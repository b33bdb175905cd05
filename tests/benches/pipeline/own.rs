//! This same program in another process: started with the words of a part, and heard line by line.

use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::load::{Load, Sent};
use crate::usage::Cpu;

/// A part of this program in a process of its own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Part {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts it.
    pub(crate) fn start(words: &[String]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the system does not say which program this is")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {words:?}"))?;
        let output = child.stdout.take().context("it is piped")?;
        Ok(Self { child, lines: BufReader::new(output).lines() })
    }

    /// The next line that it says.
    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        let line = self.lines.next_line().await.context("cannot read what a part says")?;
        line.context("a part of the benchmark has ended with an error")
    }

    /// What it has used so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(self.child.id().context("it has ended")?)
    }
}

/// Sends a load from a process of its own and waits until it is sent.
pub(crate) async fn send(load: &Load) -> anyhow::Result<Sent> {
    let mut part = Part::start(&load.words())?;
    Sent::read(&part.line().await?)
}

/// What a consumer does with what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reads {
    /// Counts what frontends publish.
    Counts,
    /// Parses what comes for it alone.
    Parses,
    /// The same, out of a stream of JetStream.
    ParsesDurable,
}

/// A consumer of `events` events, ready.
pub(crate) async fn consumer(nats_port: u16, events: u64, reads: Reads) -> anyhow::Result<Part> {
    let flag = match reads {
        Reads::Counts => " --count-only",
        Reads::Parses => "",
        Reads::ParsesDurable => " --durable",
    };
    let words = format!("floor --port {nats_port} --events {events}{flag}");
    let words: Vec<_> = words.split_whitespace().map(ToOwned::to_owned).collect();
    let mut part = Part::start(&words)?;
    anyhow::ensure!(part.line().await? == "ready", "the floor consumer is not ready");
    Ok(part)
}
