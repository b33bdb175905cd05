//! The task that tells: judges what has happened, takes deliveries from the outbox and sends them.
//!
//! Each channel has a few places: one that is slow fills its own and holds up nobody else. What is being sent when the
//! process stops may finish within a grace; what is not finished goes back and is sent by the next process.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use futures::FutureExt as _;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::counters::Counters;
use super::message::{Message, What};
use super::outbox::{Claimed, State};
use super::sender::{Failure, Outcome, Parcel, Sender};
use super::{Answer, Notifications, Refusal};
use crate::database::DatabaseError;

/// How often the database is asked whether there is something to do.
const EVERY: Duration = Duration::from_secs(1);
/// How long it is left alone after it did not answer.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// Deliveries that one channel is sent at the same time.
const AT_ONCE_PER_CHANNEL: usize = 2;
/// Deliveries that are sent at the same time to all channels together.
const AT_ONCE: usize = 64;
/// How long what is being sent may take when the process stops.
const GRACE: Duration = Duration::from_secs(4);
/// How often old deliveries are removed.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);
/// How often the outbox is counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Tests of channels at the same time; further ones wait.
const TESTS_AT_ONCE: usize = 4;

/// Tries channels when somebody asks for it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tester {
    notifications: Notifications,
    sender: Sender,
    places: Arc<Semaphore>,
}

/// What came of trying a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChannelTestResult)]
pub struct TestResult {
    /// Whether the other side took it.
    pub ok: bool,
    /// What the other side said, or why it did not work.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Judges and sends.
#[derive(Debug)]
pub struct Dispatcher {
    notifications: Notifications,
    sender: Sender,
    counters: Counters,
    clock: Clock,
    sending: JoinSet<(Claimed, Outcome)>,
    /// What is being sent: the channel of each delivery, by its id and claim.
    taken: BTreeMap<(i64, i64), i64>,
    counted: Option<Instant>,
    retained: Option<Instant>,
}

impl Dispatcher {
    /// One for the outbox of `notifications`, and a tester of its channels; links lead to `public_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        notifications: Notifications,
        public_url: Option<String>,
        clock: Clock,
        metrics: &Metrics,
    ) -> anyhow::Result<(Self, Tester)> {
        let sender = Sender::new(public_url).context("cannot set up the HTTP client of notifications")?;
        let tester = Tester {
            notifications: notifications.clone(),
            sender: sender.clone(),
            places: Arc::new(Semaphore::new(TESTS_AT_ONCE)),
        };
        let dispatcher = Self {
            notifications,
            sender,
            counters: Counters::new(metrics),
            clock,
            sending: JoinSet::new(),
            taken: BTreeMap::new(),
            counted: None,
            retained: None,
        };
        Ok((dispatcher, tester))
    }

    /// Works until `stop`; then what is being sent is finished or given back.
    pub async fn run(mut self, stop: CancellationToken) {
        self.retrying("take back", Notifications::take_back).await;
        while !stop.is_cancelled() {
            let pause = self.step().await;
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(ended) = self.sending.join_next() => self.ended(ended).await,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.finish().await;
    }

    /// Does what is to be done now; how long to wait for the next time.
    async fn step(&mut self) -> Duration {
        match self.try_step().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => EVERY,
            Err(error) => {
                self.failed("look into the outbox", &error);
                AFTER_ERROR
            }
        }
    }

    /// Whether there is more to do at once.
    async fn try_step(&mut self) -> Result<bool, DatabaseError> {
        let judged = self.ask(Notifications::judge).await?;
        self.counters.judged(judged);
        let taken: Vec<i64> = self.taken.values().copied().collect();
        let claimed = self
            .ask(move |notifications, now| {
                let room = |channel: i64| {
                    let its = taken.iter().filter(|other| **other == channel).count();
                    AT_ONCE_PER_CHANNEL.saturating_sub(its).min(AT_ONCE.saturating_sub(taken.len()))
                };
                notifications.claim(room, now)
            })
            .await?;
        claimed.into_iter().for_each(|claimed| self.send(claimed));
        if is_time(&mut self.counted, COUNT_EVERY) {
            let counts = self.ask(|notifications, _| notifications.counts()).await?;
            self.counters.are(counts);
        }
        if is_time(&mut self.retained, RETAIN_EVERY) {
            self.ask(Notifications::retain).await?;
        }
        Ok(judged.has_more)
    }

