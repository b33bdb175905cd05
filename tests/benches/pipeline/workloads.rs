//! The workloads, as values: what is loaded and open, what is sent and how fast, and what it may cost.

use std::fmt::Write as _;

use crate::load::Form;
use crate::traffic::{Phase, Traffic};

/// Which program is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// `dsiem-backend`, its events straight from NATS.
    Backend,
    /// `dsiem-frontend`, up to a NATS consumer.
    Frontend,
    /// `dsiem serve`.
    Standalone,
}

/// What a workload should cost at most, or reach at least. What is not given has no bar.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bar {
    /// CPU time of an event, over that of the floor.
    pub(crate) ratio: Option<f64>,
    /// CPU microseconds of an event for each backlog that counts it.
    pub(crate) micros_per_backlog: Option<f64>,
    /// Events a second.
    pub(crate) eps: Option<f64>,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// What `--only` looks at.
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) target: Target,
    /// How events are sent.
    pub(crate) form: Form,
    /// Which events are sent.
    pub(crate) traffic: Traffic,
    /// Address of the later stages.
    pub(crate) later: &'static str,
    /// In how many backlogs a concerned event counts.
    pub(crate) counts: u64,
    /// Events a second that are sent.
    pub(crate) rate: u32,
    /// What it may cost.
    pub(crate) bar: Bar,
}

impl Workload {
    /// Whether these words choose it; none choose all.
    pub(crate) fn is_chosen(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}

/// Each of `sources` sources has a backlog open in each of `directives` directives, and one event in `one_in` counts.
const fn traffic(directives: u32, sources: u32, one_in: u32) -> Traffic {
    Traffic { directives, sources, one_in, phase: Phase::Count }
}

const fn backend(name: &'static str, traffic: Traffic, rate: u32, ratio: f64) -> Workload {
    let bar = Bar { ratio: Some(ratio), micros_per_backlog: None, eps: None };
    Workload { name, target: Target::Backend, form: Form::Nats, traffic, later: ":1", counts: 1, rate, bar }
}

const fn frontend(name: &'static str, form: Form, rate: u32, bar: Bar) -> Workload {
    let (target, traffic) = (Target::Frontend, traffic(0, 0, 0));
    Workload { name, target, form, traffic, later: ":1", counts: 0, rate, bar }
}

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Workload> {
    let batches = Bar { ratio: Some(1.0), eps: Some(100_000.0), ..Bar::default() };
    let single = Bar { ratio: Some(3.3), ..Bar::default() };
    vec![
        backend("backend, 1,000 directives, 1 in 10 matches", traffic(1_000, 10, 10), 50_000, 1.5),
        backend("backend, 20,000 directives, 1 in 10 matches", traffic(20_000, 10, 10), 50_000, 1.5),
        backend("backend, 1,000 directives, none matches", traffic(1_000, 0, 0), 50_000, 0.8),
        backend("backend, 20,000 backlogs of one directive", traffic(1, 20_000, 1), 20_000, 3.0),
        Workload {
            later: "ANY",
            counts: 1_000,
            bar: Bar { micros_per_backlog: Some(2.0), ..Bar::default() },
            ..backend("backend, each event counts in 1,000 backlogs", traffic(1, 1_000, 1), 100, 0.0)
        },
        frontend("frontend, arrays of 100", Form::Array, 110_000, batches),
        frontend("frontend, NDJSON of 100", Form::Ndjson, 110_000, batches),
        frontend("frontend, single events, 64 connections", Form::Single, 20_000, single),
        Workload {
            target: Target::Standalone,
            form: Form::Array,
            bar: Bar { eps: Some(120_000.0), ..Bar::default() },
            ..backend(
                "dsiem serve, arrays of 100, 1,000 directives, 1 in 10 matches",
                traffic(1_000, 10, 10),
                132_000,
                0.0,
            )
        },
    ]
}

/// What `--list` says.
pub(crate) fn list() -> String {
    all().iter().fold(String::new(), |mut text, workload| {
        writeln!(text, "{} ({} events a second)", workload.name, workload.rate)
            .expect("a text takes what is written");
        text
    })
}
