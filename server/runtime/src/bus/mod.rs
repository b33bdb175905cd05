//! How events get from frontends to backends, and overload signals back.
//!
//! Buses with one face: [`nats`] between processes, which can keep events in a stream until everyone has dealt with them;
//! within one, [`memory`], [`embedded`], which keeps events on disk, and [`kept`], which outlives a simulated process. What
//! all promise: events come in the order in which one publisher gave them, nothing waits without a limit, and a receiver
//! can tell up to which time it has had everything. What backends make of the events goes the way of [`alarms`].

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use dsiem_core::time::ReceiptTime;

pub mod alarms;
pub mod embedded;
pub mod kept;
pub mod memory;
pub mod nats;
mod overload;
mod queries;
mod reports;
mod state;

pub use alarms::{AlarmBatch, AlarmMessage, AlarmPublisher, AlarmSubscription};
pub use embedded::EmbeddedConfig;
pub use memory::MemoryBus;
pub use nats::{Nats, NatsConfig};
pub use overload::{OverloadReceiver, OverloadSender};
pub use queries::{
    BacklogAnswer, BacklogAsker, BacklogProgress, BacklogQueries, BacklogQuery, MAX_ADDRESSES, MAX_BACKLOGS,
    backlog_queries,
};
pub use reports::{ReportReceiver, ReportSender, reports};
pub use state::{BusKind, BusState, BusView, Kept};

/// While there is nothing to receive, an empty batch tells the time this often.
pub const MARK_INTERVAL: Duration = Duration::from_millis(100);

/// What a frontend has stamped with its receipt time but not yet handed to the bus, or what is still between here and
/// there, is assumed to arrive within this time.
pub const IN_FLIGHT_ALLOWANCE: Duration = Duration::from_millis(200);

/// One event as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's JSON.
    pub payload: Bytes,
    /// When this process got it. From a stream: when that stored it, so that it is the same when the message is read again.
    pub received: ReceiptTime,
}

/// Whether events have to be kept until everyone has dealt with them: `--durability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Where the bus can, and with a warning where it cannot.
    #[default]
    Auto,
    /// Nothing is accepted that is not kept.
    Require,
    /// Never.
    Off,
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "require" => Ok(Self::Require),
            "off" => Ok(Self::Off),
            _ => Err(format!("\"{text}\" is not one of auto, require, off")),
        }
    }
}

/// A stream that keeps what is published. One that was made anew is another one, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub u64);

/// A place in a stream: behind the event of this sequence, and before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which stream.
    pub stream: StreamId,
    /// The number of the last event before this place; events count from 1.
    pub sequence: u64,
}

/// Some messages, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// May be empty.
    pub messages: Vec<Message>,
    /// The place behind the last of them, where they come from a stream that keeps them. A batch has messages of one
    /// stream only.
    pub reached: Option<Position>,
    /// Whether everything that was in the stream when this subscription began is in this batch or an earlier one.
    pub caught_up: bool,
    /// Everything that frontends received before this time, and that the bus had for us, is in this batch or an earlier
    /// one. It follows the clock when there is nothing more to take, and else the messages.
    pub drained_at: Option<ReceiptTime>,
}

/// Why events are not, or may not be, on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection to the bus; nothing was sent.
    #[error("the bus is not connected; try again later")]
    NotConnected,
    /// Too much is waiting already; nothing was sent.
    #[error("too many events are waiting for the bus; try again later")]
    QueueFull,
    /// The bus did not say in time that it has them; it may have some.
    #[error("the bus has not confirmed the events; send them again")]
    NotConfirmed,
    /// What is kept has reached its limit, because backends have not dealt with it; some of them may have been taken.
    #[error("the event stream is full until backends have dealt with what is in it; try again later")]
    StreamFull,
    /// One event is larger than the bus takes; nothing was sent.
    #[error("event {index} has {size} bytes, but the bus takes no more than {max}; make it smaller")]
    TooLarge {
        /// Which one, counted from 0.
        index: usize,
        /// Its size in bytes.
        size: usize,
        /// The largest size in bytes that is taken.
        max: usize,
    },
    /// The bus has been closed; nothing was sent.
    #[error("the bus is closed, because the process is stopping")]
    Closed,
}

/// Puts events on the bus. Cheap to clone.
#[derive(Clone, Debug)]
pub enum EventPublisher {
    /// To other processes.
    Nats(nats::Publisher),
    /// To other processes, and kept where that can be.
    Durable(nats::DurablePublisher),
    /// To this process.
    Memory(memory::Publisher),
    /// Into a stream of this process.
    Kept(kept::Publisher),
    /// To this process, by way of its disk.
    Embedded(embedded::Publisher),
}

