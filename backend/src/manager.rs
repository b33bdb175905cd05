//! One task for each directive that is awake.
//!
//! The manager owns the routing table, the deadlines, the remembered event ids and the mailboxes of its directive's
//! backlogs. It handles the events of its directive one after the other, or several together where that comes to the same
//! (`volley`). The order of the steps for one event is that of the contract: the backlogs that are over end, a duplicate
//! is discarded, the backlogs that may be concerned are asked, and only then a new one opens.

mod lingering;
mod save;
mod show;
mod stop;
mod table;
#[cfg(test)]
mod tests;
mod volley;
mod wake_time;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dsiem_core::backlog::{Backlog, Discarded, Ending, Verdict};
use dsiem_core::directive::Directive;
use dsiem_core::duplicates::{MAX_REMEMBERED, RecentEvents};
use dsiem_core::event::Event;
use dsiem_core::index::DirectiveSlot;
use dsiem_core::routing::BacklogSlot;
use dsiem_core::snapshot::{DirectiveState, OpenBacklog};
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::clock::Clock;
use smallvec::SmallVec;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::answers::{self, answers};
use crate::backlog::{Answer, BacklogTask, Beginning, Change, Surroundings, ToBacklog};
use crate::census::{Census, Evictions, Ticket};
use crate::counters::Counters;
use crate::inquiry::OpenCounts;
use crate::mailbox::{Sender, mailbox};
use crate::pressure::Pressure;
use crate::state::Store;
use lingering::Lingering;
use save::Unsaved;
pub use save::{Part, Save};
pub use show::{Show, Shown};
pub use stop::Failure;
use table::{Entry, Table};
use volley::{Volley, stronger};
pub use wake_time::WakeTime;

/// How many events may wait for a directive; full, the dispatcher waits.
pub const MAILBOX_EVENTS: usize = 1_024;

/// How many backlogs are asked at a time: as many tasks as a thread of tokio's may have waiting in its own queue. What is
/// beyond goes over a queue that all threads share.
const ASKED_AT_ONCE: usize = 250;

/// How many messages are taken out of the mailbox at a time.
const BATCH_MESSAGES: usize = 64;

/// How often, in seconds, an idle directive looks whether it may retire.
const IDLE_LOOK_SECS: i64 = 30;

/// What the roster sends to a manager.
#[derive(Debug)]
pub enum Message {
    /// An event that concerns it.
    Event(Delivery),
    /// Everything that was received before this time has been delivered.
    Time(ReceiptTime),
    /// A checkpoint wants to know what has changed by the events before.
    Save(Save),
    /// Somebody wants to see its open backlogs.
    Show(Show),
}

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
    /// The time: of saved state, and of long waits.
    pub clock: Clock,
    /// How many backlogs may be open.
    pub census: Census,
    /// How many each directive has open.
    pub open: OpenCounts,
    /// Where long waits are reported.
    pub pressure: Pressure,
    /// Where managers say that they have failed; `None` if nobody can start them again.
    pub failures: Option<mpsc::Sender<Failure>>,
    /// Where managers ask to retire.
    pub retirements: mpsc::Sender<Retirement>,
    /// Where state is saved when stopping; `None` if it is not to be.
    pub store: Option<Store>,
    /// Whether there are checkpoints, so that it is to be noted what has changed since the last one.
    pub checkpoints: bool,
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
    mailbox: mpsc::Receiver<Message>,
    wake_time: WakeTime,
    answers: answers::Receiver<Answer>,
    answer_sender: answers::Sender<Answer>,
    evictions: Arc<Evictions>,
    lingering: Lingering,
    /// The number of the last delivery that was handled.
    handled: u64,
    /// Deliveries that were taken out of the mailbox and not yet handled.
    unhandled: usize,
    /// The latest time that it knows of: of a delivery, or told.
    now: ReceiptTime,
    /// When an event was of use last.
    last_use: ReceiptTime,
    /// From which second on it is to be looked whether it may go to sleep.
    look_secs: i64,
    forgotten_early: u64,
    unsaved: Unsaved,
    /// The event that it is at.
    current: Option<Arc<Event>>,
    /// Whether it has lost a backlog, so that it has to be started again.
    broken: bool,
    /// Whether it ends in order.
    ends_well: bool,
    /// Whether a backlog has come, or waits for other events, since this was reset.
    rerouted: bool,
    /// Room to work in.
    candidates: Vec<BacklogSlot>,
    arrived: VecDeque<Answer>,
    volley: Volley,
}

