//! What all backlogs of a process have in common, and what they look at besides themselves.

use std::sync::Arc;

use super::Limits;
use crate::assets::Assets;
use crate::event::DEFAULT_MAX_CLOCK_SKEW_SECS;
use crate::hash::Seed;
use crate::risk::RiskLimits;

/// Default of `--time-order-tolerance`, in seconds, as in Go dsiem.
pub const DEFAULT_TIME_ORDER_TOLERANCE_SECS: u32 = 5;

/// What is the same for all backlogs of a process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of every hash.
    pub seed: Seed,
    /// How many seconds an event may lie before the end of an earlier stage: it is discarded from this many on.
    pub time_order_tolerance_secs: u32,
    /// Seconds added to the life of every stage, for late logs.
    pub min_alarm_lifetime_secs: u32,
    /// Seconds that an event's timestamp may lie after its receipt.
    pub max_clock_skew_secs: u32,
    /// Where the risk classes begin and end.
    pub risk_limits: RiskLimits,
    /// The status of a new alarm.
    pub status: Arc<str>,
    /// The tag of a new alarm.
    pub tag: Arc<str>,
    /// How much one backlog collects.
    pub limits: Limits,
}

impl Settings {
    /// The product's defaults, with hashes seeded by `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            time_order_tolerance_secs: DEFAULT_TIME_ORDER_TOLERANCE_SECS,
            min_alarm_lifetime_secs: 0,
            max_clock_skew_secs: DEFAULT_MAX_CLOCK_SKEW_SECS,
            risk_limits: RiskLimits::default(),
            status: "Open".into(),
            tag: "Identified Threat".into(),
            limits: Limits::default(),
        }
    }
}

/// What a backlog looks at besides itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The process's settings.
    pub settings: &'a Settings,
    /// Whose addresses are home, and what they are worth.
    pub assets: &'a Assets,
}
