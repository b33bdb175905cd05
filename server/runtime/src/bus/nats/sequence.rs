//! Numbers on what is published, and finding the gaps in them.
//!
//! Each event carries `dsiem_seq.<node>.<run id>.<n>` as the subject to reply to: `n` counts from 1 in one run of one node.
//! Receivers remember the number that they expect next from each run. Nobody replies, and nobody listens there; it is the
//! one place beside the payload that every NATS server passes on, that existing backends do not look at, and that costs a
//! tenth of a header. Existing frontends name no such subject, and nothing can be said about those.

use std::collections::HashMap;

use async_nats::Subject;

/// The first token of the subject that carries a number.
pub const SEQUENCE_TOKEN: &str = "dsiem_seq";

/// A receiver remembers this many runs; the one that has been silent for longest goes when there are more.
const MAX_SENDERS: usize = 1_024;

/// Node names are cut here: the line that a server reads has a limit.
const MAX_NODE_CHARS: usize = 128;

/// The numbers of one run.
#[derive(Debug)]
pub(super) struct Numbering {
    /// `dsiem_seq.<node>.<run id>.`
    prefix: String,
    last: u64,
}

impl Numbering {
    /// `run` must differ from that of any other run of this node, and be one token of a subject.
    pub(super) fn new(node: &str, run: &str) -> Self {
        Self { prefix: format!("{SEQUENCE_TOKEN}.{}.{run}.", token(node)), last: 0 }
    }

    /// All subjects of this run.
    pub(super) fn all(&self) -> String {
        format!("{}*", self.prefix)
    }

    /// The number that the next event carries.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// The subject that the next event carries.
    pub(super) fn next(&mut self) -> Subject {
        self.last += 1;
        let mut digits = itoa::Buffer::new();
        let number = digits.format(self.last);
        // No longer than it is: what is spare would have to be remembered.
        let mut subject = String::with_capacity(self.prefix.len() + number.len());
        subject.push_str(&self.prefix);
        subject.push_str(number);
        subject.into()
    }
}

/// One token of a subject, whatever a node is called.
pub(super) fn token(node: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    node.chars().map(plain).take(MAX_NODE_CHARS).collect()
}

/// What a receiver knows of the runs that it has heard.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    senders: HashMap<Box<str>, Sender>,
    heard: u64,
}

#[derive(Debug)]
struct Sender {
    expected: u64,
    /// The count of all messages when this one was heard last.
    last_heard: u64,
}

impl Gaps {
    /// Notes the subject that an event carries. Returns how many events are missing before this one.
    ///
    /// The first number of a run is taken as it is: how many there were before we listened is nobody's loss. A number
    /// lower than expected (a message that was overtaken on its way through a cluster) is not missing; it was counted
    /// when the later one came.
    pub(super) fn note(&mut self, subject: &str) -> u64 {
        let Some((run, number)) = parse(subject) else { return 0 };
        self.heard += 1;
        if let Some(sender) = self.senders.get_mut(run) {
            sender.last_heard = self.heard;
            let missing = number.saturating_sub(sender.expected);
            sender.expected = sender.expected.max(number.saturating_add(1));
            return missing;
        }
        self.make_room();
        let sender = Sender { expected: number.saturating_add(1), last_heard: self.heard };
        self.senders.insert(run.into(), sender);
        0
    }

    fn make_room(&mut self) {
        if self.senders.len() < MAX_SENDERS {
            return;
        }
        let silent = self.senders.iter().min_by_key(|(_, sender)| sender.last_heard);
        if let Some(run) = silent.map(|(run, _)| run.clone()) {
            self.senders.remove(&run);
        }
    }
}

/// What stands for the run, and the number. Servers that connect clusters may put a prefix of theirs before it.
pub(super) fn parse(subject: &str) -> Option<(&str, u64)> {
    let (run, number) = subject.rsplit_once('.')?;
    let is_ours = run.split('.').rev().nth(2) == Some(SEQUENCE_TOKEN);
    is_ours.then_some((run, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes the numbers of runs, written as `<node>.<run>.<n>`.
    fn note<const N: usize>(gaps: &mut Gaps, seen: [&str; N]) -> [u64; N] {
        seen.map(|end| gaps.note(&format!("{SEQUENCE_TOKEN}.{end}")))
    }

    #[test]
    fn events_are_numbered_from_one() {
        let mut numbering = Numbering::new("fe-0", "r1");
        assert_eq!(numbering.next().as_str(), "dsiem_seq.fe-0.r1.1");
        assert_eq!(numbering.next().as_str(), "dsiem_seq.fe-0.r1.2");
    }

    #[test]
    fn any_node_name_fits_into_a_subject() {
        let subject = Numbering::new("fé.0 *>\r\nX", "r").next();
        assert_eq!(subject.as_str(), "dsiem_seq.f__0_____X.r.1");
        let long = Numbering::new(&"n".repeat(1_000), "r").next();
        assert_eq!(long.len(), "dsiem_seq.".len() + MAX_NODE_CHARS + ".r.1".len());
        for subject in [subject, long] {
            assert_eq!(Gaps::default().note(&subject), 0);
            assert!(parse(&subject).is_some(), "{subject}");
        }
    }

    #[test]
    fn gaps_are_counted_for_each_run() {
        let mut gaps = Gaps::default();
        let seen = ["a.1.5", "a.1.6", "b.1.1", "a.1.9", "b.1.2", "a.2.1", "a.2.3", "a.1.10"];
        assert_eq!(note(&mut gaps, seen), [0, 0, 0, 2, 0, 0, 1, 0]);
    }

    #[test]
    fn what_comes_late_or_twice_is_not_counted_again() {
        let mut gaps = Gaps::default();
        assert_eq!(note(&mut gaps, ["a.1.1", "a.1.3", "a.1.2", "a.1.3", "a.1.4"]), [0, 1, 0, 0, 0]);
    }

    #[test]
    fn subjects_of_others_are_tolerated() {
        let mut gaps = Gaps::default();
        for subject in
            ["", ".", "7", "_INBOX.x.7", "dsiem_seq.7", "dsiem_seq.a.1.", "dsiem_seq.a.1.x", "other.a.1.3"]
        {
            assert_eq!(gaps.note(subject), 0, "{subject}");
        }
        assert_eq!(note(&mut gaps, ["a.1.-3", "a.1.99999999999999999999999"]), [0, 0]);
        assert!(gaps.senders.is_empty());
        assert_eq!(note(&mut gaps, ["fe.r.1", "fe.r.18446744073709551615"]), [0, u64::MAX - 2]);
        assert_eq!(note(&mut gaps, ["fe.r.18446744073709551615"]), [0]);
    }

    #[test]
    fn a_number_is_found_behind_the_prefix_of_a_gateway() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.note("_GR_.cluster.hash.dsiem_seq.fe.r.1"), 0);
        assert_eq!(gaps.note("_GR_.cluster.hash.dsiem_seq.fe.r.3"), 1);
    }

    #[test]
    fn the_run_that_was_silent_for_longest_is_forgotten_first() {
        let mut gaps = Gaps::default();
        for run in 0..MAX_SENDERS {
            note(&mut gaps, [&format!("a.{run}.1")]);
        }
        note(&mut gaps, ["a.0.2", "b.1.1"]);
        assert_eq!(gaps.senders.len(), MAX_SENDERS);
        assert_eq!(note(&mut gaps, ["a.0.4"]), [1], "heard lately");
        assert_eq!(note(&mut gaps, ["a.1.4"]), [0], "forgotten");
    }
}
