//! When the backlogs of a directive are over.
//!
//! A set ordered by deadline: looking whether anything is due costs an event one comparison, however many backlogs
//! are open.

use std::collections::BTreeSet;

use crate::routing::BacklogSlot;

/// The deadlines of a directive's open backlogs, in seconds since 1970.
#[derive(Debug, Default)]
pub struct Deadlines {
    by_time: BTreeSet<(i64, BacklogSlot)>,
}

impl Deadlines {
    /// Adds a backlog, which must not be in the set.
    pub fn add(&mut self, slot: BacklogSlot, deadline_secs: i64) {
        self.by_time.insert((deadline_secs, slot));
    }

    /// Takes a backlog out; `deadline_secs` is what it was added with.
    pub fn remove(&mut self, slot: BacklogSlot, deadline_secs: i64) {
        self.by_time.remove(&(deadline_secs, slot));
    }

    /// The backlog whose deadline is earliest, if that lies before `now_secs`. It stays in the set.
    #[must_use]
    pub fn first_due(&self, now_secs: i64) -> Option<BacklogSlot> {
        self.by_time.first().filter(|(deadline, _)| *deadline < now_secs).map(|(_, slot)| *slot)
    }

    /// All of them, those whose deadline is earliest first.
    pub fn soonest(&self) -> impl Iterator<Item = BacklogSlot> {
        self.by_time.iter().map(|(_, slot)| *slot)
    }

    /// The first second at which a backlog is over: the one after the earliest deadline.
    #[must_use]
    pub fn next_due_secs(&self) -> Option<i64> {
        self.by_time.first().map(|(deadline, _)| deadline.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_due_once_its_deadline_lies_before_now() {
        let mut deadlines = Deadlines::default();
        deadlines.add(BacklogSlot(2), 110);
        deadlines.add(BacklogSlot(1), 100);
        assert_eq!(deadlines.first_due(100), None);
        assert_eq!(deadlines.next_due_secs(), Some(101));
        assert_eq!(deadlines.first_due(101), Some(BacklogSlot(1)));
        assert!(deadlines.soonest().eq([BacklogSlot(1), BacklogSlot(2)]));
        deadlines.remove(BacklogSlot(1), 100);
        assert_eq!(deadlines.first_due(110), None);
        assert_eq!(deadlines.first_due(111), Some(BacklogSlot(2)));
    }
}
