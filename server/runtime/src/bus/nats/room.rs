//! How much may wait for NATS, by whichever way it goes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bus::PublishError;

/// More requests than this do not wait.
pub(super) const MAX_WAITING_REQUESTS: usize = 4_096;

/// More bytes of events than this do not wait, those on their way included. A larger request waits alone.
const MAX_WAITING_BYTES: u32 = 256 * 1024 * 1024;

/// Room for the events of requests. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    /// What an event takes beside its JSON.
    beside: usize,
}

impl Room {
    /// Empty, for events that take `beside` bytes beside their JSON.
    pub(super) fn new(beside: usize) -> Self {
        Self { bytes: Arc::new(Semaphore::new(MAX_WAITING_BYTES as usize)), beside }
    }

    /// Room for `events`, given back when it is dropped; or there is none.
    pub(super) fn take(&self, events: &[Bytes]) -> Result<OwnedSemaphorePermit, PublishError> {
        let bytes: usize = events.iter().map(|event| event.len() + self.beside).sum();
        let places = u32::try_from(bytes).unwrap_or(u32::MAX).min(MAX_WAITING_BYTES);
        self.bytes.clone().try_acquire_many_owned(places).map_err(|_| PublishError::QueueFull)
    }
}
