//! One workload from start to end: programs up, backlogs open, floor, load, floor, and the books.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;

use crate::load::{Form, Load};
use crate::order::{self, Counted};
use crate::own;
use crate::table::Row;
use crate::traffic::{Phase, Traffic, directive_file};
use crate::usage::{Cpu, resident_mib};
use crate::workloads::{Target, Workload};

/// Events a second while backlogs are opened.
const OPENING_RATE: u32 = 20_000;

/// The floor is never measured at less, where it would mostly be waking up.
const MIN_FLOOR_RATE: u32 = 20_000;

/// Of how many seconds of load one figure of the floor is.
const FLOOR_SECS: u32 = 2;

/// When the books have not changed for so long, what is missing is lost.
const QUIET: Duration = Duration::from_secs(5);

/// How often the books are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A consumer that was to count what is delivered has ended by then.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);

/// The processes of a workload; those behind `node` only have to be there.
struct Stage {
    node: Node,
    nats: NatsServer,
    _frontend: Option<Node>,
}

/// Runs one workload with `seconds` of load.
pub(crate) async fn measure(workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
    let stage = Stage::set(workload).await;
    stage.open_backlogs(workload).await?;
    let before = [stage.floor(workload).await?, stage.floor(workload).await?];
    let mut row = stage.load(workload, seconds).await?;
    let mut floors = [before[0], before[1], stage.floor(workload).await?];
    floors.sort_by(f64::total_cmp);
    row.floor_micros = floors[1];
    Ok(row)
}

impl Stage {
    async fn set(workload: &Workload) -> Self {
        let nats = NatsServer::start().await;
        let directives = directive_file(workload.traffic.directives.max(1), workload.later);
        let (node, frontend) = match workload.target {
            Target::Standalone => (Node::standalone(Setup::new(&directives)).await, None),
            Target::Frontend => {
                (Node::frontend(&nats, "fe-1", Setup::default().with_default_assets()).await, None)
            }
            Target::Backend => {
                let files = Setup::default().with_default_assets().directives_of("be-1", &directives);
                let frontend = Node::frontend(&nats, "fe-1", files).await;
                (Node::backend(&nats, &frontend, "be-1", Setup::default()).await, Some(frontend))
            }
        };
        Self { node, nats, _frontend: frontend }
    }

    /// A load on what is measured.
    fn plan(&self, workload: &Workload, traffic: Traffic, rate: u32, events: u64) -> anyhow::Result<Load> {
        let port = if workload.form == Form::Nats { self.nats_port()? } else { self.node.http.port() };
        Ok(Load { port, form: workload.form, rate, events, to_floor: false, traffic })
    }

    fn nats_port(&self) -> anyhow::Result<u16> {
        let url = self.nats.url();
        url.rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .context("the address of NATS ends with a port")
    }

    async fn open_backlogs(&self, workload: &Workload) -> anyhow::Result<()> {
        let backlogs = workload.traffic.backlogs();
        if backlogs == 0 {
            return Ok(());
        }
        let load = self.plan(workload, workload.traffic.opening(), OPENING_RATE, backlogs)?;
        own::send(&load).await?;
        let opened = self.wait_for("dsiem_pairs_opened_total", backlogs).await;
        anyhow::ensure!(opened == backlogs, "{}: only {opened} of {backlogs} backlogs opened", workload.name);
        self.settled_cpu().await?;
        Ok(())
    }

    /// What the floor takes for an event, in CPU microseconds.
    async fn floor(&self, workload: &Workload) -> anyhow::Result<f64> {
        let rate = workload.rate.max(MIN_FLOOR_RATE);
        let (port, events) = (self.nats_port()?, u64::from(rate * FLOOR_SECS));
        let traffic = Traffic { phase: Phase::Count, ..workload.traffic };
        let load = Load { port, form: Form::Nats, rate, events, to_floor: true, traffic };
        let mut consumer = own::consumer(port, events, false).await?;
        let before = consumer.cpu()?;
        own::send(&load).await?;
        let taken =
            tokio::time::timeout(DELIVERED_WITHIN, consumer.line()).await.context("the floor hangs")??;
        anyhow::ensure!(taken == events.to_string(), "the floor got {taken} of {events} events");
        Ok(consumer.cpu()?.micros_since(before) / as_float(events))
    }

    async fn load(&self, workload: &Workload, seconds: u32) -> anyhow::Result<Row> {
        let events = u64::from(workload.rate) * u64::from(seconds);
        let events = events.next_multiple_of(workload.form.batch());
        let load = self.plan(workload, workload.traffic, workload.rate, events)?;
        let mut delivered = match workload.target {
            Target::Frontend => Some(own::consumer(self.nats_port()?, events, true).await?),
            Target::Backend | Target::Standalone => None,
        };
        let concerned = workload.traffic.concerned(events);
        let before = self.cpu()?;
        let sent = own::send(&load).await?;
        let sent_at = Instant::now();
        let arrived = match &mut delivered {
            Some(consumer) => {
                let line = tokio::time::timeout(DELIVERED_WITHIN, consumer.line()).await;
                line.context("nothing was delivered")??.parse().context("not a number")?
            }
            None => self.wait_for_books(workload, sent.events, concerned).await,
        };
        let took = sent.took + sent_at.elapsed();
        let cpu = self.settled_cpu().await?.micros_since(before);
        let resident_mib = resident_mib(self.node.program.id())?;
        let counted = if delivered.is_none() { order::counted(&self.node) } else { Counted::default() };
        let missing = (concerned * workload.counts).saturating_sub(counted.events);
        Ok(Row {
            workload: *workload,
            events: sent.events,
            reached_eps: as_float(sent.events) / took.as_secs_f64(),
            lost: sent.events.saturating_sub(arrived).max(missing),
            out_of_order: if workload.form == Form::Nats { counted.out_of_order } else { 0 },
            refused: sent.refused,
            micros: cpu / as_float(sent.events),
            floor_micros: 0.0,
            resident_mib,
        })
    }

    /// Waits until everything sent was received, and what concerned a directive taken; returns how many were received.
    async fn wait_for_books(&self, workload: &Workload, sent: u64, concerned: u64) -> u64 {
        let before = workload.traffic.backlogs();
        let received = self.wait_for("dsiem_events_received_total", before + sent).await;
        self.wait_for("dsiem_pairs_consumed_total", concerned).await;
        received.saturating_sub(before)
    }

    /// Waits until a metric is as high as it should be or rises no more, and returns it.
    async fn wait_for(&self, metric: &str, expected: u64) -> u64 {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let now = self.node.http.metric(metric).await;
            if now >= expected || (now == last && since.elapsed() > QUIET) {
                return now;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn cpu(&self) -> anyhow::Result<Cpu> {
        Cpu::of(self.node.program.id())
    }

    /// What the program has used once it has nothing left to do, such as lines to write.
    async fn settled_cpu(&self) -> anyhow::Result<Cpu> {
        let (begun, mut last) = (Instant::now(), self.cpu()?);
        loop {
            tokio::time::sleep(4 * LOOK_EVERY).await;
            let now = self.cpu()?;
            if now.micros_since(last) == 0.0 || begun.elapsed() > QUIET {
                return Ok(now);
            }
            last = now;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run sends so many events")]
fn as_float(count: u64) -> f64 {
    count as f64
}
