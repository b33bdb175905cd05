//! Takes events from the bus and numbers the batches, so that their order can be restored behind the filter threads.
//!
//! How many batches may be between here and the dispatcher is bounded: each holds a permit that the dispatcher gives
//! back. When none is left, ingest waits, and the bus's own counted queue fills.

use std::sync::Arc;
use std::time::Duration;

use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{EventSubscription, Message};
use dsiem_runtime::metrics::Gauge;
use dsiem_runtime::shutdown::Shutdown;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::warn;

use crate::counters::Counters;

/// How many messages make a batch at most: enough to share the cost of a queue, few enough to spread over threads.
const BATCH_MESSAGES: usize = 256;

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
    /// Everything that the bus had for us before this time is in this batch or an earlier one.
    pub drained_at: Option<ReceiptTime>,
    /// Given back when the batch has been dispatched.
    pub permit: OwnedSemaphorePermit,
}

/// Reads until the subscription ends, or for [`DRAIN_LIMIT`] after the shutdown has begun. `send` hands a batch to the
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
    for sequence in 0.. {
        // The semaphore is never closed.
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let batch = loop {
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
                batch = subscription.next_batch(BATCH_MESSAGES) => break batch,
            }
        };
        let Some(batch) = batch else { return };
        counters.events_received.add(batch.messages.len() as u64);
        queue_length.set(i64::try_from(subscription.queue_length()).unwrap_or(i64::MAX));
        let raw = RawBatch { sequence, messages: batch.messages, drained_at: batch.drained_at, permit };
        if !send(raw) {
            return;
        }
    }
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
