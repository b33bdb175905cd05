//! When to leave a source of findings alone: a circuit breaker without a clock.
//!
//! After several failures in a row a source is not asked for a while; then one request may try, and its outcome
//! decides. Each change of state is returned once, so that the caller logs it once.

use std::time::Duration;

use tokio::time::Instant;

/// How many answers in a row make a failing source a working one again.
const ANSWERS_TO_RECOVER: u32 = 3;

/// Whether one source is asked.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row after which it opens.
    failures_to_open: u32,
    /// How long it stays open before one request may try.
    open_for: Duration,
    failures_in_row: u32,
    answers_in_row: u32,
    is_failing: bool,
    /// Open: the next time at which one request may try. A try that is abandoned leaves it as it is, and the next one
    /// has its turn.
    next_try: Option<Instant>,
}

/// What is new, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The first failure of a source that worked.
    Failing,
    /// It is not asked for a while.
    Opened,
    /// It works again.
    Recovered,
}

impl Breaker {
    pub(super) fn new(failures_to_open: u32, open_for: Duration) -> Self {
        Self {
            failures_to_open: failures_to_open.max(1),
            open_for,
            failures_in_row: 0,
            answers_in_row: 0,
            is_failing: false,
            next_try: None,
        }
    }

    /// Whether the source may be asked now. While open, one caller per period gets a yes.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.next_try {
            Some(next_try) if now < next_try => false,
            Some(_) => {
                self.next_try = Some(now + self.open_for);
                true
            }
            None => true,
        }
    }

    /// The source answered.
    pub(super) fn answered(&mut self) -> Option<Change> {
        self.failures_in_row = 0;
        let was_open = self.next_try.take().is_some();
        if !self.is_failing {
            return None;
        }
        self.answers_in_row += 1;
        if !was_open && self.answers_in_row < ANSWERS_TO_RECOVER {
            return None;
        }
        self.is_failing = false;
        Some(Change::Recovered)
    }

    /// The source failed.
    pub(super) fn failed(&mut self, now: Instant) -> Option<Change> {
        self.answers_in_row = 0;
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        let was_failing = std::mem::replace(&mut self.is_failing, true);
        let was_open = self.next_try.is_some();
        if was_open || self.failures_in_row >= self.failures_to_open {
            self.next_try = Some(now + self.open_for);
            return (!was_open).then_some(Change::Opened);
        }
        (!was_failing).then_some(Change::Failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(30);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(3, OPEN_FOR);
        assert_eq!(breaker.failed(now), Some(Change::Failing));
        assert_eq!(breaker.failed(now), None);
        assert!(breaker.admits(now));
        assert_eq!(breaker.failed(now), Some(Change::Opened));
        breaker
    }

    #[test]
    fn opens_after_so_many_failures_in_a_row_and_then_admits_one_try_per_period() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(!breaker.admits(now));
        assert!(!breaker.admits(now + OPEN_FOR - Duration::from_millis(1)));
        assert!(breaker.admits(now + OPEN_FOR));
        assert!(!breaker.admits(now + OPEN_FOR), "only one tries");
        assert!(breaker.admits(now + OPEN_FOR * 2), "the next, if that one never came back");
    }

    #[test]
    fn a_failed_try_keeps_it_open_in_silence() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.admits(now + OPEN_FOR));
        assert_eq!(breaker.failed(now + OPEN_FOR), None);
        assert!(!breaker.admits(now + OPEN_FOR * 2 - Duration::from_millis(1)));
    }

    #[test]
    fn a_try_that_is_answered_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.admits(now + OPEN_FOR));
        assert_eq!(breaker.answered(), Some(Change::Recovered));
        assert!(breaker.admits(now + OPEN_FOR));
        assert!(breaker.admits(now + OPEN_FOR));
        assert_eq!(breaker.answered(), None);
    }

    #[test]
    fn failures_between_answers_do_not_open_it_and_are_told_once() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, OPEN_FOR);
        let changes: Vec<_> = (0..20).filter_map(|_| breaker.failed(now).or(breaker.answered())).collect();
        assert_eq!(changes, [Change::Failing]);
        assert!(breaker.admits(now));
        assert_eq!(breaker.answered(), None);
        assert_eq!(breaker.answered(), Some(Change::Recovered));
    }
}
