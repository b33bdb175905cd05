//! When a manager wants to be told the time: written by the manager, looked at by the roster.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use dsiem_core::time::ReceiptTime;

/// A second since 1970; at first one that has long passed, so that a new manager is told the time soon. Clones are the
/// same one.
#[derive(Debug, Clone)]
pub struct WakeTime(Arc<AtomicI64>);

impl Default for WakeTime {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl WakeTime {
    /// It has nothing to do without an event.
    pub const NEVER: i64 = i64::MAX;

    /// From this second on.
    pub fn set(&self, secs: i64) {
        // Nothing else is handed over with it: a roster that reads the old one looks again in a second.
        if self.0.load(Ordering::Relaxed) != secs {
            self.0.store(secs, Ordering::Relaxed);
        }
    }

    /// Whether it wants to know that it is `time`.
    #[must_use]
    pub fn is_due(&self, time: ReceiptTime) -> bool {
        self.0.load(Ordering::Relaxed) <= time.secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_from_its_second_on() {
        let time = ReceiptTime::from_secs;
        let wake_time = WakeTime::default();
        assert!(wake_time.is_due(time(0)), "one that was never set");
        wake_time.clone().set(100);
        assert!(!wake_time.is_due(time(99)));
        assert!(wake_time.is_due(time(100)) && wake_time.is_due(time(101)));
        wake_time.set(WakeTime::NEVER);
        assert!(!wake_time.is_due(time(i64::MAX / 1_000_000_000)));
    }
}
