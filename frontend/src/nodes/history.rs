//! How much was going on during the last hour, in steps of five seconds: for charts that move.

use std::collections::VecDeque;
use std::time::Duration;

use super::board::Figures;

/// The time between two points.
pub(crate) const STEP: Duration = Duration::from_secs(5);

/// Points that are kept: an hour of them.
const POINTS: usize = 720;

/// How much was going on at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// A multiple of [`STEP`], in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) figures: Figures,
}

/// The last hour.
#[derive(Debug, Default)]
pub(super) struct History {
    points: VecDeque<Point>,
}

impl History {
    /// Adds what is going on now. Of one step, the last counts.
    pub(super) fn add(&mut self, secs: i64, figures: Figures) {
        let step = i64::try_from(STEP.as_secs()).unwrap_or(1);
        let at = secs - secs.rem_euclid(step);
        // Also after a clock that was set back.
        while self.points.back().is_some_and(|last| last.at >= at) {
            self.points.pop_back();
        }
        self.points.push_back(Point { at, figures });
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
    }

    /// The last `count` points, the oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<Point> {
        self.points.iter().skip(self.points.len().saturating_sub(count)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_in_steps_that_do_not_repeat() {
        let mut history = History::default();
        for n in 0..1_000 {
            let figures = Figures { open_backlogs: n, ..Figures::default() };
            history.add(1_000_003 + 5 * i64::try_from(n).unwrap_or(0), figures);
        }
        history.add(1_000_003 + 4_996, Figures { open_backlogs: 7, ..Figures::default() });
        assert_eq!(history.last(POINTS * 2).len(), POINTS);
        let last: Vec<_> =
            history.last(2).iter().map(|point| (point.at, point.figures.open_backlogs)).collect();
        assert_eq!(last, [(1_004_990, 998), (1_004_995, 7)]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_mix_up_the_points() {
        let mut history = History::default();
        for secs in [100, 105, 110, 103] {
            history.add(secs, Figures::default());
        }
        assert_eq!(history.last(9).iter().map(|point| point.at).collect::<Vec<_>>(), [100]);
    }
}
