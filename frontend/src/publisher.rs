//! From events to the bus: wire bytes, a bounded queue, and one result for the whole request.

use bytes::Bytes;
use dsiem_core::event::CheckedEvent;
use dsiem_runtime::bus::{EventPublisher, PublishError};
use dsiem_runtime::quota::{Quota, Share};

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
    /// Where each event but the first begins in `wire`; most requests have one.
    cuts: Vec<usize>,
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
        if start > 0 {
            self.cuts.push(start);
        }
        Ok(())
    }

    /// How many events are in it.
    pub(crate) fn len(&self) -> usize {
        if self.wire.is_empty() { 0 } else { self.cuts.len() + 1 }
    }

    fn into_payloads(self) -> Vec<Bytes> {
        let mut payloads = Vec::with_capacity(self.len());
        let (mut rest, mut start) = (Bytes::from(self.wire), 0);
        for cut in self.cuts {
            payloads.push(rest.split_to(cut - start));
            start = cut;
        }
        if !rest.is_empty() {
            payloads.push(rest);
        }
        payloads
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
    /// Events that may be on their way; full: 503.
    queue: Quota,
}

/// Room in the queue, for the events of one request; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _events: Share,
}

impl Publisher {
    /// A publisher that lets at most `max_queue` events wait for `bus`.
    pub(crate) fn new(bus: EventPublisher, max_queue: usize) -> Self {
        Self { bus, queue: Quota::new(max_queue.max(1)) }
    }

    /// Takes room for `events` events, if the bus is there. A request that is larger than the queue takes all of it.
    pub(crate) fn room(&self, events: usize) -> Result<Room, Unavailable> {
        if !self.bus.is_connected() {
            return Err(PublishError::NotConnected.into());
        }
        let full = Unavailable::QueueFull { max: self.queue.limit() };
        Ok(Room { _events: self.queue.take_or_all(events).ok_or(full)? })
    }

    /// An empty batch, with memory for `events` events.
    pub(crate) fn batch(&self, events: usize) -> Batch {
        Batch {
            wire: Vec::with_capacity(events * USUAL_EVENT_BYTES),
            cuts: Vec::with_capacity(events.saturating_sub(1)),
            max_event_bytes: self.bus.max_event_bytes(),
        }
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
