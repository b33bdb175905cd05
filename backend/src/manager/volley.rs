//! Events that are handled together: the backlogs of several are asked at once, and then the answers are taken, event by
//! event.
//!
//! One after the other, each event costs a turn of the manager and one of the backlog that it concerns, and both wait for
//! memory that is in no cache. Events that come together mostly concern different backlogs, and then nobody can tell the
//! difference:
//!
//! - The events of a volley were received in the same second, so no deadline passes between them.
//! - None is known already or the same as another, and no two of them concern the same backlog.
//! - What came of an event is booked before that of the next one. A backlog that an event opened, or that waits for
//!   something else because of it, is shown later events of the volley then, as it would have been.
//! - An event that is about to open a backlog is the last one. While the census is full, so is any that might: the backlog
//!   that has to go for it must not have been asked about a later event.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::iter::Peekable;
use std::mem;
use std::sync::Arc;
use std::vec::Drain;

use dsiem_core::backlog::Verdict;
use dsiem_core::event::{Event, EventKey};
use dsiem_core::routing::BacklogSlot;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Delivery, Manager, Message};
use crate::backlog::{Answer, ToBacklog};

/// How many backlogs are asked about the events of a volley, and how many events it has, at most. An event that concerns
/// more of them is handled by itself.
const MAX_VOLLEY: usize = 32;

/// The messages behind the one that a manager is at.
pub(super) type Behind<'a> = Peekable<Drain<'a, Message>>;

/// Events that are handled together, and room to work in.
#[derive(Debug, Default)]
pub(super) struct Volley {
    /// In their order; each with where its backlogs end in `asked`.
    events: Vec<(Delivery, usize)>,
    /// Their keys.
    keys: Vec<EventKey>,
    /// The backlogs that they concern, those of one event behind those of another.
    asked: Vec<BacklogSlot>,
    answers: VecDeque<Answer>,
    /// No event may follow.
    is_over: bool,
}

impl Volley {
    fn add(&mut self, delivery: Delivery, concerned: &[BacklogSlot], is_last: bool) {
        self.keys.push(delivery.event.key);
        self.asked.extend_from_slice(concerned);
        self.events.push((delivery, self.asked.len()));
        self.is_over = is_last || self.events.len() >= MAX_VOLLEY || self.asked.len() >= MAX_VOLLEY;
    }

    /// Whether an event may follow that concerns some backlogs.
    fn has_room_for(&self, concerned: &[BacklogSlot]) -> bool {
        self.asked.len() + concerned.len() <= MAX_VOLLEY
            && !concerned.iter().any(|slot| self.asked.contains(slot))
    }

    /// Whether an event of this key may follow.
    fn is_new(&self, next: &Delivery) -> bool {
        let same_second =
            |(first, _): &(Delivery, usize)| first.event.received.secs() == next.event.received.secs();
        self.events.first().is_some_and(same_second) && !self.keys.contains(&next.event.key)
    }

    fn clear(&mut self) {
        let Self { events, keys, asked, answers, is_over } = self;
        events.clear();
        keys.clear();
        asked.clear();
        answers.clear();
        *is_over = false;
    }
}

impl Manager {
    /// Handles an event whose turn it is since `started`, and with it those behind it that can be handled together; when
    /// that was done.
    pub(super) async fn deliver(
        &mut self,
        first: Delivery,
        behind: &mut Behind<'_>,
        started: Instant,
    ) -> Instant {
        self.be_at(&first.event);
        let now = first.event.received;
        self.expire(now).await;
        if self.broken {
            return started;
        }
        if self.recent.contains(&first.event.key, now) {
            self.counters().discarded_duplicate.inc();
            self.finish(&first, true);
            return self.note_time(1, 1, started);
        }
        let mut volley = mem::take(&mut self.volley);
        self.gather(first, behind, &mut volley);
        let used = self.handle(&mut volley).await;
        if self.broken {
            return started;
        }
        let done = self.note_time(volley.events.len(), used, started);
        volley.clear();
        self.volley = volley;
        done
    }

