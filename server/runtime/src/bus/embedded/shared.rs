//! What the publishers, the thread of the log and the subscription know of each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::bus::{Message, Position, PublishError, StreamId};

/// What the thread of the log is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// To store the events of a request.
    Append(Append),
    /// To read events.
    Read(Read),
    /// To look at [`Shared`].
    Look,
}

/// The events of one request.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) messages: Vec<Message>,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<(), PublishError>>,
    /// What they take of the memory for events that are not stored yet.
    pub(super) room: OwnedSemaphorePermit,
}

/// A wish for the events of `stream` from the number `from` on. No answer: they cannot be read now.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) stream: StreamId,
    pub(super) from: u64,
    pub(super) answer: oneshot::Sender<Vec<Chunk>>,
}

/// Events that are stored and follow one another.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) stream: StreamId,
    /// The number of the first of them.
    pub(super) first: u64,
    pub(super) messages: std::vec::IntoIter<Message>,
    /// What they took of the memory for events that have not been handed out.
    pub(super) bytes: usize,
}

impl Chunk {
    pub(super) fn new(stream: StreamId, first: u64, messages: Vec<Message>) -> Self {
        let bytes = messages.iter().map(|message| message.payload.len()).sum();
        Self { stream, first, messages: messages.into_iter(), bytes }
    }
}

/// Numbers and flags. An event is counted in one place after the other, and in the next one before it leaves the last.
#[derive(Debug)]
pub(super) struct Shared {
    /// Memory for events that are not stored yet, in bytes.
    pub(super) room: std::sync::Arc<Semaphore>,
    /// Events that are being stored.
    pub(super) pending: AtomicUsize,
    /// Events that are stored and have to be read from the file.
    pub(super) on_disk: AtomicUsize,
    /// Events that are stored and in memory, on their way to the subscription.
    pub(super) queued: AtomicUsize,
    /// Their size.
    pub(super) queued_bytes: AtomicUsize,
    /// What is stored does not go to the subscription any more, which has to read it. Set and reset by the log's thread.
    pub(super) lagging: AtomicBool,
    /// Nothing more is to be stored, and nothing read.
    pub(super) closed: AtomicBool,
    /// The last publisher is gone.
    pub(super) unpublished: AtomicBool,
    // A lock, because stream and number belong together; touched at every checkpoint, not for every event.
    acknowledged: Mutex<Option<Position>>,
}

impl Shared {
    pub(super) fn new(room_bytes: usize, on_disk: usize) -> Self {
        Self {
            room: std::sync::Arc::new(Semaphore::new(room_bytes)),
            pending: AtomicUsize::new(0),
            on_disk: AtomicUsize::new(on_disk),
            queued: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            lagging: AtomicBool::new(on_disk > 0),
            closed: AtomicBool::new(false),
            unpublished: AtomicBool::new(false),
            acknowledged: Mutex::new(None),
        }
    }

    /// Whether everything that was published when this was called has been handed out.
    pub(super) fn is_drained(&self) -> bool {
        // In the order in which events move, so that none is missed on its way.
        [&self.pending, &self.on_disk, &self.queued].iter().all(|count| count.load(Ordering::SeqCst) == 0)
    }

    /// Takes note that nobody needs what lies before `position`.
    pub(super) fn acknowledge(&self, position: Position) {
        let mut known = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let older = |known: &Position| known.stream == position.stream && known.sequence >= position.sequence;
        if !known.as_ref().is_some_and(older) {
            *known = Some(position);
        }
    }

    /// Up to which number nobody needs the events of `stream`.
    pub(super) fn acknowledged(&self, stream: StreamId) -> u64 {
        let known = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|position| position.stream == stream).map_or(0, |position| position.sequence)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.room.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn is_lagging(&self) -> bool {
        self.lagging.load(Ordering::SeqCst)
    }
}
