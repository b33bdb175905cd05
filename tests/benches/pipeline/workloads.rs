//! The workloads, as values: what is loaded and open, what is sent and how fast, and what it may cost.

use std::fmt::Write as _;

use crate::load::Form;
use crate::rules::Rules;
use crate::table::Bar;
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
    /// `dsiem-frontend` and `dsiem-backend` together.
    Cluster,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What an event costs.
    Cost,
    /// How long it takes to the alarm line.
    Latency,
    /// How much less is reached while look-ups are slow.
    SlowLookUps,
    /// Memory, again and again.
    Flat,
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// What `--only` looks at.
    pub(crate) name: &'static str,
    /// Which program.
    pub(crate) target: Target,
    /// What of it.
    pub(crate) kind: Kind,
    /// How events are sent.
    pub(crate) form: Form,
    /// Which events are sent.
    pub(crate) traffic: Traffic,
    /// Directives that are loaded: those that events concern, and others.
    pub(crate) loaded: u32,
    /// What the directives want.
    pub(crate) rules: Rules,
    /// In how many backlogs a concerned event counts.
    pub(crate) counts: u64,
    /// Events a second that are sent.
    pub(crate) rate: u32,
    /// What it may cost.
    pub(crate) bar: Bar,
    /// Whether events are kept until they have been dealt with.
    pub(crate) durable: bool,
    /// Whether the alarm store is on.
    pub(crate) stores_alarms: bool,
    /// What the program is told beside its defaults.
    pub(crate) flags: &'static str,
    /// Whether it takes long, or much memory, and runs only when asked for.
    pub(crate) huge: bool,
}

impl Workload {
    /// Whether these words choose it; none choose all that are not huge.
    pub(crate) fn is_chosen(&self, words: &[String], all: bool) -> bool {
        let by_word = words.iter().any(|word| self.name.contains(word.as_str()));
        by_word || (words.is_empty() && (all || !self.huge))
    }

    const fn flags(self, flags: &'static str) -> Self {
        Self { flags, ..self }
    }

    const fn bar(self, bar: Bar) -> Self {
        Self { bar, ..self }
    }

    const fn huge(self) -> Self {
        Self { huge: true, ..self }
    }
}

/// To the backend, one message an event.
const fn backend(name: &'static str, traffic: Traffic, rate: u32, ratio: f64) -> Workload {
    Workload {
        name,
        target: Target::Backend,
        kind: Kind::Cost,
        form: Form::Nats,
        traffic,
        loaded: traffic.directives,
        rules: Rules::COUNTING,
        counts: 1,
        rate,
        bar: Bar { ratio: Some(ratio), ..Bar::NONE },
        durable: false,
        stores_alarms: true,
        flags: "",
        huge: false,
    }
}

/// The same without a bar for the ratio.
const fn without_ratio(name: &'static str, traffic: Traffic, rate: u32) -> Workload {
    backend(name, traffic, rate, 0.0).bar(Bar::NONE)
}

const fn frontend(name: &'static str, form: Form, rate: u32, bar: Bar) -> Workload {
    let traffic = Traffic::counting(0, 0, 0);
    Workload { target: Target::Frontend, form, counts: 0, bar, ..without_ratio(name, traffic, rate) }
}

const fn standalone(name: &'static str, form: Form, traffic: Traffic, rate: u32) -> Workload {
    Workload { target: Target::Standalone, form, ..without_ratio(name, traffic, rate) }
}

/// 1,000 directives with ten backlogs each, and every event counts in one, so that each has its line.
const fn latency(name: &'static str, target: Target, form: Form, rate: u32) -> Workload {
    let traffic = Traffic::counting(1_000, 10, 1);
    Workload { target, kind: Kind::Latency, ..standalone(name, form, traffic, rate) }
}

/// What a million backlogs are compared with.
const MANY_BACKLOGS: &str = "backend, 20,000 backlogs of one directive";

/// All of them, in the order of the tables.
pub(crate) fn all() -> Vec<Workload> {
    let mut all = cost_of_the_backend();
    all.extend(cost_over_http());
    all.extend(latencies());
    all.push(flat());
    all
}

