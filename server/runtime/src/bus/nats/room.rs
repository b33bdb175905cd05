//! How much may wait for NATS, by whichever way it goes.

use bytes::Bytes;

use crate::bus::PublishError;
use crate::quota::{Quota, Share};

/// More requests than this do not wait.
pub(super) const MAX_WAITING_REQUESTS: usize = 4_096;

/// More bytes of events than this do not wait, those on their way included. A larger request waits alone.
const MAX_WAITING_BYTES: usize = 256 * 1024 * 1024;

/// Room for the events of requests. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Room {
    bytes: Quota,
    /// What an event takes beside its JSON.
    beside: usize,
}

impl Room {
    /// Empty, for events that take `beside` bytes beside their JSON.
    pub(super) fn new(beside: usize) -> Self {
        Self { bytes: Quota::new(MAX_WAITING_BYTES), beside }
    }

    /// Room for `events`, given back when it is dropped; or there is none.
    pub(super) fn take(&self, events: &[Bytes]) -> Result<Share, PublishError> {
        let bytes: usize = events.iter().map(|event| event.len() + self.beside).sum();
        self.bytes.take_or_all(bytes).ok_or(PublishError::QueueFull)
    }
}
