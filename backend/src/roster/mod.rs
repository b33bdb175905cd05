//! Which directives are awake, and the dispatcher that feeds them in order.
//!
//! A directive with an open backlog has a manager task with a mailbox; the others cost an index entry. One task owns the
//! roster, so waking and retiring cannot race: a manager asks to retire and names the last delivery that it has handled;
//! only if that is the last one it was sent does it lose its mailbox, so no event can be between the two. Deliveries are
//! numbered through all directives and for ever, so a request that was overtaken fits no later manager.
//!
//! The roster also tells the time. A backlog may end by the clock only when everything received before its deadline has
//! been delivered, which the roster alone knows. So managers have no clocks: each leaves word when it has something to do
//! next, and once a second the roster looks who is due and sends it the time, behind the events that came before.

mod recovery;

use std::collections::BTreeMap;
use std::future::pending;

use dsiem_core::index::DirectiveSlot;
use dsiem_core::snapshot::DirectiveState;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::Position;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::counters::Counters;
use crate::filter::{Concern, FilteredBatch};
use crate::inquiry::Question;
use crate::manager::{Delivery, Failure, MAILBOX_EVENTS, Message, Retirement, Save, Shown, WakeTime};
use recovery::{Given, Since};

pub use recovery::{Means, POISON_FILE, Recovery};

/// Starts a manager for a directive that reads from the mailbox and leaves word of when it wants to know the time.
/// Without a state, it goes on with what was saved when the process started, if that is so.
pub type Wake =
    Box<dyn FnMut(DirectiveSlot, mpsc::Receiver<Message>, WakeTime, Option<DirectiveState>) + Send>;

/// How many requests to retire may wait; full, managers ask again later.
pub const RETIREMENTS: usize = 1024;

/// How many failures of managers may wait; full, that of another one is found by nobody, until the process is started
/// again.
pub const FAILURES: usize = 1024;

/// A checkpoint that is to be made.
#[derive(Debug)]
pub struct Mark {
    /// The number of the checkpoint.
    pub number: u64,
    /// The number of the last one that is on disk; 0 for none that counts.
    pub committed: u64,
    /// What to ask of managers.
    pub save: Save,
    /// What they will have told. The checkpoint is given up when this is dropped.
    pub cut: oneshot::Sender<Cut>,
}

/// What the managers tell after a mark.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// How far everything has been dispatched that they will have told.
    pub reached: Option<Position>,
    /// Whether that is all that was there when this process began, and so all that an earlier one can have handled.
    pub caught_up: bool,
    /// How many of them will tell something.
    pub asked: usize,
}

/// The awake directives, by slot.
pub struct Roster {
    awake: Vec<Option<Awake>>,
    /// The number of the last delivery to anyone; the first is 1.
    delivered: u64,
    /// The last second that was told, since 1970.
    told_secs: i64,
    /// The place behind the last batch that was dispatched.
    reached: Option<Position>,
    /// Whether everything that was there when this process began has been dispatched.
    caught_up: bool,
    wake: Wake,
    /// Starts directives again that have failed; `None`: they begin anew.
    recovery: Option<Recovery>,
    /// Who wants to see backlogs; `None`: nobody can.
    questions: Option<mpsc::Receiver<Question>>,
    counters: Counters,
}

struct Awake {
    mailbox: mpsc::Sender<Message>,
    wake_time: WakeTime,
    /// The number of the last delivery to it; 0 if there was none.
    last: u64,
    /// Whether it may have something to tell a checkpoint.
    touched: bool,
    /// What it was given since the last one.
    since: Since,
}

impl Roster {
    /// A roster of `directives` sleeping directives.
    #[must_use]
    pub fn new(directives: usize, wake: Wake, counters: Counters) -> Self {
        Self {
            awake: std::iter::repeat_with(|| None).take(directives).collect(),
            delivered: 0,
            told_secs: i64::MIN,
            reached: None,
            caught_up: false,
            wake,
            recovery: None,
            questions: None,
            counters,
        }
    }

    /// The same, which starts directives again that have failed.
    #[must_use]
    pub fn with_recovery(mut self, recovery: Option<Recovery>) -> Self {
        self.recovery = recovery;
        self
    }

