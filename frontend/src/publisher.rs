//! From events to the bus: wire bytes, a bounded queue, and one result for the whole request.

use std::sync::Arc;

use bytes::Bytes;
use dsiem_core::event::CheckedEvent;
use dsiem_runtime::bus::{EventPublisher, PublishError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::counters::Reason;

/// Seconds after which a sender may try again when the queue was full or the bus did not confirm.
const RETRY_BUSY_SECS: u32 = 1;

/// Seconds after which a sender may try again when the bus is away.
const RETRY_AWAY_SECS: u32 = 5;

/// What an event takes on the wire, roughly; to allocate once for a batch.
const USUAL_EVENT_BYTES: usize = 640;

/// What senders write for an event, roughly.
const USUAL_EVENT_TEXT_BYTES: usize = 400;

/// The valid events of one request in their wire form, in one allocation.
#[derive(Debug)]
pub(crate) struct Batch {
    wire: Vec<u8>,
    /// Where each event ends in `wire`.
    ends: Vec<usize>,
    max_event_bytes: usize,
}

/// An event that the bus cannot carry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "takes {size} bytes on the bus, which carries up to {max}; shorten it, or raise the bus's maximum payload"
)]
pub(crate) struct TooLarge {
    size: usize,
    max: usize,
}

impl Batch {
    /// Appends `event`, or leaves the batch as it was.
    pub(crate) fn push(&mut self, event: &CheckedEvent<'_>) -> Result<(), TooLarge> {
        let start = self.wire.len();
        event.encode(&mut self.wire);
        let size = self.wire.len() - start;
        if size > self.max_event_bytes {
            self.wire.truncate(start);
            return Err(TooLarge { size, max: self.max_event_bytes });
        }
        self.ends.push(self.wire.len());
        Ok(())
    }

    /// How many events are in it.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn into_payloads(self) -> Vec<Bytes> {
        let mut rest = Bytes::from(self.wire);
        let mut start = 0;
        let cut = |end: usize| {
            let payload = rest.split_to(end - start);
            start = end;
            payload
        };
        self.ends.into_iter().map(cut).collect()
    }
}

/// Why nothing was accepted just now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    /// More events than `--max-queue` are on their way to the bus.
    #[error("{max} events are waiting for the bus already (--max-queue, DSIEM_MAXQUEUE); send this again")]
    QueueFull {
        /// The limit.
        max: usize,
    },
    /// What the bus says.
    #[error("the events were not accepted: {0}")]
    Bus(#[from] PublishError),
}

impl Unavailable {
    /// For `Retry-After`.
    pub(crate) fn retry_after_secs(&self) -> u32 {
        match self {
            Self::Bus(PublishError::NotConnected | PublishError::Closed) => RETRY_AWAY_SECS,
            Self::QueueFull { .. } | Self::Bus(_) => RETRY_BUSY_SECS,
        }
    }

    /// For the counters.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::QueueFull { .. } | Self::Bus(PublishError::QueueFull | PublishError::StreamFull) => {
                Reason::QueueFull
            }
            Self::Bus(PublishError::NotConnected | PublishError::Closed) => Reason::NotConnected,
            Self::Bus(PublishError::NotConfirmed) => Reason::NotConfirmed,
            Self::Bus(PublishError::TooLarge { .. }) => Reason::TooLarge,
        }
    }
}

/// Puts batches on the bus. Clones share one queue.
#[derive(Clone)]
pub(crate) struct Publisher {
    bus: EventPublisher,
    /// One permit for each event that may be on its way; full: 503.
    queue: Arc<Semaphore>,
    max_queue: usize,
}

/// Room in the queue, for the events of one request; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _permits: OwnedSemaphorePermit,
}

impl Publisher {
    /// A publisher that lets at most `max_queue` events wait for `bus`.
    pub(crate) fn new(bus: EventPublisher, max_queue: usize) -> Self {
        let max_queue = max_queue.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { bus, queue: Arc::new(Semaphore::new(max_queue)), max_queue }
    }

    /// Takes room for `events` events, if the bus is there. A request that is larger than the queue takes all of it.
    pub(crate) fn room(&self, events: usize) -> Result<Room, Unavailable> {
        if !self.bus.is_connected() {
            return Err(PublishError::NotConnected.into());
        }
        let full = || Unavailable::QueueFull { max: self.max_queue };
        let permits = u32::try_from(events.min(self.max_queue)).map_err(|_| full())?;
        let _permits = Arc::clone(&self.queue).try_acquire_many_owned(permits).map_err(|_| full())?;
        Ok(Room { _permits })
    }

    /// An empty batch, with memory for `events` events.
    pub(crate) fn batch(&self, events: usize) -> Batch {
        let wire = Vec::with_capacity(events * USUAL_EVENT_BYTES);
        Batch { wire, ends: Vec::with_capacity(events), max_event_bytes: self.bus.max_event_bytes() }
    }

    /// An empty batch, with memory for the events in `text`.
    pub(crate) fn batch_for(&self, text: &str) -> Batch {
        self.batch((text.len() / USUAL_EVENT_TEXT_BYTES).max(1))
    }

    /// Puts all of `batch` on the bus, in its order.
    pub(crate) async fn publish(&self, batch: Batch) -> Result<(), Unavailable> {
        if batch.len() == 0 {
            return Ok(());
        }
        Ok(self.bus.publish(batch.into_payloads()).await?)
    }
}
