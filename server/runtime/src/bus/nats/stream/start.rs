//! Where reading begins, and what that says of events that were there and are there no longer. No I/O.

use dsiem_core::time::ReceiptTime;

use super::api::StreamState;
use super::stream_id;
use crate::bus::{Position, StreamId};

/// What has been read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing that anybody remembers.
    Nowhere,
    /// Events of core NATS, up to this time.
    Core(ReceiptTime),
    /// Up to here.
    Behind(Position),
}

/// Where a consumer has to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// With the event of this number.
    Sequence(u64),
    /// With what was stored at this time or later.
    Time(ReceiptTime),
}

/// What opening the stream comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) stream: StreamId,
    /// See [`stream_id`].
    pub(super) turn: u64,
    pub(super) from: From,
    /// The stream is not the one that was read from, or has lost its end.
    pub(super) replaced: bool,
    /// How many events that had to be read are no longer there.
    pub(super) lost: u64,
}

impl Start {
    /// From `place` in the stream that was made at `created`, went back so often (`turn`), and has this `state` now.
    pub(super) fn plan(place: Place, created: &str, turn: u64, state: StreamState) -> Self {
        let first = state.first_seq.max(1);
        let beginning = |turn, replaced| Self {
            stream: stream_id(created, turn),
            turn,
            from: From::Sequence(first),
            replaced,
            lost: 0,
        };
        let whole = beginning(turn, false);
        match place {
            Place::Nowhere => whole,
            Place::Core(until) => Self { from: From::Time(until), ..whole },
            Place::Behind(position) if position.stream != whole.stream => beginning(turn, true),
            // Its end is gone, and the numbers of that are given to other events.
            Place::Behind(position) if position.sequence > state.last_seq => beginning(turn + 1, true),
            Place::Behind(position) => {
                let next = position.sequence + 1;
                Self { from: From::Sequence(next.max(first)), lost: first.saturating_sub(next), ..whole }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &str = "2026-01-02T03:04:05Z";

    fn state(first_seq: u64, last_seq: u64) -> StreamState {
        StreamState { first_seq, last_seq, bytes: 0 }
    }

    fn behind(sequence: u64) -> Place {
        Place::Behind(Position { stream: stream_id(CREATED, 0), sequence })
    }

    fn summary(start: Start) -> (From, bool, u64) {
        (start.from, start.replaced, start.lost)
    }

    #[test]
    fn without_a_place_reading_begins_with_what_is_there() {
        assert_eq!(
            summary(Start::plan(Place::Nowhere, CREATED, 0, state(0, 0))),
            (From::Sequence(1), false, 0)
        );
        assert_eq!(
            summary(Start::plan(Place::Nowhere, CREATED, 0, state(7, 9))),
            (From::Sequence(7), false, 0)
        );
        let until = ReceiptTime::from_secs(5);
        let after_core = Start::plan(Place::Core(until), CREATED, 0, state(7, 9));
        assert_eq!(summary(after_core), (From::Time(until), false, 0));
    }

    #[test]
    fn reading_goes_on_behind_the_place() {
        assert_eq!(summary(Start::plan(behind(0), CREATED, 0, state(0, 0))), (From::Sequence(1), false, 0));
        assert_eq!(summary(Start::plan(behind(8), CREATED, 0, state(3, 9))), (From::Sequence(9), false, 0));
        assert_eq!(summary(Start::plan(behind(9), CREATED, 0, state(10, 9))), (From::Sequence(10), false, 0));
    }

    #[test]
    fn what_was_removed_before_it_was_read_is_counted() {
        assert_eq!(
            summary(Start::plan(behind(4), CREATED, 0, state(10, 20))),
            (From::Sequence(10), false, 5)
        );
        assert_eq!(
            summary(Start::plan(behind(4), CREATED, 0, state(21, 20))),
            (From::Sequence(21), false, 16)
        );
    }

    #[test]
    fn another_stream_is_read_from_its_beginning() {
        let start = Start::plan(behind(4), "2026-02-02T03:04:05Z", 0, state(1, 20));
        assert_eq!(summary(start), (From::Sequence(1), true, 0));
        assert_ne!(start.stream, stream_id(CREATED, 0));
    }

    #[test]
    fn a_stream_that_lost_its_end_is_another_one() {
        let start = Start::plan(behind(30), CREATED, 0, state(3, 20));
        assert_eq!(summary(start), (From::Sequence(3), true, 0));
        assert_eq!((start.turn, start.stream), (1, stream_id(CREATED, 1)));
        let later = Place::Behind(Position { stream: start.stream, sequence: 20 });
        assert_eq!(summary(Start::plan(later, CREATED, 1, state(3, 25))), (From::Sequence(21), false, 0));
    }
}
