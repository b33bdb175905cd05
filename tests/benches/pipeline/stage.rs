//! The processes of a workload, the loads that are sent to them, and the waiting until they have done their part.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::lookup::LookUp;
use dsiem_tests::nats::NatsServer;
use serde_json::json;
use tempfile::TempDir;

use crate::load::{Form, Load};
use crate::own::{self, Reads};
use crate::traffic::Traffic;
use crate::usage::{Cpu, Memory};
use crate::workloads::{Target, Workload};

/// Events a second while backlogs are opened.
const OPENING_RATE: u32 = 20_000;

/// Events of one load while backlogs are opened: what a load prepares, and what may pile up before it is looked.
const OPENING_EVENTS: u64 = 100_000;

/// The floor is never measured at less, where it would mostly be waking up.
const MIN_FLOOR_RATE: u32 = 20_000;

/// Of how many seconds of load one figure of the floor is.
const FLOOR_SECS: u32 = 1;

/// When the books have not changed for so long, what is missing is lost.
const QUIET: Duration = Duration::from_secs(5);

/// How often the books are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Rest between what was and what is measured.
const REST: Duration = Duration::from_millis(500);

/// A consumer that was to count what is delivered has ended by then.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);

/// The processes of a workload.
pub(crate) struct Stage {
    /// What is measured, or the one of two that writes alarms.
    pub(crate) node: Node,
    nats: NatsServer,
    /// What JetStream keeps is in here.
    _kept: Option<TempDir>,
    frontend: Option<Node>,
    workload: Workload,
    /// From its start until the node was ready.
    pub(crate) loaded_in: Duration,
    /// Resident memory then.
    pub(crate) loaded_mib: u64,
    _look_up: Option<LookUp>,
}

/// What was sent to a stage and measured, load by load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Events that were taken.
    pub(crate) events: u64,
    /// Requests that were refused before.
    pub(crate) refused: u64,
    /// From the first event of each load to the last one handled.
    pub(crate) took: Duration,
    /// CPU time of what is measured.
    pub(crate) cpu_micros: f64,
    /// Events that arrived where they should.
    pub(crate) arrived: u64,
}

impl Account {
    /// Nothing yet.
    pub(crate) const EMPTY: Self =
        Self { events: 0, refused: 0, took: Duration::ZERO, cpu_micros: 0.0, arrived: 0 };

    /// Events a second.
    pub(crate) fn eps(&self) -> f64 {
        as_float(self.events) / self.took.as_secs_f64()
    }

    /// CPU microseconds of an event.
    pub(crate) fn micros(&self) -> f64 {
        self.cpu_micros / as_float(self.events)
    }
}

impl Stage {
    /// Starts what the workload needs; its intel source is `look_up`, if there is one.
    pub(crate) async fn set(workload: &Workload, look_up: Option<LookUp>) -> anyhow::Result<Self> {
        let kept = workload.durable.then(tempfile::tempdir).transpose().context("no temporary folder")?;
        let options =
            kept.as_ref().map(|folder| format!("--jetstream --store_dir {}", folder.path().display()));
        let nats = NatsServer::start_with(&options.unwrap_or_default()).await;
        let durability = if workload.durable { "--durability require" } else { "--durability off" };
        let alarms = if workload.stores_alarms { "" } else { "--alarm-store off" };
        let directives = workload.rules.file(workload.loaded.max(1));
        let mut files = Setup::default().with_default_assets();
        if let Some(look_up) = &look_up {
            files = files.file("intel_test.json", &json!({"intel_sources": [look_up.wise_source("slow")]}));
        }
        let flags = |setup: Setup| setup.flags(workload.flags).flags(durability);
        let mut begun = Instant::now();
        let (node, frontend) = match workload.target {
            Target::Standalone => {
                let setup = flags(files.raw_file("directives_test.json", directives)).flags(alarms);
                (Node::standalone(setup).await, None)
            }
            Target::Frontend => (Node::frontend(&nats, "fe-1", flags(files).flags(alarms)).await, None),
            Target::Backend | Target::Cluster => {
                let files = files.raw_file("directives_be-1.json", directives);
                let frontend = Node::frontend(&nats, "fe-1", files.flags(durability).flags(alarms)).await;
                begun = Instant::now();
                let (url, setup) = (frontend.http.url(), flags(Setup::default()));
                let backend = Node::launch_backend(&nats, url, "be-1", setup).await;
                // From a stream it misses nothing, as soon as there is one.
                if workload.durable {
                    backend.wait_ready().await;
                } else {
                    backend.wait_hearing(&nats).await;
                }
                (backend, Some(frontend))
            }
        };
        let loaded_in = begun.elapsed();
        let loaded_mib = Memory::of(node.program.id())?.resident_mib;
        let workload = *workload;
        Ok(Self { node, nats, _kept: kept, frontend, workload, loaded_in, loaded_mib, _look_up: look_up })
    }

