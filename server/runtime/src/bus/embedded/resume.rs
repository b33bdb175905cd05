//! Where reading goes on after a restart, and what is missing there. No I/O.

use crate::bus::{Position, StreamId};

/// What a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) stream: StreamId,
    /// Events up to this number have been erased.
    pub(super) erased: u64,
    /// The number of the last one.
    pub(super) last: u64,
}

/// Events that are not, or may not be, in the log any more, although nobody has dealt with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gap {
    /// The log is another one than what was read before.
    #[error("the event log is not the one that was read before; what was left in that is lost")]
    OtherStream,
    /// Events were erased that are needed.
    #[error("{0} events that have not been dealt with are no longer in the event log")]
    Erased(u64),
    /// The log ends before what was read before.
    #[error(
        "the event log ends {0} events before the place up to which it was read; events after that may be lost"
    )]
    Behind(u64),
    /// The machine went down before the last events were on the disk.
    #[error(
        "the machine went down before the last events were on the disk; some that were accepted may be lost"
    )]
    Unsynced,
    /// A row cannot be read.
    #[error("{0} events of the event log cannot be read, because their place on the disk is damaged")]
    Damaged(u64),
    /// The log was damaged, or was moved away, while it was in use.
    #[error(
        "the event log was replaced by a new one; {0} events that nobody has read are lost with the old one"
    )]
    Replaced(u64),
}

impl Gap {
    /// One word for metrics and logs.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::OtherStream => "other_stream",
            Self::Erased(_) => "erased",
            Self::Behind(_) => "behind",
            Self::Unsynced => "unsynced",
            Self::Damaged(_) => "damaged",
            Self::Replaced(_) => "replaced",
        }
    }

    /// How many events are known to be lost.
    pub(super) fn lost(&self) -> u64 {
        match self {
            Self::Erased(lost) | Self::Damaged(lost) | Self::Replaced(lost) => *lost,
            Self::OtherStream | Self::Behind(_) | Self::Unsynced => 0,
        }
    }
}

/// The number of the first event that is to be handed out, and what is missing before it.
pub(super) fn begin(log: Contents, resume: Option<Position>) -> (u64, Option<Gap>) {
    let first = log.erased + 1;
    match resume {
        Some(position) if position.stream != log.stream => (first, Some(Gap::OtherStream)),
        Some(position) if position.sequence > log.last => {
            (position.sequence + 1, Some(Gap::Behind(position.sequence - log.last)))
        }
        position => {
            let done = position.map_or(0, |position| position.sequence);
            let lost = log.erased.saturating_sub(done);
            (first.max(done + 1), (lost > 0).then_some(Gap::Erased(lost)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_goes_on_where_it_was_unless_something_is_missing() {
        let (stream, other) = (StreamId(7), StreamId(8));
        let log = |erased, last| Contents { stream, erased, last };
        let at = |stream, sequence| Some(Position { stream, sequence });
        for (log, resume, expected) in [
            (log(0, 0), None, (1, None)),
            (log(0, 9), None, (1, None)),
            (log(3, 9), None, (4, Some(Gap::Erased(3)))),
            (log(3, 9), at(stream, 3), (4, None)),
            (log(3, 9), at(stream, 5), (6, None)),
            (log(3, 9), at(stream, 9), (10, None)),
            (log(9, 9), at(stream, 9), (10, None)),
            (log(3, 9), at(stream, 1), (4, Some(Gap::Erased(2)))),
            (log(3, 9), at(stream, 11), (12, Some(Gap::Behind(2)))),
            (log(3, 9), at(other, 5), (4, Some(Gap::OtherStream))),
            (log(0, 0), at(other, 5), (1, Some(Gap::OtherStream))),
        ] {
            assert_eq!(begin(log, resume), expected, "{log:?} {resume:?}");
        }
    }
}
