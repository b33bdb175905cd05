//! How much is known of a backlog, as one number that orders the documents of its alarm.
//!
//! It follows from the state alone, so that a state that is reached again after a crash has the same number. Writing a
//! document does not count, since documents are written on timers; nor does a clock, since an older state that is reached
//! again would be the later one. It stays below 2⁵³, up to which every JSON reader knows whole numbers.

use super::Backlog;

/// How many bits the number of findings has; there are 10,000 of each kind at most, unless the limit is changed.
const FINDING_BITS: u32 = 20;
/// How many bits the number of events has.
const EVENT_BITS: u32 = 32;

impl Backlog {
    /// Rises with everything that changes the alarm's document: first with the events that joined, then with the end, then
    /// with findings. At least 1.
    #[must_use]
    pub fn revision(&self) -> u64 {
        let events: u64 = self.stages.iter().map(super::Stage::events).sum();
        let found = self.found.get();
        let findings = found.intel_hits.len().saturating_add(found.vulnerabilities.len());
        pack(events, self.ending.is_some(), u64::try_from(findings).unwrap_or(u64::MAX))
    }
}

fn pack(events: u64, ended: bool, findings: u64) -> u64 {
    let events = events.clamp(1, (1 << EVENT_BITS) - 1);
    let findings = findings.min((1 << FINDING_BITS) - 1);
    (events << (FINDING_BITS + 1)) | (u64::from(ended) << FINDING_BITS) | findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_before_the_end_and_the_end_before_findings() {
        let in_order = [
            pack(0, false, 0),
            pack(1, false, 1),
            pack(1, false, u64::MAX),
            pack(1, true, 0),
            pack(1, true, 7),
            pack(2, false, 0),
            pack(u64::MAX, true, u64::MAX),
        ];
        assert!(in_order.is_sorted_by(|a, b| a < b), "{in_order:?}");
        assert!(in_order.iter().all(|revision| (1..1 << 53).contains(revision)));
    }
}
