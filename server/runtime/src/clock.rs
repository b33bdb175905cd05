//! The only place that reads the wall clock.
//!
//! Whoever needs the time gets a [`Clock`]. A simulated one follows tokio's clock, so that a test with paused time
//! lives through an hour in a microsecond.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsiem_core::time::ReceiptTime;
use tokio::time::Instant;

/// Tells the time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Simulated { start: ReceiptTime, base: Instant },
}

impl Clock {
    /// The machine's wall clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Reads `start` now and follows tokio's clock from here on, which tests can pause and advance.
    #[must_use]
    pub fn simulated(start: ReceiptTime) -> Self {
        Self(Source::Simulated { start, base: Instant::now() })
    }

    /// The time in nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now(&self) -> ReceiptTime {
        match &self.0 {
            Source::System => since_epoch(SystemTime::now()),
            Source::Simulated { start, base } => start.plus_nanos(nanos(base.elapsed())),
        }
    }
}

/// A machine whose clock stands before 1970 counts as standing at 1970: nothing of ours is older.
fn since_epoch(time: SystemTime) -> ReceiptTime {
    ReceiptTime::from_nanos(nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_starts_where_it_is_told_and_follows_tokio() {
        let clock = Clock::simulated(ReceiptTime::from_secs(1_000));
        assert_eq!(clock.now(), ReceiptTime::from_secs(1_000));
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(clock.now(), ReceiptTime::from_nanos(1_001_500_000_000));
    }

    #[test]
    fn the_system_clock_reads_this_century() {
        assert!(Clock::system().now() > ReceiptTime::from_secs(1_700_000_000));
    }

    #[test]
    fn a_machine_before_1970_counts_as_1970() {
        let before = UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(since_epoch(before), ReceiptTime::from_nanos(0));
    }
}
