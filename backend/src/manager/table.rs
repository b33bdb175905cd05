//! The open backlogs of one directive, with everything by which they are found: routing, deadlines, alarm ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backlog::ToBacklog;
use crate::census::Ticket;
use crate::mailbox::Sender;
use dsiem_core::backlog::AlarmId;
use dsiem_core::directive::Directive;
use dsiem_core::expiry::Deadlines;
use dsiem_core::hash::{Map, Seed, Set, map, set};
use dsiem_core::routing::{BacklogSlot, Interests, Router};

/// One open backlog, as its manager knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) mailbox: Sender<ToBacklog>,
    pub(super) alarm_id: AlarmId,
    pub(super) directive: Arc<Directive>,
    pub(super) interests: Interests,
    pub(super) deadline_secs: i64,
    pub(super) ticket: Ticket,
    /// Whether the census knows that it must not go.
    pub(super) protected: bool,
    /// Whether it has changed since the last checkpoint.
    pub(super) unsaved: bool,
}

/// Keeps entries, routing, deadlines and alarm ids in step.
#[derive(Debug)]
pub(super) struct Table {
    seed: Seed,
    entries: Map<BacklogSlot, Entry>,
    router: Router,
    deadlines: Deadlines,
    alarm_ids: Set<AlarmId>,
    /// Those that have changed since the last checkpoint, each once; some of them may be over.
    unsaved: Vec<BacklogSlot>,
    next_slot: u32,
}

impl Table {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            seed,
            entries: map(seed),
            router: Router::new(seed),
            deadlines: Deadlines::default(),
            alarm_ids: set(seed),
            unsaved: Vec::new(),
            next_slot: 0,
        }
    }

    /// A slot that no open backlog has: one that was never used, until all four billion have been.
    pub(super) fn next_slot(&mut self) -> BacklogSlot {
        loop {
            let slot = BacklogSlot(self.next_slot);
            self.next_slot = self.next_slot.wrapping_add(1);
            if !self.entries.contains_key(&slot) {
                return slot;
            }
        }
    }

    pub(super) fn add(&mut self, slot: BacklogSlot, entry: Entry) {
        self.router.add(slot, &entry.directive, &entry.interests);
        self.deadlines.add(slot, entry.deadline_secs);
        self.alarm_ids.insert(entry.alarm_id.clone());
        self.entries.insert(slot, entry);
    }

    pub(super) fn remove(&mut self, slot: BacklogSlot) -> Option<Entry> {
        let entry = self.entries.remove(&slot)?;
        self.router.remove(slot, &entry.directive, &entry.interests);
        self.deadlines.remove(slot, entry.deadline_secs);
        self.alarm_ids.remove(&entry.alarm_id);
        Some(entry)
    }

    pub(super) fn set_deadline(&mut self, slot: BacklogSlot, deadline_secs: i64) {
        if let Some(entry) = self.entries.get_mut(&slot) {
            self.deadlines.remove(slot, entry.deadline_secs);
            self.deadlines.add(slot, deadline_secs);
            entry.deadline_secs = deadline_secs;
        }
    }

    pub(super) fn set_interests(&mut self, slot: BacklogSlot, interests: Interests) {
        if let Some(entry) = self.entries.get_mut(&slot) {
            self.router.remove(slot, &entry.directive, &entry.interests);
            self.router.add(slot, &entry.directive, &interests);
            entry.interests = interests;
        }
    }

    /// The ticket of a backlog that the census may still name to go.
    pub(super) fn unprotected(&self, slot: BacklogSlot) -> Option<Ticket> {
        self.entries.get(&slot).filter(|entry| !entry.protected).map(|entry| entry.ticket)
    }

    pub(super) fn set_protected(&mut self, slot: BacklogSlot) {
        if let Some(entry) = self.entries.get_mut(&slot) {
            entry.protected = true;
        }
    }

    /// Notes that a checkpoint does not have it as it is now.
    pub(super) fn set_unsaved(&mut self, slot: BacklogSlot) {
        if let Some(entry) = self.entries.get_mut(&slot)
            && !std::mem::replace(&mut entry.unsaved, true)
        {
            self.unsaved.push(slot);
        }
    }

    /// Those that have changed since this was asked last, or all.
    pub(super) fn take_unsaved(&mut self, all: bool) -> Vec<BacklogSlot> {
        let mut slots = std::mem::take(&mut self.unsaved);
        if all {
            slots = self.entries.keys().copied().collect();
        }
        slots.retain(|slot| self.entries.get_mut(slot).map(|entry| entry.unsaved = false).is_some());
        slots
    }

    /// Whether a checkpoint has everything as it is now.
    pub(super) fn is_saved(&self) -> bool {
        self.unsaved.is_empty()
    }

    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    pub(super) fn mailbox(&self, slot: BacklogSlot) -> Option<&Sender<ToBacklog>> {
        self.entries.get(&slot).map(|entry| &entry.mailbox)
    }

    pub(super) fn has_alarm(&self, id: &AlarmId) -> bool {
        self.alarm_ids.contains(id)
    }

    pub(super) fn first_due(&self, now_secs: i64) -> Option<BacklogSlot> {
        self.deadlines.first_due(now_secs)
    }

    pub(super) fn next_due_secs(&self) -> Option<i64> {
        self.deadlines.next_due_secs()
    }

    /// Those whose time is up first come first.
    pub(super) fn soonest(&self) -> impl Iterator<Item = BacklogSlot> {
        self.deadlines.soonest()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes all entries out, oldest first, so that what is saved has an order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry> + use<> {
        let all = std::mem::replace(self, Self::new(self.seed)).entries;
        all.into_iter().collect::<BTreeMap<_, _>>().into_values()
    }
}

