//! One task for each directive that is awake.
//!
//! The manager owns the routing table, the deadlines, the remembered event ids and the mailboxes of its directive's
//! backlogs. It handles the events of its directive one after the other: it has every backlog's answer to an event before
//! it looks at the next one. The order of the steps for one event is that of the contract: the backlogs that are over
//! end, a duplicate is discarded, the backlogs that may be concerned are asked, and only then a new one opens.

mod lingering;
mod stop;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use dsiem_core::backlog::{Backlog, Discarded, Ending, Outcome, Verdict};
use dsiem_core::directive::Directive;
use dsiem_core::duplicates::{MAX_REMEMBERED, RecentEvents};
use dsiem_core::event::Event;
use dsiem_core::index::DirectiveSlot;
use dsiem_core::routing::BacklogSlot;
use dsiem_core::snapshot::{DirectiveState, OpenBacklog};
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::clock::Clock;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::backlog::{Answer, BacklogTask, Beginning, MAILBOX_MESSAGES, Surroundings, ToBacklog};
use crate::census::{Census, Evictions, Ticket};
use crate::pressure::Pressure;
use crate::state::Store;
use lingering::Lingering;
use table::{Entry, Table};

/// How many events may wait for a directive; full, the dispatcher waits.
pub const MAILBOX_EVENTS: usize = 1_024;

/// How many backlogs are asked at a time; the answers of all of them have room.
const ASKED_AT_ONCE: usize = 512;

/// How many events are taken out of the mailbox at a time.
const BATCH_EVENTS: usize = 64;

/// How often an idle directive looks whether it may retire.
const IDLE_LOOK: Duration = Duration::from_secs(30);

/// An event on its way to a directive.
#[derive(Debug)]
pub struct Delivery {
    /// Counts up through the deliveries to all directives.
    pub number: u64,
    /// The event.
    pub event: Arc<Event>,
    /// When this process got it.
    pub arrived: ReceiptTime,
    /// Whether it matches the stage-1 rule.
    pub opens: bool,
}

/// A manager's wish to go to sleep.
#[derive(Debug, Clone, Copy)]
pub struct Retirement {
    /// Whose.
    pub slot: DirectiveSlot,
    /// The number of the last delivery that it has handled; if that is not the last it was sent, it stays awake.
    pub handled: u64,
}

/// What all managers of a process share.
pub struct Shared {
    /// What their backlogs share.
    pub surroundings: Arc<Surroundings>,
    /// The time.
    pub clock: Clock,
    /// How many backlogs may be open.
    pub census: Census,
    /// Where long waits are reported.
    pub pressure: Pressure,
    /// Up to which time everything received has been delivered.
    pub watermark: watch::Receiver<ReceiptTime>,
    /// Where managers ask to retire.
    pub retirements: mpsc::Sender<Retirement>,
    /// Where state is saved; `None` if it is not to be.
    pub store: Option<Store>,
    /// Holds the tasks of backlogs.
    pub tasks: TaskTracker,
    /// How long an event id is remembered, in seconds.
    pub duplicate_window_secs: u32,
    /// How long a directive stays awake without a backlog; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long an event should take.
    pub event_budget: Duration,
}

/// The manager of one directive.
pub struct Manager {
    slot: DirectiveSlot,
    directive: Arc<Directive>,
    shared: Arc<Shared>,
    open: Table,
    recent: RecentEvents,
    mailbox: mpsc::Receiver<Delivery>,
    answers: mpsc::Receiver<Answer>,
    answer_sender: mpsc::Sender<Answer>,
    evictions: Arc<Evictions>,
    lingering: Lingering,
    /// The number of the last delivery that was handled.
    handled: u64,
    /// Deliveries that were taken out of the mailbox and not yet handled.
    unhandled: usize,
    last_use: Instant,
    /// When to look next whether it may retire.
    next_look: Instant,
    forgotten_early: u64,
    /// Room to work in.
    candidates: Vec<BacklogSlot>,
}

