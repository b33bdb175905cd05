//! The newest report of each process, and how long ago that was.
//!
//! A process that says nothing for [`SILENT_AFTER`] is shown as silent; it is forgotten after [`FORGET_AFTER`], or as soon
//! as another process does the work of its node. There is no clock in here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dsiem_runtime::nodes::{
    ALARMS_RAISED, EVENTS_ACCEPTED, EVENTS_RECEIVED, MAX_DIRECTIVES, NodeKind, NodeReport,
};
use tokio::time::Instant;

/// Three reports long.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(15);

/// A process that has been silent for so long is not shown any more.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(10 * 60);

/// Processes that are known at the same time; full, the one that has been silent for longest goes, or the new one is
/// refused.
const MAX_NODES: usize = 256;

/// The condition of backends that is not met while another process is the node of their name.
const NODE_CONDITION: &str = "node";

/// Processes by kind, node and run.
#[derive(Debug, Default)]
pub(super) struct Board {
    nodes: BTreeMap<(NodeKind, String, String), Seen>,
}

#[derive(Debug)]
struct Seen {
    report: Arc<NodeReport>,
    at: Instant,
}

/// A process, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) report: Arc<NodeReport>,
    /// How long it has not been heard of.
    pub(crate) silent: Duration,
    pub(crate) state: NodeState,
}

/// Whether a process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeState {
    /// It is.
    Alive,
    /// It is, and waits to take over from another process of the same name.
    StandingBy,
    /// It has not been heard of lately.
    Silent,
}

/// How much is going on in all processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Events a second that came in over HTTP.
    pub(crate) events_accepted: f64,
    /// Events a second that the busiest backend took from the bus; each of them takes all events.
    pub(crate) events_received: f64,
    /// New alarms a minute.
    pub(crate) alarms_a_minute: f64,
    /// Open backlogs.
    pub(crate) open_backlogs: u64,
}

/// How many backlogs each directive has open, as far as reports say.
#[derive(Debug, Default)]
pub(crate) struct OpenByDirective {
    open: HashMap<u64, u64>,
    /// Whether a directive that is not named has none.
    names_all: bool,
}

impl OpenByDirective {
    /// How many this directive has; `None` where that is not known.
    pub(crate) fn of(&self, directive_id: u64) -> Option<u64> {
        self.open.get(&directive_id).copied().or(self.names_all.then_some(0))
    }
}

impl Seen {
    fn state(&self, now: Instant) -> NodeState {
        if now.duration_since(self.at) >= SILENT_AFTER {
            NodeState::Silent
        } else if self.report.unmet.contains_key(NODE_CONDITION) {
            NodeState::StandingBy
        } else {
            NodeState::Alive
        }
    }
}

impl Board {
    /// Takes a report; `false` if there is no room for another process.
    pub(super) fn take(&mut self, report: NodeReport, now: Instant) -> bool {
        let key = (report.kind, report.node.clone(), report.run.clone());
        if !self.nodes.contains_key(&key) && self.nodes.len() >= MAX_NODES && !self.make_room(now) {
            return false;
        }
        self.nodes.insert(key, Seen { report: Arc::new(report), at: now });
        true
    }

    fn make_room(&mut self, now: Instant) -> bool {
        let longest = self.nodes.iter().min_by_key(|(_, seen)| seen.at);
        let silent = longest.filter(|(_, seen)| seen.state(now) == NodeState::Silent);
        let silent = silent.map(|(key, _)| key.clone());
        silent.and_then(|key| self.nodes.remove(&key)).is_some()
    }

    /// Forgets those that are gone.
    pub(super) fn sweep(&mut self, now: Instant) {
        let alive = self.nodes.iter().filter(|(_, seen)| seen.state(now) == NodeState::Alive);
        let working: BTreeSet<_> = alive.map(|((kind, node, _), _)| (*kind, node.clone())).collect();
        self.nodes.retain(|(kind, node, _), seen| match seen.state(now) {
            NodeState::Silent => {
                now.duration_since(seen.at) < FORGET_AFTER && !working.contains(&(*kind, node.clone()))
            }
            NodeState::Alive | NodeState::StandingBy => true,
        });
    }

    /// Every process, by kind and name.
    pub(super) fn nodes(&self, now: Instant) -> Vec<Shown> {
        let shown = |seen: &Seen| Shown {
            report: Arc::clone(&seen.report),
            silent: now.duration_since(seen.at),
            state: seen.state(now),
        };
        self.nodes.values().map(shown).collect()
    }

    /// How many processes correlate events at the moment.
    pub(super) fn correlating(&self, now: Instant) -> usize {
        self.alive(now).filter(|report| report.backlogs.is_some()).count()
    }

    /// How much is going on.
    pub(super) fn figures(&self, now: Instant) -> Figures {
        let mut figures = Figures::default();
        for report in self.alive(now) {
            figures.events_accepted += report.rate(EVENTS_ACCEPTED).now;
            figures.events_received = figures.events_received.max(report.rate(EVENTS_RECEIVED).now);
            figures.alarms_a_minute += report.rate(ALARMS_RAISED).minute * 60.0;
            let open = report.backlogs.as_ref().map_or(0, |backlogs| backlogs.open);
            figures.open_backlogs = figures.open_backlogs.saturating_add(open);
        }
        figures
    }

    /// How many backlogs each directive has open in all processes.
    pub(super) fn open_by_directive(&self, now: Instant) -> OpenByDirective {
        let mut all = OpenByDirective::default();
        let mut may_miss = false;
        for backlogs in self.alive(now).filter_map(|report| report.backlogs.as_ref()) {
            all.names_all = true;
            // Counts of one moment and of the next may differ; a list that is full is what leaves some out.
            may_miss |= backlogs.by_directive.len() >= MAX_DIRECTIVES
                || (backlogs.by_directive.is_empty() && backlogs.open > 0);
            for (id, open) in &backlogs.by_directive {
                let sum = all.open.entry(*id).or_default();
                *sum = sum.saturating_add(*open);
            }
        }
        all.names_all &= !may_miss;
        all
    }