    /// If this fails from now on, it is because of `event`.
    fn be_at(&mut self, event: &Arc<Event>) {
        if !self.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, event)) {
            self.current = Some(event.clone());
        }
    }

    fn gather(&mut self, first: Delivery, behind: &mut Behind<'_>, volley: &mut Volley) {
        self.look_up(&first);
        self.join(first, volley);
        while !volley.is_over
            && let Some(Message::Event(next)) = behind.peek()
            && self.may_join(next, volley)
            && let Some(Message::Event(next)) = behind.next()
        {
            self.join(next, volley);
        }
    }

    /// Finds the backlogs that an event concerns.
    fn look_up(&mut self, delivery: &Delivery) {
        self.be_at(&delivery.event);
        let assets = &self.shared.surroundings.assets;
        self.open.router().candidates(&delivery.event, assets, &mut self.candidates);
    }

    fn may_join(&mut self, next: &Delivery, volley: &Volley) -> bool {
        if !volley.is_new(next) || self.recent.contains(&next.event.key, next.event.received) {
            return false;
        }
        self.look_up(next);
        volley.has_room_for(&self.candidates)
    }

    /// The event that was looked up last becomes part of the volley.
    fn join(&mut self, delivery: Delivery, volley: &mut Volley) {
        let opens = delivery.opens && (self.candidates.is_empty() || !self.shared.census.has_room());
        volley.add(delivery, &self.candidates, opens);
    }

    /// The way of events through the directive; how many were of use.
    async fn handle(&mut self, volley: &mut Volley) -> usize {
        self.rerouted = false;
        let used = match &volley.events[..] {
            [(alone, _)] => {
                self.be_at(&alone.event);
                let taken = self.ask(&volley.asked, || ToBacklog::Event(alone.event.clone())).await;
                if self.broken { 0 } else { usize::from(self.settle(alone, taken)) }
            }
            _ => {
                self.ask_together(volley).await;
                self.settle_together(volley).await
            }
        };
        if self.rerouted && !self.broken {
            // The one that has to go for a backlog that was opened may be one of ours.
            Box::pin(self.evict_named()).await;
        }
        used
    }

    async fn ask_together(&mut self, volley: &mut Volley) {
        let mut asked = 0;
        let mut gone: SmallVec<[_; 1]> = SmallVec::new();
        {
            // As in `ask`: first a look at each, then the messages.
            let look = |slot: &BacklogSlot| {
                let to = self.open.mailbox(*slot)?;
                Some((to, to.has_receiver()))
            };
            let mailboxes: SmallVec<[_; MAX_VOLLEY]> = volley.asked.iter().map(look).collect();
            let mut begin = 0;
            for (delivery, end) in &volley.events {
                for (slot, mailbox) in volley.asked[begin..*end].iter().zip(&mailboxes[begin..*end]) {
                    let message = ToBacklog::Event(delivery.event.clone());
                    match mailbox {
                        Some((to, true)) if to.try_send(message).is_ok() => asked += 1,
                        Some(_) => gone.push((*slot, delivery.event.clone())),
                        None => {}
                    }
                }
                begin = *end;
            }
        }
        // Their tasks failed outside of a message.
        for (slot, event) in gone {
            self.be_at(&event);
            self.lose(slot);
        }
        self.answers.wait_for(asked).await;
        self.answers.take_all(&mut volley.answers);
    }

    /// Books what came of each event, in their order; how many were of use.
    async fn settle_together(&mut self, volley: &mut Volley) -> usize {
        let Volley { events, asked, answers, .. } = volley;
        let (mut begin, mut used) = (0, 0);
        for (delivery, end) in events {
            let (event, concerned) = (&delivery.event, &asked[begin..*end]);
            self.be_at(event);
            if self.is_any_due(event.received) {
                // Boxed, like what is asked late: a manager has no room for what it needs once in a while.
                Box::pin(self.expire(event.received)).await;
            }
            let rerouted = self.rerouted;
            let mut strongest = None;
            for slot in concerned {
                if let Some(at) = answers.iter().position(|answer| answer.slot == *slot)
                    && let Some(answer) = answers.remove(at)
                {
                    strongest = stronger(strongest, self.take(answer));
                }
            }
            if rerouted {
                let late = self.late(delivery, concerned);
                let asking = self.ask(&late, || ToBacklog::Event(event.clone()));
                strongest = stronger(strongest, Box::pin(asking).await);
            }
            if self.broken {
                return used;
            }
            used += usize::from(self.settle(delivery, strongest));
            begin = *end;
        }
        used
    }

    /// The backlogs that an event concerns by what those before it have changed.
    fn late(&mut self, delivery: &Delivery, asked: &[BacklogSlot]) -> SmallVec<[BacklogSlot; 4]> {
        self.look_up(delivery);
        self.candidates.iter().filter(|slot| !asked.contains(slot)).copied().collect()
    }

    /// Books what came of an event, and opens a backlog where one has to be; whether the event was of use.
    fn settle(&mut self, delivery: &Delivery, taken: Option<Verdict>) -> bool {
        let event = &delivery.event;
        let had = match taken {
            Some(verdict) => {
                self.book(verdict);
                true
            }
            None if delivery.opens => self.open(event),
            None => {
                self.counters().pairs_not_matching.inc();
                self.finish(delivery, false);
                return false;
            }
        };
        if had {
            self.remember(event);
        }
        self.finish(delivery, true);
        true
    }

    /// Takes an event off the books; `used` says whether it was of use.
    fn finish(&mut self, delivery: &Delivery, used: bool) {
        self.current = None;
        self.handled = delivery.number;
        self.unhandled -= 1;
        self.counters().pairs_in_flight.dec();
        self.now = self.now.max(delivery.arrived);
        if used {
            self.last_use = self.now;
            self.shared.pressure.check(delivery.arrived, &self.shared.clock);
        }
    }

    /// Notes how long events took, of which `used` were of use, since `started`; when they were done.
    fn note_time(&self, events: usize, used: usize, started: Instant) -> Instant {
        let done = Instant::now();
        let each = (done - started) / u32::try_from(events.max(1)).unwrap_or(u32::MAX);
        let (counters, used) = (self.counters(), used as u64);
        let nanos = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX);
        counters.processing_nanos.add(nanos.saturating_mul(used));
        if each > self.shared.event_budget {
            counters.budget_missed.add(used);
        }
        done
    }
}

/// Of two verdicts on the same event, the one that goes into the books.
pub(super) fn stronger(a: Option<Verdict>, b: Option<Verdict>) -> Option<Verdict> {
    let rank = |verdict: &Option<Verdict>| match verdict {
        None => 0,
        Some(Verdict::NotConsumed) => 1,
        Some(Verdict::Discarded(_)) => 2,
        Some(Verdict::Absorbed) => 3,
        Some(Verdict::Counted) => 4,
    };
    if rank(&b) > rank(&a) { b } else { a }
}
