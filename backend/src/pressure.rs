//! Tells frontends to slow down.
//!
//! When a matching event has waited longer than `--max_delay` since this process got it, `true` goes out on
//! `dsiem_overload_signals`, once a second while that lasts, and `false` after `--hold_duration` without. Catching up
//! after an outage is not overload: what counts is the wait in here.

use std::sync::Arc;
use std::time::Duration;

use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::OverloadSender;
use dsiem_runtime::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{info, warn};

/// How often `true` is repeated while the overload lasts.
const REPEAT: Duration = Duration::from_secs(1);

/// Where managers report long waits. Clones report to the same place.
#[derive(Debug, Clone)]
pub struct Pressure {
    max_delay_nanos: i64,
    reported: Arc<Notify>,
}

impl Pressure {
    /// Events may wait `max_delay`; zero: for ever.
    #[must_use]
    pub fn new(max_delay: Duration) -> Self {
        Self {
            max_delay_nanos: i64::try_from(max_delay.as_nanos()).unwrap_or(i64::MAX),
            reported: Arc::new(Notify::new()),
        }
    }

    /// Reports an event that arrived here at `arrived` and is handled now, if it waited too long.
    pub fn check(&self, arrived: ReceiptTime, clock: &Clock) {
        if self.max_delay_nanos > 0 && clock.now().since(arrived) > self.max_delay_nanos {
            self.reported.notify_one();
        }
    }

    /// Sends the signals, until it is dropped.
    pub async fn run(self, sender: OverloadSender, hold: Duration) {
        loop {
            self.reported.notified().await;
            warn!("overload = true signal sent to frontend");
            let mut last_report = Instant::now();
            loop {
                // A signal that is lost is repeated, and frontends forget `true` by themselves.
                sender.send(true).await.ok();
                tokio::time::sleep(REPEAT).await;
                if tokio::time::timeout_at(last_report + hold, self.reported.notified()).await.is_err() {
                    break;
                }
                last_report = Instant::now();
            }
            info!("overload = false signal sent to frontend");
            sender.send(false).await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsiem_runtime::bus::memory;
    use futures::FutureExt as _;

    #[tokio::test(start_paused = true)]
    async fn true_goes_out_once_a_second_while_events_wait_and_false_after_the_hold() {
        let clock = Clock::simulated(ReceiptTime::from_secs(1_000));
        let mut bus = memory::bus(10, clock.clone());
        let pressure = Pressure::new(Duration::from_secs(5));
        let task = tokio::spawn(pressure.clone().run(bus.overload_sender, Duration::from_secs(10)));
        let arrived = ReceiptTime::from_secs(995);
        pressure.check(arrived, &clock);
        tokio::time::advance(Duration::from_millis(1)).await;
        pressure.check(arrived, &clock);
        assert_eq!(bus.overload_receiver.recv().await, Some(true));
        let first = clock.now();
        tokio::time::sleep(Duration::from_secs(3)).await;
        pressure.check(arrived, &clock);
        assert_eq!(bus.overload_receiver.recv().await, Some(true));
        assert!(clock.now().since(first) >= 1_000_000_000);
        let last = clock.now();
        assert_eq!(bus.overload_receiver.recv().await, Some(false));
        assert!(clock.now().since(last) >= 8_000_000_000);
        task.abort();
    }

    #[test]
    fn a_delay_of_zero_never_reports() {
        let clock = Clock::system();
        let pressure = Pressure::new(Duration::ZERO);
        pressure.check(ReceiptTime::from_secs(0), &clock);
        assert!(pressure.reported.notified().now_or_never().is_none());
        let pressure = Pressure::new(Duration::from_secs(1));
        pressure.check(ReceiptTime::from_secs(0), &clock);
        assert!(pressure.reported.notified().now_or_never().is_some());
    }
}
