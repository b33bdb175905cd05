//! Flat: many events through a backend in which backlogs open and expire all the time, and its memory along the way.
//!
//! Events carry receipt times of their own, which begin now and run ahead of the clock, so that hours of them pass in
//! minutes and backlogs expire by what the events say. What is written is checked and removed part by part.

use anyhow::Context as _;

use crate::books;
use crate::load::Load;
use crate::stage::{Account, Stage, as_float};
use crate::table::aligned;
use crate::traffic::now_nanos;
use crate::usage::Memory;
use crate::workloads::Workload;

const MILLION: u64 = 1_000_000;

/// Events of one part.
const PART: u64 = MILLION / 4;

/// After how many millions of events memory is noted, and after the last one.
const NOTED: [u64; 6] = [1, 2, 5, 10, 20, 50];

/// Memory may be so many times what it was after the second million: before, the window in which event ids are remembered
/// has not been full twice.
const BAR: f64 = 1.1;

/// What was found after so many events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    events: u64,
    lost: u64,
    out_of_order: u64,
    opened: u64,
    open: u64,
    memory: Memory,
    micros: f64,
}

/// Sends `millions` million events.
pub(crate) async fn run(workload: &Workload, millions: u64) -> anyhow::Result<Vec<Sample>> {
    let stage = Stage::set(workload, None).await?;
    let (events, start_nanos) = (millions * MILLION, Some(now_nanos()));
    let (mut account, mut samples) = (Account::EMPTY, vec![sample(&stage, 0).await?]);
    let (mut lost, mut out_of_order) = (0, 0);
    for first in (0..events).step_by(usize::try_from(PART).unwrap_or(1)) {
        let plan = stage.plan(workload.form, workload.traffic, workload.rate, PART)?;
        stage.send(&Load { first, start_nanos, ..plan }, &mut account).await?;
        let sent = first + PART;
        let counted = check_and_remove(&stage)?;
        let concerned = workload.traffic.concerned(sent) - workload.traffic.concerned(first);
        lost += concerned.saturating_sub(counted.events);
        out_of_order += counted.out_of_order;
        if sent == events || (sent.is_multiple_of(MILLION) && NOTED.contains(&(sent / MILLION))) {
            let lost = lost.max(sent.saturating_sub(account.arrived));
            let micros = account.micros();
            samples.push(Sample { lost, out_of_order, micros, ..sample(&stage, sent).await? });
        }
    }
    Ok(samples)
}

async fn sample(stage: &Stage, events: u64) -> anyhow::Result<Sample> {
    let http = &stage.node.http;
    let (opened, open) = (http.metric("dsiem_pairs_opened_total").await, http.metric("dsiem_backlogs").await);
    let memory = Memory::of(stage.node.program.id())?;
    Ok(Sample { events, lost: 0, out_of_order: 0, opened, open, memory, micros: 0.0 })
}

/// Looks into the alarm-event file of a backend that has nothing left to do, and removes both files, as an operator may.
fn check_and_remove(stage: &Stage) -> anyhow::Result<books::Counted> {
    let events = stage.log("siem_alarm_events.json");
    let counted = books::counted(&events)?;
    for path in [events, stage.log("siem_alarms.json")] {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(counted)
}

/// Whether something was lost or out of order.
pub(crate) fn is_wrong(samples: &[Sample]) -> bool {
    samples.iter().any(|sample| sample.lost > 0 || sample.out_of_order > 0)
}

/// A table of its own, and whether memory is where it was.
pub(crate) fn render(samples: &[Sample]) -> String {
    let head = ["events", "lost", "out of order", "backlogs opened", "open", "us/event", "RSS MiB", "peak"];
    let row = |sample: &Sample| {
        vec![
            sample.events.to_string(),
            sample.lost.to_string(),
            sample.out_of_order.to_string(),
            sample.opened.to_string(),
            sample.open.to_string(),
            format!("{:.2}", sample.micros),
            sample.memory.resident_mib.to_string(),
            sample.memory.peak_mib.to_string(),
        ]
    };
    let table = aligned(&head, samples.iter().map(row)).unwrap_or_default();
    let resident = |sample: Option<&Sample>| sample.map_or(1.0, |s| as_float(s.memory.resident_mib.max(1)));
    let early = samples.get(2).or(samples.last());
    let times = resident(samples.last()) / resident(early);
    let said = if times <= BAR { "ok" } else { "over" };
    let after = early.map_or(0, |sample| sample.events);
    format!(
        "{table}\nAt the end, {times:.2} <= {BAR} times the resident memory after {after} events: {said}\n"
    )
}