    fn send(&mut self, claimed: Claimed) {
        self.taken.insert((claimed.id, claimed.claim), claimed.channel.id);
        let (sender, now) = (self.sender.clone(), self.now());
        self.sending.spawn(async move {
            let parcel = Parcel { message: claimed.message.clone(), key: claimed.key.clone(), now };
            // A fault of ours in one message must not keep its place for ever.
            let sending = AssertUnwindSafe(sender.send(&claimed.channel.settings, &parcel)).catch_unwind();
            let fault =
                |_| Failure::of_content("sending it ended with a fault of ours; the log says more").into();
            let outcome = sending.await.unwrap_or_else(fault);
            (claimed, outcome)
        });
    }

    async fn ended(&mut self, ended: Result<(Claimed, Outcome), tokio::task::JoinError>) {
        let Ok((claimed, outcome)) = ended else { return };
        let of = (claimed.id, claimed.claim);
        let written = outcome.clone();
        let state = self.retrying("say what became of a delivery", move |notifications, now| {
            notifications.finish(of, &written, now)
        });
        let state = state.await.flatten();
        self.taken.remove(&of);
        self.counters.tried(outcome.result.is_ok(), state);
        log(&claimed, &outcome, state);
    }

    /// What is being sent may end within the grace; what does not, goes back.
    async fn finish(&mut self) {
        let until = Instant::now() + GRACE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, self.sending.join_next()).await {
            self.ended(ended).await;
        }
        self.sending.abort_all();
        let back: Vec<_> = std::mem::take(&mut self.taken).into_keys().collect();
        if !back.is_empty()
            && let Err(error) = self.ask(move |notifications, now| notifications.release(&back, now)).await
        {
            self.failed("give back what is not sent", &error);
        }
    }

    /// Asks the database on a thread that may block, and once more where it does not answer; `None` if it does not then.
    async fn retrying<T: Send + 'static>(
        &self,
        what: &str,
        question: impl Fn(&Notifications, i64) -> Result<T, DatabaseError> + Clone + Send + 'static,
    ) -> Option<T> {
        for pause in [Some(Duration::from_millis(500)), None] {
            match (self.ask(question.clone()).await, pause) {
                (Ok(answer), _) => return Some(answer),
                (Err(error), None) => self.failed(what, &error),
                (Err(_), Some(pause)) => tokio::time::sleep(pause).await,
            }
        }
        None
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Notifications, i64) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (notifications, now) = (self.notifications.clone(), self.now());
        let answer = tokio::task::spawn_blocking(move || question(&notifications, now)).await;
        answer.unwrap_or_else(|error| Err(DatabaseError::Damaged(format!("the question failed: {error}"))))
    }

    fn failed(&self, what: &str, error: &DatabaseError) {
        self.counters.database_failed();
        tracing::warn!(%error, "notifications cannot {what}; it is tried again");
    }

    fn now(&self) -> i64 {
        self.clock.now().secs()
    }
}

fn log(claimed: &Claimed, outcome: &Outcome, state: Option<State>) {
    let (delivery, channel) = (claimed.id, claimed.channel.name.as_str());
    match (&outcome.result, state) {
        (Ok(()), _) => tracing::debug!(delivery, channel, "a notification was sent"),
        (Err(failure), Some(State::Dead)) => tracing::warn!(
            delivery,
            channel,
            error = failure.error,
            "a notification was given up; put its channel in order and try it again"
        ),
        (Err(failure), _) => {
            tracing::info!(
                delivery,
                channel,
                error = failure.error,
                "a notification was not taken; it is tried again"
            );
        }
    }
}

/// Whether so much time has passed since it was last so.
fn is_time(last: &mut Option<Instant>, every: Duration) -> bool {
    let is_time = last.is_none_or(|last| last.elapsed() >= every);
    if is_time {
        *last = Some(Instant::now());
    }
    is_time
}

impl Tester {
    /// The channels that it tries, and everything else that is kept.
    #[must_use]
    pub fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    /// Sends something to a channel that says that it is a test, at once and once, past the outbox.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn test(&self, channel: i64, key: String, now: i64) -> Answer<TestResult> {
        let notifications = self.notifications.clone();
        let found = tokio::task::spawn_blocking(move || notifications.channel(channel)).await;
        let found = found
            .unwrap_or_else(|error| Err(DatabaseError::Damaged(format!("the question failed: {error}"))))?;
        let Some(found) = found else { return Ok(Err(Refusal::missing("channel", channel))) };
        let _place = self.places.acquire().await;
        let message = Message { rule: "test".to_owned(), what: What::Test(now) };
        let begun = Instant::now();
        let outcome = self.sender.send(&found.settings, &Parcel { message, key, now }).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ok = outcome.result.is_ok();
        let detail = outcome.result.err().map_or(outcome.said, |failure| failure.error);
        Ok(Ok(TestResult { ok, detail, took_ms }))
    }
}
