//! Which published events the stream has not acknowledged yet. No I/O, no clock.
//!
//! Events are numbered without gaps, and those of one request follow each other. A request is answered when all of its
//! events are acknowledged, or as soon as it is known that this will not be; what was sent of it takes room until its
//! acknowledgements have come or its time is over.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::PublishError;

/// Requests in the order in which they were published, each with what it needs to be answered (`T`).
#[derive(Debug)]
pub(super) struct Unconfirmed<T> {
    requests: VecDeque<Sent<T>>,
    /// How many events have been sent and not acknowledged.
    events: usize,
    limit: Duration,
}

#[derive(Debug)]
struct Sent<T> {
    first: u64,
    /// Of each event that was sent, whether it still has to be acknowledged.
    open: Vec<bool>,
    left: usize,
    /// Whether all of its events have been sent.
    complete: bool,
    last_sent: Instant,
    /// None once it has been answered.
    request: Option<T>,
}

/// A request that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered<T> {
    pub(super) request: T,
    pub(super) answer: Result<(), PublishError>,
}

impl<T> Unconfirmed<T> {
    /// An event that is not acknowledged within `limit` has failed.
    pub(super) fn new(limit: Duration) -> Self {
        Self { requests: VecDeque::new(), events: 0, limit }
    }

    /// How many events are on their way.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// When the oldest request has waited too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.requests.front().map(|sent| sent.last_sent + self.limit)
    }

    /// The event of this number begins a request of `count` events.
    pub(super) fn begin(&mut self, first: u64, count: usize, request: T, now: Instant) {
        let open = Vec::with_capacity(count);
        self.requests.push_back(Sent {
            first,
            open,
            left: 0,
            complete: false,
            last_sent: now,
            request: Some(request),
        });
    }

    /// The event of this number, of the newest request, is sent. False: that request has been answered already, and the
    /// rest of it need not be sent.
    pub(super) fn sent(&mut self, number: u64, now: Instant) -> bool {
        let Some(newest) = self.requests.back_mut() else { return false };
        let is_next = newest.first + newest.open.len() as u64 == number;
        if newest.request.is_none() || newest.complete || !is_next {
            return false;
        }
        newest.open.push(true);
        newest.left += 1;
        newest.last_sent = now;
        self.events += 1;
        true
    }

    /// All events of the newest request are sent, or no more will be.
    pub(super) fn end(&mut self) -> Option<Answered<T>> {
        let newest = self.requests.back_mut()?;
        newest.complete = true;
        let answered = newest.when_done();
        self.forget_settled();
        answered
    }

    /// What the stream said to the event of this number.
    pub(super) fn acknowledge(
        &mut self,
        number: u64,
        outcome: Result<(), PublishError>,
    ) -> Option<Answered<T>> {
        let behind = self.requests.partition_point(|sent| sent.first <= number);
        let sent = self.requests.get_mut(behind.checked_sub(1)?)?;
        let open = sent.open.get_mut(usize::try_from(number - sent.first).ok()?)?;
        if !std::mem::take(open) {
            return None;
        }
        sent.left -= 1;
        self.events -= 1;
        let answered = match outcome {
            Ok(()) => sent.when_done(),
            Err(error) => sent.request.take().map(|request| Answered { request, answer: Err(error) }),
        };
        self.forget_settled();
        answered
    }

    /// Gives up the requests whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Answered<T>> {
        let count = self.requests.iter().take_while(|sent| sent.last_sent + self.limit <= now).count();
        self.give_up(count)
    }

    /// Gives up all: their acknowledgements cannot come any more.
    pub(super) fn lose(&mut self) -> Vec<Answered<T>> {
        self.give_up(self.requests.len())
    }

    fn give_up(&mut self, count: usize) -> Vec<Answered<T>> {
        let given_up: Vec<_> = self.requests.drain(..count).collect();
        self.events -= given_up.iter().map(|sent| sent.left).sum::<usize>();
        let unanswered = given_up.into_iter().filter_map(|sent| sent.request);
        unanswered.map(|request| Answered { request, answer: Err(PublishError::NotConfirmed) }).collect()
    }

    fn forget_settled(&mut self) {
        while self.requests.front().is_some_and(|sent| sent.complete && sent.left == 0) {
            self.requests.pop_front();
        }
    }
}

