//! The task around one backlog: it does the waiting, the look-ups and the writing that the state machine asks for.
//!
//! It owns the backlog, and nobody else touches it. Its manager sends it an event and waits for the answer; look-ups
//! never hold that up: the alarm is written at once, and once more when answers add something.

mod outbox;
mod shown;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Duration;

use dsiem_core::alarm::{AlarmDocument, Standing};
use dsiem_core::assets::Assets;
use dsiem_core::backlog::{AlarmId, Backlog, Context, Ending, Outcome, Settings, Update};
use dsiem_core::directive::Directive;
use dsiem_core::event::Event;
use dsiem_core::routing::{BacklogSlot, Interests};
use dsiem_core::snapshot::{OpenBacklog, record};
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::BacklogProgress;
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::alarm_log::{AlarmLog, LogRecord};
use crate::answers;
use crate::counters::Counters;
use crate::enrich::{Answer as LookUpAnswer, Enrich};
use crate::mailbox::Receiver;
use outbox::Outbox;

/// An alarm that events join again and again is written at most this often.
const SOON: Duration = Duration::from_secs(1);

/// How many terms of one alarm are looked up at a time. Beyond that they are counted and left out.
const LOOK_UPS_PER_UPDATE: usize = 1_000;

/// What a manager says to a backlog. Every message but the last three is answered, once and in order.
#[derive(Debug)]
pub enum ToBacklog {
    /// An event that it may be concerned with.
    Event(Arc<Event>),
    /// It is this late.
    Deadline(ReceiptTime),
    /// It has to go because too many are open.
    Evict,
    /// Say what a checkpoint has to know.
    Save(oneshot::Sender<Saved>),
    /// Say how far it is.
    Show(oneshot::Sender<BacklogProgress>),
    /// The process stops: hand the state back. The task ends.
    HandBack(oneshot::Sender<OpenBacklog>),
}

/// What a backlog answers.
#[derive(Debug)]
pub struct Answer {
    /// Who.
    pub slot: BacklogSlot,
    /// What became of the event; `None` when the backlog was lost to a fault.
    pub outcome: Option<Outcome>,
    /// What its manager has to know from now on; most events change nothing.
    pub change: Option<Box<Change>>,
}

/// A backlog as a checkpoint keeps it.
#[derive(Debug)]
pub struct Saved {
    /// The id of its alarm.
    pub alarm_id: AlarmId,
    /// The definition that it runs with.
    pub definition: Arc<Directive>,
    /// Its state, in the form of [`record`].
    pub state: Vec<u8>,
}

/// What has changed about a backlog.
#[derive(Debug)]
pub struct Change {
    /// Its deadline.
    pub deadline_secs: i64,
    /// What it waits for, where that has changed.
    pub interests: Option<Interests>,
    /// Whether its second stage is complete.
    pub passed_second_stage: bool,
    /// Why it is over, if it is.
    pub ending: Option<Ending>,
    /// Whether it is over and still waits for look-ups.
    pub lingers: bool,
}

/// What all backlogs of a process share.
#[derive(Clone)]
pub struct Surroundings {
    /// Settings of correlation.
    pub settings: Arc<Settings>,
    /// Whose addresses are home.
    pub assets: Arc<Assets>,
    /// Where alarms are written.
    pub alarm_log: AlarmLog,
    /// Whom to ask about addresses and ports.
    pub enrich: Enrich,
    /// The books.
    pub counters: Counters,
    /// Lets tests do harm; called with each event before a backlog takes it.
    pub fault: Option<Fault>,
}

/// May panic.
pub type Fault = Arc<dyn Fn(&Event) + Send + Sync>;

impl Surroundings {
    /// What the state machine looks at.
    #[must_use]
    pub fn context(&self) -> Context<'_> {
        Context { settings: &self.settings, assets: &self.assets }
    }
}

/// How a backlog begins.
#[derive(Debug)]
pub enum Beginning {
    /// It was opened with this event, with this outcome.
    Opened(Arc<Event>, Outcome),
    /// It was saved; `look_ups_pending` says whether look-ups have to be asked anew.
    Reloaded {
        /// Whether answers were missing when it was saved.
        look_ups_pending: bool,
    },
}

