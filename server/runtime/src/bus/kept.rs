//! The bus within one process once more, but with a memory: what is published stays until it is needed no longer.
//!
//! It has what a durable bus has: a stream whose events are numbered, reading on behind a place in it, and a subscriber
//! who says what may be forgotten. Nothing is on a disk: a [`Stream`] is handed from one life of a process to the next.
//! That is for simulations and tests of what a restart does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dsiem_core::time::ReceiptTime;
use tokio::sync::{Notify, broadcast};
use tokio::time::timeout;

use super::memory::{MAX_EVENT_BYTES, MemoryBus};
use super::overload::SIGNALS_KEPT;
use super::{
    Batch, EventPublisher, EventSubscription, MARK_INTERVAL, Message, OverloadReceiver, OverloadSender,
    Position, PublishError, StreamId, check_sizes, settled_before,
};
use crate::clock::Clock;

/// Events in their order, kept. Clones are the same stream.
#[derive(Clone, Debug)]
pub struct Stream {
    id: StreamId,
    capacity: usize,
    /// How many events a subscriber gets at once at most.
    batch: usize,
    // A lock, because publishers and the subscriber are different tasks; it is held for moves.
    kept: Arc<Mutex<Kept>>,
    published: Arc<Notify>,
}

#[derive(Debug)]
struct Kept {
    /// The number of the first of `messages`.
    first: u64,
    messages: VecDeque<Message>,
}

impl Kept {
    /// The number that the next event gets.
    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }
}

impl Stream {
    /// An empty stream that keeps `capacity_events` events at most; full, new ones are refused.
    #[must_use]
    pub fn new(id: StreamId, capacity_events: usize) -> Self {
        let kept = Kept { first: 1, messages: VecDeque::new() };
        Self {
            id,
            capacity: capacity_events,
            batch: usize::MAX,
            kept: Arc::new(Mutex::new(kept)),
            published: Arc::default(),
        }
    }

    /// Hands out no more than `events` at once, at least one, however many are asked for.
    #[must_use]
    pub fn in_batches_of(self, events: usize) -> Self {
        Self { batch: events.max(1), ..self }
    }

    /// A bus for one life of a process that reads on `behind` what it has, or else from the beginning.
    #[must_use]
    pub fn bus(&self, behind: Option<Position>, clock: Clock) -> MemoryBus {
        let (signals, signal_receiver) = broadcast::channel(SIGNALS_KEPT);
        let behind = behind.filter(|behind| behind.stream == self.id);
        let subscription = Subscription {
            stream: self.clone(),
            next: behind.map_or(1, |behind| behind.sequence + 1),
            head: self.lock().end(),
            closed: false,
            clock: clock.clone(),
        };
        MemoryBus {
            publisher: EventPublisher::Kept(Publisher { stream: self.clone(), clock }),
            subscription: EventSubscription::Kept(subscription),
            overload_sender: OverloadSender::Memory(signals),
            overload_receiver: OverloadReceiver::Memory(signal_receiver),
        }
    }

    /// Appends `events`, all or none.
    ///
    /// # Errors
    /// When one is too large, or when there is no room.
    pub fn append(&self, events: Vec<Bytes>, received: ReceiptTime) -> Result<(), PublishError> {
        check_sizes(&events, MAX_EVENT_BYTES)?;
        let mut kept = self.lock();
        if kept.messages.len() + events.len() > self.capacity {
            return Err(PublishError::QueueFull);
        }
        kept.messages.extend(events.into_iter().map(|payload| Message { payload, received }));
        self.published.notify_one();
        Ok(())
    }

    /// How many events are kept, since somebody may need them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what lies before `position`.
    pub(super) fn forget(&self, position: Position) {
        let mut kept = self.lock();
        while position.stream == self.id && kept.first <= position.sequence && !kept.messages.is_empty() {
            kept.messages.pop_front();
            kept.first += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Each change is complete before anything can panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`EventPublisher`].
#[derive(Clone, Debug)]
pub struct Publisher {
    stream: Stream,
    clock: Clock,
}

impl Publisher {
    /// See [`EventPublisher::publish`].
    pub(super) fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        self.stream.append(events, self.clock.now())
    }
}

/// See [`EventSubscription`].
#[derive(Debug)]
pub struct Subscription {
    stream: Stream,
    /// The number of the event to be returned next.
    next: u64,
    /// What this was when the subscriber came for all that was there.
    head: u64,
    closed: bool,
    clock: Clock,
}

impl Subscription {
    /// See [`EventSubscription::next_batch`]. Once closed, nothing comes any more: the stream has it for the next life.
    pub(super) async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        if !self.closed {
            let published = async {
                while self.unread() == 0 {
                    // An event that came while nobody waited ends this at once, so that none is overslept.
                    self.stream.published.notified().await;
                }
            };
            timeout(MARK_INTERVAL, published).await.ok();
        }
        if self.closed {
            return None;
        }
        // Read before looking whether anything is left: what comes in between is then later than the mark.
        let now = self.clock.now();
        let messages = self.take(max.clamp(1, self.stream.batch));
        let reached = Position { stream: self.stream.id, sequence: self.next - 1 };
        let drained_at =
            if self.unread() == 0 { Some(now) } else { messages.last().map(|last| last.received) };
        Some(Batch {
            reached: (!messages.is_empty()).then_some(reached),
            caught_up: self.next >= self.head,
            messages,
            drained_at: drained_at.map(settled_before),
        })
    }

