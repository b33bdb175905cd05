//! Overload signals: backends say that they cannot keep up, or again can, and frontends hear it.
//!
//! Signals are few and only the latest ones matter, so a receiver that lags skips the oldest and never misses the last.

use tokio::sync::broadcast::{self, error::RecvError};

use super::PublishError;
use super::nats;

/// A receiver that is further behind than this skips to what is left.
pub(super) const SIGNALS_KEPT: usize = 16;

/// Says whether this process is overloaded. Cheap to clone.
#[derive(Clone, Debug)]
pub enum OverloadSender {
    /// To other processes.
    Nats(nats::SignalSender),
    /// To this process.
    Memory(broadcast::Sender<bool>),
}

impl OverloadSender {
    /// Sends one signal to whoever listens; that nobody does is no error.
    ///
    /// # Errors
    ///
    /// When the bus is not connected or closed. Signals are repeated while they hold, so there is nothing to retry.
    pub async fn send(&self, overloaded: bool) -> Result<(), PublishError> {
        match self {
            Self::Nats(sender) => sender.send(overloaded).await,
            Self::Memory(sender) => {
                sender.send(overloaded).ok();
                Ok(())
            }
        }
    }
}

/// Hears signals of anyone.
#[derive(Debug)]
pub enum OverloadReceiver {
    /// From other processes.
    Nats(broadcast::Receiver<bool>),
    /// From this process.
    Memory(broadcast::Receiver<bool>),
}

impl OverloadReceiver {
    /// The next signal; `None` when no more can come. May be cancelled without loss.
    pub async fn recv(&mut self) -> Option<bool> {
        let (Self::Nats(signals) | Self::Memory(signals)) = self;
        loop {
            match signals.recv().await {
                Ok(overloaded) => return Some(overloaded),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
