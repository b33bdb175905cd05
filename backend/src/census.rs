//! How many backlogs are open in the whole process, and which one goes when there are too many.
//!
//! Full, the oldest backlog that has not passed its second stage goes, whichever directive it belongs to. The census only
//! names it; its manager ends it, at once when it is the one that asks, else at its next turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dsiem_core::routing::BacklogSlot;
use dsiem_runtime::status::Readiness;
use tokio::sync::Notify;
use tracing::warn;

use crate::counters::Counters;

/// Default of `--max-backlogs`.
pub const DEFAULT_MAX_BACKLOGS: usize = 1_000_000;

/// The name of the limit in `/readyz`.
const CONDITION: &str = "open_backlogs";

/// A place in the census: counts up in the order in which backlogs were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Counts the open backlogs of all directives.
#[derive(Debug, Clone)]
pub struct Census {
    // A lock, because managers of all directives open and end backlogs; it is held for a look into a map, a few times
    // in a backlog's life.
    inner: Arc<Mutex<Inner>>,
    limit: usize,
    counters: Counters,
    readiness: Readiness,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// Those that are open and have not been named to go.
    open: usize,
    full: bool,
    /// Those that have not passed their second stage, oldest first.
    may_go: BTreeMap<Ticket, (Arc<Evictions>, BacklogSlot)>,
}

/// The backlogs of one manager that have to go.
///
/// Not a channel: that would have to be full at some time, and managers that wait for each other's would wait for ever.
/// The list cannot grow beyond the manager's open backlogs, as each is named at most once.
#[derive(Debug, Default)]
pub struct Evictions {
    // A lock, because any manager may be the one whose backlog needs the room; held for a push or a take.
    named: Mutex<Vec<BacklogSlot>>,
    notify: Notify,
}

impl Evictions {
    /// Waits until a backlog has been named since the last time.
    pub async fn named(&self) {
        self.notify.notified().await;
    }

