//! How long it takes until all is well again: the figures of docs/guarantees.md.

use std::time::{Duration, Instant};

use crate::campaign::{Campaign, Sent};
use crate::written::Written;

/// The times of one kind of fault.
pub(crate) struct Recovery {
    fault: &'static str,
    rounds: usize,
    ready: Vec<Duration>,
    caught_up: Vec<Duration>,
}

impl Recovery {
    /// Of `fault`, in words for a table.
    pub(crate) fn of(fault: &'static str) -> Self {
        Self { fault, rounds: 0, ready: Vec::new(), caught_up: Vec::new() }
    }

    /// Everyone is ready again after the fault that began `since`.
    pub(crate) fn ready(&mut self, since: Instant) {
        self.ready.push(since.elapsed());
    }

    /// Waits until what is sent now is counted, so that everything before has been too.
    pub(crate) async fn caught_up(&mut self, since: Instant, campaign: &Campaign, written: &Written) {
        campaign.wait_seen(written).await;
        self.caught_up.push(since.elapsed());
        self.rounds += 1;
    }

    /// A row of the table; only for what has passed its check.
    pub(crate) fn show(&self, sent: &Sent) {
        println!(
            "| {} | {} | {} | 0 | 0 | {} | {} |",
            self.fault,
            self.rounds,
            sent.events(),
            of(&self.ready),
            of(&self.caught_up)
        );
    }
}

/// The one in the middle, and the longest.
fn of(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let secs =
        |time: Option<&Duration>| time.map_or("-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
    format!("{} s, {} s", secs(sorted.get(sorted.len() / 2)), secs(sorted.last()))
}