    fn alive(&self, now: Instant) -> impl Iterator<Item = &NodeReport> {
        self.nodes.values().filter(move |seen| seen.state(now) == NodeState::Alive).map(|seen| &*seen.report)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

    use dsiem_runtime::nodes::{BacklogFigures, Rate};

    use super::*;

    fn report(kind: NodeKind, node: &str, run: &str) -> NodeReport {
        let rates = [(EVENTS_ACCEPTED, 10.0), (EVENTS_RECEIVED, 20.0), (ALARMS_RAISED, 0.5)];
        let rate = |(name, now): (&str, f64)| (name.to_owned(), Rate { now, minute: now });
        NodeReport {
            node: node.to_owned(),
            run: run.to_owned(),
            kind,
            rates: rates.map(rate).into(),
            backlogs: (kind == NodeKind::Backend)
                .then(|| BacklogFigures { open: 3, ..BacklogFigures::default() }),
            ..NodeReport::default()
        }
    }

    fn states(board: &Board, now: Instant) -> Vec<(String, NodeState)> {
        board.nodes(now).into_iter().map(|shown| (shown.report.run.clone(), shown.state)).collect()
    }

    fn run(name: &str, state: NodeState) -> (String, NodeState) {
        (name.to_owned(), state)
    }

    #[test]
    fn whoever_says_nothing_is_silent_and_then_forgotten() {
        let (mut board, begin) = (Board::default(), Instant::now());
        let at = |secs| begin + Duration::from_secs(secs);
        assert!(board.take(report(NodeKind::Backend, "be-1", "a"), begin));
        assert!(board.take(report(NodeKind::Backend, "be-2", "b"), at(10)));
        assert_eq!(board.figures(at(10)).open_backlogs, 6);
        assert_eq!(states(&board, at(16)), [run("a", NodeState::Silent), run("b", NodeState::Alive)]);
        let figures = board.figures(at(16));
        assert_eq!(
            (figures.open_backlogs, figures.events_received),
            (3, 20.0),
            "the silent one counts for nothing"
        );
        assert_eq!((figures.alarms_a_minute, board.correlating(at(16))), (30.0, 1));
        board.sweep(at(599));
        assert_eq!(board.nodes(at(599)).len(), 2);
        board.sweep(at(601));
        assert_eq!(states(&board, at(601)), [run("b", NodeState::Silent)]);
    }

    #[test]
    fn a_process_that_took_over_takes_the_place_of_the_silent_one() {
        let (mut board, begin) = (Board::default(), Instant::now());
        let at = |secs| begin + Duration::from_secs(secs);
        let mut standby = report(NodeKind::Backend, "be-1", "b");
        standby.unmet.insert(NODE_CONDITION.to_owned(), "stands by".to_owned());
        board.take(report(NodeKind::Backend, "be-1", "a"), begin);
        board.take(standby.clone(), begin);
        assert_eq!(states(&board, begin), [run("a", NodeState::Alive), run("b", NodeState::StandingBy)]);
        assert_eq!(board.correlating(begin), 1);
        board.take(standby, at(20));
        board.sweep(at(20));
        assert_eq!(states(&board, at(20)), [run("a", NodeState::Silent), run("b", NodeState::StandingBy)]);
        board.take(report(NodeKind::Backend, "be-1", "b"), at(25));
        board.take(report(NodeKind::Frontend, "be-1", "c"), at(25));
        board.sweep(at(25));
        assert_eq!(states(&board, at(25)), [run("c", NodeState::Alive), run("b", NodeState::Alive)]);
    }

    #[test]
    fn open_backlogs_of_directives_are_added_up_and_those_left_out_are_not_known() {
        let (mut board, now) = (Board::default(), Instant::now());
        assert_eq!(board.open_by_directive(now).of(7), None, "nobody correlates");
        for node in ["be-1", "be-2"] {
            let mut report = report(NodeKind::Backend, node, "a");
            report.backlogs.as_mut().unwrap().by_directive = vec![(7, 2), (8, 1)];
            board.take(report, now);
        }
        let open = board.open_by_directive(now);
        assert_eq!([7, 8, 9].map(|id| open.of(id)), [Some(4), Some(2), Some(0)]);
        let mut full = report(NodeKind::Backend, "be-3", "a");
        full.backlogs.as_mut().unwrap().by_directive =
            (100..).take(MAX_DIRECTIVES).map(|id| (id, 1)).collect();
        board.take(full, now);
        let open = board.open_by_directive(now);
        assert_eq!([7, 9, 100].map(|id| open.of(id)), [Some(4), None, Some(1)]);
    }

    #[test]
    fn no_flood_of_names_gets_in_or_pushes_out_those_that_are_there() {
        let (mut board, begin) = (Board::default(), Instant::now());
        for n in 0..MAX_NODES {
            assert!(board.take(report(NodeKind::Backend, &format!("be-{n}"), "a"), begin));
        }
        assert!(!board.take(report(NodeKind::Backend, "more", "a"), begin));
        assert!(board.take(report(NodeKind::Backend, "be-7", "a"), begin), "one that is known");
        let later = begin + SILENT_AFTER;
        assert!(board.take(report(NodeKind::Backend, "more", "a"), later), "in the place of a silent one");
        assert_eq!(board.nodes(later).len(), MAX_NODES);
    }
}
