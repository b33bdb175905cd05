//! Events of backlogs that are no alarms yet: most never become one, and nobody wants to see those.
//!
//! One limit for the whole process, in bytes. Full, the oldest event makes way, whichever backlog it is of.
//!
//! Nobody asks for the events of most backlogs before they have made way. So an event is only put behind the others, and
//! by backlog they are sorted when somebody asks.

use std::collections::VecDeque;
use std::sync::Arc;

use dsiem_core::backlog::AlarmId;
use dsiem_core::event::Event;
use dsiem_core::hash::{Map, Seed, map};

/// How many bytes of events may wait.
pub const WAITING_BYTES: usize = 64 << 20;

/// What one event takes besides its texts: itself, and its places in the tables.
const OVERHEAD_BYTES: usize = size_of::<Event>() + 128;

/// So many places may be empty however few events wait; beyond, no more than there are events.
const EMPTY_PLACES: usize = 1_024;

/// An event of a stage.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) stage: u8,
    pub(super) event: Arc<Event>,
}

/// Events that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    limit: usize,
    bytes: usize,
    /// The oldest first, in places that are numbered through. The place of an event that was taken stays, empty.
    places: VecDeque<Option<Place>>,
    /// The number of the first place.
    first: u64,
    /// How many places are not empty.
    events: usize,
    /// The place of each backlog's newest event, of those that are sorted.
    newest: Map<AlarmId, u64>,
    /// The number of the first place that is not.
    unsorted: u64,
}

#[derive(Debug)]
struct Place {
    alarm_id: AlarmId,
    held: Held,
    /// Bytes.
    weight: usize,
    /// The place of the same backlog's event before this one, once it is sorted; it may be gone.
    before: Option<u64>,
}

impl Waiting {
    pub(super) fn new(limit: usize, seed: Seed) -> Self {
        Self { limit, bytes: 0, places: VecDeque::new(), first: 0, events: 0, newest: map(seed), unsorted: 0 }
    }

    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds an event; how many had to make way.
    pub(super) fn hold(&mut self, alarm_id: AlarmId, held: Held) -> u64 {
        let weight = self.weight(&held.event);
        self.bytes += weight;
        self.events += 1;
        self.places.push_back(Some(Place { alarm_id, held, weight, before: None }));
        let mut dropped = 0;
        while self.bytes > self.limit && self.events > 0 {
            dropped += u64::from(self.drop_first());
        }
        dropped
    }

    /// The events that wait for this alarm, in their order; they do not wait any more.
    pub(super) fn take(&mut self, alarm_id: &AlarmId) -> Vec<Held> {
        self.sort();
        let mut number = self.newest.remove(alarm_id);
        let mut events = Vec::new();
        while let Some(place) = number.and_then(|number| self.place(number)?.take()) {
            number = place.before;
            self.bytes -= place.weight;
            events.push(place.held);
        }
        events.reverse();
        self.events -= events.len();
        if self.places.len() > 2 * self.events + EMPTY_PLACES {
            self.close_ranks();
        }
        events
    }

    /// What an event weighs. The same one mostly comes for all backlogs that it joins, one after the other.
    fn weight(&self, event: &Arc<Event>) -> usize {
        match self.places.back() {
            Some(Some(last)) if Arc::ptr_eq(&last.held.event, event) => last.weight,
            _ => weight(event),
        }
    }

    /// Puts what came since the last time in with the events of its backlogs.
    fn sort(&mut self) {
        let sorted = usize::try_from(self.unsorted - self.first).unwrap_or(usize::MAX);
        for (place, number) in self.places.iter_mut().skip(sorted).zip(self.unsorted..) {
            if let Some(place) = place {
                place.before = self.newest.insert(place.alarm_id.clone(), number);
            }
        }
        self.unsorted = self.first + self.places.len() as u64;
    }

    /// The place of this number, if it is not gone.
    fn place(&mut self, number: u64) -> Option<&mut Option<Place>> {
        let position = number.checked_sub(self.first)?;
        self.places.get_mut(usize::try_from(position).ok()?)
    }

    /// Gives up the oldest place; whether there was an event in it.
    fn drop_first(&mut self) -> bool {
        let number = self.first;
        let Some(Some(place)) = self.places.pop_front().inspect(|_| self.first += 1) else { return false };
        self.events -= 1;
        self.bytes -= place.weight;
        if number >= self.unsorted {
            self.unsorted = self.first;
            return true;
        }
        // Not so where newer ones of the same backlog wait.
        if self.newest.get(&place.alarm_id) == Some(&number) {
            self.newest.remove(&place.alarm_id);
        }
        true
    }

