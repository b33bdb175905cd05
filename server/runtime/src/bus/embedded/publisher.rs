//! The way into the log: a place in memory, then the log's thread, then its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::record::HEADER_BYTES;
use super::shared::{Append, Command, Shared};
use crate::bus::memory::{MAX_EVENT_BYTES, ROOM_WAIT};
use crate::bus::{Message, Position, PublishError, check_sizes};
use crate::clock::Clock;

/// How long publishing waits for the disk before it is told that nothing is confirmed.
pub const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// See [`EventPublisher`](crate::bus::EventPublisher).
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    room_bytes: usize,
    clock: Clock,
}

impl Publisher {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        shared: Arc<Shared>,
        room_bytes: usize,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner { commands, shared, room_bytes, clock }))
    }

    /// See [`EventPublisher::publish`](crate::bus::EventPublisher::publish). Events are stored even if this is cancelled.
    pub(in crate::bus) async fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        check_sizes(&events, MAX_EVENT_BYTES)?;
        if events.is_empty() {
            return Ok(());
        }
        let bytes = events.iter().map(|event| event.len() + HEADER_BYTES).sum::<usize>();
        let places = u32::try_from(bytes.min(self.0.room_bytes)).unwrap_or(u32::MAX);
        let room = match timeout(ROOM_WAIT, self.0.shared.room.clone().acquire_many_owned(places)).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(PublishError::Closed),
            Err(_) => return Err(PublishError::QueueFull),
        };
        let (answer, answered) = oneshot::channel();
        self.0.put(events, |messages| Append { messages, bytes, answer, room })?;
        match timeout(CONFIRM_LIMIT, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(PublishError::NotConfirmed),
        }
    }

    /// See [`EventPublisher::is_connected`](crate::bus::EventPublisher::is_connected).
    pub(in crate::bus) fn is_connected(&self) -> bool {
        !self.0.shared.is_closed() && !self.0.commands.is_closed()
    }

    /// See [`EventPublisher::max_event_bytes`](crate::bus::EventPublisher::max_event_bytes).
    pub(in crate::bus) fn max_event_bytes(&self) -> usize {
        MAX_EVENT_BYTES
    }
}

impl Inner {
    fn put(
        &self,
        events: Vec<Bytes>,
        append: impl FnOnce(Vec<Message>) -> Append,
    ) -> Result<(), PublishError> {
        let count = events.len();
        // Counted before the clock is read, so that nobody finds the log empty at a later time without these.
        self.shared.pending.fetch_add(count, Ordering::SeqCst);
        let received = self.clock.now();
        let messages = events.into_iter().map(|payload| Message { payload, received }).collect();
        self.commands.try_send(Command::Append(append(messages))).map_err(|refused| {
            self.shared.pending.fetch_sub(count, Ordering::SeqCst);
            match refused {
                mpsc::error::TrySendError::Full(_) => PublishError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
            }
        })
    }
}

impl Drop for Inner {
    /// The log's thread has to know that nothing more will come.
    fn drop(&mut self) {
        self.shared.unpublished.store(true, Ordering::SeqCst);
        self.commands.try_send(Command::Look).ok(); // full: the thread has something to look at
    }
}

/// See [`Acknowledger`](crate::bus::Acknowledger).
#[derive(Clone, Debug)]
pub struct Acknowledger {
    pub(super) commands: mpsc::WeakSender<Command>,
    pub(super) shared: Arc<Shared>,
}

impl Acknowledger {
    /// See [`Acknowledger::acknowledge`](crate::bus::Acknowledger::acknowledge).
    pub(in crate::bus) fn acknowledge(&self, position: Position) {
        self.shared.acknowledge(position);
        if let Some(commands) = self.commands.upgrade() {
            commands.try_send(Command::Look).ok(); // full: the thread has something to look at
        }
    }
}
