//! One workload from start to end: programs up, backlogs open, floors and loads in turn, and the books.

use std::time::Duration;

use anyhow::Context as _;
use dsiem_tests::lookup::LookUp;

use crate::books;
use crate::latency::{Follower, Latency, read_times};
use crate::load::{Form, Load};
use crate::stage::{Account, Stage, as_float};
use crate::table::{Row, Without};
use crate::usage::{Memory, writes_of_thread};
use crate::workloads::{Kind, Workload};

/// A load is sent in so many parts at least, with a floor before, between and behind them, so that what else happens on
/// the machine meets both. Longer ones are sent in parts of a second.
const PARTS: u64 = 5;

/// How long a slow look-up service takes.
const SLOW: Duration = Duration::from_secs(5);

/// The thread that writes the alarm files.
const WRITER: &str = "alarm-log";

/// Runs one workload with `seconds` of load.
pub(crate) async fn measure(workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
    let run = async {
        match workload.kind {
            Kind::Cost => cost(workload, seconds).await,
            Kind::Latency => latency(workload, seconds).await,
            Kind::SlowLookUps => slow_look_ups(workload, seconds).await,
            Kind::Flat => anyhow::bail!("it has a table of its own"),
        }
    };
    run.await.context(workload.name)
}

/// What an event costs, beside the floor.
async fn cost(workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
    let stage = Stage::set(workload, None).await?;
    stage.open_backlogs().await?;
    let (mut run, mut floors) = (Run::begin(workload, &stage)?, vec![stage.floor(workload).await?]);
    let (mut micros, mut ratios) = (Vec::new(), Vec::new());
    for load in parts(&stage, workload, seconds)? {
        let before = run.account;
        stage.send(&load, &mut run.account).await?;
        floors.push(stage.floor(workload).await?);
        let around = &floors[floors.len() - 2..];
        micros.push((run.account.cpu_micros - before.cpu_micros) / as_float(load.events));
        ratios.extend(micros.last().map(|micros| 2.0 * micros / (around[0] + around[1])));
    }
    let mut row = run.end()?;
    // Medians, so that one part in which the machine was busy decides nothing.
    (row.micros, row.floor_micros, row.ratio) = (median(micros), Some(median(floors)), Some(median(ratios)));
    Ok(row)
}

/// How long it takes from the request to the alarm line.
async fn latency(workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
    let stage = Stage::set(workload, None).await?;
    stage.open_backlogs().await?;
    let mut run = Run::begin(workload, &stage)?;
    let times = stage.log("times");
    let load = Load { times: Some(times.clone()), ..whole(&stage, workload, seconds)? };
    let follower = Follower::start(stage.log("siem_alarm_events.json"));
    stage.send(&load, &mut run.account).await?;
    let lines = follower.seen()?;
    let mut row = run.end()?;
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    anyhow::ensure!(count == row.lines, "saw {count} of {} lines appear", row.lines);
    row.latency = Some(Latency::of(read_times(&times)?, &lines, workload.form.batch())?);
    Ok(row)
}

/// The same load on two stages in turn: one has a look-up service that is slow, the other has none.
async fn slow_look_ups(workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
    let service = LookUp::start(Some("known attacker")).await;
    service.set_delay(SLOW);
    let without = Stage::set(workload, None).await?;
    let with = Stage::set(workload, Some(service)).await?;
    let (mut run, mut account) = (Run::begin(workload, &with)?, Account::EMPTY);
    let pairs = parts(&with, workload, seconds)?.into_iter().zip(parts(&without, workload, seconds)?);
    for (load_with, load_without) in pairs {
        without.send(&load_without, &mut account).await?;
        with.send(&load_with, &mut run.account).await?;
    }
    let mut row = run.end()?;
    row.without = Some(Without { eps: account.eps(), micros: account.micros() });
    Ok(row)
}

/// All events of a workload as one load.
fn whole(stage: &Stage, workload: &Workload, seconds: u32) -> anyhow::Result<Load> {
    let events = u64::from(workload.rate) * u64::from(seconds);
    stage.plan(workload.form, workload.traffic, workload.rate, events.next_multiple_of(workload.form.batch()))
}

/// The same in parts, one behind the other.
fn parts(stage: &Stage, workload: &Workload, seconds: u32) -> anyhow::Result<Vec<Load>> {
    let whole = whole(stage, workload, seconds)?;
    let each = (whole.events / PARTS.max(seconds.into())).next_multiple_of(workload.form.batch()).max(1);
    let firsts = (0..whole.events).step_by(usize::try_from(each).unwrap_or(1));
    Ok(firsts.map(|first| Load { first, events: each.min(whole.events - first), ..whole.clone() }).collect())
}

/// A measurement that goes on.
struct Run<'a> {
    workload: &'a Workload,
    stage: &'a Stage,
    account: Account,
    before: Memory,
    writes_before: u64,
}

impl<'a> Run<'a> {
    fn begin(workload: &'a Workload, stage: &'a Stage) -> anyhow::Result<Self> {
        let pid = stage.node.program.id();
        let (before, writes_before) = (Memory::of(pid)?, writes_of_thread(pid, WRITER)?);
        Ok(Self { workload, stage, account: Account::EMPTY, before, writes_before })
    }

    /// Looks into the books.
    fn end(self) -> anyhow::Result<Row> {
        let Self { workload, stage, account, before, writes_before } = self;
        let Account { events, refused, .. } = account;
        let pid = stage.node.program.id();
        let concerned = workload.traffic.concerned(events);
        let counted = books::counted(&stage.log("siem_alarm_events.json"))?;
        let documents = books::documents(&stage.log("siem_alarms.json"))?;
        let expected = if workload.rules.writes_documents() { concerned } else { 0 };
        let missing = (concerned * workload.counts)
            .saturating_sub(counted.events)
            .max(expected.saturating_sub(documents))
            .max(events.saturating_sub(account.arrived));
        Ok(Row {
            workload: *workload,
            events,
            reached_eps: account.eps(),
            lost: missing,
            out_of_order: workload.form.keeps_order().then_some(counted.out_of_order),
            refused,
            micros: account.micros(),
            floor_micros: None,
            ratio: None,
            loaded_in: stage.loaded_in,
            loaded_mib: stage.loaded_mib,
            before,
            after: Memory::of(pid)?,
            lines: counted.events + documents,
            writes: writes_of_thread(pid, WRITER)?.saturating_sub(writes_before),
            latency: None,
            without: None,
        })
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

impl Form {
    /// Several connections have no order between them.
    fn keeps_order(self) -> bool {
        self.connections() == 1
    }
}
