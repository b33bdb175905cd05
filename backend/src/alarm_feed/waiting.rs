//! Events of backlogs that are no alarms yet: most never become one, and nobody wants to see those.
//!
//! One limit for the whole process, in bytes. Full, the oldest event makes way, whichever backlog it is of.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use dsiem_core::backlog::AlarmId;
use dsiem_core::event::Event;

/// How many bytes of events may wait.
pub const WAITING_BYTES: usize = 64 << 20;

/// What one event takes besides its texts: itself, and its places in the tables.
const OVERHEAD_BYTES: usize = size_of::<Event>() + 128;

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
    next: u64,
    /// By their numbers, the oldest first.
    events: BTreeMap<u64, (AlarmId, Held)>,
    /// The numbers of each backlog's events, the oldest first.
    of_alarms: HashMap<AlarmId, VecDeque<u64>>,
}

impl Waiting {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, next: 0, events: BTreeMap::new(), of_alarms: HashMap::new() }
    }

    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds an event; how many had to make way.
    pub(super) fn hold(&mut self, alarm_id: AlarmId, held: Held) -> u64 {
        self.bytes += weight(&held.event);
        self.of_alarms.entry(alarm_id.clone()).or_default().push_back(self.next);
        self.events.insert(self.next, (alarm_id, held));
        self.next += 1;
        let mut dropped = 0;
        while self.bytes > self.limit && self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }

    /// The events that wait for this alarm, in their order; they do not wait any more.
    pub(super) fn take(&mut self, alarm_id: &AlarmId) -> Vec<Held> {
        if self.of_alarms.is_empty() {
            return Vec::new();
        }
        let numbers = self.of_alarms.remove(alarm_id).unwrap_or_default();
        let events = numbers.iter().filter_map(|number| self.events.remove(number));
        let events: Vec<_> = events.map(|(_, held)| held).collect();
        self.bytes -= events.iter().map(|held| weight(&held.event)).sum::<usize>();
        events
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, (alarm_id, held))) = self.events.pop_first() else { return false };
        self.bytes -= weight(&held.event);
        if let Some(numbers) = self.of_alarms.get_mut(&alarm_id) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.of_alarms.remove(&alarm_id);
            }
        }
        true
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
