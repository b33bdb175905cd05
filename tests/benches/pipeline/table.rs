//! The tables: what each workload cost, beside the floor and the bar, and how long it took.

use std::time::Duration;

use serde_json::{Value, json};

use crate::latency::Latency;
use crate::stage::as_float;
use crate::usage::Memory;
use crate::workloads::Workload;

/// What a workload should cost at most, or reach at least. What is not given has no bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    /// CPU time of an event, over that of the floor.
    pub(crate) ratio: Option<f64>,
    /// That ratio, over that of another workload.
    pub(crate) times_of: Option<(&'static str, f64)>,
    /// CPU microseconds of an event for each backlog that counts it.
    pub(crate) micros_per_backlog: Option<f64>,
    /// Events a second at least.
    pub(crate) eps: Option<f64>,
    /// Of what is reached without slow look-ups, so much at least.
    pub(crate) of_without: Option<f64>,
    /// Seconds from the start until ready.
    pub(crate) load_secs: Option<f64>,
    /// Resident memory when ready.
    pub(crate) loaded_mib: Option<u64>,
    /// Resident memory after the load.
    pub(crate) resident_mib: Option<u64>,
    /// The most resident memory ever.
    pub(crate) peak_mib: Option<u64>,
    /// Alarm lines of one write at least.
    pub(crate) lines_per_write: Option<f64>,
}

impl Bar {
    /// No bar at all.
    pub(crate) const NONE: Self = Self {
        ratio: None,
        times_of: None,
        micros_per_backlog: None,
        eps: None,
        of_without: None,
        load_secs: None,
        loaded_mib: None,
        resident_mib: None,
        peak_mib: None,
        lines_per_write: None,
    };
}

/// What was measured of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Which one.
    pub(crate) workload: Workload,
    /// Events that were sent, and answered with 200 where something answers.
    pub(crate) events: u64,
    /// Events a second, from the first one sent to the last one handled.
    pub(crate) reached_eps: f64,
    /// Events that did not arrive, or were not counted where they should, or have not the alarm document they should.
    pub(crate) lost: u64,
    /// Events that were counted behind one that was sent later; `None` where there is no order.
    pub(crate) out_of_order: Option<u64>,
    /// Requests that had to be sent again because the server was busy.
    pub(crate) refused: u64,
    /// CPU microseconds of the process for each event.
    pub(crate) micros: f64,
    /// The same of the floor, in the same run.
    pub(crate) floor_micros: Option<f64>,
    /// One over the other, where the floor is that of right before and right after.
    pub(crate) ratio: Option<f64>,
    /// From the start of the process until it was ready.
    pub(crate) loaded_in: Duration,
    /// Resident memory then.
    pub(crate) loaded_mib: u64,
    /// Memory before the load.
    pub(crate) before: Memory,
    /// Memory after it.
    pub(crate) after: Memory,
    /// Lines in both alarm files.
    pub(crate) lines: u64,
    /// Writes that they took.
    pub(crate) writes: u64,
    /// How long it took to the alarm line.
    pub(crate) latency: Option<Latency>,
    /// The same without slow look-ups.
    pub(crate) without: Option<Without>,
}

/// What a workload reaches without what makes it slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Without {
    /// Events a second.
    pub(crate) eps: f64,
    /// CPU microseconds of the process for each event.
    pub(crate) micros: f64,
}

impl Row {
    /// Whether events were lost or out of order, which no noise of the machine excuses.
    pub(crate) fn is_wrong(&self) -> bool {
        self.lost > 0 || self.out_of_order.is_some_and(|wrong| wrong > 0)
    }

    /// The bars with what became of them.
    fn verdict(&self, rows: &[Self]) -> String {
        if self.is_wrong() {
            return "lost or out of order".to_owned();
        }
        let bar = &self.workload.bar;
        let mut parts = Vec::new();
        parts.extend(bar.ratio.zip(self.ratio).map(|(bar, it)| format!("<= {bar} {}", at_most(it, bar))));
        parts.extend(bar.times_of.map(|(name, bar)| self.verdict_beside(name, bar, rows)));
        parts.extend(bar.micros_per_backlog.map(|bar| {
            let each = self.micros / as_float(self.workload.counts);
            format!("{each:.2} <= {bar} us/backlog {}", at_most(each, bar))
        }));
        parts.extend(bar.eps.map(|bar| format!(">= {bar} EPS {}", at_least(self.reached_eps, bar))));
        parts.extend(bar.of_without.zip(self.without).map(|(bar, Without { eps, micros })| {
            let part = self.reached_eps / eps;
            let verdict = at_least(part, bar);
            format!("{part:.2} >= {bar} of {eps:.0} EPS ({micros:.2} us) without {verdict}")
        }));
        parts.extend(bar.load_secs.map(|bar| {
            let secs = self.loaded_in.as_secs_f64();
            format!("ready in {secs:.1} <= {bar} s {}", at_most(secs, bar))
        }));
        let mib = |what: &str, it: u64, bar: Option<u64>| {
            bar.map(|bar| format!("{what} {it} <= {bar} MiB {}", at_most(as_float(it), as_float(bar))))
        };
        parts.extend(mib("then", self.loaded_mib, bar.loaded_mib));
        parts.extend(mib("RSS", self.after.resident_mib, bar.resident_mib));
        parts.extend(mib("peak", self.after.peak_mib, bar.peak_mib));
        parts.extend(bar.lines_per_write.map(|bar| {
            let lines = as_float(self.lines) / as_float(self.writes.max(1));
            format!("{lines:.1} >= {bar} lines a write {}", at_least(lines, bar))
        }));
        parts.join(", ")
    }

