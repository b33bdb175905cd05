//! What was measured, as a table that also Markdown takes.

use crate::case::{Case, Figures};
use crate::cases::Row;
use crate::usage::PARTS;

const HEAD: [&str; 9] =
    ["case", "open backlogs", "events", "events/s", "us/event", "of which", "a core", "RSS MiB", "bar"];

/// The rows, aligned.
pub(crate) fn render(rows: &[(&Row, Figures)]) -> String {
    let lines: Vec<_> = std::iter::once(HEAD.map(ToOwned::to_owned))
        .chain(rows.iter().map(|(row, f)| cells(row, f)))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; HEAD.len()] = std::array::from_fn(width);
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

fn cells(row: &Row, figures: &Figures) -> [String; HEAD.len()] {
    let a_core = 1_000_000.0 / figures.micros();
    let bar = row.bar.map_or(String::new(), |bar| {
        format!(">= {bar} a core {}", if a_core >= f64::from(bar) { "ok" } else { "under" })
    });
    [
        row.name.to_owned(),
        figures.backlogs.to_string(),
        figures.events.to_string(),
        format!("{:.0}", eps(figures)),
        format!("{:.2}", figures.micros()),
        parts(figures),
        format!("{a_core:.0}"),
        memory(&row.case, figures),
        bar,
    ]
}

#[expect(clippy::cast_precision_loss, reason = "no case has so many events")]
fn eps(figures: &Figures) -> f64 {
    figures.events as f64 / figures.wall_secs
}

fn parts(figures: &Figures) -> String {
    let of = |part| Some(format!("{part} {:.2}", figures.micros_of(*figures.nanos.get(part)?)));
    PARTS.iter().filter_map(|(_, part)| of(*part)).collect::<Vec<_>>().join(", ")
}

/// With the backlogs open; and what one of them takes, where they are many.
fn memory(case: &Case, figures: &Figures) -> String {
    let mib = figures.open_kib / 1_024;
    if figures.backlogs < 10_000 || case.directives > 1 {
        return mib.to_string();
    }
    let each = figures.open_kib.saturating_sub(figures.empty_kib) * 1_024 / figures.backlogs;
    format!("{mib} ({each} bytes a backlog)")
}
