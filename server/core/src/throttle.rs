//! The arithmetic of the frontend's limiter: how many events a second are let in, and whether this request is.
//!
//! The rate moves between two bounds: down quickly while any backend is overloaded, up slowly otherwise. Whoever owns
//! a [`Throttle`] adjusts it every [`ADJUST_EVERY_SECS`] and gives its [`Bucket`] the new rate.

use std::num::NonZeroU32;

/// How often the rate is adjusted.
pub const ADJUST_EVERY_SECS: u64 = 5;

/// Under overload the rate goes down by this part of the span between the bounds.
const DOWN_PART: u32 = 10;

/// Otherwise it goes up by this part.
const UP_PART: u32 = 100;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A rate between two bounds, in events a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    min: NonZeroU32,
    max: NonZeroU32,
    current: NonZeroU32,
}

/// The bounds are the wrong way round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "min_eps {min_eps} is above max_eps {max_eps}: the limiter needs min_eps <= max_eps, or 0 for no limiter"
)]
pub struct BoundsError {
    min_eps: u32,
    max_eps: u32,
}

impl Throttle {
    /// A throttle that starts midway between the bounds; `None` (no limiter) if either is 0.
    ///
    /// # Errors
    /// If both are above 0 and `min_eps` is above `max_eps`.
    pub fn new(min_eps: u32, max_eps: u32) -> Result<Option<Self>, BoundsError> {
        let (Some(min), Some(max)) = (NonZeroU32::new(min_eps), NonZeroU32::new(max_eps)) else {
            return Ok(None);
        };
        let span = max_eps.checked_sub(min_eps).ok_or(BoundsError { min_eps, max_eps })?;
        Ok(Some(Self { min, max, current: min.saturating_add(span / 2) }))
    }

    /// The rate now, in events a second.
    #[must_use]
    pub fn current(&self) -> NonZeroU32 {
        self.current
    }

    /// One step: down a tenth of the span under overload, up a hundredth otherwise, at least 1, always within the
    /// bounds. Returns the new rate.
    pub fn adjust(&mut self, overloaded: bool) -> NonZeroU32 {
        let span = self.max.get() - self.min.get();
        self.current = if overloaded {
            let lower = self.current.get().saturating_sub((span / DOWN_PART).max(1));
            NonZeroU32::new(lower).map_or(self.min, |lower| lower.max(self.min))
        } else {
            self.current.saturating_add((span / UP_PART).max(1)).min(self.max)
        };
        self.current
    }
}

/// A request was refused; a positive bucket is this far away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// Nanoseconds until a request would be admitted.
    pub nanos: u64,
}

impl RetryAfter {
    /// Whole seconds, rounded up, at least 1: the value of the `Retry-After` header.
    #[must_use]
    pub fn secs(self) -> u64 {
        self.nanos.div_ceil(NANOS_PER_SEC).max(1)
    }
}

/// Events that may come in now, refilled at a rate; never more than one second's worth.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// In billionths of an event, so that refilling is exact. Below zero after a request that was larger than it.
    level: i128,
    per_sec: NonZeroU32,
    refilled_nanos: u64,
}

impl Bucket {
    /// A full bucket. `now_nanos` counts from any fixed point in time, here and below.
    #[must_use]
    pub fn new(per_sec: NonZeroU32, now_nanos: u64) -> Self {
        Self { level: capacity(per_sec), per_sec, refilled_nanos: now_nanos }
    }

    /// Refills at this rate from now on.
    pub fn set_rate(&mut self, per_sec: NonZeroU32, now_nanos: u64) {
        self.refill(now_nanos);
        self.per_sec = per_sec;
        self.level = self.level.min(capacity(per_sec));
    }

    /// Whether nothing is missing in it: then it is as good as a new one.
    #[must_use]
    pub fn is_full(&mut self, now_nanos: u64) -> bool {
        self.refill(now_nanos);
        self.level == capacity(self.per_sec)
    }

    /// Takes `count` events in if the bucket is positive, even if that drives it below zero.
    ///
    /// # Errors
    /// When to try again, if the bucket is empty; nothing is taken in then.
    pub fn admit(&mut self, count: u64, now_nanos: u64) -> Result<(), RetryAfter> {
        self.refill(now_nanos);
        if self.level <= 0 {
            return Err(self.retry_after());
        }
        self.level = self.level.saturating_sub(i128::from(count) * i128::from(NANOS_PER_SEC));
        Ok(())
    }

    /// A clock that goes backwards refills nothing.
    fn refill(&mut self, now_nanos: u64) {
        let elapsed = now_nanos.saturating_sub(self.refilled_nanos);
        self.refilled_nanos = self.refilled_nanos.max(now_nanos);
        let gained = i128::from(elapsed) * i128::from(self.per_sec.get());
        self.level = self.level.saturating_add(gained).min(capacity(self.per_sec));
    }

    fn retry_after(&self) -> RetryAfter {
        let missing = self.level.unsigned_abs() + 1;
        let nanos = missing.div_ceil(u128::from(self.per_sec.get()));
        RetryAfter { nanos: u64::try_from(nanos).unwrap_or(u64::MAX) }
    }
}

