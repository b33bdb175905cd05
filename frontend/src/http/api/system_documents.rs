//! Processes, the bus and conditions as the API gives them out.

use std::collections::BTreeMap;
use std::time::Duration;

use dsiem_runtime::bus::nats;
use dsiem_runtime::bus::{BusKind, BusState};
use dsiem_runtime::nodes::{self, NodeKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::nodes::{NodeState, Shown};

/// A process.
#[derive(Serialize, ToSchema)]
pub(super) struct Node {
    /// Its name. Several processes may have it, of which one does the work.
    node: String,
    /// Tells processes with the same name apart.
    run: String,
    /// What it is.
    kind: Kind,
    /// Whether it is the one that answers.
    is_this: bool,
    /// Whether it is there.
    state: State,
    /// Seconds since it was heard of.
    silent_secs: u64,
    /// Its release.
    version: String,
    /// When it started, by its own clock.
    started: i64,
    /// How long it has been running.
    uptime_secs: u64,
    /// Whether all its conditions are met, be it in part.
    ready: bool,
    /// Events a second that came in over HTTP.
    events_accepted: Option<Rate>,
    /// Events a second that it took from the bus.
    events_received: Option<Rate>,
    /// New alarms a second.
    alarms_raised: Option<Rate>,
    /// What waits in it.
    queues: Vec<Queue>,
    /// Open backlogs; null where nothing is correlated.
    open_backlogs: Option<u64>,
    /// How many there may be.
    max_backlogs: Option<u64>,
    /// Directives; null where nothing is correlated.
    directives: Option<Directives>,
    /// Memory that it has from the system; null where that does not say.
    memory_bytes: Option<u64>,
    /// Its books.
    books: Vec<Book>,
    /// What it says of itself.
    conditions: Vec<Condition>,
}

/// What a process is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NodeKind)]
enum Kind {
    /// HTTP in, events out.
    Frontend,
    /// Events in, alarms out.
    Backend,
    /// Both.
    OneProcess,
    /// Something that this release does not know.
    Unknown,
}

/// Whether a process is there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NodeState)]
enum State {
    /// It is.
    Alive,
    /// It is, and waits to take over from another process of the same name.
    StandingBy,
    /// It has not been heard of for 15 seconds.
    Silent,
}

/// How often something happens, in times a second.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeRate)]
struct Rate {
    /// Over the last five seconds.
    now: f64,
    /// Over the last minute.
    minute: f64,
}

/// A queue, or something else that has a limit.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeQueue)]
struct Queue {
    /// What waits there.
    name: String,
    /// How much of it.
    waiting: u64,
    /// How much of it there may be, where that is known.
    limit: Option<u64>,
}

/// Directives of a process.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeDirectives)]
struct Directives {
    /// How many are loaded.
    loaded: u64,
    /// How many of them have something to do.
    active: u64,
    /// How many were left out because they cannot work.
    skipped: u64,
}

/// An equation: what came in is what went out and what is on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeBook)]
struct Book {
    /// What it is about.
    name: String,
    /// What came in.
    incoming: u64,
    /// What became of it.
    outgoing: Vec<Entry>,
    /// What is on its way.
    in_flight: i64,
    /// Whether it balances.
    balanced: bool,
}

/// A line of a book.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeBookEntry)]
struct Entry {
    /// What it is.
    name: String,
    /// How much of it.
    count: u64,
}

/// Something under which a process can do its work.
#[derive(Serialize, ToSchema)]
#[schema(as = NodeCondition)]
pub(super) struct Condition {
    /// Which process.
    node: String,
    /// What it is.
    name: String,
    /// Whether it is met without reserve.
    ok: bool,
    /// How far it is met.
    state: Standing,
    /// What is wrong; empty where nothing is.
    detail: String,
}

/// How far a condition is met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NodeConditionState)]
enum Standing {
    /// It is not.
    Unmet,
    /// In part.
    Degraded,
    /// It is.
    Met,
}

/// What is between the processes.
#[derive(Serialize, ToSchema)]
pub(super) struct Bus {
    /// Which one.
    kind: BusName,
    /// Whether it is there.
    connected: bool,
    /// Whether it keeps events until they have been dealt with.
    durable: bool,
    /// What is not as it should be; null where nothing is.
    detail: Option<String>,
    /// What it keeps; null where nothing is kept, or that is not known.
    kept: Option<Kept>,
    /// How far each backend is with what is kept, where that can be asked.
    readers: Vec<Reader>,
}

/// Which bus.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusKind)]
enum BusName {
    /// A queue in the process.
    Memory,
    /// A log on the disk of the process.
    EventLog,
    /// NATS.
    Nats,
}

/// What a durable bus keeps.
#[derive(Serialize, ToSchema)]
#[schema(as = BusKept)]
struct Kept {
    /// Bytes.
    bytes: u64,
    /// With more of them, events are refused; null without such a limit.
    max_bytes: Option<u64>,
    /// Events; null where that is not known.
    events: Option<u64>,
    /// How old they may get; null without such a limit.
    max_age_secs: Option<u64>,
}

/// A backend that reads what is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = BusReader)]
struct Reader {
    /// Its name.
    node: String,
    /// The number of the last event that it has dealt with.
    done: u64,
    /// How many events it has yet to deal with.
    waiting: u64,
    /// Seconds since it was heard of.
    silent_secs: u64,
    /// Whether events are kept for it.
    holds: bool,
}

/// Whether all books of all processes balance.
#[derive(Serialize, ToSchema)]
pub(super) struct Ledger {
    /// Whether they do.
    balanced: bool,
    /// Those that do not.
    off: Vec<OffBook>,
}

/// A book that does not balance.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerOff)]
struct OffBook {
    /// Whose.
    node: String,
    /// Which.
    book: String,
}

impl Node {
    /// A process that is there, or was, at `now` in seconds since 1970.
    pub(super) fn new(shown: &Shown, is_this: bool, now: i64) -> Self {
        let report = shown.report.as_ref().clone();
        let rate =
            |name: &str| report.rates.get(name).map(|rate| Rate { now: rate.now, minute: rate.minute });
        let queue = |queue: &nodes::QueueFigures| Queue {
            name: queue.name.clone(),
            waiting: queue.waiting,
            limit: queue.limit,
        };
        Self {
            kind: report.kind.into(),
            is_this,
            state: shown.state.into(),
            silent_secs: shown.silent.as_secs(),
            uptime_secs: u64::try_from(now - report.started).unwrap_or(0),
            ready: report.unmet.is_empty(),
            events_accepted: rate(nodes::EVENTS_ACCEPTED),
            events_received: rate(nodes::EVENTS_RECEIVED),
            alarms_raised: rate(nodes::ALARMS_RAISED),
            queues: report.queues.iter().map(queue).collect(),
            open_backlogs: report.backlogs.as_ref().map(|backlogs| backlogs.open),
            max_backlogs: report.backlogs.as_ref().and_then(|backlogs| backlogs.limit),
            directives: report.directives.map(Into::into),
            memory_bytes: report.memory_bytes,
            books: report.books.into_iter().map(Into::into).collect(),
            conditions: Condition::of(shown).collect(),
            node: report.node,
            run: report.run,
            version: report.version,
            started: report.started,
        }
    }

    /// Whether events are correlated there.
    pub(super) fn is_backend(shown: &Shown) -> bool {
        matches!(shown.report.kind, NodeKind::Backend | NodeKind::OneProcess)
    }
}

impl Condition {
    /// Those of a process. That it is silent is one.
    pub(super) fn of(shown: &Shown) -> impl Iterator<Item = Self> + use<> {
        let report = shown.report.clone();
        let condition = |name: &str, state: Standing, detail: &str| Self {
            node: report.node.clone(),
            name: name.to_owned(),
            ok: state == Standing::Met,
            state,
            detail: detail.to_owned(),
        };
        let with = |reasons: &BTreeMap<String, String>, state| -> Vec<Self> {
            reasons.iter().map(|(name, reason)| condition(name, state, reason)).collect()
        };
        let mut all = with(&report.unmet, Standing::Unmet);
        all.extend(with(&report.degraded, Standing::Degraded));
        all.extend(report.met.iter().map(|name| condition(name, Standing::Met, "")));
        if shown.state == NodeState::Silent {
            let detail = format!("nothing was heard of it for {} s", shown.silent.as_secs());
            all.insert(0, condition("reports", Standing::Unmet, &detail));
        }
        all.into_iter()
    }

    /// By which what is wrong comes first.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        (self.state, self.node.clone())
    }
}