/// One backlog, and what it waits for besides messages.
pub struct BacklogTask {
    backlog: Backlog,
    surroundings: Arc<Surroundings>,
    mail: Mail,
    outbox: Outbox,
    /// Runs while the document has changed and has not been written.
    soon: Option<Pin<Box<Sleep>>>,
    look_ups: Option<Box<LookUps>>,
}

type LookUps = SelectAll<BoxStream<'static, LookUpAnswer>>;

/// What a backlog does next.
enum Turn {
    /// A message, or the manager let go of it.
    Message(Option<ToBacklog>),
    /// A look-up's answer; `None` after the last one.
    Found(Option<LookUpAnswer>),
    /// The document was held back long enough.
    Write,
}

/// Where messages come from and answers go. However the task ends, each message that its manager got into the mailbox is
/// answered, so that the manager never waits for nothing.
struct Mail {
    slot: BacklogSlot,
    messages: Receiver<ToBacklog>,
    answers: answers::Sender<Answer>,
    owing: bool,
}

impl Mail {
    /// Takes a message; if it is one to be answered, an answer is owed from now on.
    fn poll_recv(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<ToBacklog>> {
        let message = ready!(self.messages.poll_recv(cx));
        self.owing = message.as_ref().is_some_and(ToBacklog::wants_answer);
        Poll::Ready(message)
    }

    fn answer(&mut self, answer: Answer) {
        self.owing = false;
        self.answers.send(answer);
    }

    /// Whether a message was accepted that nobody will take any more. None is accepted from now on.
    fn close(&mut self) -> bool {
        self.messages.close().is_some_and(|message| message.wants_answer())
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if self.close() | self.owing {
            let lost = Answer { slot: self.slot, outcome: None, change: None };
            self.answer(lost);
        }
    }
}

impl ToBacklog {
    fn wants_answer(&self) -> bool {
        !matches!(self, Self::Save(_) | Self::Show(_) | Self::HandBack(_))
    }
}

impl BacklogTask {
    /// A task for `backlog`, which its manager knows as `slot`, sends `messages` and awaits `answers` from.
    #[must_use]
    pub fn new(
        slot: BacklogSlot,
        backlog: Backlog,
        surroundings: Arc<Surroundings>,
        messages: Receiver<ToBacklog>,
        answers: answers::Sender<Answer>,
    ) -> Self {
        let mail = Mail { slot, messages, answers, owing: false };
        Self { backlog, surroundings, mail, outbox: Outbox::default(), soon: None, look_ups: None }
    }

    /// Lives until the backlog is over and nothing is to be written any more, or until the manager lets go of it.
    #[expect(clippy::manual_async_fn, reason = "that would hold the task twice, as argument and as variable")]
    pub fn run(mut self, beginning: Beginning) -> impl Future<Output = ()> + Send + 'static {
        async move {
            self.begin(beginning);
            self.catch_up().await;
            while !self.is_done() {
                match poll_fn(|cx| self.poll_turn(cx)).await {
                    Turn::Message(Some(ToBacklog::HandBack(reply))) => {
                        self.flush();
                        self.catch_up().await;
                        return self.hand_back(reply);
                    }
                    // Boxed: a backlog has no room for what it needs once every few seconds.
                    Turn::Message(Some(ToBacklog::Save(reply))) => Box::pin(self.save(reply)).await,
                    Turn::Message(Some(ToBacklog::Show(reply))) => self.show(reply),
                    Turn::Message(Some(message)) => {
                        if let Some(late) = self.handle(message) {
                            Box::pin(self.answer_late(late)).await;
                        }
                    }
                    Turn::Message(None) => {
                        self.flush();
                        return self.catch_up().await;
                    }
                    Turn::Found(found) => {
                        self.on_look_up(found);
                        self.catch_up().await;
                    }
                    Turn::Write => {
                        self.write_document();
                        self.catch_up().await;
                    }
                }
            }
        }
    }

