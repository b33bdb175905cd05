//! One case: an engine with what is loaded and open, the events it is given, and what that took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::engine::{Engine, QUEUE_EVENTS};
use crate::feed::Load;
use crate::traffic::Traffic;
use crate::usage::{self, ThreadTimes};

/// How many events are made and sent at a time: as many as may wait on the bus, so that they are handed over at once.
const ROUND: usize = QUEUE_EVENTS;

/// How the events go in, and on which threads the parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// As bytes through the bus within a process, into the pipeline as a program starts it, alarms into files.
    Bytes,
    /// As decoded events to the filter threads; index, dispatcher, managers and backlogs are the same. What they hand to
    /// the alarm log is dropped.
    Decoded,
}

/// What is measured.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Case {
    /// How the events go in
    #[arg(long, value_enum, default_value = "bytes")]
    pub(crate) way: Way,
    /// Directives that are loaded
    #[arg(long, default_value_t = 1)]
    pub(crate) directives: u32,
    /// Open backlogs of each
    #[arg(long, default_value_t = 0)]
    pub(crate) backlogs: u32,
    /// One event in so many counts in a backlog; 0 for none
    #[arg(long, default_value_t = 0)]
    pub(crate) one_in: u32,
    /// Filter threads
    #[arg(long, default_value_t = 1)]
    pub(crate) filters: usize,
    /// Events
    #[arg(long, default_value_t = 0)]
    pub(crate) events: u64,
}

impl Case {
    /// The words that start it.
    pub(crate) fn words(&self) -> Vec<String> {
        let way = self.way.to_possible_value().expect("no way is hidden");
        let words = format!(
            "case --way {} --directives {} --backlogs {} --one-in {} --filters {} --events {}",
            way.get_name(),
            self.directives,
            self.backlogs,
            self.one_in,
            self.filters,
            self.events
        );
        words.split(' ').map(ToOwned::to_owned).collect()
    }

    /// Opens the backlogs, sends the events, and waits until everything has been handled.
    ///
    /// Events are made a round at a time while the clock stands: all at once, they would be out of every cache when
    /// their turn comes, and in the figures of memory.
    pub(crate) fn run(&self) -> anyhow::Result<Figures> {
        let mut engine = Engine::start(self)?;
        let traffic = Traffic::counting(self.directives, self.backlogs, self.one_in);
        let empty_kib = usage::resident_kib()?;
        engine.open(&traffic.opening())?;
        let open_kib = usage::resident_kib()?;

        let mut times = ThreadTimes::default();
        let mut wall = Duration::ZERO;
        for first in (0..self.events).step_by(ROUND) {
            let load = Load::new(&traffic, first..self.events.min(first + ROUND as u64), self.way)?;
            let (begun, before) = (Instant::now(), ThreadTimes::read()?);
            engine.send(load)?;
            engine.wait()?;
            wall += begun.elapsed();
            times.add(&ThreadTimes::read()?.since(&before));
        }
        engine.check(traffic.concerned(self.events))?;
        engine.remove_files()?;
        // Letting go of a million backlogs takes longer than the case; and a heap profile is to show them.
        std::mem::forget(engine);
        let (events, backlogs) = (self.events, traffic.backlogs());
        let (wall_secs, nanos) = (wall.as_secs_f64(), times.by_part());
        Ok(Figures { events, backlogs, wall_secs, empty_kib, open_kib, nanos })
    }
}

/// What a case took.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Events that were sent.
    pub(crate) events: u64,
    /// Backlogs that were open.
    pub(crate) backlogs: u64,
    /// From the first event that was sent to the last one handled.
    pub(crate) wall_secs: f64,
    /// Resident memory before the backlogs.
    pub(crate) empty_kib: u64,
    /// Resident memory with the backlogs open, before the events.
    pub(crate) open_kib: u64,
    /// CPU time in nanoseconds, by part of the engine.
    pub(crate) nanos: BTreeMap<String, u64>,
}

impl Figures {
    /// CPU microseconds of the whole engine for each event.
    pub(crate) fn micros(&self) -> f64 {
        self.micros_of(self.nanos.values().sum())
    }

    /// Microseconds for each event when `nanos` are spent on all of them.
    #[expect(clippy::cast_precision_loss, reason = "no case takes months")]
    pub(crate) fn micros_of(&self, nanos: u64) -> f64 {
        nanos as f64 / 1_000.0 / self.events.max(1) as f64
    }

    /// As one line for another process.
    pub(crate) fn to_json(&self) -> Value {
        json!({"events": self.events, "backlogs": self.backlogs, "wall_secs": self.wall_secs,
               "empty_kib": self.empty_kib, "open_kib": self.open_kib,
               "nanos": self.nanos})
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub(crate) fn from_json(text: &[u8]) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_slice(text).context("a case does not say what it took")?;
        let count = |key: &str| value[key].as_u64().with_context(|| format!("a case does not say {key}"));
        let wall_secs = value["wall_secs"].as_f64().context("a case does not say how long it took")?;
        let parts = value["nanos"].as_object().into_iter().flatten();
        Ok(Self {
            events: count("events")?,
            backlogs: count("backlogs")?,
            wall_secs,
            empty_kib: count("empty_kib")?,
            open_kib: count("open_kib")?,
            nanos: parts.filter_map(|(part, nanos)| Some((part.clone(), nanos.as_u64()?))).collect(),
        })
    }
}
