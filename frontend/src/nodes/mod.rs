//! The processes of the installation, as a frontend shows them: the newest report of each, how the bus is, and how much
//! has been going on during the last hour.
//!
//! [`Nodes`] is what requests look at; two tasks keep it up to date. Nothing here is kept on disk: after a start it is
//! known again within seconds, but for the hour.

mod board;
mod described;
mod history;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dsiem_runtime::bus::{BacklogAnswer, BacklogAsker, BusState, BusView, ReportReceiver, ReportSender};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::{Counter, Metrics};
use dsiem_runtime::nodes::{Described, NodeKind, Reporter};
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use board::{Board, Figures, OpenByDirective};
pub(crate) use board::{NodeState, Shown};
use history::History;
pub(crate) use history::{Point, STEP};

/// Questions for open backlogs that are asked at the same time; further ones wait for their turn, but not for long.
const ASKED_AT_ONCE: usize = 4;

/// How long a question waits for its turn before it is answered with nothing.
const TURN_LIMIT: Duration = Duration::from_secs(1);

/// What is known of the processes of the installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// By which the report of this process is known.
    run: Arc<str>,
    // A lock, because two tasks write and requests read; held for one report, or for a copy of pointers.
    known: Arc<Mutex<Known>>,
    asker: BacklogAsker,
    asking: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Known {
    board: Board,
    history: History,
    bus: BusState,
}

/// How this process takes part in the installation.
#[derive(Debug)]
pub struct Membership {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub node: String,
    /// What it reports of itself.
    pub described: Described,
    /// Where its reports go, and where those of all processes come out.
    pub reports: (ReportSender, ReportReceiver),
    /// The bus.
    pub bus: BusView,
    /// Whom to ask for open backlogs.
    pub asker: BacklogAsker,
}

/// What backends say of the open backlogs of a directive.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answers: Vec<BacklogAnswer>,
    /// Whether every backend that is there has answered.
    pub(crate) is_complete: bool,
}

impl Default for Nodes {
    /// Nobody is known and nobody is asked.
    fn default() -> Self {
        Self::new("", BacklogAsker::Nobody)
    }
}

impl Nodes {
    fn new(run: &str, asker: BacklogAsker) -> Self {
        Self {
            run: run.into(),
            known: Arc::default(),
            asker,
            asking: Arc::new(Semaphore::new(ASKED_AT_ONCE)),
        }
    }

    /// Begins to report on this process, and to keep what all of them report.
    #[must_use]
    pub fn start(
        membership: Membership,
        clock: &Clock,
        metrics: &Metrics,
        readiness: &Readiness,
        shutdown: &Shutdown,
    ) -> Self {
        let Membership { kind, node, described, reports: (sender, reports), bus, asker } = membership;
        let reporter = Reporter::new((kind, node), described, clock, (metrics, readiness), sender);
        let nodes = Self::new(reporter.run_id(), asker);
        shutdown.spawn_service("node reports", reporter.run());
        let help = "Reports of processes that were not taken, by reason";
        let no_room = metrics.counter_by("dsiem_node_reports_refused", help, "reason").with("no_room");
        shutdown.spawn_service("node board", nodes.clone().follow(reports, clock.clone(), no_room));
        shutdown.spawn_service("bus state", nodes.clone().watch(bus));
        nodes
    }

    async fn follow(self, mut reports: ReportReceiver, clock: Clock, no_room: Counter) {
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = reports.recv() => {
                    let Some(report) = report else { return };
                    if !self.lock().board.take(report, Instant::now()) {
                        no_room.inc();
                    }
                }
                now = steps.tick() => self.step(now, clock.now().secs()),
            }
        }
    }

    fn step(&self, now: Instant, secs: i64) {
        let mut known = self.lock();
        known.board.sweep(now);
        let figures = known.board.figures(now);
        known.history.add(secs, figures);
    }

    async fn watch(self, mut bus: BusView) {
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            steps.tick().await;
            let state = bus.look().await;
            self.lock().bus = state;
        }
    }

    /// Every process that is known, by kind and name.
    pub(crate) fn all(&self) -> Vec<Shown> {
        self.lock().board.nodes(Instant::now())
    }

    /// Whether this is the report of this process.
    pub(crate) fn is_this(&self, shown: &Shown) -> bool {
        shown.report.run == *self.run
    }

    /// How the bus was some seconds ago.
    pub(crate) fn bus(&self) -> BusState {
        self.lock().bus.clone()
    }

    /// How much is going on.
    pub(crate) fn figures(&self) -> Figures {
        self.lock().board.figures(Instant::now())
    }

    /// How many backlogs each directive has open.
    pub(crate) fn open_by_directive(&self) -> OpenByDirective {
        self.lock().board.open_by_directive(Instant::now())
    }

    /// The last `steps` points of the last hour, the oldest first.
    pub(crate) fn history(&self, steps: usize) -> Vec<Point> {
        self.lock().history.last(steps)
    }

    /// Asks all backends for the open backlogs of a directive.
    pub(crate) async fn backlogs(&self, directive_id: u64) -> Asked {
        let Ok(_turn) = timeout(TURN_LIMIT, self.asking.acquire()).await else {
            return Asked { answers: Vec::new(), is_complete: false };
        };
        let expected = self.lock().board.correlating(Instant::now());
        let answers = self.asker.ask(directive_id, expected).await;
        let is_complete =
            answers.len() >= expected && !answers.is_empty() && !answers.iter().any(|answer| answer.busy);
        Asked { answers, is_complete }
    }

    /// Each change is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Nodes {
    /// With these reports, the first of which is that of this process.
    pub(crate) fn of(reports: Vec<dsiem_runtime::nodes::NodeReport>, asker: BacklogAsker, secs: i64) -> Self {
        let nodes = Self::new(reports.first().map_or("", |report| &report.run), asker);
        reports.into_iter().for_each(|report| nodes.hear(report));
        nodes.step(Instant::now(), secs);
        nodes
    }

    /// A process reports.
    pub(crate) fn hear(&self, report: dsiem_runtime::nodes::NodeReport) {
        assert!(self.lock().board.take(report, Instant::now()));
    }
}
