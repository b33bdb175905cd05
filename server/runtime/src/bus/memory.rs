//! The bus within one process: a queue that counts events.
//!
//! A batch goes in whole or not at all. When there is no room, publishing waits a short while and is then refused, so
//! that a backend that cannot keep up is felt at the door instead of in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::time::timeout;

use super::overload::SIGNALS_KEPT;
use super::{
    Batch, EventPublisher, EventSubscription, MARK_INTERVAL, Message, OverloadReceiver, OverloadSender,
    PublishError, check_sizes, earlier, settled_before,
};
use crate::clock::Clock;

/// How long publishing waits for room before it is refused.
pub const ROOM_WAIT: Duration = Duration::from_secs(1);

/// The largest event that is taken, the same as NATS takes by default.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Both ends of a bus within one process.
#[derive(Debug)]
pub struct MemoryBus {
    /// Where events go in.
    pub publisher: EventPublisher,
    /// Where they come out.
    pub subscription: EventSubscription,
    /// Where overload signals go in.
    pub overload_sender: OverloadSender,
    /// Where they come out.
    pub overload_receiver: OverloadReceiver,
}

/// A bus that holds `capacity_events` events at most (at least one).
#[must_use]
pub fn bus(capacity_events: usize, clock: Clock) -> MemoryBus {
    let capacity = capacity_events.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    // A batch has at least one event, so that no more batches than events can be waiting.
    let (sender, batches) = mpsc::channel(capacity);
    let (signals, signal_receiver) = broadcast::channel(SIGNALS_KEPT);
    let room = Arc::new(Semaphore::new(capacity));
    let waiting = Arc::new(AtomicUsize::new(0));
    let publisher = Publisher {
        batches: sender,
        room: room.clone(),
        waiting: waiting.clone(),
        capacity,
        clock: clock.clone(),
    };
    let subscription = Subscription { batches, begun: VecDeque::new(), room, waiting, clock };
    MemoryBus {
        publisher: EventPublisher::Memory(publisher),
        subscription: EventSubscription::Memory(subscription),
        overload_sender: OverloadSender::Memory(signals),
        overload_receiver: OverloadReceiver::Memory(signal_receiver),
    }
}

/// Events that went in together, and the room that they take.
#[derive(Debug)]
struct Queued {
    messages: VecDeque<Message>,
    /// One for each message, or the whole capacity for a batch that is larger.
    room: OwnedSemaphorePermit,
}

/// See [`EventPublisher`].
#[derive(Clone, Debug)]
pub struct Publisher {
    batches: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    capacity: usize,
    clock: Clock,
}

impl Publisher {
    /// See [`EventPublisher::publish`]. A batch larger than the whole queue goes in when that is empty.
    pub(super) async fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        check_sizes(&events, MAX_EVENT_BYTES)?;
        if events.is_empty() {
            return Ok(());
        }
        let places = u32::try_from(events.len().min(self.capacity)).unwrap_or(u32::MAX);
        let room = match timeout(ROOM_WAIT, self.room.clone().acquire_many_owned(places)).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(PublishError::Closed),
            Err(_) => return Err(PublishError::QueueFull),
        };
        self.put(events, room)
    }

    fn put(&self, events: Vec<Bytes>, room: OwnedSemaphorePermit) -> Result<(), PublishError> {
        let received = self.clock.now();
        let messages: VecDeque<_> = events.into_iter().map(|payload| Message { payload, received }).collect();
        let count = messages.len();
        self.waiting.fetch_add(count, Ordering::Relaxed);
        // There is a place for every permit, so only a closed queue can refuse.
        self.batches.try_send(Queued { messages, room }).map_err(|_| {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            PublishError::Closed
        })
    }

    /// See [`EventPublisher::is_connected`].
    pub(super) fn is_connected(&self) -> bool {
        !self.batches.is_closed()
    }

    /// See [`EventPublisher::max_event_bytes`].
    pub(super) fn max_event_bytes(&self) -> usize {
        MAX_EVENT_BYTES
    }
}

/// See [`EventSubscription`].
#[derive(Debug)]
pub struct Subscription {
    batches: mpsc::Receiver<Queued>,
    /// Taken from the queue but not yet returned; holds at most one batch that is begun and those behind it.
    begun: VecDeque<Queued>,
    room: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    clock: Clock,
}