    /// The same, which passes on questions to directives.
    #[must_use]
    pub fn with_questions(mut self, questions: mpsc::Receiver<Question>) -> Self {
        self.questions = Some(questions);
        self
    }

    /// Wakes a directive, if it sleeps.
    pub fn wake(&mut self, slot: DirectiveSlot) {
        self.wake_with(slot, None, Since::default());
    }

    fn wake_with(&mut self, slot: DirectiveSlot, state: Option<DirectiveState>, since: Since) {
        let place = &mut self.awake[slot.0 as usize];
        if place.is_none() {
            let (mailbox, deliveries) = mpsc::channel(MAILBOX_EVENTS);
            let wake_time = WakeTime::default();
            *place = Some(Awake { mailbox, wake_time: wake_time.clone(), last: 0, touched: true, since });
            self.counters.directives_active.inc();
            (self.wake)(slot, deliveries, wake_time, state);
        }
    }

    /// Restores the order of the filtered batches, delivers their events, and tells the time up to which everything
    /// received has been delivered. After the last batch it begins `ended` and goes on for as long as somebody may want
    /// a checkpoint; then the managers' mailboxes close.
    pub async fn run(
        mut self,
        mut batches: mpsc::Receiver<FilteredBatch>,
        mut retirements: mpsc::Receiver<Retirement>,
        mut marks: mpsc::Receiver<Mark>,
        ended: CancellationToken,
    ) {
        let mut early = BTreeMap::new();
        let mut next = 0;
        loop {
            tokio::select! {
                biased;
                Some(failure) = next_failure(&mut self.recovery) => self.recover(failure).await,
                Some(retirement) = retirements.recv() => self.retire(retirement),
                Some(mark) = marks.recv() => self.mark(mark).await,
                Some(question) = next_question(&mut self.questions) => self.show(question),
                batch = batches.recv() => {
                    let Some(batch) = batch else { break };
                    early.insert(batch.sequence, batch);
                    // At most as many batches are early as may be in flight.
                    while let Some(batch) = early.remove(&next) {
                        next += 1;
                        self.dispatch(batch).await;
                    }
                }
            }
        }
        ended.cancel();
        loop {
            tokio::select! {
                biased;
                Some(failure) = next_failure(&mut self.recovery) => self.recover(failure).await,
                mark = marks.recv() => {
                    let Some(mark) = mark else { return };
                    self.mark(mark).await;
                }
            }
        }
    }

    /// Puts the wish of a checkpoint behind all events so far, for everyone who may have changed since the last one.
    async fn mark(&mut self, mark: Mark) {
        let Mark { number, committed, save, cut } = mark;
        let mut asked = 0;
        for awake in self.awake.iter_mut().flatten() {
            if std::mem::take(&mut awake.touched) || save.everything {
                // A manager that has failed says nothing, and the checkpoint is not made.
                awake.mailbox.send(Message::Save(save.clone())).await.ok();
                asked += 1;
            }
            if let Some(recovery) = &mut self.recovery {
                recovery.forget(&mut awake.since, committed);
            }
        }
        if let Some(recovery) = &mut self.recovery {
            recovery.mark(number);
        }
        cut.send(Cut { reached: self.reached, caught_up: self.caught_up, asked }).ok();
    }

    /// Passes a question on, behind the events so far. A directive that is too busy for it, or has just failed, does not
    /// answer.
    fn show(&self, Question { slot, show }: Question) {
        match self.awake.get(slot.0 as usize).and_then(Option::as_ref) {
            Some(awake) => drop(awake.mailbox.try_send(Message::Show(show))),
            None => drop(show.reply.send(Shown::default())),
        }
    }

    /// Starts a directive again that has failed: with its state at the last checkpoint, and all events since.
    async fn recover(&mut self, failure: Failure) {
        let Some(recovery) = &mut self.recovery else { return };
        let place = &mut self.awake[failure.slot.0 as usize];
        // One that has been started again meanwhile has not failed.
        let Some(mut failed) = place.take_if(|awake| awake.mailbox.is_closed()) else { return };
        self.counters.directives_active.dec();
        let Some((restored, given)) = recovery.recover(&failure, &mut failed.since).await else {
            recovery.drop_all(&failed.since);
            return;
        };
        self.wake_with(failure.slot, Some(restored.state), failed.since);
        for given in given {
            self.counters.pairs_offered.inc();
            self.give(failure.slot, given).await;
        }
    }

