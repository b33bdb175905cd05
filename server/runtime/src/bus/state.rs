//! How the bus is, for a person who looks at the installation.

use std::time::Duration;

use super::nats::{self, NodeState};
use crate::ledger::Samples;
use crate::metrics::Metrics;

/// The gauge of what the event log takes on the disk.
pub(super) const EVENT_LOG_BYTES: &str = "dsiem_event_log_bytes";

/// Which bus it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BusKind {
    /// A queue in this process.
    #[default]
    Memory,
    /// A log on the disk of this process.
    EventLog,
    /// NATS.
    Nats,
}

/// How the bus is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusState {
    /// Which one.
    pub kind: BusKind,
    /// Whether it is there.
    pub connected: bool,
    /// Whether it keeps events until they have been dealt with.
    pub durable: bool,
    /// What is not as it should be.
    pub detail: Option<String>,
    /// What it keeps, where it does and says so.
    pub kept: Option<Kept>,
    /// How far each backend is with it, where that can be asked.
    pub readers: Vec<NodeState>,
}

/// What a durable bus keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Bytes.
    pub bytes: u64,
    /// With more of them, no event is taken.
    pub max_bytes: Option<u64>,
    /// Events, where that is known.
    pub events: Option<u64>,
    /// How old they may get.
    pub max_age: Option<Duration>,
}

/// Looks at the bus of this process.
#[derive(Debug)]
pub enum BusView {
    /// In memory.
    Memory,
    /// On disk, up to so many bytes.
    EventLog {
        /// With more of them, no event is taken.
        max_bytes: u64,
        /// Where the log counts.
        metrics: Metrics,
    },
    /// Over NATS.
    Nats(Box<nats::StateView>),
}

impl BusView {
    /// How it is now. Takes as long as NATS takes to answer, some seconds at most.
    pub async fn look(&mut self) -> BusState {
        match self {
            Self::Memory => BusState { connected: true, ..BusState::default() },
            Self::EventLog { max_bytes, metrics } => {
                let bytes = Samples::parse(&metrics.text()).gauge(EVENT_LOG_BYTES).unwrap_or(0);
                let bytes = u64::try_from(bytes).unwrap_or(0);
                let kept = Kept { bytes, max_bytes: Some(*max_bytes), ..Kept::default() };
                BusState {
                    kind: BusKind::EventLog,
                    connected: true,
                    durable: true,
                    kept: Some(kept),
                    ..BusState::default()
                }
            }
            Self::Nats(nats) => nats.look().await,
        }
    }
}