impl Subscription {
    /// See [`EventSubscription::next_batch`].
    pub(super) async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        if self.begun.is_empty() {
            match timeout(MARK_INTERVAL, self.batches.recv()).await {
                Ok(Some(queued)) => self.begun.push_back(queued),
                Ok(None) => return None,
                Err(_) => {}
            }
        }
        // Read before looking whether anything is left: what comes in between is then later than the mark.
        let now = self.clock.now();
        let messages = self.take(max.max(1));
        let drained_at = if self.begun.is_empty() && self.batches.is_empty() {
            Some(settled_before(now))
        } else {
            // The queue has not been empty, so a publisher may have waited for room with events it had stamped.
            messages.last().map(|last| earlier(settled_before(last.received), ROOM_WAIT))
        };
        Some(Batch { messages, reached: None, caught_up: true, drained_at })
    }

    fn take(&mut self, max: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < max {
            let Some(queued) = self.begun.front_mut() else {
                match self.batches.try_recv() {
                    Ok(queued) => self.begun.push_back(queued),
                    Err(_) => break,
                }
                continue;
            };
            let count = queued.messages.len().min(max - messages.len());
            messages.extend(queued.messages.drain(..count));
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            // Gives the room back as messages leave.
            drop(queued.room.split(count.min(queued.room.num_permits())));
            if queued.messages.is_empty() {
                self.begun.pop_front();
            }
        }
        messages
    }

    /// See [`EventSubscription::close`].
    pub(super) fn close(&mut self) {
        self.batches.close();
        self.room.close();
    }

    /// See [`EventSubscription::queue_length`].
    pub(super) fn queue_length(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Subscription {
    /// Whoever waits for room must not wait for nothing.
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use dsiem_core::time::ReceiptTime;

    use super::*;

    const START: ReceiptTime = ReceiptTime::from_secs(1_000_000);

    fn bus_of(capacity: usize) -> (MemoryBus, Clock) {
        let clock = Clock::simulated(START);
        (bus(capacity, clock.clone()), clock)
    }

    fn events(names: &[&str]) -> Vec<Bytes> {
        names.iter().map(|name| Bytes::copy_from_slice(name.as_bytes())).collect()
    }

    fn names(batch: &Batch) -> Vec<&str> {
        batch.messages.iter().map(|message| std::str::from_utf8(&message.payload).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn events_come_out_in_order_with_the_time_they_went_in() {
        let (mut bus, _) = bus_of(10);
        bus.publisher.publish(events(&["a", "b"])).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        bus.publisher.publish(events(&["c", "d"])).await.unwrap();
        assert_eq!(bus.subscription.queue_length(), 4);

        let first = bus.subscription.next_batch(3).await.unwrap();
        assert_eq!(names(&first), ["a", "b", "c"]);
        let times: Vec<_> = first.messages.iter().map(|message| message.received.since(START)).collect();
        assert_eq!(times, [0, 0, 1_000_000_000]);
        let went_in = START.plus_nanos(1_000_000_000);
        assert_eq!(first.drained_at, Some(earlier(settled_before(went_in), ROOM_WAIT)), "there is more");
        assert_eq!(bus.subscription.queue_length(), 1);

        let second = bus.subscription.next_batch(3).await.unwrap();
        assert_eq!(names(&second), ["d"]);
        assert_eq!(second.drained_at, Some(settled_before(START.plus_nanos(1_000_000_000))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_bus_tells_the_time() {
        let (mut bus, clock) = bus_of(10);
        let batch = bus.subscription.next_batch(10).await.unwrap();
        assert!(batch.messages.is_empty());
        assert_eq!(clock.now().since(START), 100_000_000, "after 100 ms");
        assert_eq!(batch.drained_at, Some(settled_before(clock.now())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_bus_refuses_a_batch_as_a_whole_after_a_short_wait() {
        let (mut bus, clock) = bus_of(3);
        bus.publisher.publish(events(&["a", "b"])).await.unwrap();
        assert_eq!(bus.publisher.publish(events(&["c", "d"])).await, Err(PublishError::QueueFull));
        assert_eq!(clock.now().since(START), 1_000_000_000, "the named wait");
        bus.publisher.publish(events(&["e"])).await.unwrap();
        assert_eq!(names(&bus.subscription.next_batch(10).await.unwrap()), ["a", "b", "e"]);
    }

    #[tokio::test(start_paused = true)]
    async fn publishing_waits_for_room_and_keeps_its_turn() {
        let (mut bus, _) = bus_of(2);
        bus.publisher.publish(events(&["a", "b"])).await.unwrap();
        let publisher = bus.publisher.clone();
        let waiting = tokio::spawn(async move { publisher.publish(events(&["c", "d"])).await });
        tokio::task::yield_now().await;
        // One place is free, but the one who waits for two is first.
        assert_eq!(names(&bus.subscription.next_batch(1).await.unwrap()), ["a"]);
        let publisher = bus.publisher.clone();
        let later = tokio::spawn(async move { publisher.publish(events(&["e"])).await });
        tokio::task::yield_now().await;
        assert_eq!(names(&bus.subscription.next_batch(1).await.unwrap()), ["b"]);
        waiting.await.unwrap().unwrap();
        assert_eq!(names(&bus.subscription.next_batch(2).await.unwrap()), ["c", "d"]);
        later.await.unwrap().unwrap();
        assert_eq!(names(&bus.subscription.next_batch(2).await.unwrap()), ["e"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_larger_than_the_queue_goes_in_alone() {
        let (mut bus, _) = bus_of(2);
        bus.publisher.publish(events(&["a"])).await.unwrap();
        assert_eq!(bus.publisher.publish(events(&["b", "c", "d"])).await, Err(PublishError::QueueFull));
        assert_eq!(names(&bus.subscription.next_batch(9).await.unwrap()), ["a"]);
        bus.publisher.publish(events(&["b", "c", "d"])).await.unwrap();
        assert_eq!(names(&bus.subscription.next_batch(2).await.unwrap()), ["b", "c"]);
        assert_eq!(names(&bus.subscription.next_batch(2).await.unwrap()), ["d"]);
        bus.publisher.publish(events(&["e", "f"])).await.unwrap();
        assert_eq!(bus.subscription.queue_length(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn events_that_are_too_large_are_named() {
        let (bus, _) = bus_of(10);
        let large = vec![Bytes::from_static(b"a"), Bytes::from(vec![b'x'; MAX_EVENT_BYTES + 1])];
        let refused = PublishError::TooLarge { index: 1, size: MAX_EVENT_BYTES + 1, max: MAX_EVENT_BYTES };
        assert_eq!(bus.publisher.publish(large).await, Err(refused));
        assert_eq!(bus.subscription.queue_length(), 0);
        assert_eq!(bus.publisher.publish(Vec::new()).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_hands_out_what_is_queued_and_refuses_the_rest() {
        let (mut bus, _) = bus_of(2);
        bus.publisher.publish(events(&["a", "b"])).await.unwrap();
        let publisher = bus.publisher.clone();
        let waiting = tokio::spawn(async move { publisher.publish(events(&["c"])).await });
        tokio::task::yield_now().await;
        bus.subscription.close();
        assert_eq!(waiting.await.unwrap(), Err(PublishError::Closed));
        assert!(!bus.publisher.is_connected());
        assert_eq!(names(&bus.subscription.next_batch(1).await.unwrap()), ["a"]);
        assert_eq!(names(&bus.subscription.next_batch(1).await.unwrap()), ["b"]);
        assert_eq!(bus.subscription.next_batch(1).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_subscription_closes_the_bus() {
        let (bus, _) = bus_of(2);
        drop(bus.subscription);
        assert_eq!(bus.publisher.publish(events(&["a"])).await, Err(PublishError::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_last_publisher_is_gone() {
        let (mut bus, _) = bus_of(2);
        bus.publisher.publish(events(&["a"])).await.unwrap();
        drop(bus.publisher);
        assert_eq!(names(&bus.subscription.next_batch(1).await.unwrap()), ["a"]);
        assert_eq!(bus.subscription.next_batch(1).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_overload_signal_is_never_missed() {
        let (mut bus, _) = bus_of(2);
        for round in 0..100 {
            bus.overload_sender.send(round % 2 == 0).await.unwrap();
        }
        bus.overload_sender.send(true).await.unwrap();
        drop(bus.overload_sender);
        let mut last = None;
        while let Some(overloaded) = bus.overload_receiver.recv().await {
            last = Some(overloaded);
        }
        assert_eq!(last, Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_listening_for_overload_is_no_error() {
        let (bus, _) = bus_of(2);
        drop(bus.overload_receiver);
        assert_eq!(bus.overload_sender.send(true).await, Ok(()));
    }
}
