//! Takes events from the bus and numbers the batches, so that their order can be restored behind the filter threads.
//!
//! How many batches may be between here and the dispatcher is bounded: each holds a permit that the dispatcher gives
//! back. When none is left, ingest waits, and the bus's own counted queue fills.

use std::sync::Arc;
use std::time::Duration;

use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{Batch, EventSubscription, Message, Position};
use dsiem_runtime::metrics::Gauge;
use dsiem_runtime::shutdown::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::warn;

use crate::counters::Counters;

/// How many messages make a batch at most: enough to share the cost of a queue, few enough to spread over threads.
const BATCH_MESSAGES: usize = 256;

/// Under load a batch is taken this often and not for each message: every hand-over to another thread costs more than
/// filtering an event does. The first after a pause is taken at once.
const BATCH_EVERY: Duration = Duration::from_millis(5);

/// How many batches may be on their way through the filter threads.
pub const BATCHES_IN_FLIGHT: usize = 64;

/// How long a stopping process goes on with what waits in the queue, before it saves its state.
const DRAIN_LIMIT: Duration = Duration::from_secs(4);

/// Messages as they came, with their place in the order.
#[derive(Debug)]
pub struct RawBatch {
    /// Counts up by one from 0.
    pub sequence: u64,
    /// May be empty.
    pub messages: Vec<Message>,
    /// The place behind the last of them in the stream, where there is one.
    pub reached: Option<Position>,
    /// Whether everything that was there when this process began is in this batch or an earlier one.
    pub caught_up: bool,
    /// Everything that the bus had for us before this time is in this batch or an earlier one.
    pub drained_at: Option<ReceiptTime>,
    /// Given back when the batch has been dispatched.
    pub permit: OwnedSemaphorePermit,
}

/// Reads until the subscription ends, or for `DRAIN_LIMIT` after the shutdown has begun. `send` hands a batch to the
/// filter and says whether there is still one.
pub async fn run(
    mut subscription: EventSubscription,
    counters: Counters,
    queue_length: Gauge,
    shutdown: Shutdown,
    send: impl Fn(RawBatch) -> bool,
) {
    let permits = Arc::new(Semaphore::new(BATCHES_IN_FLIGHT));
    let mut stop_at: Option<Instant> = None;
    let mut not_before = Instant::now();
    for sequence in 0.. {
        let (permit, batch) = loop {
            tokio::select! {
                biased;
                () = shutdown.begun(), if stop_at.is_none() => {
                    subscription.close();
                    stop_at = Some(Instant::now() + DRAIN_LIMIT);
                }
                () = tokio::time::sleep_until(stop_at.unwrap_or_else(Instant::now)), if stop_at.is_some() => {
                    give_up(&subscription, &counters);
                    return;
                }
                next = next(not_before, &permits, &mut subscription) => match next {
                    Some(next) => break next,
                    None => return,
                },
            }
        };
        counters.events_received.add(batch.messages.len() as u64);
        counters.events_in_flight.add(as_gauge(batch.messages.len()));
        queue_length.set(as_gauge(subscription.queue_length()));
        not_before = next_turn(batch.messages.len());
        let Batch { messages, reached, caught_up, drained_at } = batch;
        let raw = RawBatch { sequence, messages, reached, caught_up, drained_at, permit };
        if !send(raw) {
            return;
        }
    }
}

/// When to take the next batch after one with so many messages: a full one has more behind it.
fn next_turn(messages: usize) -> Instant {
    let now = Instant::now();
    if messages < BATCH_MESSAGES { now + BATCH_EVERY } else { now }
}

/// The next batch, not before its turn and once there is a permit for it; `None` at the end. May be cancelled without
/// loss.
async fn next(
    not_before: Instant,
    permits: &Arc<Semaphore>,
    subscription: &mut EventSubscription,
) -> Option<(OwnedSemaphorePermit, Batch)> {
    if Instant::now() < not_before {
        tokio::time::sleep_until(not_before).await;
    }
    // The semaphore is never closed.
    let permit = permits.clone().acquire_owned().await.ok()?;
    Some((permit, subscription.next_batch(BATCH_MESSAGES).await?))
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn give_up(subscription: &EventSubscription, counters: &Counters) {
    let left = subscription.queue_length();
    if left > 0 {
        counters.events_dropped_at_stop.add(left as u64);
        warn!(
            events = left,
            limit_secs = DRAIN_LIMIT.as_secs(),
            "stopping: events still waiting in the queue are dropped so that the state can be saved in time"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use bytes::Bytes;
    use dsiem_runtime::bus::memory::{self, MemoryBus};
    use dsiem_runtime::clock::Clock;
    use dsiem_runtime::metrics::Metrics;

    use super::*;

    struct Setup {
        bus: MemoryBus,
        counters: Counters,
        queue_length: Gauge,
        shutdown: Shutdown,
    }

    async fn setup(events: usize) -> Setup {
        let metrics = Metrics::new();
        let bus = memory::bus(1_000_000, Clock::simulated(ReceiptTime::from_secs(1_000)));
        if events > 0 {
            bus.publisher.publish(vec![Bytes::from_static(b"{}"); events]).await.unwrap();
        }
        let counters = Counters::new(&metrics);
        Setup { bus, counters, queue_length: metrics.gauge("q", "Q"), shutdown: Shutdown::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn batches_are_numbered_without_gaps_and_everything_queued_comes_before_the_end() {
        let setup = setup(BATCH_MESSAGES * 3 + 1).await;
        setup.shutdown.begin();
        let (batches, received) = mpsc::sync_channel(BATCHES_IN_FLIGHT);
        let send = move |batch: RawBatch| batches.send((batch.sequence, batch.messages.len())).is_ok();
        let Setup { bus, counters, queue_length, shutdown } = setup;
        run(bus.subscription, counters.clone(), queue_length, shutdown, send).await;
        let all = BATCH_MESSAGES;
        assert_eq!(received.iter().collect::<Vec<_>>(), [(0, all), (1, all), (2, all), (3, 1)]);
        assert_eq!(counters.events_received.get(), all as u64 * 3 + 1);
        assert_eq!(counters.events_dropped_at_stop.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_process_waits_no_longer_than_the_limit_for_a_blocked_pipeline_and_counts_what_is_left()
     {
        let events = BATCH_MESSAGES * (BATCHES_IN_FLIGHT + 2);
        let setup = setup(events).await;
        let clock = Instant::now();
        let (stuck, held) = mpsc::sync_channel(BATCHES_IN_FLIGHT);
        let Setup { bus, counters, queue_length, shutdown } = setup;
        shutdown.begin();
        run(bus.subscription, counters.clone(), queue_length, shutdown, move |batch| {
            stuck.send(batch).is_ok()
        })
        .await;
        assert_eq!(clock.elapsed().as_secs(), DRAIN_LIMIT.as_secs());
        assert_eq!(held.iter().count(), BATCHES_IN_FLIGHT, "no more than have a permit");
        assert_eq!(counters.events_dropped_at_stop.get(), 2 * BATCH_MESSAGES as u64);
        assert_eq!(counters.events_received.get() + counters.events_dropped_at_stop.get(), events as u64);
    }
}
