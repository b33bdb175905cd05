//! What a kind of process has to report on, by the names of its metrics: so that a reporter needs to know neither
//! frontends nor backends, and shows what `/metrics` shows.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::ledger::Equation;

/// What there is to report of a process, or of a part of one.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// Its books.
    pub books: Vec<Equation>,
    /// Rates: what each is called, and the counter (without `_total`) behind it.
    pub rates: Vec<(&'static str, &'static str)>,
    /// What waits.
    pub queues: Vec<Queue>,
    /// Backlogs and directives, where events are correlated.
    pub backlogs: Option<Backlogs>,
}

/// A queue that is reported on.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// What waits there.
    pub name: &'static str,
    /// The gauge of how much of it.
    pub gauge: &'static str,
    /// How much of it there may be, where there is a limit.
    pub limit: Option<u64>,
}

/// Backlogs that are reported on.
#[derive(Debug, Clone)]
pub struct Backlogs {
    /// The gauge of open backlogs.
    pub gauge: &'static str,
    /// How many there may be.
    pub limit: u64,
    /// Gauges of directives: loaded, active, skipped.
    pub directives: [&'static str; 3],
    /// Which directives have how many.
    pub by_directive: OpenByDirective,
}

impl Described {
    /// Both in one process.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.books.extend(other.books);
        self.rates.extend(other.rates);
        self.queues.extend(other.queues);
        self.backlogs = self.backlogs.or(other.backlogs);
        self
    }
}

type Counts = Box<dyn Fn(usize) -> Vec<(u64, u64)> + Send + Sync>;

/// Which directives have how many open backlogs: known as soon as correlation has begun, which may be long after the
/// process has. Clones are the same one.
#[derive(Clone, Default)]
pub struct OpenByDirective(Arc<OnceLock<Counts>>);

impl OpenByDirective {
    /// From now on `counts` is asked: it gives ids of directives with how many open backlogs each has, those that have
    /// the most first, and no more than it is asked for.
    pub fn set(&self, counts: impl Fn(usize) -> Vec<(u64, u64)> + Send + Sync + 'static) {
        // Correlation begins once.
        self.0.set(Box::new(counts)).ok();
    }

    /// At most `limit` directives, those with the most open backlogs first.
    #[must_use]
    pub fn top(&self, limit: usize) -> Vec<(u64, u64)> {
        self.0.get().map_or_else(Vec::new, |counts| counts(limit))
    }
}

impl fmt::Debug for OpenByDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenByDirective").finish_non_exhaustive()
    }
}