impl Ledger {
    /// The books of these processes.
    pub(super) fn of(all: &[Shown]) -> Self {
        let off: Vec<_> = all
            .iter()
            .flat_map(|shown| shown.report.books.iter().map(move |book| (&shown.report.node, book)))
            .filter(|(_, book)| !book.balanced)
            .map(|(node, book)| OffBook { node: node.clone(), book: book.name.clone() })
            .collect();
        Self { balanced: off.is_empty(), off }
    }
}

impl From<NodeKind> for Kind {
    fn from(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Frontend => Self::Frontend,
            NodeKind::Backend => Self::Backend,
            NodeKind::OneProcess => Self::OneProcess,
            NodeKind::Unknown => Self::Unknown,
        }
    }
}

impl From<NodeState> for State {
    fn from(state: NodeState) -> Self {
        match state {
            NodeState::Alive => Self::Alive,
            NodeState::StandingBy => Self::StandingBy,
            NodeState::Silent => Self::Silent,
        }
    }
}

impl From<nodes::DirectiveFigures> for Directives {
    fn from(figures: nodes::DirectiveFigures) -> Self {
        Self { loaded: figures.loaded, active: figures.active, skipped: figures.skipped }
    }
}

impl From<nodes::Book> for Book {
    fn from(book: nodes::Book) -> Self {
        let outgoing = book.outgoing.into_iter().map(|(name, count)| Entry { name, count }).collect();
        let nodes::Book { name, incoming, in_flight, balanced, .. } = book;
        Self { name, incoming, outgoing, in_flight, balanced }
    }
}

impl From<BusState> for Bus {
    fn from(state: BusState) -> Self {
        let kind = match state.kind {
            BusKind::Memory => BusName::Memory,
            BusKind::EventLog => BusName::EventLog,
            BusKind::Nats => BusName::Nats,
        };
        let kept = state.kept.map(|kept| Kept {
            bytes: kept.bytes,
            max_bytes: kept.max_bytes,
            events: kept.events,
            max_age_secs: kept.max_age.as_ref().map(Duration::as_secs),
        });
        let readers = state.readers.into_iter().map(Into::into).collect();
        Self { kind, connected: state.connected, durable: state.durable, detail: state.detail, kept, readers }
    }
}

impl From<nats::NodeState> for Reader {
    fn from(node: nats::NodeState) -> Self {
        let nats::NodeState { node, sequence, behind, silent, holds, .. } = node;
        Self { node, done: sequence, waiting: behind, silent_secs: silent.as_secs(), holds }
    }
}