    /// What comes first; messages before anything else.
    fn poll_turn(&mut self, cx: &mut task::Context<'_>) -> Poll<Turn> {
        if let Poll::Ready(message) = self.mail.poll_recv(cx) {
            return Poll::Ready(Turn::Message(message));
        }
        if let Some(answers) = &mut self.look_ups
            && let Poll::Ready(found) = answers.poll_next_unpin(cx)
        {
            return Poll::Ready(Turn::Found(found));
        }
        if let Some(timer) = &mut self.soon
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Turn::Write);
        }
        Poll::Pending
    }

    fn begin(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::Opened(event, outcome) => {
                self.count_alarm(0);
                self.carry_out(Some(event), outcome);
            }
            Beginning::Reloaded { look_ups_pending: true } => self.ask(),
            Beginning::Reloaded { look_ups_pending: false } => {}
        }
        self.limit_look_ups();
    }

    /// Over, with nothing left to ask or write.
    fn is_done(&self) -> bool {
        self.backlog.ending().is_some() && self.look_ups.is_none() && self.soon.is_none()
    }

    /// Does what a message is for, and answers. The answer comes back if it has to wait, because the alarm log is full.
    ///
    /// This and all it calls wait for nothing: so what they work with lies on the stack of the thread, which is in the
    /// caches, and not in the task, which mostly is not.
    #[must_use]
    fn handle(&mut self, message: ToBacklog) -> Option<Answer> {
        let risk = self.backlog.risk();
        let (event, outcome) = self.apply(message);
        self.count_alarm(risk);
        self.carry_out(event, outcome);
        self.limit_look_ups();
        let answer = Answer { slot: self.mail.slot, outcome: Some(outcome), change: self.change(outcome) };
        if !self.outbox.is_empty() {
            return Some(answer);
        }
        self.mail.answer(answer);
        None
    }

    async fn answer_late(&mut self, answer: Answer) {
        self.catch_up().await;
        self.mail.answer(answer);
    }

    /// Waits until the alarm log has taken everything.
    async fn catch_up(&mut self) {
        if !self.outbox.is_empty() {
            Box::pin(self.outbox.empty_into(&self.surroundings.alarm_log)).await;
        }
    }

    fn write(&mut self, record: LogRecord) {
        self.outbox.put(record, &self.surroundings.alarm_log);
    }

    /// Counts an alarm that there was not while the risk was `before`.
    fn count_alarm(&self, before: u8) {
        if before == 0 && self.backlog.risk() > 0 {
            self.surroundings.counters.alarms_raised.inc();
        }
    }

    /// What the manager has to know about it.
    fn change(&self, outcome: Outcome) -> Option<Box<Change>> {
        let (backlog, settings) = (&self.backlog, &self.surroundings.settings);
        let ending = backlog.ending();
        if !outcome.deadline_changed && !outcome.interests_changed && ending.is_none() {
            return None;
        }
        Some(Box::new(Change {
            deadline_secs: backlog.deadline_secs(settings),
            interests: outcome.interests_changed.then(|| backlog.interests(settings)),
            passed_second_stage: backlog.has_passed_second_stage(),
            ending,
            lingers: ending.is_some() && !self.is_done(),
        }))
    }

    /// Puts the message to the state machine; the event comes back for its line in the log.
    fn apply(&mut self, message: ToBacklog) -> (Option<Arc<Event>>, Outcome) {
        let context = self.surroundings.context();
        match message {
            ToBacklog::Event(event) => {
                if let Some(fault) = &self.surroundings.fault {
                    fault(&event);
                }
                let outcome = self.backlog.on_event(&event, context);
                (Some(event), outcome)
            }
            ToBacklog::Deadline(now) => (None, self.backlog.on_deadline(now, context)),
            ToBacklog::Evict | ToBacklog::Save(_) | ToBacklog::Show(_) | ToBacklog::HandBack(_) => {
                self.backlog.evict();
                (None, Outcome::nothing())
            }
        }
    }

    fn carry_out(&mut self, event: Option<Arc<Event>>, outcome: Outcome) {
        if let (Some(event), Some(stage)) = (event, outcome.joined_stage) {
            let (alarm_id, is_alarm) = (self.backlog.id().clone(), self.backlog.is_alarm());
            let record = LogRecord::AlarmEvent { alarm_id, stage, event, is_alarm };
            self.write(record);
        }
        match outcome.update {
            Update::None => {}
            Update::Soon => self.write_soon(),
            Update::Now { look_ups } => {
                self.write_document();
                if look_ups {
                    self.ask();
                }
            }
        }
        if self.backlog.ending().is_some() {
            self.flush();
            if !self.backlog.is_alarm() && self.surroundings.alarm_log.is_fed() {
                self.write(LogRecord::Over(self.backlog.id().clone()));
            }
        }
    }

    fn write_soon(&mut self) {
        self.soon.get_or_insert_with(|| Box::pin(tokio::time::sleep(SOON)));
    }

    fn write_document(&mut self) {
        self.soon = None;
        let Surroundings { settings, alarm_log, .. } = &*self.surroundings;
        let document = AlarmDocument::of(&self.backlog, settings).to_json();
        let standing = alarm_log.is_fed().then(|| Box::new(Standing::of(&self.backlog, settings)));
        self.write(LogRecord::Alarm { document, standing });
    }

    fn flush(&mut self) {
        if self.soon.is_some() {
            self.write_document();
        }
    }

    /// What was to be written soon is written first: what a checkpoint knows is in the alarm log.
    async fn save(&mut self, reply: oneshot::Sender<Saved>) {
        self.flush();
        self.catch_up().await;
        let saved = Saved {
            alarm_id: self.backlog.id().clone(),
            definition: self.backlog.directive().clone(),
            state: record::write_backlog(&self.backlog, self.look_ups.is_some()),
        };
        // A manager that is gone has no use for it.
        reply.send(saved).ok();
    }

    fn show(&self, reply: oneshot::Sender<BacklogProgress>) {
        // A manager that is gone has no use for it.
        reply.send(shown::shown(&self.backlog, &self.surroundings.settings)).ok();
    }

    fn hand_back(self, reply: oneshot::Sender<OpenBacklog>) {
        let look_ups_pending = self.look_ups.is_some();
        // A manager that is gone has no use for it.
        reply.send(OpenBacklog { backlog: self.backlog, look_ups_pending }).ok();
    }

    /// Asks all sources about all terms; what is known already comes from their cache.
    fn ask(&mut self) {
        let enrich = &self.surroundings.enrich;
        if enrich.is_idle() {
            return;
        }
        let collected = self.backlog.collected();
        let mut terms = enrich.terms(collected.addresses(), collected.ports());
        if terms.len() > LOOK_UPS_PER_UPDATE {
            self.surroundings.counters.look_ups_skipped.add((terms.len() - LOOK_UPS_PER_UPDATE) as u64);
            terms.truncate(LOOK_UPS_PER_UPDATE);
        }
        if !terms.is_empty() {
            let answers = enrich.ask_all(terms).boxed();
            self.look_ups.get_or_insert_default().push(answers);
        }
    }

    /// Once it is over, the backlog waits for look-ups no longer than one of them may take.
    fn limit_look_ups(&mut self) {
        if self.backlog.ending().is_some()
            && let Some(answers) = self.look_ups.take()
        {
            let limit = tokio::time::sleep(self.surroundings.enrich.time_limit());
            self.look_ups.get_or_insert_default().push(answers.take_until(limit).boxed());
        }
    }

    /// Takes an answer; what is new is written soon, and at once when it was the last answer.
    fn on_look_up(&mut self, found: Option<LookUpAnswer>) {
        match found {
            Some(answer) => {
                if self.backlog.on_findings(answer.kind, answer.findings, &self.surroundings.settings) {
                    self.write_soon();
                }
            }
            None => {
                self.look_ups = None;
                self.flush();
            }
        }
    }
}