    fn take(&mut self, max: usize) -> Vec<Message> {
        let kept = self.stream.lock();
        // What was forgotten before it was read is not to be had any more.
        self.next = self.next.max(kept.first);
        let skip = usize::try_from(self.next - kept.first).unwrap_or(usize::MAX);
        let messages: Vec<_> = kept.messages.iter().skip(skip).take(max).cloned().collect();
        self.next += messages.len() as u64;
        messages
    }

    fn unread(&self) -> usize {
        usize::try_from(self.stream.lock().end().saturating_sub(self.next)).unwrap_or(usize::MAX)
    }

    /// See [`EventSubscription::close`].
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// See [`EventSubscription::queue_length`].
    pub(super) fn queue_length(&self) -> usize {
        if self.closed { 0 } else { self.unread() }
    }

    pub(super) fn stream(&self) -> Stream {
        self.stream.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bus::IN_FLIGHT_ALLOWANCE;

    const START: ReceiptTime = ReceiptTime::from_secs(1_000);

    fn stream(capacity: usize) -> (Stream, Clock) {
        (Stream::new(StreamId(7), capacity), Clock::simulated(START))
    }

    fn events(names: &[&str]) -> Vec<Bytes> {
        names.iter().map(|name| Bytes::copy_from_slice(name.as_bytes())).collect()
    }

    fn names(batch: &Batch) -> Vec<&str> {
        batch.messages.iter().map(|message| std::str::from_utf8(&message.payload).unwrap()).collect()
    }

    fn at(sequence: u64) -> Position {
        Position { stream: StreamId(7), sequence }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_life_reads_on_behind_what_the_last_one_had() {
        let (stream, clock) = stream(10);
        let mut bus = stream.bus(None, clock.clone());
        bus.publisher.publish(events(&["a", "b", "c"])).await.unwrap();
        let batch = bus.subscription.next_batch(2).await.unwrap();
        assert_eq!((names(&batch), batch.reached), (vec!["a", "b"], Some(at(2))));
        assert_eq!(bus.subscription.queue_length(), 1);
        drop(bus);
        stream.append(events(&["d"]), START).unwrap();
        for (behind, expected) in [
            (Some(at(1)), "bcd"),
            (None, "abcd"),
            (Some(Position { stream: StreamId(8), sequence: 3 }), "abcd"),
        ] {
            let batch = stream.bus(behind, clock.clone()).subscription.next_batch(9).await.unwrap();
            assert_eq!((names(&batch).concat().as_str(), batch.reached), (expected, Some(at(4))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_acknowledged_is_forgotten_and_makes_room() {
        let (stream, clock) = stream(2);
        let mut bus = stream.bus(None, clock);
        bus.publisher.publish(events(&["a", "b"])).await.unwrap();
        assert_eq!(bus.publisher.publish(events(&["c"])).await, Err(PublishError::QueueFull));
        bus.subscription.acknowledger().acknowledge(at(1));
        assert_eq!(stream.len(), 1);
        bus.publisher.publish(events(&["c"])).await.unwrap();
        assert_eq!(names(&bus.subscription.next_batch(9).await.unwrap()), ["b", "c"]);
        bus.subscription.acknowledger().acknowledge(Position { stream: StreamId(8), sequence: 3 });
        assert_eq!(stream.len(), 2, "of another stream");
        bus.subscription.acknowledger().acknowledge(at(3));
        assert!(stream.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_follows_the_messages_until_there_are_no_more() {
        let (stream, clock) = stream(10);
        stream.append(events(&["a", "b"]), ReceiptTime::from_secs(900)).unwrap();
        let mut subscription = stream.in_batches_of(1).bus(None, clock).subscription;
        let allowance = i64::try_from(IN_FLIGHT_ALLOWANCE.as_nanos()).unwrap();
        let first = subscription.next_batch(9).await.unwrap();
        assert_eq!(first.drained_at, Some(ReceiptTime::from_secs(900).plus_nanos(-allowance)));
        let last = subscription.next_batch(1).await.unwrap();
        assert_eq!(last.drained_at, Some(START.plus_nanos(-allowance)));
        let mark = subscription.next_batch(1).await.unwrap();
        let interval = i64::try_from(MARK_INTERVAL.as_nanos()).unwrap();
        assert_eq!((mark.messages.len(), mark.reached), (0, None));
        assert_eq!(mark.drained_at, Some(START.plus_nanos(interval - allowance)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_and_who_closes_leaves_the_rest_in_the_stream() {
        let (stream, clock) = stream(10);
        let mut subscription = stream.bus(None, clock.clone()).subscription;
        let waiting = tokio::spawn(async move {
            let batch = subscription.next_batch(9).await;
            (subscription, batch)
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        stream.append(events(&["a"]), clock.now()).unwrap();
        let (mut subscription, batch) = waiting.await.unwrap();
        assert_eq!(names(&batch.unwrap()), ["a"]);
        stream.append(events(&["b"]), clock.now()).unwrap();
        subscription.close();
        assert_eq!((subscription.next_batch(9).await, subscription.queue_length()), (None, 0));
        assert_eq!(stream.len(), 2);
    }
}