    async fn dispatch(&mut self, batch: FilteredBatch) {
        for concern in batch.concerns {
            self.deliver(concern).await;
        }
        self.reached = batch.reached.or(self.reached);
        self.caught_up |= batch.caught_up;
        if let Some(drained_at) = batch.drained_at
            && drained_at.secs() != self.told_secs
        {
            self.tell(drained_at);
        }
    }

    /// Tells the time to whoever wants to know it. A full mailbox is no harm: there are events in it, which tell the time
    /// too, and it is tried again in a second.
    fn tell(&mut self, time: ReceiptTime) {
        self.told_secs = time.secs();
        for awake in self.awake.iter_mut().flatten() {
            if awake.wake_time.is_due(time) && awake.mailbox.try_send(Message::Time(time)).is_ok() {
                awake.touched = true;
                awake.wake_time.set(WakeTime::NEVER);
            }
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
            let (event, arrived, opens) = (concern.event.clone(), concern.arrived, concerned.opens);
            self.give(concerned.slot, Given { event, arrived, opens }).await;
        }
    }

    /// Gives an event to a directive that is awake.
    async fn give(&mut self, slot: DirectiveSlot, given: Given) {
        let Some(awake) = &mut self.awake[slot.0 as usize] else { return };
        if let Some(recovery) = &mut self.recovery
            && !recovery.keep(slot, &mut awake.since, &given)
        {
            self.counters.pairs_poisoned.inc();
            return;
        }
        self.delivered += 1;
        self.counters.pairs_in_flight.inc();
        awake.last = self.delivered;
        awake.touched = true;
        let Given { event, arrived, opens } = given;
        let delivery = Delivery { number: self.delivered, event, arrived, opens };
        // A full mailbox makes everyone wait: that is the back-pressure of a slow directive.
        if awake.mailbox.send(Message::Event(delivery)).await.is_err() {
            self.lose(slot);
        }
    }

    /// A manager that ended on its own has failed, and has counted all but the event that finds it gone. It is started
    /// again when it says so itself, or starts anew with the next event where nobody can do that.
    fn lose(&mut self, slot: DirectiveSlot) {
        self.counters.pairs_failed.inc();
        self.counters.pairs_in_flight.dec();
        if self.recovery.is_none() {
            error!(
                slot = slot.0,
                "a directive failed; it starts anew with the next event that may open a backlog"
            );
            self.sleep(slot);
        }
    }

    fn retire(&mut self, retirement: Retirement) {
        let place = &self.awake[retirement.slot.0 as usize];
        if place.as_ref().is_some_and(|awake| awake.last == retirement.handled) {
            debug!(slot = retirement.slot.0, "a directive goes to sleep");
            self.sleep(retirement.slot);
        }
    }

    fn sleep(&mut self, slot: DirectiveSlot) {
        if let (Some(awake), Some(recovery)) = (self.awake[slot.0 as usize].take(), &mut self.recovery) {
            recovery.drop_all(&awake.since);
        }
        self.counters.directives_active.dec();
    }
}

/// The next manager that has failed; never one where nobody can start it again.
async fn next_failure(recovery: &mut Option<Recovery>) -> Option<Failure> {
    match recovery {
        Some(recovery) => recovery.failures.recv().await,
        None => pending().await,
    }
}

