//! The open backlogs of one directive, with everything by which they are found: routing, deadlines, alarm ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use dsiem_core::backlog::AlarmId;
use dsiem_core::directive::Directive;
use dsiem_core::expiry::Deadlines;
use dsiem_core::hash::{Map, Seed, Set, map, set};
use dsiem_core::routing::{BacklogSlot, Interests, Router};
use tokio::sync::mpsc;

use crate::backlog::ToBacklog;
use crate::census::Ticket;

/// One open backlog, as its manager knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) mailbox: mpsc::Sender<ToBacklog>,
    pub(super) alarm_id: AlarmId,
    pub(super) directive: Arc<Directive>,
    pub(super) interests: Interests,
    pub(super) deadline_secs: i64,
    pub(super) ticket: Ticket,
    /// Whether the census knows that it must not go.
    pub(super) protected: bool,
}

/// Keeps entries, routing, deadlines and alarm ids in step.
#[derive(Debug)]
pub(super) struct Table {
    entries: Map<BacklogSlot, Entry>,
    router: Router,
    deadlines: Deadlines,
    alarm_ids: Set<AlarmId>,
    next_slot: u32,
}

impl Table {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            entries: map(seed),
            router: Router::new(seed),
            deadlines: Deadlines::default(),
            alarm_ids: set(seed),
            next_slot: 0,
        }
    }

    /// A slot that was not used for an open backlog yet.
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

    /// Marks a backlog as one that must not go; its ticket, if it was not marked before.
    pub(super) fn protect(&mut self, slot: BacklogSlot) -> Option<Ticket> {
        let entry = self.entries.get_mut(&slot).filter(|entry| !entry.protected)?;
        entry.protected = true;
        Some(entry.ticket)
    }

    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    pub(super) fn mailbox(&self, slot: BacklogSlot) -> Option<&mpsc::Sender<ToBacklog>> {
        self.entries.get(&slot).map(|entry| &entry.mailbox)
    }

    /// Those of all open backlogs, oldest first, so that what is saved has an order.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = &mpsc::Sender<ToBacklog>> {
        self.entries.iter().collect::<BTreeMap<_, _>>().into_values().map(|entry| &entry.mailbox)
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

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(Seed::default());
    }
}