impl Manager {
    /// A manager of `directive`, which goes on with `state`.
    #[must_use]
    pub fn new(
        slot: DirectiveSlot,
        directive: Arc<Directive>,
        shared: Arc<Shared>,
        mailbox: mpsc::Receiver<Delivery>,
        state: DirectiveState,
    ) -> Self {
        let seed = shared.surroundings.settings.seed;
        let (answer_sender, answers) = mpsc::channel(ASKED_AT_ONCE);
        let mut manager = Self {
            slot,
            directive,
            open: Table::new(seed),
            recent: RecentEvents::new(shared.duplicate_window_secs, MAX_REMEMBERED, seed),
            shared,
            mailbox,
            answers,
            answer_sender,
            evictions: Arc::default(),
            lingering: Lingering::new(),
            handled: 0,
            unhandled: 0,
            last_use: Instant::now(),
            next_look: Instant::now() + IDLE_LOOK,
            forgotten_early: 0,
            candidates: Vec::new(),
        };
        for (at, key) in state.remembered {
            manager.recent.remember(key, at);
        }
        for open in state.backlogs {
            manager.reload(open);
        }
        manager
    }

    /// Handles events until the mailbox closes; then saves the state.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        let mut watermark = self.shared.watermark.clone();
        loop {
            let due = self.open.next_due_secs().map(ReceiptTime::from_secs);
            // Once the clock has passed a deadline, what was received before it may still be on its way.
            let overdue = due.filter(|due| self.shared.clock.now() >= *due);
            let may_retire = self.shared.idle_timeout.is_some() && self.open.is_empty();
            tokio::select! {
                biased;
                () = self.evictions.named() => self.evict_named().await,
                taken = self.mailbox.recv_many(&mut batch, BATCH_EVENTS) => {
                    if taken == 0 {
                        break;
                    }
                    self.unhandled = taken;
                    for delivery in batch.drain(..) {
                        self.deliver(delivery).await;
                    }
                }
                () = reached(&mut watermark, overdue) => {
                    let reached = *watermark.borrow();
                    self.expire_overdue(reached).await;
                }
                () = until(&self.shared.clock, due), if overdue.is_none() => {}
                () = tokio::time::sleep_until(self.next_look), if may_retire => self.ask_to_retire(),
            }
        }
        self.stop().await;
    }

    async fn deliver(&mut self, delivery: Delivery) {
        let started = Instant::now();
        let used = self.handle(&delivery.event, delivery.opens).await;
        self.handled = delivery.number;
        self.unhandled -= 1;
        if used {
            self.last_use = Instant::now();
            self.shared.pressure.check(delivery.arrived, &self.shared.clock);
            let took = self.last_use - started;
            let counters = &self.shared.surroundings.counters;
            counters.processing_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            if took > self.shared.event_budget {
                counters.budget_missed.inc();
            }
        }
    }

    /// The way of one event through the directive; whether it was of use.
    async fn handle(&mut self, event: &Arc<Event>, opens: bool) -> bool {
        let now = event.received;
        let shared = self.shared.clone();
        let counters = &shared.surroundings.counters;
        self.expire(now).await;
        if self.recent.contains(&event.key, now) {
            counters.discarded_duplicate.inc();
            return true;
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        self.open.router().candidates(event, &shared.surroundings.assets, &mut candidates);
        let taken = self.ask(&candidates, || ToBacklog::Event(event.clone())).await;
        self.candidates = candidates;
        let had = match taken {
            Some(verdict) => {
                self.book(verdict);
                true
            }
            None if opens => self.open(event).await,
            None => {
                counters.pairs_not_matching.inc();
                return false;
            }
        };
        if had {
            self.remember(event);
        }
        true
    }

    /// Sends a message to each of `slots` and waits for all answers. The strongest verdict, if any backlog consumed.
    async fn ask(&mut self, slots: &[BacklogSlot], message: impl Fn() -> ToBacklog) -> Option<Verdict> {
        let mut strongest: Option<Verdict> = None;
        for group in slots.chunks(ASKED_AT_ONCE) {
            let mut asked = 0;
            for slot in group {
                match self.open.mailbox(*slot).map(|mailbox| mailbox.try_send(message())) {
                    Some(Ok(())) => asked += 1,
                    // Its task is gone: it failed outside of a message.
                    Some(Err(_)) => self.lose(*slot),
                    None => {}
                }
            }
            for _ in 0..asked {
                // A sender of our own keeps the channel open.
                let Some(answer) = self.answers.recv().await else { break };
                if let Some(outcome) = self.take(answer).filter(Outcome::consumed) {
                    strongest =
                        Some(strongest.map_or(outcome.verdict, |before| stronger(before, outcome.verdict)));
                }
            }
        }
        strongest
    }

    /// Brings the table up to date with an answer.
    fn take(&mut self, answer: Answer) -> Option<Outcome> {
        let Some(outcome) = answer.outcome else {
            self.lose(answer.slot);
            return None;
        };
        if let Some(ending) = answer.ending {
            self.end(answer.slot, ending, answer.lingers);
            return Some(outcome);
        }
        if let Some(deadline) = answer.deadline_secs {
            self.open.set_deadline(answer.slot, deadline);
        }
        if let Some(interests) = answer.interests {
            self.open.set_interests(answer.slot, interests);
        }
        if answer.passed_second_stage {
            self.protect(answer.slot);
        }
        Some(outcome)
    }

    fn book(&self, verdict: Verdict) {
        let counters = &self.shared.surroundings.counters;
        match verdict {
            Verdict::Counted | Verdict::Absorbed | Verdict::NotConsumed => counters.pairs_consumed.inc(),
            Verdict::Discarded(Discarded::SameEvent) => counters.discarded_same_event.inc(),
            Verdict::Discarded(Discarded::NothingNew) => counters.discarded_nothing_new.inc(),
            Verdict::Discarded(Discarded::OutOfOrder) => counters.discarded_out_of_order.inc(),
        }
    }

    /// Opens a backlog with an event that matches the stage-1 rule and that nobody consumed; whether the directive has
    /// had the event, now or before.
    async fn open(&mut self, event: &Arc<Event>) -> bool {
        let shared = self.shared.clone();
        let counters = &shared.surroundings.counters;
        let (backlog, outcome) = Backlog::open(self.directive.clone(), event, shared.surroundings.context());
        if self.open.has_alarm(backlog.id()) {
            // The same event again, beyond the duplicate window, while its backlog is still open.
            counters.discarded_duplicate.inc();
            return true;
        }
        let slot = self.open.next_slot();
        let Some(ticket) = shared.census.admit(slot, &self.evictions) else {
            counters.discarded_no_room.inc();
            return false;
        };
        counters.pairs_opened.inc();
        // A directive has at least two stages, so that it is not over with its first event.
        self.start(slot, backlog, ticket, Beginning::Opened(event.clone(), outcome));
        // The one that has to go for it may be one of ours.
        self.evict_named().await;
        true
    }

    /// Goes on with a backlog that was saved.
    fn reload(&mut self, open: OpenBacklog) {
        let OpenBacklog { backlog, look_ups_pending } = open;
        let beginning = Beginning::Reloaded { look_ups_pending };
        let slot = self.open.next_slot();
        if backlog.ending().is_some() {
            let mailbox = self.spawn(slot, backlog, beginning);
            self.lingering.add(mailbox);
            return;
        }
        let ticket = self.shared.census.readmit(slot, &self.evictions);
        let passed = backlog.has_passed_second_stage();
        self.start(slot, backlog, ticket, beginning);
        if passed {
            self.protect(slot);
        }
    }

    fn start(&mut self, slot: BacklogSlot, backlog: Backlog, ticket: Ticket, beginning: Beginning) {
        let settings = &self.shared.surroundings.settings;
        let (alarm_id, directive) = (backlog.id().clone(), backlog.directive().clone());
        let (interests, deadline_secs) = (backlog.interests(settings), backlog.deadline_secs(settings));
        let mailbox = self.spawn(slot, backlog, beginning);
        let entry =
            Entry { mailbox, alarm_id, directive, interests, deadline_secs, ticket, protected: false };
        self.open.add(slot, entry);
    }

    /// Starts the task of a backlog; where to send it messages.
    fn spawn(&self, slot: BacklogSlot, backlog: Backlog, beginning: Beginning) -> mpsc::Sender<ToBacklog> {
        let (mailbox, messages) = mpsc::channel(MAILBOX_MESSAGES);
        let (surroundings, answers) = (self.shared.surroundings.clone(), self.answer_sender.clone());
        let task = BacklogTask::new(slot, backlog, surroundings, messages, answers);
        self.shared.tasks.spawn(task.run(beginning));
        mailbox
    }

    /// The backlog has passed its second stage: it does not have to go any more, unless it was named before.
    fn protect(&mut self, slot: BacklogSlot) {
        if let Some(ticket) = self.open.unprotected(slot)
            && self.shared.census.protect(ticket)
        {
            self.open.set_protected(slot);
        }
    }

    /// Ends the backlogs whose deadline lies before `now`.
    async fn expire(&mut self, now: ReceiptTime) {
        while let Some(slot) = self.open.first_due(now.secs()) {
            self.ask(&[slot], || ToBacklog::Deadline(now)).await;
            if self.open.first_due(now.secs()) == Some(slot) {
                error!(
                    directive.id = self.directive.id,
                    "a backlog did not end at its deadline and is given up"
                );
                self.lose(slot);
            }
        }
    }

    /// The clock has passed a deadline, and everything received up to `watermark` has been delivered: what of it is in
    /// the mailbox comes first.
    async fn expire_overdue(&mut self, watermark: ReceiptTime) {
        for _ in 0..self.mailbox.len() {
            let Ok(delivery) = self.mailbox.try_recv() else { break };
            self.unhandled = 1;
            self.deliver(delivery).await;
        }
        self.expire(watermark).await;
    }

    /// Ends the backlogs that have to make room.
    async fn evict_named(&mut self) {
        let slots = self.evictions.take();
        self.ask(&slots, || ToBacklog::Evict).await;
    }

    fn remember(&mut self, event: &Event) {
        self.recent.remember(event.key, event.received);
        let forgotten = self.recent.forgotten_early();
        self.shared.surroundings.counters.remembered_dropped.add(forgotten - self.forgotten_early);
        self.forgotten_early = forgotten;
    }

    fn end(&mut self, slot: BacklogSlot, ending: Ending, lingers: bool) {
        self.count_end(ending);
        if let Some(entry) = self.open.remove(slot) {
            self.shared.census.leave(entry.ticket, entry.protected);
            if lingers {
                self.lingering.add(entry.mailbox);
            }
        }
    }

    fn count_end(&self, ending: Ending) {
        let counters = &self.shared.surroundings.counters;
        match ending {
            Ending::Completed => counters.backlogs_completed.inc(),
            Ending::TimedOut => counters.backlogs_expired.inc(),
            Ending::Evicted => counters.backlogs_evicted.inc(),
        }
    }

    fn lose(&mut self, slot: BacklogSlot) {
        if let Some(entry) = self.open.remove(slot) {
            self.shared.census.leave(entry.ticket, entry.protected);
            self.shared.surroundings.counters.backlogs_failed.inc();
            error!(
                directive.id = self.directive.id,
                backlog.id = entry.alarm_id.as_str(),
                "a backlog failed and is lost; the directive goes on without it"
            );
        }
    }
}

/// Of two backlogs that consumed the same event, the verdict that goes into the books.
fn stronger(a: Verdict, b: Verdict) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::NotConsumed => 0,
        Verdict::Discarded(_) => 1,
        Verdict::Absorbed => 2,
        Verdict::Counted => 3,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

/// Waits until everything received up to `time` has been delivered; for ever without a time.
async fn reached(watermark: &mut watch::Receiver<ReceiptTime>, time: Option<ReceiptTime>) {
    let reached = match time {
        Some(time) => watermark.wait_for(|mark| *mark >= time).await.is_ok(),
        None => false,
    };
    if !reached {
        // No deadline, or the dispatcher is gone and the mailbox is about to close.
        std::future::pending::<()>().await;
    }
}

/// Waits until the clock reads `time`; for ever without a time.
async fn until(clock: &Clock, time: Option<ReceiptTime>) {
    match time {
        Some(time) => clock.sleep_until(time).await,
        None => std::future::pending().await,
    }
}
