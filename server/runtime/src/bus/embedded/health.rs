//! What the log says about itself: counters, the log file of the process, `/readyz`.
//!
//! A state that lasts is told when it begins and when it is over, not at every request.

use std::path::Path;

use tracing::{error, info, warn};

use super::resume::Gap;
use super::store::StoreError;
use crate::bus::state::EVENT_LOG_BYTES;
use crate::metrics::{Counter, CounterBy, Gauge, Metrics};
use crate::status::Readiness;

/// Whether events can be stored.
pub(super) const STORING: &str = "event_log";

/// Whether everything that was stored has been, or will be, handed out.
pub(super) const COMPLETE: &str = "event_log_complete";

/// Counts and tells.
#[derive(Debug)]
pub(super) struct Health {
    readiness: Readiness,
    trouble: Option<&'static str>,
    pub(super) bytes: Gauge,
    pub(super) stored: Counter,
    pub(super) commits: Counter,
    pub(super) commit_micros: Counter,
    failures: CounterBy,
    gaps: CounterBy,
    lost: Counter,
}

impl Health {
    pub(super) fn new(metrics: &Metrics, readiness: Readiness) -> Self {
        readiness.set(STORING, Ok(()));
        readiness.set(COMPLETE, Ok(()));
        Self {
            readiness,
            trouble: None,
            bytes: metrics.gauge(EVENT_LOG_BYTES, "What the events of the log take on the disk"),
            stored: metrics.counter("dsiem_event_log_events", "Events stored in the log"),
            commits: metrics.counter("dsiem_event_log_commits", "Groups of requests stored in the log"),
            commit_micros: metrics.counter(
                "dsiem_event_log_commit_micros",
                "Microseconds spent on storing them, fsync included",
            ),
            failures: metrics.counter_by(
                "dsiem_event_log_failures",
                "What could not be done with the log, by reason",
                "reason",
            ),
            gaps: metrics.counter_by(
                "dsiem_event_log_gaps",
                "Times that events of the log were lost or may have been, by reason",
                "reason",
            ),
            lost: metrics.counter("dsiem_event_log_events_lost", "Events of the log known to be lost"),
        }
    }

    /// Nothing can be stored, or nothing more.
    pub(super) fn failed(&mut self, what: &'static str, problem: &StoreError) {
        let reason = match problem {
            StoreError::DiskFull => "disk_full",
            StoreError::Damaged(_) => "damaged",
            StoreError::Moved => "moved",
            StoreError::InUse => "in_use",
            StoreError::Foreign(_) | StoreError::Failed(_) => "error",
        };
        self.trouble(reason, format!("cannot {what} the event log: {problem}"));
    }

    /// The log has as many bytes as it may have.
    pub(super) fn full(&mut self, max_bytes: u64) {
        self.trouble("full", format!("the event log has reached its limit of {max_bytes} bytes"));
    }

    fn trouble(&mut self, reason: &'static str, text: String) {
        self.failures.with(reason).inc();
        if self.trouble.replace(reason) != Some(reason) {
            error!(reason, "{text}; events are refused until that is over");
            self.readiness.degrade(STORING, text);
        }
    }

    /// Events can be stored.
    pub(super) fn works(&mut self) {
        if let Some(reason) = self.trouble.take() {
            info!(reason, "the event log takes events again");
            self.readiness.set(STORING, Ok(()));
        }
    }

    /// Events are missing, or may be.
    pub(super) fn gap(&self, gap: &Gap) {
        self.gaps.with(gap.reason()).inc();
        self.lost.add(gap.lost());
        error!(reason = gap.reason(), lost = gap.lost(), "{gap}");
        self.readiness.degrade(COMPLETE, gap.to_string());
    }

    /// A damaged log was set aside at `aside`.
    pub(super) fn set_aside(&self, aside: &Path, why: &str) {
        warn!(
            why,
            set_aside = %aside.display(),
            "the event log is damaged; it was set aside, and a new one begun"
        );
    }
}