#[cfg(test)]
mod tests {
    use dsiem_core::assets::Assets;
    use dsiem_core::backlog::{Backlog, Context};

    use super::*;
    use crate::fixtures::{directive, event, settings};
    use crate::mailbox::mailbox;

    fn slots(mailboxes: usize) -> Vec<BacklogSlot> {
        (0..mailboxes).map(|n| BacklogSlot(u32::try_from(n).unwrap())).collect()
    }

    /// Entry number `n` as a manager makes it, for a backlog that `source` opened.
    fn entry(n: usize, source: &str) -> Entry {
        let (settings, assets) = (settings(), Assets::new(Vec::new()));
        let context = Context { settings: &settings, assets: &assets };
        let (backlog, _) = Backlog::open(directive(1, "d"), &event(&format!("e{n}"), 1, source), context);
        Entry {
            mailbox: mailbox().0,
            alarm_id: backlog.id().clone(),
            directive: backlog.directive().clone(),
            interests: backlog.interests(&settings),
            deadline_secs: 100 - n as i64,
            ticket: ticket(),
            protected: false,
            unsaved: false,
        }
    }

    fn ticket() -> Ticket {
        let metrics = dsiem_runtime::metrics::Metrics::new();
        let counters = crate::counters::Counters::new(&metrics);
        crate::census::Census::new(1, counters, dsiem_runtime::status::Readiness::new())
            .readmit(BacklogSlot(0), &Arc::default())
    }

    fn candidates(table: &Table, source: &str) -> Vec<BacklogSlot> {
        let mut found = Vec::new();
        table.router().candidates(&event("x", 2, source), &Assets::new(Vec::new()), &mut found);
        found
    }

    #[test]
    fn what_is_removed_is_found_in_no_way_any_more() {
        let mut table = Table::new(settings().seed);
        let mut ids = Vec::new();
        for (n, source) in ["10.0.0.1", "10.0.0.2"].into_iter().enumerate() {
            let (slot, entry) = (table.next_slot(), entry(n, source));
            ids.push(entry.alarm_id.clone());
            table.add(slot, entry);
        }
        let [first, second] = slots(2)[..] else { unreachable!() };
        assert_eq!(candidates(&table, "10.0.0.1"), [first]);
        assert_eq!(table.first_due(1_000), Some(second));
        assert_eq!(table.next_due_secs(), Some(100));

        table.remove(second).unwrap();
        assert!(table.remove(second).is_none());
        assert_eq!(candidates(&table, "10.0.0.2"), []);
        assert_eq!(table.first_due(1_000), Some(first));
        assert!(table.mailbox(second).is_none());
        assert!(table.has_alarm(&ids[0]) && !table.has_alarm(&ids[1]));
        table.remove(first).unwrap();
        assert!(table.is_empty() && table.next_due_secs().is_none());
    }

    #[test]
    fn a_deadline_and_interests_that_change_are_found_in_the_new_way_only() {
        let mut table = Table::new(settings().seed);
        let slot = table.next_slot();
        table.add(slot, entry(0, "10.0.0.1"));
        table.set_deadline(slot, 500);
        assert_eq!(table.first_due(500), None);
        assert_eq!(table.first_due(501), Some(slot));
        table.set_interests(slot, entry(0, "10.0.0.7").interests);
        assert_eq!((candidates(&table, "10.0.0.1"), candidates(&table, "10.0.0.7")), (vec![], vec![slot]));
        table.remove(slot);
        assert_eq!(candidates(&table, "10.0.0.7"), []);
    }

    #[test]
    fn slots_count_up_and_entries_come_out_oldest_first() {
        let mut table = Table::new(settings().seed);
        for n in 0..20 {
            let slot = table.next_slot();
            table.add(slot, entry(n, "10.0.0.1"));
        }
        table.remove(BacklogSlot(0));
        assert_eq!(table.next_slot(), BacklogSlot(20), "a slot that was used is not used again");
        let deadlines: Vec<_> = table.drain().map(|entry| entry.deadline_secs).collect();
        assert_eq!(deadlines, (1..20).map(|n| 100 - n).collect::<Vec<_>>());
    }

    #[test]
    fn protection_is_kept_and_draining_gives_every_entry_once() {
        let mut table = Table::new(settings().seed);
        let slot = table.next_slot();
        table.add(slot, entry(0, "10.0.0.1"));
        assert!(table.unprotected(slot).is_some());
        table.set_protected(slot);
        assert!(table.unprotected(slot).is_none());
        assert!(table.drain().map(|entry| entry.protected).eq([true]));
        assert_eq!(candidates(&table, "10.0.0.1"), []);
        assert_eq!(table.drain().count(), 0);
    }
}
