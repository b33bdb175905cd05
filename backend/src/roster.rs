//! Which directives are awake, and the dispatcher that feeds them in order.
//!
//! A directive with an open backlog has a manager task with a mailbox; the others cost an index entry. One task owns the
//! roster, so waking and retiring cannot race: a manager asks to retire and says how many events it has handled; only if
//! that is how many it was sent does it lose its mailbox, so no event can be between the two.

use std::collections::BTreeMap;

use dsiem_core::index::DirectiveSlot;
use dsiem_core::time::ReceiptTime;
use tokio::sync::{mpsc, watch};
use tracing::debug;

use crate::counters::Counters;
use crate::filter::{Concern, FilteredBatch};
use crate::manager::{Delivery, MAILBOX_EVENTS, Retirement};

/// Starts a manager for a directive that reads from the mailbox.
pub type Wake = Box<dyn FnMut(DirectiveSlot, mpsc::Receiver<Delivery>) + Send>;

/// How many requests to retire may wait; full, managers ask again later.
pub const RETIREMENTS: usize = 1024;

/// The awake directives, by slot.
pub struct Roster {
    awake: Vec<Option<Awake>>,
    wake: Wake,
    counters: Counters,
}

struct Awake {
    mailbox: mpsc::Sender<Delivery>,
    /// How many events its manager was sent.
    sent: u64,
}

impl Roster {
    /// A roster of `directives` sleeping directives.
    #[must_use]
    pub fn new(directives: usize, wake: Wake, counters: Counters) -> Self {
        Self { awake: std::iter::repeat_with(|| None).take(directives).collect(), wake, counters }
    }

    /// Wakes a directive, if it sleeps.
    pub fn wake(&mut self, slot: DirectiveSlot) {
        let place = &mut self.awake[slot.0 as usize];
        if place.is_none() {
            let (mailbox, deliveries) = mpsc::channel(MAILBOX_EVENTS);
            *place = Some(Awake { mailbox, sent: 0 });
            self.counters.directives_active.inc();
            (self.wake)(slot, deliveries);
        }
    }

    /// Restores the order of the filtered batches, delivers their events, and tells through `watermark` up to which
    /// time everything received has been delivered. Ends with the batches; the managers' mailboxes close then.
    pub async fn run(
        mut self,
        mut batches: mpsc::Receiver<FilteredBatch>,
        mut retirements: mpsc::Receiver<Retirement>,
        watermark: watch::Sender<ReceiptTime>,
    ) {
        let mut early = BTreeMap::new();
        let mut next = 0;
        loop {
            tokio::select! {
                biased;
                Some(retirement) = retirements.recv() => self.retire(retirement),
                batch = batches.recv() => {
                    let Some(batch) = batch else { return };
                    early.insert(batch.sequence, batch);
                    // At most as many batches are early as may be in flight.
                    while let Some(batch) = early.remove(&next) {
                        next += 1;
                        self.dispatch(batch, &watermark).await;
                    }
                }
            }
        }
    }

    async fn dispatch(&mut self, batch: FilteredBatch, watermark: &watch::Sender<ReceiptTime>) {
        for concern in batch.concerns {
            self.deliver(concern).await;
        }
        if let Some(drained_at) = batch.drained_at {
            watermark.send_replace(drained_at);
        }
    }

    async fn deliver(&mut self, concern: Concern) {
        for concerned in concern.directives {
            self.counters.pairs_offered.inc();
            if self.awake[concerned.slot.0 as usize].is_none() {
                if !concerned.opens {
                    self.counters.pairs_not_matching.inc();
                    continue;
                }
                self.wake(concerned.slot);
            }
            let delivery =
                Delivery { event: concern.event.clone(), arrived: concern.arrived, opens: concerned.opens };
            if let Some(awake) = &mut self.awake[concerned.slot.0 as usize] {
                awake.sent += 1;
                // A full mailbox makes everyone wait: that is the back-pressure of a slow directive.
                if awake.mailbox.send(delivery).await.is_err() {
                    self.lose(concerned.slot);
                }
            }
        }
    }

    /// A manager that ended on its own has failed; its directive starts anew with the next event.
    fn lose(&mut self, slot: DirectiveSlot) {
        self.counters.backlogs_failed.inc();
        self.sleep(slot);
    }

    fn retire(&mut self, retirement: Retirement) {
        let place = &self.awake[retirement.slot.0 as usize];
        if place.as_ref().is_some_and(|awake| awake.sent == retirement.handled) {
            debug!(slot = retirement.slot.0, "a directive goes to sleep");
            self.sleep(retirement.slot);
        }
    }

    fn sleep(&mut self, slot: DirectiveSlot) {
        self.awake[slot.0 as usize] = None;
        self.counters.directives_active.dec();
    }
}