    /// Those that were named and not yet taken.
    #[must_use]
    pub fn take(&self) -> Vec<BacklogSlot> {
        std::mem::take(&mut self.named.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn name(&self, slot: BacklogSlot) {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        self.notify.notify_one();
    }
}

impl Census {
    /// An empty census with room for `limit` backlogs.
    #[must_use]
    pub fn new(limit: usize, counters: Counters, readiness: Readiness) -> Self {
        Self { inner: Arc::default(), limit, counters, readiness }
    }

    /// Whether another backlog may be opened without one that has to go; others may open one at the same moment.
    #[must_use]
    pub fn has_room(&self) -> bool {
        usize::try_from(self.counters.backlogs_open.get()).is_ok_and(|open| open < self.limit)
    }

    /// Asks for room for a backlog that its manager knows as `slot`. The backlog that has to go for it has then been
    /// named to its manager, which may be the same one. `None`: no open backlog may go.
    #[must_use]
    pub fn admit(&self, slot: BacklogSlot, evictions: &Arc<Evictions>) -> Option<Ticket> {
        let mut inner = self.lock();
        if inner.open >= self.limit {
            self.note_full(&mut inner);
            let (_, (manager, victim)) = inner.may_go.pop_first()?;
            inner.open = inner.open.saturating_sub(1);
            manager.name(victim);
        }
        Some(self.add(&mut inner, slot, evictions))
    }

    /// Counts a backlog that was reloaded, whatever the limit says.
    #[must_use]
    pub fn readmit(&self, slot: BacklogSlot, evictions: &Arc<Evictions>) -> Ticket {
        self.add(&mut self.lock(), slot, evictions)
    }

    /// From now on the backlog is not one that may go; `false` if it has been named to go already.
    #[must_use]
    pub fn protect(&self, ticket: Ticket) -> bool {
        self.lock().may_go.remove(&ticket).is_some()
    }

    /// The backlog has ended; `protected` says whether [`protect`](Self::protect) was granted.
    pub fn leave(&self, ticket: Ticket, protected: bool) {
        let mut inner = self.lock();
        let was_named = inner.may_go.remove(&ticket).is_none() && !protected;
        self.counters.backlogs_open.dec();
        if !was_named {
            inner.open = inner.open.saturating_sub(1);
        }
        if inner.full && inner.open < self.limit - self.limit / 10 {
            inner.full = false;
            self.readiness.clear(CONDITION);
        }
    }

    fn add(&self, inner: &mut Inner, slot: BacklogSlot, evictions: &Arc<Evictions>) -> Ticket {
        let ticket = Ticket(inner.next);
        inner.next += 1;
        inner.open += 1;
        inner.may_go.insert(ticket, (evictions.clone(), slot));
        self.counters.backlogs_open.inc();
        ticket
    }

    fn note_full(&self, inner: &mut Inner) {
        if inner.full {
            return;
        }
        inner.full = true;
        warn!(
            limit = self.limit,
            "too many open backlogs: the oldest ones that have not passed their second stage go; raise --max-backlogs"
        );
        self.readiness
            .degrade(CONDITION, format!("more than {} backlogs were open; raise --max-backlogs", self.limit));
    }

    /// Each change is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dsiem_runtime::metrics::Metrics;

    use super::*;

    fn census(limit: usize) -> (Census, Counters, Readiness) {
        let (counters, readiness) = (Counters::new(&Metrics::new()), Readiness::new());
        (Census::new(limit, counters.clone(), readiness.clone()), counters, readiness)
    }

    fn slots(evictions: &Evictions) -> Vec<u32> {
        evictions.take().into_iter().map(|slot| slot.0).collect()
    }

    #[test]
    fn full_the_oldest_goes_whoever_it_belongs_to() {
        let (census, ..) = census(2);
        let (a, b) = (Arc::default(), Arc::default());
        let oldest = census.admit(BacklogSlot(1), &a).unwrap();
        let _younger = census.admit(BacklogSlot(2), &b).unwrap();
        let _newest = census.admit(BacklogSlot(3), &b).unwrap();
        assert_eq!((slots(&a), slots(&b)), (vec![1], vec![]));
        census.leave(oldest, false);
        let _next = census.admit(BacklogSlot(4), &a).unwrap();
        assert_eq!((slots(&a), slots(&b)), (vec![], vec![2]), "the place of the first had been given away");
    }

    #[test]
    fn a_protected_backlog_stays_and_when_all_are_there_is_no_room() {
        let (census, counters, _) = census(1);
        let evictions = Arc::default();
        let ticket = census.admit(BacklogSlot(1), &evictions).unwrap();
        assert!(census.protect(ticket));
        assert_eq!(census.admit(BacklogSlot(2), &evictions), None);
        assert_eq!(slots(&evictions), [] as [u32; 0]);
        census.leave(ticket, true);
        assert!(census.admit(BacklogSlot(3), &evictions).is_some());
        assert_eq!(counters.backlogs_open.get(), 1);
    }

    #[test]
    fn what_was_named_to_go_cannot_be_protected_any_more_and_gives_its_place_away_once() {
        let (census, ..) = census(1);
        let evictions = Arc::default();
        let first = census.admit(BacklogSlot(1), &evictions).unwrap();
        let second = census.admit(BacklogSlot(2), &evictions).unwrap();
        assert!(!census.protect(first));
        census.leave(first, false);
        let _third = census.admit(BacklogSlot(3), &evictions).unwrap();
        assert_eq!(slots(&evictions), [1, 2], "the second had to go for the third");
        census.leave(second, false);
    }

    #[test]
    fn any_number_can_be_named_while_their_manager_is_busy() {
        let (census, ..) = census(5_000);
        let (busy, other) = (Arc::default(), Arc::default());
        for slot in 0..5_000 {
            let _ticket = census.admit(BacklogSlot(slot), &busy).unwrap();
        }
        for slot in 0..5_000 {
            let _ticket = census.admit(BacklogSlot(slot), &other).unwrap();
        }
        assert!(slots(&busy).into_iter().eq(0..5_000));
        assert_eq!(slots(&other), [] as [u32; 0]);
    }

    #[test]
    fn readiness_is_degraded_while_full_and_recovers_also_with_a_small_limit() {
        for limit in [1, 2, 100] {
            let (census, _, readiness) = census(limit);
            let evictions = Arc::default();
            let admit = |slot| census.admit(BacklogSlot(slot), &evictions).unwrap();
            let mut tickets: Vec<_> = (0..=limit).map(|n| admit(u32::try_from(n).unwrap())).collect();
            assert!(readiness.report().degraded.contains_key(CONDITION), "limit {limit}");
            for ticket in tickets.drain(..) {
                census.leave(ticket, false);
            }
            assert_eq!(readiness.report().degraded.len(), 0, "limit {limit}");
        }
    }

    #[tokio::test]
    async fn a_manager_hears_of_it() {
        let (census, ..) = census(1);
        let evictions: Arc<Evictions> = Arc::default();
        let _first = census.admit(BacklogSlot(1), &evictions);
        let _second = census.admit(BacklogSlot(2), &Arc::default());
        evictions.named().await;
        assert_eq!(slots(&evictions), [1]);
    }
}