fn cost_of_the_backend() -> Vec<Workload> {
    let per_backlog = Bar { micros_per_backlog: Some(2.0), ..Bar::NONE };
    let large = Bar { ratio: Some(1.2), load_secs: Some(10.0), loaded_mib: Some(1_024), ..Bar::NONE };
    let million = Bar { resident_mib: Some(4_096), times_of: Some((MANY_BACKLOGS, 1.5)), ..Bar::NONE };
    vec![
        backend("backend, 1,000 directives, 1 in 10 matches", Traffic::counting(1_000, 10, 10), 50_000, 1.5),
        backend(
            "backend, 20,000 directives, 1 in 10 matches",
            Traffic::counting(20_000, 10, 10),
            50_000,
            1.5,
        ),
        // Ten backlogs are open in one directive of ten: more directives than events concern in the time.
        Workload {
            loaded: 100_000,
            ..backend(
                "backend, 100,000 directives, 1 in 100 matches",
                Traffic::counting(10_000, 10, 100),
                20_000,
                1.2,
            )
        }
        .bar(large),
        backend("backend, 1,000 directives, none matches", Traffic::counting(1_000, 0, 0), 50_000, 0.8),
        backend(MANY_BACKLOGS, Traffic::counting(1, 20_000, 1), 20_000, 3.0),
        without_ratio(
            "backend, 1,000,000 backlogs of one directive",
            Traffic::counting(1, 1_000_000, 1),
            20_000,
        )
        .bar(million)
        .flags("--max-backlogs 2000000")
        .huge(),
        Workload {
            rules: Rules { all_active: true, ..Rules::COUNTING },
            ..backend(
                "backend, all_rules_always_active, 20,000 backlogs",
                Traffic { phase: Phase::Again, ..Traffic::counting(1, 20_000, 1) },
                20_000,
                4.0,
            )
        },
        Workload {
            rules: Rules { later: "ANY", ..Rules::COUNTING },
            counts: 1_000,
            ..without_ratio(
                "backend, each event counts in 1,000 backlogs",
                Traffic::counting(1, 1_000, 1),
                100,
            )
        }
        .bar(per_backlog),
        Workload {
            rules: Rules::CLIMBING,
            ..without_ratio("backend, alarm storm, each event completes a stage", climbing(), 10_000)
        }
        .bar(Bar { peak_mib: Some(256), lines_per_write: Some(2.0), ..Bar::NONE }),
    ]
}

fn cost_over_http() -> Vec<Workload> {
    let batches = Bar { ratio: Some(1.0), eps: Some(100_000.0), ..Bar::NONE };
    let single = Bar { ratio: Some(3.3), ..Bar::NONE };
    vec![
        frontend("frontend, arrays of 100", Form::Array, 110_000, batches),
        frontend("frontend, NDJSON of 100", Form::Ndjson, 110_000, batches),
        frontend("frontend, single events, 64 connections", Form::Single, 20_000, single),
        standalone(
            "dsiem serve, arrays of 100, 1,000 directives, 1 in 10 matches",
            Form::Array,
            Traffic::counting(1_000, 10, 10),
            132_000,
        )
        .bar(Bar { eps: Some(120_000.0), ..Bar::NONE }),
        // As fast as it goes: the rate is more than can be reached, and the server holds the only connection up.
        Workload {
            kind: Kind::SlowLookUps,
            rules: Rules::CLIMBING,
            ..standalone(
                "dsiem serve, alarm storm, look-ups of 5 s for half of the alarms",
                Form::InOrder,
                Traffic { half_public: true, ..climbing() },
                40_000,
            )
        }
        .bar(Bar { of_without: Some(0.9), ..Bar::NONE }),
    ]
}

fn latencies() -> Vec<Workload> {
    vec![
        latency("latency, dsiem serve, single events", Target::Standalone, Form::Single, 5_000),
        latency("latency, dsiem serve, arrays of 10", Target::Standalone, Form::Tens, 20_000),
        latency("latency, frontend to backend, single events", Target::Cluster, Form::Single, 5_000),
        latency("latency, frontend to backend, arrays of 10", Target::Cluster, Form::Tens, 20_000),
    ]
}

/// 1,000 sources at a time, each with an alarm of its own that ends with its tenth event.
const fn climbing() -> Traffic {
    Traffic { phase: Phase::Climb, ..Traffic::counting(10, 1_000, 1) }
}

/// Every second event concerns one of 100 directives; 1,000 sources at a time send ten each, and are not heard again.
/// A thousand events are a second of the time that events carry, so each backlog ends a minute later by timeout.
fn flat() -> Workload {
    let traffic = Traffic { phase: Phase::Pass, step_nanos: 1_000_000, ..Traffic::counting(100, 1_000, 2) };
    Workload {
        kind: Kind::Flat,
        rules: Rules { timeout: 60, alarming: true, ..Rules::COUNTING },
        ..without_ratio("backend, flat memory, backlogs open and expire", traffic, 30_000)
    }
    .huge()
}

/// What `--list` says.
pub(crate) fn list() -> String {
    all().iter().fold(String::new(), |mut text, workload| {
        let note = if workload.huge { "; only with --all or when named" } else { "" };
        writeln!(text, "{} ({} events a second{note})", workload.name, workload.rate)
            .expect("a text takes what is written");
        text
    })
}
