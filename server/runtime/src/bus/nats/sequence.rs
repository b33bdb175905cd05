//! Numbers on what is published, and finding the gaps in them.
//!
//! Each event carries `<node>/<run id>/<n>`: `n` counts from 1 in one run of one node. Receivers remember the number that
//! they expect next from each run. Existing frontends send no such header, and nothing can be said about those.

use std::collections::HashMap;

use async_nats::{HeaderMap, HeaderName};

/// The header's name.
pub const SEQUENCE_HEADER: &str = "Dsiem-Sequence";

/// A receiver remembers this many runs; the one that has been silent for longest goes when there are more.
const MAX_SENDERS: usize = 1_024;

/// Node names are cut here: a header takes room from the event.
const MAX_NODE_BYTES: usize = 128;

/// Digits of `u64::MAX`.
const LONGEST_NUMBER: usize = 20;

/// The numbers of one run.
#[derive(Debug)]
pub(super) struct Numbering {
    name: HeaderName,
    /// `<node>/<run id>/`
    prefix: String,
    last: u64,
}

impl Numbering {
    /// `run` must differ from that of any other run of this node and have no slash.
    pub(super) fn new(node: &str, run: &str) -> Self {
        let prefix = format!("{}/{run}/", printable(node));
        Self { name: HeaderName::from_static(SEQUENCE_HEADER), prefix, last: 0 }
    }

    /// The header of the next event.
    pub(super) fn next(&mut self) -> HeaderMap {
        self.last += 1;
        let mut value = String::with_capacity(self.prefix.len() + LONGEST_NUMBER);
        value.push_str(&self.prefix);
        value.push_str(itoa::Buffer::new().format(self.last));
        let mut headers = HeaderMap::new();
        headers.insert(self.name.clone(), value);
        headers
    }
}

/// What a header may take in bytes, `run` being so long.
pub(super) fn max_header_bytes(node: &str, run_bytes: usize) -> usize {
    const FRAME: usize = "NATS/1.0\r\n: \r\n\r\n".len() + SEQUENCE_HEADER.len();
    const SLASHES: usize = 2;
    FRAME + printable(node).len() + run_bytes + SLASHES + LONGEST_NUMBER
}

/// A header's value is one line, and other programs' receivers need not know more than ASCII.
fn printable(node: &str) -> String {
    let ascii = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    node.chars().map(ascii).take(MAX_NODE_BYTES).collect()
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
    /// Notes a header's value. Returns how many events are missing before this one.
    ///
    /// The first number of a run is taken as it is: how many there were before we listened is nobody's loss. A number
    /// lower than expected (a message that was overtaken on its way through a cluster) is not missing; it was counted
    /// when the later one came.
    pub(super) fn note(&mut self, value: &str) -> u64 {
        let Some((run, number)) = parse(value) else { return 0 };
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

/// `<node>/<run id>` and the number; a node's name may have slashes itself.
fn parse(value: &str) -> Option<(&str, u64)> {
    let (run, number) = value.rsplit_once('/')?;
    run.contains('/').then_some((run, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(headers: &HeaderMap) -> String {
        headers.get(SEQUENCE_HEADER).unwrap().as_str().to_owned()
    }

    #[test]
    fn events_are_numbered_from_one() {
        let mut numbering = Numbering::new("fe-0", "r1");
        assert_eq!(value(&numbering.next()), "fe-0/r1/1");
        assert_eq!(value(&numbering.next()), "fe-0/r1/2");
    }

    #[test]
    fn any_node_name_fits_into_a_header() {
        let name = value(&Numbering::new("fé 0\r\nX: y", "r").next());
        assert_eq!(name, "f__0__X:_y/r/1");
        let long = "n".repeat(1_000);
        let header = value(&Numbering::new(&long, "r").next());
        assert_eq!(header.len(), MAX_NODE_BYTES + "/r/1".len());
        let mut numbering = Numbering::new(&long, "r");
        numbering.last = u64::MAX - 1;
        let frame = format!("NATS/1.0\r\n{SEQUENCE_HEADER}: {}\r\n\r\n", value(&numbering.next()));
        assert_eq!(max_header_bytes(&long, 1), frame.len());
    }

    #[test]
    fn gaps_are_counted_for_each_run() {
        let mut gaps = Gaps::default();
        let seen = ["a/1/5", "a/1/6", "b/1/1", "a/1/9", "b/1/2", "a/2/1", "a/2/3", "a/1/10"];
        let missing: Vec<_> = seen.iter().map(|value| gaps.note(value)).collect();
        assert_eq!(missing, [0, 0, 0, 2, 0, 0, 1, 0]);
    }

    #[test]
    fn what_comes_late_or_twice_is_not_counted_again() {
        let mut gaps = Gaps::default();
        let missing: Vec<_> =
            ["a/1/1", "a/1/3", "a/1/2", "a/1/3", "a/1/4"].iter().map(|v| gaps.note(v)).collect();
        assert_eq!(missing, [0, 1, 0, 0, 0]);
    }

    #[test]
    fn headers_of_others_are_tolerated() {
        let mut gaps = Gaps::default();
        for value in ["", "/", "7", "a/7", "a/1/", "a/1/x", "a/1/-3", "a/1/99999999999999999999999"] {
            assert_eq!(gaps.note(value), 0, "{value}");
        }
        assert!(gaps.senders.is_empty());
        assert_eq!(gaps.note("rack 1/fe/r/1"), 0);
        assert_eq!(gaps.note("rack 1/fe/r/18446744073709551615"), u64::MAX - 2);
        assert_eq!(gaps.note("rack 1/fe/r/18446744073709551615"), 0);
    }

    #[test]
    fn the_run_that_was_silent_for_longest_is_forgotten_first() {
        let mut gaps = Gaps::default();
        for run in 0..MAX_SENDERS {
            gaps.note(&format!("a/{run}/1"));
        }
        gaps.note("a/0/2");
        gaps.note("b/1/1");
        assert_eq!(gaps.senders.len(), MAX_SENDERS);
        assert_eq!(gaps.note("a/0/4"), 1, "heard lately");
        assert_eq!(gaps.note("a/1/4"), 0, "forgotten");
    }
}