    /// A file of the node that writes alarms.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.node.path("logs").join(name)
    }

    /// A load on what is measured.
    pub(crate) fn plan(&self, form: Form, traffic: Traffic, rate: u32, events: u64) -> anyhow::Result<Load> {
        let port = match &self.frontend {
            _ if form == Form::Nats => self.nats_port()?,
            Some(frontend) => frontend.http.port(),
            None => self.node.http.port(),
        };
        Ok(Load {
            port,
            form,
            rate,
            first: 0,
            events,
            to_floor: false,
            start_nanos: None,
            times: None,
            traffic,
        })
    }

    fn nats_port(&self) -> anyhow::Result<u16> {
        let url = self.nats.url();
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        port.context("the address of NATS ends with a port")
    }

    /// Opens the backlogs that are to be open before the measurement.
    pub(crate) async fn open_backlogs(&self) -> anyhow::Result<()> {
        let traffic = &self.workload.traffic;
        let backlogs = traffic.backlogs();
        let form = if self.workload.form == Form::Nats { Form::Nats } else { Form::Array };
        let mut load = self.plan(form, traffic.opening(), OPENING_RATE, 0)?;
        while load.first < backlogs {
            load.events = OPENING_EVENTS.min(backlogs - load.first);
            own::send(&load).await?;
            load.first += load.events;
            let opened = self.wait_for(&["dsiem_pairs_opened_total"], load.first).await;
            anyhow::ensure!(opened == load.first, "only {opened} of {} backlogs opened", load.first);
        }
        self.wait_for(&["dsiem_alarm_log_events_total"], backlogs).await;
        tokio::time::sleep(REST).await;
        Ok(())
    }

    /// What the floor takes for an event of this traffic, in CPU microseconds.
    pub(crate) async fn floor(&self, workload: &Workload) -> anyhow::Result<f64> {
        let rate = workload.rate.max(MIN_FLOOR_RATE);
        let (port, events) = (self.nats_port()?, u64::from(rate * FLOOR_SECS));
        let load = Load { to_floor: true, ..self.plan(Form::Nats, workload.traffic, rate, events)? };
        let reads = if workload.durable { Reads::ParsesDurable } else { Reads::Parses };
        let mut consumer = own::consumer(port, events, reads).await?;
        let before = consumer.cpu()?;
        own::send(&load).await?;
        let taken =
            tokio::time::timeout(DELIVERED_WITHIN, consumer.line()).await.context("the floor hangs")??;
        anyhow::ensure!(taken == events.to_string(), "the floor got {taken} of {events} events");
        Ok(consumer.cpu()?.micros_since(&before) / as_float(events))
    }

    /// Sends a load, waits until it is handled, and adds it to the account.
    pub(crate) async fn send(&self, load: &Load, account: &mut Account) -> anyhow::Result<()> {
        let mut delivered = match self.workload.target {
            Target::Frontend => Some(own::consumer(self.nats_port()?, load.events, Reads::Counts).await?),
            Target::Backend | Target::Standalone | Target::Cluster => None,
        };
        let before = self.cpu()?;
        let sent = own::send(load).await?;
        let (sent_at, mut handled) = (Instant::now(), None);
        account.events += sent.events;
        account.refused += sent.refused;
        account.arrived = match &mut delivered {
            Some(consumer) => {
                let line = tokio::time::timeout(DELIVERED_WITHIN, consumer.line()).await;
                let line = line.context("nothing was delivered")??;
                account.arrived + line.parse::<u64>().context("not a number")?
            }
            None => self.wait_for_books(account.events, &mut handled).await,
        };
        account.took += sent.took + handled.unwrap_or_else(Instant::now).duration_since(sent_at);
        account.cpu_micros += self.cpu()?.micros_since(&before);
        Ok(())
    }

    /// Waits until everything sent was received, what concerned a directive taken, which it notes, and what is to be
    /// written is in the files; returns how many were received.
    async fn wait_for_books(&self, sent: u64, handled: &mut Option<Instant>) -> u64 {
        let Workload { traffic, rules, counts, .. } = &self.workload;
        let (before, concerned) = (traffic.backlogs(), traffic.concerned(sent));
        let received = self.wait_for(&["dsiem_events_received_total"], before + sent).await;
        self.wait_for(&["dsiem_pairs_opened_total", "dsiem_pairs_consumed_total"], before + concerned).await;
        *handled = Some(Instant::now());
        self.wait_for(&["dsiem_alarm_log_events_total"], before + concerned * counts).await;
        let documents = if rules.writes_documents() { concerned } else { 0 };
        self.wait_for(&["dsiem_alarm_log_alarms_total"], documents).await;
        received.saturating_sub(before)
    }

    /// Waits until the sum of these metrics is as high as it should be or rises no more, and returns it.
    pub(crate) async fn wait_for(&self, names: &[&str], expected: u64) -> u64 {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let metrics = self.node.http.metrics().await;
            let now = names.iter().filter_map(|name| metrics.get(*name)).sum::<f64>();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
            let now = now as u64;
            if now >= expected || (now == last && since.elapsed() > QUIET) {
                return now;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What the programs that are measured have used.
    fn cpu(&self) -> anyhow::Result<Cpu> {
        let cpu = Cpu::of(self.node.program.id())?;
        match &self.frontend {
            Some(frontend) if self.workload.target == Target::Cluster => {
                Ok(cpu.and(Cpu::of(frontend.program.id())?))
            }
            _ => Ok(cpu),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no run sends so many events")]
pub(crate) fn as_float(count: u64) -> f64 {
    count as f64
}