impl Manager {
    /// A manager of `directive`, which goes on with `state`.
    #[must_use]
    pub fn new(
        slot: DirectiveSlot,
        directive: Arc<Directive>,
        shared: Arc<Shared>,
        mailbox: mpsc::Receiver<Message>,
        wake_time: WakeTime,
        state: DirectiveState,
    ) -> Self {
        let seed = shared.surroundings.settings.seed;
        let (answer_sender, answers) = answers();
        let lingering = Lingering::new(shared.checkpoints);
        let mut manager = Self {
            slot,
            directive,
            open: Table::new(seed),
            recent: RecentEvents::new(shared.duplicate_window_secs, MAX_REMEMBERED, seed),
            shared,
            mailbox,
            wake_time,
            answers,
            answer_sender,
            evictions: Arc::default(),
            lingering,
            handled: 0,
            unhandled: 0,
            now: ReceiptTime::default(),
            last_use: ReceiptTime::default(),
            look_secs: 0,
            forgotten_early: 0,
            unsaved: Unsaved::default(),
            current: None,
            broken: false,
            ends_well: false,
            rerouted: false,
            candidates: Vec::new(),
            arrived: VecDeque::new(),
            volley: Volley::default(),
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
        let evictions = self.evictions.clone();
        let mut named = pin!(evictions.named());
        let mut batch = Vec::new();
        self.shared.open.set(self.slot, self.open.len());
        loop {
            tokio::select! {
                biased;
                () = &mut named => {
                    named.set(evictions.named());
                    self.evict_named().await;
                }
                taken = self.mailbox.recv_many(&mut batch, BATCH_MESSAGES) => {
                    if taken == 0 {
                        break;
                    }
                    self.take_batch(&mut batch).await;
                }
            }
            if self.broken {
                return;
            }
            self.wake_time.set(self.wants_to_know_at());
            self.shared.open.set(self.slot, self.open.len());
        }
        // Boxed, as it would hold the manager a second time.
        Box::pin(self.stop()).await;
    }

    async fn take_batch(&mut self, batch: &mut Vec<Message>) {
        self.unhandled = batch.iter().filter(|message| matches!(message, Message::Event(_))).count();
        let mut started = Instant::now();
        let mut messages = batch.drain(..).peekable();
        while !self.broken
            && let Some(message) = messages.next()
        {
            match message {
                Message::Event(first) => started = self.deliver(first, &mut messages, started).await,
                Message::Time(time) => self.on_time(time).await,
                // Boxed: its room is not needed at any other time.
                Message::Save(save) => Box::pin(self.save(&save)).await,
                Message::Show(show) => Box::pin(self.show(show)).await,
            }
        }
    }

    /// Everything received before `time` has been handled: what is over by then ends, and if nothing is left, the
    /// directive may go to sleep.
    async fn on_time(&mut self, time: ReceiptTime) {
        self.now = self.now.max(time);
        self.expire(time).await;
        self.look_secs = self.now.secs().saturating_add(IDLE_LOOK_SECS);
        self.ask_to_retire();
    }

    /// The second at which there is something to do without an event.
    fn wants_to_know_at(&self) -> i64 {
        if !self.is_saved() {
            // So that the roster knows that a checkpoint has to ask.
            return 0;
        }
        match self.open.next_due_secs() {
            Some(due) => due,
            None if self.shared.idle_timeout.is_some() => self.look_secs,
            None => WakeTime::NEVER,
        }
    }

    fn counters(&self) -> &Counters {
        &self.shared.surroundings.counters
    }

    /// Sends a message to each of `slots` and waits for all answers. The strongest verdict, if any backlog consumed.
    async fn ask(&mut self, slots: &[BacklogSlot], message: impl Fn() -> ToBacklog) -> Option<Verdict> {
        let mut strongest: Option<Verdict> = None;
        for group in slots.chunks(ASKED_AT_ONCE) {
            // First a look at each mailbox, then the messages: looks into memory that do not depend on each other are
            // waited for together, and of many backlogs nothing is in a cache.
            let look = |slot: &BacklogSlot| self.open.mailbox(*slot).map(|to| (*slot, to, to.has_receiver()));
            let mailboxes: SmallVec<[_; 2]> = group.iter().filter_map(look).collect();
            let mut asked = 0;
            let mut gone: SmallVec<[BacklogSlot; 2]> = SmallVec::new();
            for (slot, mailbox, has_receiver) in mailboxes {
                if has_receiver && mailbox.try_send(message()).is_ok() {
                    asked += 1;
                } else {
                    gone.push(slot);
                }
            }
            // Their tasks failed outside of a message.
            gone.into_iter().for_each(|slot| self.lose(slot));
            self.answers.wait_for(asked).await;
            let mut arrived = std::mem::take(&mut self.arrived);
            self.answers.take_all(&mut arrived);
            for answer in arrived.drain(..) {
                strongest = stronger(strongest, self.take(answer));
            }
            self.arrived = arrived;
        }
        strongest
    }

    /// Brings the table up to date with an answer; its verdict, if the backlog consumed.
    fn take(&mut self, answer: Answer) -> Option<Verdict> {
        let Some(outcome) = answer.outcome else {
            self.lose(answer.slot);
            return None;
        };
        if self.shared.checkpoints && (outcome.consumed() || answer.change.is_some()) {
            self.open.set_unsaved(answer.slot);
        }
        if let Some(change) = answer.change {
            self.change(answer.slot, *change);
        }
        outcome.consumed().then_some(outcome.verdict)
    }

    fn change(&mut self, slot: BacklogSlot, change: Change) {
        if let Some(ending) = change.ending {
            return self.end(slot, ending, change.lingers);
        }
        self.open.set_deadline(slot, change.deadline_secs);
        if let Some(interests) = change.interests {
            self.open.set_interests(slot, interests);
            self.rerouted = true;
        }
        if change.passed_second_stage {
            self.protect(slot);
        }
    }

    fn book(&self, verdict: Verdict) {
        let counters = self.counters();
        match verdict {
            Verdict::Counted | Verdict::Absorbed | Verdict::NotConsumed => counters.pairs_consumed.inc(),
            Verdict::Discarded(Discarded::SameEvent) => counters.discarded_same_event.inc(),
            Verdict::Discarded(Discarded::NothingNew) => counters.discarded_nothing_new.inc(),
            Verdict::Discarded(Discarded::OutOfOrder) => counters.discarded_out_of_order.inc(),
        }
    }

    /// Opens a backlog with an event that matches the stage-1 rule and that nobody consumed; whether it did.
    fn open(&mut self, event: &Arc<Event>) -> bool {
        let shared = self.shared.clone();
        let counters = &shared.surroundings.counters;
        let (backlog, outcome) = Backlog::open(self.directive.clone(), event, shared.surroundings.context());
        if self.open.has_alarm(backlog.id()) {
            // The same event again, beyond the duplicate window, while its backlog is still open. It has neither opened
            // anything nor was it consumed, so that it is not remembered anew.
            counters.discarded_duplicate.inc();
            return false;
        }
        let slot = self.open.next_slot();
        let Some(ticket) = shared.census.admit(slot, &self.evictions) else {
            counters.discarded_no_room.inc();
            return false;
        };
        counters.pairs_opened.inc();
        // A directive has at least two stages, so that it is not over with its first event.
        self.start(slot, backlog, ticket, Beginning::Opened(event.clone(), outcome));
        if shared.checkpoints {
            self.open.set_unsaved(slot);
        }
        self.rerouted = true;
        true
    }

    /// Goes on with a backlog that was saved.
    fn reload(&mut self, open: OpenBacklog) {
        let OpenBacklog { backlog, look_ups_pending } = open;
        let beginning = Beginning::Reloaded { look_ups_pending };
        let slot = self.open.next_slot();
        if backlog.ending().is_some() {
            let alarm_id = backlog.id().clone();
            let mailbox = self.spawn(slot, backlog, beginning);
            self.lingering.add(alarm_id, mailbox);
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
        let entry = Entry {
            mailbox,
            alarm_id,
            directive,
            interests,
            deadline_secs,
            ticket,
            protected: false,
            unsaved: false,
        };
        self.open.add(slot, entry);
    }

    /// Starts the task of a backlog; where to send it messages.
    fn spawn(&self, slot: BacklogSlot, backlog: Backlog, beginning: Beginning) -> Sender<ToBacklog> {
        let (mailbox, messages) = mailbox();
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

    /// Whether there is a backlog whose deadline lies before `now`.
    fn is_any_due(&self, now: ReceiptTime) -> bool {
        self.open.first_due(now.secs()).is_some()
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

    /// Ends the backlogs that have to make room.
    async fn evict_named(&mut self) {
        let slots = self.evictions.take();
        self.ask(&slots, || ToBacklog::Evict).await;
    }

    fn remember(&mut self, event: &Event) {
        self.recent.remember(event.key, event.received);
        if self.shared.checkpoints && self.shared.duplicate_window_secs > 0 {
            self.unsaved.remembered.push((event.received, event.key));
        }
        let forgotten = self.recent.forgotten_early();
        if forgotten > self.forgotten_early {
            self.counters().remembered_dropped.add(forgotten - self.forgotten_early);
            self.forgotten_early = forgotten;
        }
    }

    fn end(&mut self, slot: BacklogSlot, ending: Ending, lingers: bool) {
        self.count_end(ending);
        if let Some(entry) = self.open.remove(slot) {
            self.shared.census.leave(entry.ticket, entry.protected);
            if lingers {
                self.lingering.add(entry.alarm_id, entry.mailbox);
            } else if self.shared.checkpoints {
                self.unsaved.ended.push(entry.alarm_id);
            }
        }
    }

    fn count_end(&self, ending: Ending) {
        let counters = self.counters();
        match ending {
            Ending::Completed => counters.backlogs_completed.inc(),
            Ending::TimedOut => counters.backlogs_expired.inc(),
            Ending::Evicted => counters.backlogs_evicted.inc(),
        }
    }

    fn lose(&mut self, slot: BacklogSlot) {
        if self.shared.failures.is_some() {
            // Not without it: the whole directive begins again where that backlog was whole.
            self.broken = true;
            return;
        }
        if let Some(entry) = self.open.remove(slot) {
            self.shared.census.leave(entry.ticket, entry.protected);
            self.counters().backlogs_failed.inc();
            error!(
                directive.id = self.directive.id,
                backlog.id = entry.alarm_id.as_str(),
                "a backlog failed and is lost; the directive goes on without it"
            );
            if self.shared.checkpoints {
                self.unsaved.ended.push(entry.alarm_id);
            }
        }
    }
}
