//! Reads events from NATS without pause into a queue of our own, which counts what it drops.
//!
//! The client library drops silently when its buffer for a subscription is full, and a server cuts off who reads too
//! slowly. So one task does nothing but read, stamp the time, look for gaps in the numbers and queue. When our queue is
//! full, the newest message is dropped: the older ones may be what correlation is waiting for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_nats::Subscriber;
use dsiem_core::time::ReceiptTime;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::EVENTS_SUBJECT;
use super::episode::Episode;
use super::link::Link;
use super::sequence::Gaps;
use crate::bus::{Batch, MARK_INTERVAL, Message, settled_before};
use crate::clock::Clock;
use crate::metrics::{Counter, CounterBy, Metrics};
use crate::shutdown::Shutdown;

/// An idle reader says this often that it has read everything.
const IDLE_MARK: Duration = Duration::from_millis(50);

/// Under load the reader looks this often and not at each message: being woken for one costs more than queueing it. The
/// first after a pause is queued at once.
const READ_EVERY: Duration = Duration::from_millis(5);

/// The reader lets other tasks run after this many messages.
const READ_BURST: usize = 256;

/// No queue is longer, whatever is asked for: what a tokio channel can count.
pub(super) const MAX_QUEUE: usize = tokio::sync::Semaphore::MAX_PERMITS;

/// A queue with no more room than this may be given when it is closed; NATS being away must not hold up the end.
const UNSUBSCRIBE_LIMIT: Duration = Duration::from_secs(1);

/// See [`crate::bus::EventSubscription`].
#[derive(Debug)]
pub struct Subscription {
    queue: mpsc::Receiver<Message>,
    caught_up: Arc<CaughtUp>,
    closing: CancellationToken,
}

/// The counter that both our queue and the client library's buffer count in.
pub(super) fn dropped_by(metrics: &Metrics) -> CounterBy {
    metrics.counter_by("dsiem_bus_events_dropped", "Events that came from the bus and were dropped", "reason")
}

/// Starts the reading task; it ends when the subscription is closed or dropped.
pub(super) fn start(
    link: &Link,
    max_queue: usize,
    clock: Clock,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> Subscription {
    let (sender, queue) = mpsc::channel(max_queue.clamp(1, MAX_QUEUE));
    let caught_up = Arc::new(CaughtUp::default());
    let closing = CancellationToken::new();
    let reader = Reader {
        queue: sender,
        caught_up: caught_up.clone(),
        clock,
        gaps: Gaps::default(),
        dropping: Episode::default(),
        missing: Episode::default(),
        counts: Counts {
            received: metrics.counter("dsiem_bus_events_received", "Events that came from the bus"),
            dropped: dropped_by(metrics).with("queue_full"),
            missing: metrics.counter(
                "dsiem_bus_events_missing",
                "Events that were numbered by a frontend and have not arrived here",
            ),
        },
    };
    let (link, stop) = (link.clone(), closing.clone());
    shutdown.spawn_service("event subscription", async move { reader.run(link, stop).await });
    Subscription { queue, caught_up, closing }
}

impl Subscription {
    /// See [`crate::bus::EventSubscription::next_batch`].
    pub(in crate::bus) async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        let mut messages = Vec::new();
        if let Ok(0) = timeout(MARK_INTERVAL, self.queue.recv_many(&mut messages, max.max(1))).await {
            return None;
        }
        // Read the mark first: what was read before it was set is then either taken or still in the queue.
        let mark = self.caught_up.get();
        let last = messages.last().map(|message: &Message| message.received);
        let drained_at = promised(mark, last, self.queue.is_empty());
        Some(Batch { messages, reached: None, caught_up: true, drained_at })
    }

    /// See [`crate::bus::EventSubscription::close`].
    pub(in crate::bus) fn close(&mut self) {
        self.closing.cancel();
    }

    /// Cancelling it closes the subscription.
    pub(super) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// See [`crate::bus::EventSubscription::queue_length`].
    pub(in crate::bus) fn queue_length(&self) -> usize {
        self.queue.len()
    }
}