impl<T> Sent<T> {
    fn when_done(&mut self) -> Option<Answered<T>> {
        let request = self.request.take_if(|_| self.complete && self.left == 0)?;
        Some(Answered { request, answer: Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    /// Requests `a` (1, 2), `b` (3) and `c` (4, 5).
    fn three(start: Instant) -> Unconfirmed<&'static str> {
        let mut unconfirmed = Unconfirmed::new(LIMIT);
        for (second, (first, count, name)) in [(1, 2, "a"), (3, 1, "b"), (4, 2, "c")].into_iter().enumerate()
        {
            let now = start + Duration::from_secs(second as u64);
            unconfirmed.begin(first, count, name, now);
            for number in first..first + count as u64 {
                assert!(unconfirmed.sent(number, now));
            }
            assert_eq!(unconfirmed.end(), None);
        }
        unconfirmed
    }

    fn answer(name: &'static str, answer: Result<(), PublishError>) -> Option<Answered<&'static str>> {
        Some(Answered { request: name, answer })
    }

    #[test]
    fn a_request_is_answered_when_all_of_it_is_acknowledged() {
        let mut unconfirmed = three(Instant::now());
        assert_eq!(unconfirmed.acknowledge(2, Ok(())), None);
        assert_eq!(unconfirmed.acknowledge(2, Ok(())), None, "twice the same");
        assert_eq!(unconfirmed.acknowledge(3, Ok(())), answer("b", Ok(())), "in any order");
        assert_eq!(unconfirmed.acknowledge(1, Ok(())), answer("a", Ok(())));
        assert_eq!(unconfirmed.acknowledge(9, Ok(())), None, "never sent");
        assert_eq!(unconfirmed.acknowledge(0, Ok(())), None, "never sent");
        assert_eq!(unconfirmed.events(), 2);
    }

    #[test]
    fn a_refused_event_answers_its_request_at_once_and_its_room_stays_taken() {
        let mut unconfirmed = three(Instant::now());
        let full = Err(PublishError::StreamFull);
        assert_eq!(unconfirmed.acknowledge(4, full), answer("c", full));
        assert_eq!(unconfirmed.events(), 4);
        assert_eq!(unconfirmed.acknowledge(5, Ok(())), None);
        assert_eq!(unconfirmed.events(), 3);
    }

    #[test]
    fn what_is_refused_while_it_is_being_sent_is_not_sent_further() {
        let now = Instant::now();
        let mut unconfirmed = Unconfirmed::new(LIMIT);
        unconfirmed.begin(1, 10, "a", now);
        assert!(unconfirmed.sent(1, now));
        assert_eq!(unconfirmed.acknowledge(1, Ok(())), None, "more is to come");
        assert!(unconfirmed.sent(2, now));
        assert!(unconfirmed.acknowledge(2, Err(PublishError::StreamFull)).is_some());
        assert!(!unconfirmed.sent(3, now));
        assert_eq!(unconfirmed.end(), None);
        assert_eq!((unconfirmed.events(), unconfirmed.deadline()), (0, None));
    }

    #[test]
    fn requests_do_not_wait_for_ever() {
        let start = Instant::now();
        let mut unconfirmed = three(start);
        assert_eq!(unconfirmed.deadline(), Some(start + LIMIT));
        assert_eq!(unconfirmed.expire(start), []);
        let late = unconfirmed.expire(start + LIMIT + Duration::from_secs(1));
        let names: Vec<_> = late.iter().map(|late| late.request).collect();
        assert_eq!((names, unconfirmed.events()), (vec!["a", "b"], 2));
        assert_eq!(unconfirmed.acknowledge(1, Ok(())), None, "too late");
        assert_eq!(unconfirmed.lose().len(), 1);
        assert_eq!((unconfirmed.events(), unconfirmed.deadline()), (0, None));
    }
}
