//! How many events per second are let in: the owner of core's throttle and bucket.
//!
//! Backends that cannot keep up say so on the bus; the rate goes down while any of them does and up again otherwise.
//! Existing backends end their overload with `false`, each for itself; one backend's `false` must not cancel another's
//! `true`, so a frontend is overloaded until nobody has said `true` for a while, and `false` is ignored.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsiem_core::throttle::{ADJUST_EVERY_SECS, Bucket, RetryAfter, Throttle};
use dsiem_runtime::bus::OverloadReceiver;
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};
use tokio::time::Instant;

/// How long one `true` lasts. Backends repeat it once a second while they are overloaded.
pub const OVERLOAD_HOLD: Duration = Duration::from_secs(10);

const ADJUST_EVERY: Duration = Duration::from_secs(ADJUST_EVERY_SECS);

/// Whether any backend is overloaded.
#[derive(Debug, Default)]
struct Overload {
    /// When somebody last said `true`.
    last: Option<Instant>,
}

impl Overload {
    fn on_signal(&mut self, overloaded: bool, now: Instant) {
        if overloaded {
            self.last = Some(now);
        }
    }

    fn is_on(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.duration_since(last) < OVERLOAD_HOLD)
    }
}

/// Admits requests, or not. Clones share one state.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    /// The bucket counts from here. Not the wall clock: when that goes back, rates do not change.
    start: Instant,
    /// Nothing waits while it holds the lock, and a request holds it for one subtraction: less than asking a task.
    state: Option<Arc<Mutex<State>>>,
}

#[derive(Debug)]
struct State {
    throttle: Throttle,
    bucket: Bucket,
}

impl Limiter {
    /// A limiter that starts with `throttle`; without one, everything is admitted.
    pub(crate) fn new(throttle: Option<Throttle>) -> Self {
        let state = throttle.map(|throttle| {
            Arc::new(Mutex::new(State { throttle, bucket: Bucket::new(throttle.current(), 0) }))
        });
        Self { start: Instant::now(), state }
    }

    /// Lets a request with `events` events in, or says when to try again.
    pub(crate) fn admit(&self, events: usize) -> Result<(), RetryAfter> {
        self.with(|state, now| state.bucket.admit(events as u64, now)).unwrap_or(Ok(()))
    }

    /// Adjusts the rate to what backends say, until it is dropped.
    pub(crate) async fn follow(self, mut signals: OverloadReceiver, metrics: Metrics) {
        let gauges = Gauges::new(&metrics);
        self.show_rate(&gauges);
        let mut overload = Overload::default();
        let mut listening = true;
        let mut adjustment = tokio::time::interval_at(Instant::now() + ADJUST_EVERY, ADJUST_EVERY);
        adjustment.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                signal = signals.recv(), if listening => match signal {
                    Some(overloaded) => {
                        gauges.signals.inc();
                        overload.on_signal(overloaded, Instant::now());
                    }
                    None => listening = false,
                },
                now = adjustment.tick() => self.adjust(overload.is_on(now), &gauges),
            }
        }
    }

    fn adjust(&self, overloaded: bool, gauges: &Gauges) {
        if overloaded != (gauges.overloaded.get() != 0) {
            tracing::info!(overloaded, "the backends' overload state changed");
            gauges.overloaded.set(i64::from(overloaded));
        }
        let change = self.with(|state, now| {
            let before = state.throttle.current();
            let rate = state.throttle.adjust(overloaded);
            state.bucket.set_rate(rate, now);
            (before, rate)
        });
        if let Some((before, rate)) = change
            && before != rate
        {
            tracing::debug!(from = before, to = rate, "the event rate limit changed");
            self.show_rate(gauges);
        }
    }

    fn show_rate(&self, gauges: &Gauges) {
        gauges.rate.set(self.with(|state, _| i64::from(state.throttle.current().get())).unwrap_or(0));
    }

    /// Works on the state at this moment; `None` where there is no limit.
    fn with<T>(&self, work: impl FnOnce(&mut State, u64) -> T) -> Option<T> {
        let state = self.state.as_ref()?;
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Whoever panicked in there left numbers that are still within their bounds.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        Some(work(&mut state, now))
    }
}

struct Gauges {
    rate: Gauge,
    overloaded: Gauge,
    signals: Counter,
}

impl Gauges {
    fn new(metrics: &Metrics) -> Self {
        Self {
            rate: metrics.gauge("dsiem_frontend_rate_limit", "Events per second let in; 0 without a limit."),
            overloaded: metrics
                .gauge("dsiem_frontend_overloaded", "1 while any backend says it is overloaded."),
            signals: metrics.counter("dsiem_frontend_overload_signals", "Overload signals from backends."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, secs: u64) -> Instant {
        start + Duration::from_secs(secs)
    }

    #[test]
    fn one_backends_false_does_not_cancel_anothers_true() {
        let start = Instant::now();
        let mut overload = Overload::default();
        assert!(!overload.is_on(start));
        overload.on_signal(true, start);
        overload.on_signal(false, after(start, 1));
        assert!(overload.is_on(after(start, 9)));
        assert!(!overload.is_on(after(start, 10)), "nobody said true for the whole hold duration");
    }

    #[test]
    fn a_repeated_true_starts_the_hold_anew() {
        let start = Instant::now();
        let mut overload = Overload::default();
        overload.on_signal(true, start);
        overload.on_signal(true, after(start, 8));
        assert!(overload.is_on(after(start, 17)));
        assert!(!overload.is_on(after(start, 18)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_bounds_everything_is_admitted() {
        let limiter = Limiter::new(Throttle::new(0, 1000).unwrap());
        for _ in 0..100 {
            assert_eq!(limiter.admit(1_000_000), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_admitted_whole_or_not_at_all_and_told_when() {
        let limiter = Limiter::new(Throttle::new(10, 10).unwrap());
        assert_eq!(limiter.admit(25), Ok(()));
        assert_eq!(limiter.admit(1).map_err(RetryAfter::secs), Err(2));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(limiter.admit(1), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_follows_what_backends_say() {
        let bus = dsiem_runtime::bus::memory::bus(1, dsiem_runtime::clock::Clock::system());
        let metrics = Metrics::new();
        let limiter = Limiter::new(Throttle::new(100, 1000).unwrap());
        let rate = |limiter: &Limiter| limiter.with(|state, _| state.throttle.current().get()).unwrap();
        let task = tokio::spawn(limiter.clone().follow(bus.overload_receiver, metrics.clone()));
        tokio::task::yield_now().await;
        assert_eq!(rate(&limiter), 550);
        bus.overload_sender.send(true).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5_001)).await;
        assert_eq!(rate(&limiter), 460, "a tenth of the span down");
        bus.overload_sender.send(false).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(rate(&limiter), 469, "ten seconds without true: a hundredth up");
        assert!(metrics.text().contains("dsiem_frontend_rate_limit 469"), "{}", metrics.text());
        task.abort();
    }
}
