//! The table: what each workload cost, beside the floor and the bar.

use crate::load::Form;
use crate::workloads::{Bar, Workload};

const HEAD: [&str; 12] = [
    "workload", "rate", "reached", "events", "lost", "order", "again", "us/event", "floor", "ratio", "bar",
    "RSS MiB",
];

/// What was measured of a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Which one.
    pub(crate) workload: Workload,
    /// Events that were sent, and answered with 200 where something answers.
    pub(crate) events: u64,
    /// Events a second, from the first one sent to the last one handled.
    pub(crate) reached_eps: f64,
    /// Events that did not arrive, or were not counted where they should.
    pub(crate) lost: u64,
    /// Events that were counted behind one that was sent later.
    pub(crate) out_of_order: u64,
    /// Requests that had to be sent again because the server was busy.
    pub(crate) refused: u64,
    /// CPU microseconds of the process for each event.
    pub(crate) micros: f64,
    /// The same of the floor, in the same run.
    pub(crate) floor_micros: f64,
    /// Resident memory after the load.
    pub(crate) resident_mib: u64,
}

impl Row {
    /// Whether events were lost or out of order, which no noise of the machine excuses.
    pub(crate) fn is_wrong(&self) -> bool {
        self.lost > 0 || self.out_of_order > 0
    }

    fn ratio(&self) -> f64 {
        self.micros / self.floor_micros
    }

    /// The bars with what became of them.
    fn verdict(&self) -> String {
        if self.is_wrong() {
            return "lost or out of order".to_owned();
        }
        let Bar { ratio, micros_per_backlog, eps } = self.workload.bar;
        let mut parts = Vec::new();
        if let Some(bar) = ratio {
            parts.push(format!("<= {bar} {}", said(self.ratio() <= bar)));
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand backlogs")]
        if let Some(bar) = micros_per_backlog {
            let each = self.micros / self.workload.counts as f64;
            parts.push(format!("{each:.2} <= {bar} us/backlog {}", said(each <= bar)));
        }
        if let Some(bar) = eps {
            parts.push(format!(">= {bar} EPS {}", if self.reached_eps >= bar { "ok" } else { "under" }));
        }
        parts.join(", ")
    }

    /// Several connections have no order between them, and where nothing matches, nothing counts.
    fn order(&self) -> String {
        match self.out_of_order {
            _ if self.workload.form != Form::Nats || self.workload.traffic.one_in == 0 => "-".to_owned(),
            0 => "ok".to_owned(),
            wrong => format!("{wrong} wrong"),
        }
    }

    fn cells(&self) -> [String; 12] {
        [
            self.workload.name.to_owned(),
            self.workload.rate.to_string(),
            format!("{:.0}", self.reached_eps),
            self.events.to_string(),
            self.lost.to_string(),
            self.order(),
            self.refused.to_string(),
            format!("{:.2}", self.micros),
            format!("{:.2}", self.floor_micros),
            format!("{:.2}", self.ratio()),
            self.verdict(),
            self.resident_mib.to_string(),
        ]
    }
}

fn said(kept: bool) -> &'static str {
    if kept { "ok" } else { "over" }
}

/// All rows, aligned, as a table that also Markdown takes.
pub(crate) fn render(rows: &[Row]) -> String {
    let lines: Vec<_> =
        std::iter::once(HEAD.map(ToOwned::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 12] = std::array::from_fn(width);
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let cells: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        if place == 0 {
            text += &format!("|{}|\n", widths.map(|width| "-".repeat(width + 2)).join("|"));
        }
    }
    text
}
