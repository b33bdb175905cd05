//! How many backlogs are open in the whole process, and which one goes when there are too many.
//!
//! Full, the oldest backlog that has not passed its second stage goes, whichever directive it belongs to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dsiem_core::routing::BacklogSlot;
use dsiem_runtime::status::Readiness;
use tokio::sync::mpsc;
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
    open: usize,
    full: bool,
    /// Those that have not passed their second stage, oldest first.
    may_go: BTreeMap<Ticket, (mpsc::Sender<BacklogSlot>, BacklogSlot)>,
}

/// The answer of the census to a wish to open a backlog.
#[derive(Debug)]
pub enum Admission {
    /// There is room.
    Open(Ticket),
    /// There is room once this backlog has been told to go.
    OpenAfter(Ticket, mpsc::Sender<BacklogSlot>, BacklogSlot),
    /// There is none, and no backlog that may go.
    Refused,
}

impl Census {
    /// An empty census with room for `limit` backlogs.
    #[must_use]
    pub fn new(limit: usize, counters: Counters, readiness: Readiness) -> Self {
        Self { inner: Arc::default(), limit, counters, readiness }
    }

    /// Asks for room for a backlog that its manager knows as `slot` and would let go through `evictions`.
    #[must_use]
    pub fn admit(&self, slot: BacklogSlot, evictions: &mpsc::Sender<BacklogSlot>) -> Admission {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = Ticket(inner.next);
        if inner.open < self.limit {
            inner.add(ticket, slot, evictions);
            self.counters.backlogs_open.inc();
            return Admission::Open(ticket);
        }
        if !inner.full {
            inner.full = true;
            warn!(
                limit = self.limit,
                "too many open backlogs: the oldest ones that have not passed their second stage go"
            );
            self.readiness.degrade(
                CONDITION,
                format!("more than {} backlogs were open; raise --max-backlogs", self.limit),
            );
        }
        let Some((_, (victim_manager, victim))) = inner.may_go.pop_first() else { return Admission::Refused };
        // The victim's place is given away now; it leaves once its manager hears of it.
        inner.open = inner.open.saturating_sub(1);
        inner.add(ticket, slot, evictions);
        self.counters.backlogs_open.inc();
        Admission::OpenAfter(ticket, victim_manager, victim)
    }

    /// Counts a backlog that was reloaded, whatever the limit says.
    #[must_use]
    pub fn readmit(&self, slot: BacklogSlot, evictions: &mpsc::Sender<BacklogSlot>) -> Ticket {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = Ticket(inner.next);
        inner.add(ticket, slot, evictions);
        self.counters.backlogs_open.inc();
        ticket
    }

    /// From now on the backlog is not one that may go.
    pub fn protect(&self, ticket: Ticket) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).may_go.remove(&ticket);
    }

    /// The backlog has ended; `protected` says whether [`protect`](Self::protect) was called for it.
    pub fn leave(&self, ticket: Ticket, protected: bool) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let evicted = inner.may_go.remove(&ticket).is_none() && !protected;
        self.counters.backlogs_open.dec();
        if !evicted {
            inner.open = inner.open.saturating_sub(1);
        }
        if inner.full && inner.open < self.limit / 10 * 9 {
            inner.full = false;
            self.readiness.clear(CONDITION);
        }
    }
}

impl Inner {
    fn add(&mut self, ticket: Ticket, slot: BacklogSlot, evictions: &mpsc::Sender<BacklogSlot>) {
        self.next += 1;
        self.open += 1;
        self.may_go.insert(ticket, (evictions.clone(), slot));
    }
}
