//! The event ids that a directive has had lately.
//!
//! A retried request or a redelivery must neither count nor open anything, not even after the backlog that consumed the
//! event has ended. What a directive consumed or opened a backlog with is remembered for a window of receipt time
//! (`--duplicate-window`), bounded in number: full, the oldest is forgotten and counted.

use std::collections::VecDeque;

use crate::event::EventKey;
use crate::hash::{Seed, Set, set};
use crate::time::ReceiptTime;

/// Default of `--duplicate-window`, in seconds.
pub const DEFAULT_WINDOW_SECS: u32 = 600;

/// How many event ids one directive remembers at most: the busiest directives forget earlier than the window says.
pub const MAX_REMEMBERED: usize = 200_000;

/// The remembered event ids of one directive.
#[derive(Debug)]
pub struct RecentEvents {
    window_nanos: i64,
    limit: usize,
    known: Set<EventKey>,
    /// In the order in which they were remembered, each with its receipt time.
    order: VecDeque<(ReceiptTime, EventKey)>,
    forgotten_early: u64,
}

impl RecentEvents {
    /// Remembers nothing yet; ids stay for `window_secs`, at most `limit` of them.
    #[must_use]
    pub fn new(window_secs: u32, limit: usize, seed: Seed) -> Self {
        Self {
            window_nanos: i64::from(window_secs) * 1_000_000_000,
            limit,
            known: set(seed),
            order: VecDeque::new(),
            forgotten_early: 0,
        }
    }

    /// Whether `key` was remembered within the window before `now`.
    pub fn contains(&mut self, key: &EventKey, now: ReceiptTime) -> bool {
        self.forget_older(now);
        self.known.contains(key)
    }

    /// Remembers `key`, received at `now`.
    pub fn remember(&mut self, key: EventKey, now: ReceiptTime) {
        // Among what was saved, an id can come for a second time, a window later: that is the time that counts.
        self.forget_older(now);
        if self.window_nanos == 0 || !self.known.insert(key) {
            return;
        }
        if self.order.len() >= self.limit {
            self.forgotten_early += 1;
            self.forget_first();
        }
        self.order.push_back((now, key));
    }

    /// Forgets what lies further back than the window; whether nothing is left.
    pub fn forget_older(&mut self, now: ReceiptTime) -> bool {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) > self.window_nanos) {
            self.forget_first();
        }
        self.order.is_empty()
    }

    /// How many ids were forgotten before their time because the memory was full.
    #[must_use]
    pub fn forgotten_early(&self) -> u64 {
        self.forgotten_early
    }

    /// What is remembered, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (ReceiptTime, EventKey)> {
        self.order.iter().copied()
    }

    /// Nothing is remembered that was received before this time.
    #[must_use]
    pub fn forgotten_before(&self, now: ReceiptTime) -> ReceiptTime {
        let window = now.plus_nanos(-self.window_nanos);
        if self.order.len() < self.limit {
            return window;
        }
        // Not just the first: a clock that was set back gives later ones an earlier time.
        self.order.iter().map(|(at, _)| *at).min().unwrap_or(window)
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> ReceiptTime {
        ReceiptTime::from_secs(secs)
    }

    #[test]
    fn an_id_is_remembered_for_the_window_and_no_longer() {
        let mut recent = RecentEvents::new(600, 10, Seed(1));
        recent.remember(EventKey::of("a"), at(1000));
        assert!(recent.contains(&EventKey::of("a"), at(1600)));
        assert!(!recent.contains(&EventKey::of("a"), at(1601)));
        assert!(recent.forget_older(at(1601)));
    }

    #[test]
    fn what_is_remembered_again_after_the_window_counts_from_then() {
        let mut recent = RecentEvents::new(600, 10, Seed(1));
        for secs in [1000, 1601] {
            recent.remember(EventKey::of("a"), at(secs));
        }
        assert!(recent.contains(&EventKey::of("a"), at(2000)));
    }

    #[test]
    fn full_the_oldest_goes_and_is_counted() {
        let mut recent = RecentEvents::new(600, 2, Seed(1));
        for (n, id) in ["a", "b", "c"].iter().enumerate() {
            recent.remember(EventKey::of(id), at(n as i64));
        }
        assert!(!recent.contains(&EventKey::of("a"), at(3)));
        assert!(recent.contains(&EventKey::of("b"), at(3)));
        assert!(recent.contains(&EventKey::of("c"), at(3)));
        assert_eq!(recent.forgotten_early(), 1);
    }

    #[test]
    fn what_is_forgotten_is_before_the_window_or_before_the_oldest_that_there_was_room_for() {
        let mut recent = RecentEvents::new(10, 2, Seed::default());
        recent.remember(EventKey::of("a"), at(100));
        assert_eq!(recent.forgotten_before(at(101)), at(91));
        recent.remember(EventKey::of("b"), at(102));
        recent.remember(EventKey::of("c"), at(103));
        assert_eq!(recent.forgotten_before(at(103)), at(102));
        recent.remember(EventKey::of("the clock was set back"), at(95));
        assert_eq!(recent.forgotten_before(at(95)), at(95));
    }

    #[test]
    fn a_window_of_zero_remembers_nothing() {
        let mut recent = RecentEvents::new(0, 10, Seed(1));
        recent.remember(EventKey::of("a"), at(0));
        assert!(!recent.contains(&EventKey::of("a"), at(0)));
    }
}