/// Up to which time everything has been taken: up to `mark`, the time at which the reader had read everything, and if more
/// is queued, not beyond the `last` message that was taken.
pub(super) fn promised(
    mark: Option<ReceiptTime>,
    last: Option<ReceiptTime>,
    nothing_queued: bool,
) -> Option<ReceiptTime> {
    if nothing_queued { mark } else { mark.zip(last.map(settled_before)).map(|(mark, last)| mark.min(last)) }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// The time before which everything that came is in the queue or was taken from it.
///
/// Set by the reader after it has queued everything; whoever sees the time therefore finds the messages.
#[derive(Debug)]
pub(super) struct CaughtUp(AtomicI64);

impl Default for CaughtUp {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl CaughtUp {
    pub(super) fn set(&self, time: ReceiptTime) {
        self.0.store(time.nanos(), Ordering::Release);
    }

    pub(super) fn get(&self) -> Option<ReceiptTime> {
        Some(self.0.load(Ordering::Acquire)).filter(|nanos| *nanos > i64::MIN).map(ReceiptTime::from_nanos)
    }
}

struct Counts {
    received: Counter,
    dropped: Counter,
    missing: Counter,
}

struct Reader {
    queue: mpsc::Sender<Message>,
    caught_up: Arc<CaughtUp>,
    clock: Clock,
    gaps: Gaps,
    dropping: Episode,
    missing: Episode,
    counts: Counts,
}

impl Reader {
    async fn run(mut self, link: Link, closing: CancellationToken) {
        let subscribed = async {
            let client = link.client().await;
            client.subscribe(EVENTS_SUBJECT).await
        };
        let mut messages = match closing.run_until_cancelled(subscribed).await {
            Some(Ok(messages)) => messages,
            Some(Err(error)) => return error!(%error, "cannot subscribe to events"),
            None => return,
        };
        let mut connected = link.connected();
        // Until there has been a connection, nothing can be said about what the bus has for us.
        let ready = connected.wait_for(|connected| *connected);
        if closing.run_until_cancelled(ready).await.is_some() {
            closing.run_until_cancelled(self.read(&mut messages)).await;
        }
        self.finish(messages).await;
    }

    /// Reads until there are no more messages, which is when the client is closed.
    async fn read(&mut self, messages: &mut Subscriber) {
        loop {
            // Read before looking: what comes in between is then later than the mark.
            let now = self.clock.now();
            match self.read_burst(messages) {
                Burst::Closed => return,
                Burst::More => tokio::task::yield_now().await,
                Burst::Empty => {
                    self.caught_up.set(settled_before(now));
                    if let Ok(next) = timeout(IDLE_MARK, messages.next()).await {
                        let Some(message) = next else { return };
                        self.accept(message);
                        tokio::time::sleep(READ_EVERY).await;
                    }
                }
            }
            self.report_ends();
        }
    }

    /// Takes what is there without waiting. Outside tokio's budget for a task, which would make a buffer look empty
    /// that is not.
    fn read_burst(&mut self, messages: &mut Subscriber) -> Burst {
        for _ in 0..READ_BURST {
            match unconstrained(messages.next()).now_or_never() {
                Some(Some(message)) => self.accept(message),
                Some(None) => return Burst::Closed,
                None => return Burst::Empty,
            }
        }
        Burst::More
    }

    /// After closing: takes what the client has already, and no more.
    async fn finish(mut self, mut messages: Subscriber) {
        match timeout(UNSUBSCRIBE_LIMIT, messages.unsubscribe()).await {
            Ok(Ok(())) => while !matches!(self.read_burst(&mut messages), Burst::Closed | Burst::Empty) {},
            // Dropping it unsubscribes as soon as the client can.
            Ok(Err(_)) | Err(_) => drop(self.read_burst(&mut messages)),
        }
    }

    fn accept(&mut self, message: async_nats::Message) {
        self.counts.received.inc();
        self.note_gap(&message);
        let received = self.clock.now();
        match self.queue.try_send(Message { payload: message.payload, received }) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => self.note_drop(),
        }
    }

    fn note_gap(&mut self, message: &async_nats::Message) {
        let Some(subject) = &message.reply else { return };
        let missing = self.gaps.note(subject);
        if missing == 0 {
            return;
        }
        self.counts.missing.add(missing);
        if self.missing.note(missing, Instant::now()) {
            warn!(missing, before = subject.as_str(), "events are missing on the bus");
        }
    }

    fn note_drop(&mut self) {
        self.counts.dropped.inc();
        if self.dropping.note(1, Instant::now()) {
            warn!(max_queue = self.queue.max_capacity(), "event queue is full, dropping the newest events");
        }
    }

    fn report_ends(&mut self) {
        let now = Instant::now();
        if let Some(dropped) = self.dropping.over(now) {
            info!(dropped, "event queue has room again");
        }
        if let Some(missing) = self.missing.over(now) {
            info!(missing, "no more events are missing on the bus");
        }
    }
}

enum Burst {
    /// Everything that was there has been taken.
    Empty,
    /// There may be more.
    More,
    /// No more can come.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_never_empties_still_tells_how_far_it_has_been_taken() {
        let at = ReceiptTime::from_secs;
        assert_eq!(promised(Some(at(10)), Some(at(3)), true), Some(at(10)), "nothing is queued");
        assert_eq!(promised(Some(at(10)), Some(at(3)), false), Some(settled_before(at(3))), "the queue lags");
        assert_eq!(promised(Some(at(2)), Some(at(3)), false), Some(at(2)), "the reader lags");
        assert_eq!(promised(None, Some(at(3)), false), None, "NATS was never there");
        assert_eq!(promised(Some(at(10)), None, false), None, "nothing was taken");
    }
}
