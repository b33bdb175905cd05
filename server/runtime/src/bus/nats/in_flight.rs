//! Which groups of requests wait for the server to confirm them. No I/O, no clock.
//!
//! NATS handles the messages of one connection in order: when a marker that was published after a group's events comes
//! back, the server has the events. That holds for one connection only. So a group remembers on which connection it
//! began, and a marker that comes back after that connection was replaced confirms nothing.

use std::collections::VecDeque;

use tokio::time::Instant;

/// Groups in the order in which they were published, each with what its requests need to be answered (`T`).
#[derive(Debug)]
pub(super) struct InFlight<T> {
    groups: VecDeque<Group<T>>,
}

#[derive(Debug)]
struct Group<T> {
    number: u64,
    generation: u64,
    deadline: Instant,
    requests: T,
}

/// A group's requests and whether the server has their events.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled<T> {
    pub(super) requests: T,
    pub(super) confirmed: bool,
}

impl<T> InFlight<T> {
    pub(super) fn new() -> Self {
        Self { groups: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// When the oldest group has waited too long. Later groups have later deadlines.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.groups.front().map(|group| group.deadline)
    }

    /// A group whose events and marker `number` were handed to the client while connection `generation` was the newest.
    pub(super) fn add(&mut self, number: u64, generation: u64, deadline: Instant, requests: T) {
        self.groups.push_back(Group { number, generation, deadline, requests });
    }

    /// Marker `number` came back, and `generation` is the newest connection now.
    ///
    /// Earlier groups of the same connection are settled with it.
    pub(super) fn marker(&mut self, number: u64, generation: u64) -> Vec<Settled<T>> {
        let count = self.groups.iter().take_while(|group| group.number <= number).count();
        self.settle(count, |group| group.generation == generation)
    }

    /// Gives up the groups whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Settled<T>> {
        let count = self.groups.iter().take_while(|group| group.deadline <= now).count();
        self.settle(count, |_| false)
    }

    /// Gives up the groups of connections other than `current`.
    pub(super) fn lose(&mut self, current: Option<u64>) -> Vec<Settled<T>> {
        let count = self.groups.iter().take_while(|group| Some(group.generation) != current).count();
        self.settle(count, |_| false)
    }

    fn settle(&mut self, count: usize, confirmed: impl Fn(&Group<T>) -> bool) -> Vec<Settled<T>> {
        let settled = self.groups.drain(..count);
        settled.map(|group| Settled { confirmed: confirmed(&group), requests: group.requests }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn three_groups(generations: [u64; 3]) -> (InFlight<&'static str>, Instant) {
        let start = Instant::now();
        let mut groups = InFlight::new();
        for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
            let number = index as u64 + 1;
            groups.add(number, generations[index], start + Duration::from_secs(number), name);
        }
        (groups, start)
    }

    fn names(settled: Vec<Settled<&'static str>>) -> Vec<(&'static str, bool)> {
        settled.into_iter().map(|settled| (settled.requests, settled.confirmed)).collect()
    }

    #[test]
    fn a_marker_confirms_its_group_and_those_before_it() {
        let (mut groups, _) = three_groups([1, 1, 1]);
        assert_eq!(names(groups.marker(2, 1)), [("a", true), ("b", true)]);
        assert_eq!(names(groups.marker(2, 1)), [], "a second time there is nothing left");
        assert_eq!(names(groups.marker(3, 1)), [("c", true)]);
        assert_eq!(groups.len(), 0);
    }

    #[test]
    fn a_marker_on_a_new_connection_confirms_nothing_of_an_old_one() {
        let (mut groups, _) = three_groups([1, 1, 2]);
        assert_eq!(names(groups.marker(3, 2)), [("a", false), ("b", false), ("c", true)]);
    }

    #[test]
    fn a_marker_of_a_connection_that_was_replaced_meanwhile_confirms_nothing() {
        let (mut groups, _) = three_groups([1, 1, 1]);
        assert_eq!(names(groups.marker(1, 2)), [("a", false)]);
    }

    #[test]
    fn a_lost_connection_fails_its_groups_and_no_others() {
        let (mut groups, _) = three_groups([1, 1, 2]);
        assert_eq!(names(groups.lose(Some(2))), [("a", false), ("b", false)]);
        assert_eq!(names(groups.lose(Some(2))), []);
        assert_eq!(names(groups.lose(None)), [("c", false)]);
    }

    #[test]
    fn groups_do_not_wait_for_ever() {
        let (mut groups, start) = three_groups([1, 1, 1]);
        assert_eq!(groups.deadline(), Some(start + Duration::from_secs(1)));
        assert_eq!(names(groups.expire(start)), []);
        assert_eq!(names(groups.expire(start + Duration::from_secs(2))), [("a", false), ("b", false)]);
        assert_eq!(names(groups.marker(2, 1)), [], "too late");
        assert_eq!(groups.deadline(), Some(start + Duration::from_secs(3)));
    }
}