impl EventPublisher {
    /// Puts `events` on the bus, in their order and after those of calls that returned before.
    ///
    /// # Errors
    ///
    /// See [`PublishError`]. With `NotConfirmed` and `StreamFull` some of them may have been delivered; otherwise none has.
    pub async fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        match self {
            Self::Nats(publisher) => publisher.publish(events).await,
            Self::Durable(publisher) => publisher.publish(events).await,
            Self::Memory(publisher) => publisher.publish(events).await,
            Self::Kept(publisher) => publisher.publish(events),
            Self::Embedded(publisher) => publisher.publish(events).await,
        }
    }

    /// Whether publishing can work at the moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match self {
            Self::Nats(publisher) => publisher.is_connected(),
            Self::Durable(publisher) => publisher.is_connected(),
            Self::Memory(publisher) => publisher.is_connected(),
            Self::Kept(_) => true,
            Self::Embedded(publisher) => publisher.is_connected(),
        }
    }

    /// The largest event in bytes that [`publish`](Self::publish) takes.
    #[must_use]
    pub fn max_event_bytes(&self) -> usize {
        match self {
            Self::Nats(publisher) => publisher.max_event_bytes(),
            Self::Durable(publisher) => publisher.max_event_bytes(),
            Self::Memory(publisher) => publisher.max_event_bytes(),
            Self::Kept(_) => memory::MAX_EVENT_BYTES,
            Self::Embedded(publisher) => publisher.max_event_bytes(),
        }
    }
}

/// Receives events. Dropping it gives up what is queued.
#[derive(Debug)]
pub enum EventSubscription {
    /// From other processes.
    Nats(nats::Subscription),
    /// From other processes, and kept where that can be.
    Durable(Box<nats::DurableSubscription>),
    /// From this process.
    Memory(memory::Subscription),
    /// From a stream of this process.
    Kept(kept::Subscription),
    /// From this process, by way of its disk.
    Embedded(embedded::Subscription),
}

impl EventSubscription {
    /// The next messages, `max` at most, at least one every [`MARK_INTERVAL`] or else an empty batch. `None`: closed,
    /// and everything that was queued has been returned. May be cancelled without loss.
    pub async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        match self {
            Self::Nats(subscription) => subscription.next_batch(max).await,
            Self::Durable(subscription) => subscription.next_batch(max).await,
            Self::Memory(subscription) => subscription.next_batch(max).await,
            Self::Kept(subscription) => subscription.next_batch(max).await,
            Self::Embedded(subscription) => subscription.next_batch(max).await,
        }
    }

    /// Takes no new messages any more; what is queued still comes, and then `None`.
    pub fn close(&mut self) {
        match self {
            Self::Nats(subscription) => subscription.close(),
            Self::Durable(subscription) => subscription.close(),
            Self::Memory(subscription) => subscription.close(),
            Self::Kept(subscription) => subscription.close(),
            Self::Embedded(subscription) => subscription.close(),
        }
    }

    /// Where it is to be said what is no longer needed.
    #[must_use]
    pub fn acknowledger(&self) -> Acknowledger {
        match self {
            Self::Durable(subscription) => Acknowledger::Stream(subscription.acknowledger()),
            Self::Nats(_) | Self::Memory(_) => Acknowledger::Nobody,
            Self::Kept(subscription) => Acknowledger::Kept(subscription.stream()),
            Self::Embedded(subscription) => Acknowledger::Embedded(subscription.acknowledger()),
        }
    }

    /// How many messages are waiting here.
    #[must_use]
    pub fn queue_length(&self) -> usize {
        match self {
            Self::Nats(subscription) => subscription.queue_length(),
            Self::Durable(subscription) => subscription.queue_length(),
            Self::Memory(subscription) => subscription.queue_length(),
            Self::Kept(subscription) => subscription.queue_length(),
            Self::Embedded(subscription) => subscription.queue_length(),
        }
    }
}

/// Tells a durable bus what this process needs no longer. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Acknowledger {
    /// The bus keeps nothing.
    Nobody,
    /// A stream of this process.
    Kept(kept::Stream),
    /// The log of this process.
    Embedded(embedded::Acknowledger),
    /// The stream of NATS, where there is one.
    Stream(nats::StreamAcknowledger),
}

impl Acknowledger {
    /// Everything before `position` is on disk here, with what became of it: after a restart, reading goes on there.
    /// Returns at once; a bus that is away is told later.
    pub fn acknowledge(&self, position: Position) {
        match self {
            Self::Nobody => {}
            Self::Kept(stream) => stream.forget(position),
            Self::Embedded(acknowledger) => acknowledger.acknowledge(position),
            Self::Stream(acknowledger) => acknowledger.acknowledge(position),
        }
    }
}

/// Names the first event that has more than `max` bytes.
fn check_sizes(events: &[Bytes], max: usize) -> Result<(), PublishError> {
    match events.iter().enumerate().find(|(_, event)| event.len() > max) {
        Some((index, event)) => Err(PublishError::TooLarge { index, size: event.len(), max }),
        None => Ok(()),
    }
}

/// `time` minus [`IN_FLIGHT_ALLOWANCE`]: what can be promised of a queue that was found empty at `time`, or that had its
/// messages of `time` taken out.
fn settled_before(time: ReceiptTime) -> ReceiptTime {
    earlier(time, IN_FLIGHT_ALLOWANCE)
}

fn earlier(time: ReceiptTime, by: Duration) -> ReceiptTime {
    time.plus_nanos(-i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}
