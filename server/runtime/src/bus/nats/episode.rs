//! Something that happens many times in a row, logged when it begins and when it is over.

use std::time::Duration;

use tokio::time::Instant;

/// An episode is over when nothing has happened for this long.
pub(super) const QUIET: Duration = Duration::from_secs(10);

/// Counts what happens, and says when that is news.
#[derive(Debug, Default)]
pub(super) struct Episode {
    /// How many so far, and when the last one was; none while it is quiet.
    current: Option<(u64, Instant)>,
}

impl Episode {
    /// Notes that it happened `count` times; true if that begins an episode.
    pub(super) fn note(&mut self, count: u64, now: Instant) -> bool {
        let before = self.current.map(|(count, _)| count);
        self.current = Some((before.unwrap_or(0) + count, now));
        before.is_none()
    }

    /// If an episode is over by now: how many times it happened. Says so once.
    pub(super) fn over(&mut self, now: Instant) -> Option<u64> {
        let (count, _) = self.current.take_if(|(_, last)| now.duration_since(*last) >= QUIET)?;
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_begins_once_and_is_over_after_a_quiet_time() {
        let start = Instant::now();
        let mut episode = Episode::default();
        assert_eq!(episode.over(start), None);
        assert!(episode.note(1, start));
        assert!(!episode.note(4, start + QUIET / 2));
        assert_eq!(episode.over(start + QUIET), None);
        assert_eq!(episode.over(start + QUIET + QUIET / 2), Some(5));
        assert_eq!(episode.over(start + QUIET * 3), None);
        assert!(episode.note(1, start + QUIET * 3));
    }
}