/// The next question; never one where nobody can ask.
async fn next_question(questions: &mut Option<mpsc::Receiver<Question>>) -> Option<Question> {
    match questions {
        Some(questions) => questions.recv().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dsiem_core::event::{Event, json};
    use dsiem_runtime::metrics::Metrics;
    use smallvec::smallvec;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::filter::Concerned;

    const SLOT: DirectiveSlot = DirectiveSlot(0);

    /// A roster of one directive whose managers are only the mailboxes they would read.
    fn roster() -> (Roster, mpsc::Receiver<mpsc::Receiver<Message>>) {
        let (woken, managers) = mpsc::channel(8);
        let wake = Box::new(move |_, mailbox, _, _| woken.try_send(mailbox).unwrap());
        (Roster::new(1, wake, Counters::new(&Metrics::new())), managers)
    }

    fn event(id: &str) -> Arc<Event> {
        let text = format!(
            r#"{{"event_id":"{id}","timestamp":"2026-01-01T00:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":1,
            "src_ip":"10.0.0.1","dst_ip":"10.0.0.2"}}"#
        );
        Arc::new(json::decode(text.as_bytes()).unwrap())
    }

    fn concern(id: &str, opens: bool) -> Concern {
        let directives = smallvec![Concerned { slot: SLOT, opens }];
        Concern { event: event(id), arrived: ReceiptTime::default(), directives }
    }

    fn batch(sequence: u64, ids: &[&str], drained_at: Option<i64>) -> FilteredBatch {
        FilteredBatch {
            sequence,
            concerns: ids.iter().map(|id| concern(id, true)).collect(),
            reached: None,
            caught_up: true,
            drained_at: drained_at.map(ReceiptTime::from_secs),
            permit: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    /// What is in the mailbox: ids of events, and times in seconds.
    fn received(mailbox: &mut mpsc::Receiver<Message>) -> Vec<String> {
        std::iter::from_fn(|| mailbox.try_recv().ok())
            .map(|message| match message {
                Message::Event(delivery) => delivery.event.id.to_string(),
                Message::Time(time) => time.secs().to_string(),
                Message::Save(_) => "save".to_owned(),
                Message::Show(_) => "show".to_owned(),
            })
            .collect()
    }

    /// The number of the first delivery to the first manager.
    fn first_number(managers: &mut mpsc::Receiver<mpsc::Receiver<Message>>) -> u64 {
        let Message::Event(delivery) = managers.try_recv().unwrap().try_recv().unwrap() else {
            panic!("an event comes first")
        };
        delivery.number
    }

    #[tokio::test]
    async fn the_order_of_batches_is_restored() {
        let (roster, mut managers) = roster();
        let (batches, filtered) = mpsc::channel(8);
        let (_retire, retirements) = mpsc::channel(8);
        for batch in [batch(2, &["e"], None), batch(1, &["c", "d"], None), batch(0, &["a", "b"], None)] {
            batches.try_send(batch).unwrap();
        }
        // One that never comes holds back what is behind it.
        batches.try_send(batch(4, &["z"], None)).unwrap();
        drop(batches);
        let (marks, wanted) = mpsc::channel(1);
        drop(marks);
        roster.run(filtered, retirements, wanted, CancellationToken::new()).await;
        let mut mailbox = managers.try_recv().unwrap();
        assert_eq!(received(&mut mailbox), ["a", "b", "c", "d", "e"]);
        assert!(mailbox.recv().await.is_none(), "the mailboxes close at the end");
    }

    #[tokio::test]
    async fn who_is_due_is_told_the_time_behind_the_events_that_came_before_and_once() {
        let (mut roster, mut managers) = roster();
        roster.dispatch(batch(0, &["a"], Some(10))).await;
        let mut mailbox = managers.try_recv().unwrap();
        assert_eq!(received(&mut mailbox), ["a", "10"], "a manager that has said nothing yet is told");
        roster.dispatch(batch(1, &["b"], Some(11))).await;
        assert_eq!(received(&mut mailbox), ["b"], "and then not before it asks");
        let wake_time = roster.awake[0].as_ref().unwrap().wake_time.clone();
        wake_time.set(13);
        roster.dispatch(batch(2, &[], Some(12))).await;
        assert_eq!(received(&mut mailbox), [] as [&str; 0]);
        roster.dispatch(batch(3, &["c"], Some(14))).await;
        assert_eq!(received(&mut mailbox), ["c", "14"]);
        wake_time.set(9);
        roster.dispatch(batch(4, &[], Some(10))).await;
        assert_eq!(received(&mut mailbox), ["10"], "also when the clock was set back");
    }

    #[tokio::test]
    async fn a_full_mailbox_is_told_the_time_later() {
        let (mut roster, mut managers) = roster();
        for n in 0..MAILBOX_EVENTS {
            roster.deliver(concern(&n.to_string(), true)).await;
        }
        roster.dispatch(batch(0, &[], Some(10))).await;
        let mut mailbox = managers.try_recv().unwrap();
        assert_eq!(received(&mut mailbox).len(), MAILBOX_EVENTS);
        roster.dispatch(batch(1, &[], Some(10))).await;
        assert_eq!(received(&mut mailbox), [] as [&str; 0], "the same second is told once");
        roster.dispatch(batch(2, &[], Some(11))).await;
        assert_eq!(received(&mut mailbox), ["11"]);
    }

    #[tokio::test]
    async fn a_sleeping_directive_is_woken_only_for_what_may_open_a_backlog() {
        let (mut roster, mut managers) = roster();
        roster.deliver(concern("a", false)).await;
        assert!(managers.try_recv().is_err());
        assert_eq!(roster.counters.pairs_not_matching.get(), 1);
        roster.deliver(concern("b", true)).await;
        roster.deliver(concern("c", false)).await;
        assert_eq!(received(&mut managers.try_recv().unwrap()), ["b", "c"], "awake, it gets everything");
        assert_eq!(roster.counters.pairs_offered.get(), 3);
    }

    #[tokio::test]
    async fn a_manager_that_has_not_handled_everything_stays_awake() {
        let (mut roster, mut managers) = roster();
        roster.deliver(concern("a", true)).await;
        let handled = first_number(&mut managers);
        roster.awake[0].as_mut().unwrap().last += 1; // as if another were on its way
        roster.retire(Retirement { slot: SLOT, handled });
        assert_eq!(roster.counters.directives_active.get(), 1);
        roster.retire(Retirement { slot: SLOT, handled: handled + 1 });
        assert_eq!(roster.counters.directives_active.get(), 0);
    }

    #[tokio::test]
    async fn a_request_to_retire_that_was_overtaken_does_not_stop_the_next_manager() {
        let (mut roster, mut managers) = roster();
        roster.deliver(concern("a", true)).await;
        let handled = first_number(&mut managers);
        let request = Retirement { slot: SLOT, handled };
        roster.retire(request);
        roster.deliver(concern("b", true)).await; // as many events as the first manager had
        let mut second = managers.try_recv().unwrap();
        roster.retire(request);
        assert_eq!(roster.counters.directives_active.get(), 1);
        roster.deliver(concern("c", true)).await;
        assert_eq!(received(&mut second), ["b", "c"]);
    }

    #[tokio::test]
    async fn a_directive_that_failed_starts_anew_and_the_event_that_found_it_gone_is_counted() {
        let (mut roster, mut managers) = roster();
        roster.deliver(concern("a", true)).await;
        drop(managers.try_recv());
        roster.deliver(concern("b", true)).await;
        assert_eq!(roster.counters.pairs_failed.get(), 1);
        roster.deliver(concern("c", true)).await;
        assert_eq!(received(&mut managers.try_recv().unwrap()), ["c"]);
    }

    #[tokio::test]
    async fn a_directive_that_sleeps_has_nothing_to_show_and_one_that_is_too_busy_says_nothing() {
        let (mut roster, mut managers) = roster();
        let ask = |roster: &Roster| {
            let (reply, shown) = oneshot::channel();
            roster.show(Question { slot: SLOT, show: crate::manager::Show { reply } });
            shown
        };
        assert_eq!(ask(&roster).await, Ok(Shown::default()));
        roster.wake(SLOT);
        let mut mailbox = managers.try_recv().unwrap();
        let waiting = ask(&roster);
        assert_eq!(received(&mut mailbox), ["show"]);
        assert!(waiting.await.is_err(), "it was dropped");
        let waiting: Vec<_> = (0..=MAILBOX_EVENTS).map(|_| ask(&roster)).collect();
        assert!(waiting.into_iter().next_back().unwrap().await.is_err());
        assert_eq!(received(&mut mailbox).len(), MAILBOX_EVENTS);
    }
}