    fn verdict_beside(&self, name: &str, bar: f64, rows: &[Self]) -> String {
        let other = rows.iter().find(|row| row.workload.name == name).and_then(|row| row.ratio);
        match self.ratio.zip(other) {
            Some((ratio, other)) => {
                format!("{:.2} <= {bar} times \"{name}\" {}", ratio / other, at_most(ratio / other, bar))
            }
            None => format!("<= {bar} times \"{name}\", not in this run"),
        }
    }

    /// Where nothing matches, nothing counts.
    fn order(&self) -> String {
        match self.out_of_order {
            Some(0) if self.workload.traffic.one_in > 0 => "ok".to_owned(),
            None | Some(0) => "-".to_owned(),
            Some(wrong) => format!("{wrong} wrong"),
        }
    }

    /// What both tables begin with.
    fn head(&self) -> Vec<String> {
        vec![
            self.workload.name.to_owned(),
            self.workload.rate.to_string(),
            format!("{:.0}", self.reached_eps),
            self.events.to_string(),
            self.lost.to_string(),
            self.order(),
            self.refused.to_string(),
            format!("{:.2}", self.micros),
        ]
    }

    fn costs(&self, rows: &[Self]) -> Vec<String> {
        let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
        let mut cells = self.head();
        cells.extend([figure(self.floor_micros), figure(self.ratio), self.verdict(rows)]);
        let (before, after) = (self.before, self.after);
        cells.extend([before.resident_mib, after.resident_mib, after.peak_mib].map(|mib| mib.to_string()));
        cells
    }

    fn latencies(&self, latency: &Latency) -> Vec<String> {
        let mut cells = self.head();
        let Latency { p50, p99, p999, max } = latency;
        cells.extend([p50, p99, p999, max].map(|millis| format!("{millis:.2}")));
        cells
    }

    /// For other programs.
    pub(crate) fn json(&self, rows: &[Self]) -> Value {
        let latency = self
            .latency
            .map(|Latency { p50, p99, p999, max }| json!({"p50": p50, "p99": p99, "p999": p999, "max": max}));
        json!({"workload": self.workload.name, "rate": self.workload.rate, "reached_eps": self.reached_eps,
               "events": self.events, "lost": self.lost, "out_of_order": self.out_of_order, "again": self.refused,
               "micros": self.micros, "floor_micros": self.floor_micros, "ratio": self.ratio,
               "bar": self.verdict(rows), "ready_secs": self.loaded_in.as_secs_f64(), "ready_mib": self.loaded_mib,
               "before_mib": self.before.resident_mib, "after_mib": self.after.resident_mib,
               "peak_mib": self.after.peak_mib, "lines": self.lines, "writes": self.writes,
               "without_eps": self.without.map(|without| without.eps), "latency_ms": latency})
    }
}

fn at_most(it: f64, bar: f64) -> &'static str {
    if it <= bar { "ok" } else { "over" }
}

fn at_least(it: f64, bar: f64) -> &'static str {
    if it >= bar { "ok" } else { "under" }
}

const HEAD: [&str; 8] = ["workload", "rate", "reached", "events", "lost", "order", "again", "us/event"];
const COSTS: [&str; 6] = ["floor", "ratio", "bar", "RSS before", "RSS MiB", "peak"];
const LATENCIES: [&str; 4] = ["p50 ms", "p99 ms", "p99.9 ms", "max ms"];

/// All rows: those of costs, then those of latencies.
pub(crate) fn render(rows: &[Row]) -> String {
    let costs = rows.iter().filter(|row| row.latency.is_none()).map(|row| row.costs(rows));
    let latencies = rows.iter().filter_map(|row| Some(row.latencies(row.latency.as_ref()?)));
    let tables = [
        aligned(&[&HEAD[..], &COSTS].concat(), costs),
        aligned(&[&HEAD[..], &LATENCIES].concat(), latencies),
    ];
    tables.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// A table that also Markdown takes; `None` without rows.
pub(crate) fn aligned(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        if place == 0 {
            let rules: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            text += &format!("|{}|\n", rules.join("|"));
        }
    }
    (lines.len() > 1).then_some(text)
}
