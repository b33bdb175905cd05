//! How a manager ends: asleep, because nobody needs it; in order, with its state saved; or by a fault, with the books right.

use std::sync::Arc;

use dsiem_core::event::Event;
use dsiem_core::index::DirectiveSlot;
use dsiem_core::snapshot::{DirectiveState, OpenBacklog};
use tokio::sync::oneshot;
use tracing::{debug, error};

use super::table::Entry;
use super::{ASKED_AT_ONCE, Manager, Message, Retirement};
use crate::backlog::ToBacklog;
use crate::mailbox::Sender;

/// A manager that has failed.
#[derive(Debug)]
pub struct Failure {
    /// Which directive.
    pub slot: DirectiveSlot,
    /// The event that it was at, if it was at one.
    pub event: Option<Arc<Event>>,
}

impl Manager {
    /// Asks to go to sleep when nothing is open and nothing has to be remembered.
    pub(super) fn ask_to_retire(&mut self) {
        let Some(timeout) = self.shared.idle_timeout else { return };
        if !self.open.is_empty() || !self.is_saved() {
            return;
        }
        let timeout = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let forgotten = self.recent.forget_older(self.now);
        if self.lingering.sweep() && forgotten && self.now.since(self.last_use) >= timeout {
            // Full: it asks again at the next look.
            self.shared.retirements.try_send(Retirement { slot: self.slot, handled: self.handled }).ok();
        }
    }

    /// Takes the state back from all backlogs and saves it.
    pub(super) async fn stop(mut self) {
        self.ends_well = true;
        let open = self.leave_census();
        let mut state = DirectiveState {
            backlogs: take_back(open.iter()).await,
            remembered: self.recent.iter().collect(),
        };
        self.count_lost(open.len() - state.backlogs.len());
        state.backlogs.extend(take_back(self.lingering.mailboxes()).await);
        debug!(directive.id = self.directive.id, backlogs = state.backlogs.len(), "a directive stops");
        if let Some(store) = &self.shared.store {
            store.save(self.directive.id, state, self.shared.clock.now()).await;
        }
    }

    /// An open backlog always has something to hand back, unless its task has failed.
    fn count_lost(&self, backlogs: usize) {
        if backlogs > 0 {
            self.shared.surroundings.counters.backlogs_failed.add(backlogs as u64);
            error!(directive.id = self.directive.id, backlogs, "backlogs failed and cannot be saved");
        }
    }

    /// Lets go of all open backlogs; their mailboxes, oldest first.
    fn leave_census(&mut self) -> Vec<Sender<ToBacklog>> {
        let leave = |entry: Entry| {
            self.shared.census.leave(entry.ticket, entry.protected);
            entry.mailbox
        };
        self.shared.open.set(self.slot, 0);
        self.open.drain().map(leave).collect()
    }
}

impl Drop for Manager {
    /// After a fault, what was open and every event that waited is lost, and counted.
    fn drop(&mut self) {
        let backlogs = self.leave_census().len() as u64;
        self.mailbox.close();
        let mut events = self.unhandled as u64;
        while let Ok(message) = self.mailbox.try_recv() {
            events += u64::from(matches!(message, Message::Event(_)));
        }
        if backlogs + events > 0 {
            let counters = &self.shared.surroundings.counters;
            if self.shared.failures.is_none() {
                counters.backlogs_failed.add(backlogs);
            }
            counters.pairs_failed.add(events);
            counters.pairs_in_flight.add(-i64::try_from(events).unwrap_or(i64::MAX));
            if self.shared.failures.is_none() {
                error!(
                    directive.id = self.directive.id,
                    backlogs,
                    events,
                    "a directive failed; its open backlogs and the events that waited for it are lost"
                );
            }
        }
        if let Some(failures) = self.shared.failures.as_ref().filter(|_| !self.ends_well) {
            failures.try_send(Failure { slot: self.slot, event: self.current.take() }).ok();
        }
    }
}

/// Asks backlogs for their state. One that has nothing left to do has none.
async fn take_back<'a>(mut mailboxes: impl Iterator<Item = &'a Sender<ToBacklog>>) -> Vec<OpenBacklog> {
    let mut backlogs = Vec::new();
    loop {
        let ask = |mailbox: &Sender<ToBacklog>| {
            let (reply, handed_back) = oneshot::channel();
            mailbox.try_send(ToBacklog::HandBack(reply)).ok();
            handed_back
        };
        let replies: Vec<_> = mailboxes.by_ref().take(ASKED_AT_ONCE).map(ask).collect();
        if replies.is_empty() {
            return backlogs;
        }
        for handed_back in replies {
            backlogs.extend(handed_back.await);
        }
    }
}