    /// Leaves no place empty.
    fn close_ranks(&mut self) {
        self.places.retain(Option::is_some);
        self.newest.clear();
        self.unsorted = self.first;
    }
}

fn weight(event: &Event) -> usize {
    let texts = [
        &event.id,
        &event.title,
        &event.sensor,
        &event.product,
        &event.category,
        &event.subcategory,
        &event.protocol,
    ];
    let texts = texts.into_iter().chain(&event.custom_data).chain(&event.custom_labels);
    OVERHEAD_BYTES + texts.map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::mem;

    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::event;

    fn hold(waiting: &mut Waiting, alarm: &str, event_id: &str) -> u64 {
        waiting.hold(AlarmId::saved(alarm), Held { stage: 1, event: event(event_id, 1, "10.0.0.9") })
    }

    fn take(waiting: &mut Waiting, alarm: &str) -> Vec<String> {
        let events = waiting.take(&AlarmId::saved(alarm));
        events.iter().map(|held| held.event.id.to_string()).collect()
    }

    #[test]
    fn events_that_were_taken_leave_no_room_behind_and_the_others_in_their_order() {
        let mut waiting = Waiting::new(WAITING_BYTES, Seed(1));
        for n in 0..10 * EMPTY_PLACES {
            if n % EMPTY_PLACES == 0 {
                hold(&mut waiting, "stays", &n.to_string());
            }
            hold(&mut waiting, "goes", "x");
            hold(&mut waiting, "goes", "y");
            assert_eq!(take(&mut waiting, "goes"), ["x", "y"]);
        }
        assert!(waiting.places.len() <= 2 * 10 + EMPTY_PLACES, "{}", waiting.places.len());
        let stayed: Vec<_> = (0..10).map(|n| (n * EMPTY_PLACES).to_string()).collect();
        assert_eq!(take(&mut waiting, "stays"), stayed);
        assert_eq!((waiting.bytes(), waiting.events, waiting.newest.len()), (0, 0, 0));
    }

    #[test]
    fn full_the_oldest_goes_and_what_is_left_of_its_backlog_is_still_found() {
        let one = weight(&event("0", 1, "10.0.0.9"));
        let mut waiting = Waiting::new(4 * one, Seed(1));
        let dropped: u64 = ["a", "b", "a", "c", "a", "a"]
            .iter()
            .zip("012345".chars())
            .map(|(alarm, id)| hold(&mut waiting, alarm, &id.to_string()))
            .sum();
        assert_eq!(dropped, 2);
        assert_eq!(take(&mut waiting, "b"), [""; 0]);
        assert_eq!(take(&mut waiting, "a"), ["2", "4", "5"]);
        assert_eq!(hold(&mut waiting, "a", "6"), 0);
        assert_eq!(
            (take(&mut waiting, "c"), take(&mut waiting, "a")),
            (vec!["3".to_owned()], vec!["6".to_owned()])
        );
    }

    /// What `Waiting` does, in the plainest way.
    #[derive(Default)]
    struct Plain(VecDeque<(u8, String)>);

    impl Plain {
        fn take(&mut self, alarm: u8) -> Vec<String> {
            let (taken, left) = mem::take(&mut self.0).into_iter().partition(|(its, _)| *its == alarm);
            self.0 = left;
            let taken: VecDeque<_> = taken;
            taken.into_iter().map(|(_, id)| id).collect()
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_and_is_asked_for_each_gets_its_own_in_their_order(
            limit in 1_usize..12,
            // Of an alarm, an event that waits, or the question for all of them.
            steps in prop::collection::vec((0_u8..5, prop::bool::weighted(0.8)), 0..200),
        ) {
            let one = weight(&event("100", 1, "10.0.0.9"));
            let (mut waiting, mut plain) = (Waiting::new(limit * one, Seed(1)), Plain::default());
            for (n, (alarm, comes)) in (100..).zip(steps) {
                let id = format!("{n}");
                if comes {
                    plain.0.push_back((alarm, id.clone()));
                    let dropped = plain.0.len().saturating_sub(limit);
                    plain.0.drain(..dropped);
                    prop_assert_eq!(hold(&mut waiting, &alarm.to_string(), &id), dropped as u64);
                } else {
                    prop_assert_eq!(take(&mut waiting, &alarm.to_string()), plain.take(alarm));
                }
                prop_assert_eq!((waiting.events, waiting.bytes()), (plain.0.len(), plain.0.len() * one));
            }
        }
    }
}