fn capacity(per_sec: NonZeroU32) -> i128 {
    i128::from(per_sec.get()) * i128::from(NANOS_PER_SEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(min: u32, max: u32) -> Throttle {
        Throttle::new(min, max).unwrap().unwrap()
    }

    fn per_sec(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    #[test]
    fn is_off_unless_both_bounds_are_set() {
        for (min, max) in [(0, 0), (0, 1000), (100, 0)] {
            assert_eq!(Throttle::new(min, max), Ok(None));
        }
    }

    #[test]
    fn bounds_the_wrong_way_round_are_refused_with_both_numbers() {
        let error = Throttle::new(1000, 100).unwrap_err().to_string();
        assert!(error.contains("min_eps 1000 is above max_eps 100"), "{error}");
    }

    fn check_steps(min: u32, max: u32, overloaded: &[bool], expected: &[u32]) {
        let mut throttle = throttle(min, max);
        let mut rates = vec![throttle.current().get()];
        rates.extend(overloaded.iter().map(|overloaded| throttle.adjust(*overloaded).get()));
        assert_eq!(rates, expected, "{min}..{max}");
    }

    #[test]
    fn starts_midway_goes_down_a_tenth_and_up_a_hundredth_of_the_span() {
        check_steps(100, 1000, &[true, true, false, false], &[550, 460, 370, 379, 388]);
        // At least 1, and always within the bounds.
        check_steps(10, 15, &[true, true, true, false], &[12, 11, 10, 10, 11]);
        check_steps(10, 13, &[false, false, false, false], &[11, 12, 13, 13, 13]);
        check_steps(7, 7, &[true, false], &[7, 7, 7]);
        check_steps(1, 1000, &[true, true, true, true, true, true], &[500, 401, 302, 203, 104, 5, 1]);
    }

    #[test]
    fn steps_cannot_wrap_at_the_ends_of_the_numbers() {
        check_steps(1, u32::MAX, &[true], &[2_147_483_648, 1_717_986_919]);
        let mut throttle = throttle(u32::MAX - 1, u32::MAX);
        for _ in 0..5 {
            assert_eq!(throttle.adjust(false).get(), u32::MAX);
        }
    }

    #[test]
    fn a_request_is_admitted_whole_while_the_bucket_is_positive() {
        let mut bucket = Bucket::new(per_sec(100), 0);
        assert_eq!(bucket.admit(99, 0), Ok(()));
        // One token is left, and it admits a batch of 300: 299 below zero.
        assert_eq!(bucket.admit(300, 0), Ok(()));
        let retry = bucket.admit(1, 0).unwrap_err();
        assert_eq!(retry.secs(), 3);
        assert_eq!(bucket.admit(1, retry.nanos - 1).unwrap_err().nanos, 1);
        assert_eq!(bucket.admit(1, retry.nanos), Ok(()));
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let mut bucket = Bucket::new(per_sec(10), 0);
        bucket.admit(10, 0).unwrap();
        for _ in 0..100 {
            assert!(bucket.admit(1_000_000, 0).is_err());
        }
        assert_eq!(bucket.admit(1, 1), Ok(()));
    }

    #[test]
    fn holds_one_seconds_worth_however_long_it_waited() {
        let mut bucket = Bucket::new(per_sec(10), 0);
        let now = 3600 * NANOS_PER_SEC;
        assert_eq!(bucket.admit(10, now), Ok(()));
        assert!(!bucket.is_full(now + NANOS_PER_SEC - 1) && bucket.is_full(now + NANOS_PER_SEC));
        bucket.admit(10, now + NANOS_PER_SEC).unwrap();
        let now = now + NANOS_PER_SEC;
        assert!(bucket.admit(1, now).is_err());
    }

    #[test]
    fn a_new_rate_counts_from_when_it_is_set() {
        let mut bucket = Bucket::new(per_sec(10), 0);
        bucket.admit(20, 0).unwrap();
        // Half a second at 10 a second gives back 5 of the 10 that are missing; the rest comes at 100 a second.
        bucket.set_rate(per_sec(100), NANOS_PER_SEC / 2);
        let retry = bucket.admit(1, NANOS_PER_SEC / 2).unwrap_err();
        assert_eq!(retry.nanos, NANOS_PER_SEC / 20 + 1);
        // A lower rate also lowers what the bucket holds.
        let mut bucket = Bucket::new(per_sec(1000), 0);
        bucket.set_rate(per_sec(2), 0);
        bucket.admit(2, 0).unwrap();
        assert!(bucket.admit(1, 0).is_err());
    }

    #[test]
    fn extremes_and_a_clock_that_goes_back_do_no_harm() {
        let mut bucket = Bucket::new(per_sec(u32::MAX), u64::MAX);
        assert_eq!(bucket.admit(u64::MAX, 0), Ok(()));
        assert!(bucket.admit(u64::MAX, u64::MAX).is_err());
        let mut bucket = Bucket::new(per_sec(1), 0);
        bucket.admit(u64::MAX, 0).unwrap();
        assert_eq!(bucket.admit(0, 0).unwrap_err().nanos, u64::MAX);
        let mut bucket = Bucket::new(per_sec(1), 1000);
        bucket.admit(1, 1000).unwrap();
        assert!(bucket.admit(1, 0).is_err());
        assert!(bucket.admit(1, 1000).is_err());
    }
}
