//! What happens in one simulation: directives, what senders send and when, and how each life of the process ends.
//!
//! A plan is all there is to chance. It comes from a seed, or from a plan that failed, made smaller.

use std::fmt;

use dsiem_core::event::{Event, json};
use dsiem_core::time::ReceiptTime;
use dsiem_tests::engine::EPOCH_SECS;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::cases::{Definition, WINDOW_SECS, definition, events};

/// Timeouts are shorter than this, so that a short silence is the end of every backlog.
const MAX_TIMEOUT_SECS: u64 = 12;

/// What a frontend may keep an event for between its receipt time and the bus; the pipeline allows 200.
const MAX_LATE_MILLIS: u64 = 150;

/// Events with the same id are not sent so near to the end of the duplicate window, where a difference of some
/// milliseconds in the order of events decides.
const EDGE_MILLIS: u64 = 1_000;

/// All that happens.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) definitions: Vec<Definition>,
    /// In the order in which they are received at the edge.
    pub(crate) sent: Vec<Sent>,
    /// How often a checkpoint is made.
    pub(crate) checkpoint_millis: u64,
    /// How long it takes, at two places.
    pub(crate) pause_millis: u64,
    /// How many events come at once at most.
    pub(crate) batch_events: usize,
    /// How the first lives end; the last one ends in order when nothing is left to happen.
    pub(crate) ends: Vec<End>,
}

/// An event at the edge.
#[derive(Clone)]
pub(crate) struct Sent {
    /// Without its times.
    event: Event,
    /// How much earlier its timestamp is than its receipt.
    old_secs: i64,
    /// How long after the one before it is received.
    pub(crate) gap_millis: u64,
    /// How long it is on its way to the bus, so that others overtake it.
    late_millis: u64,
    /// Whether it is published once more, and when.
    again: Option<Again>,
}

/// A second attempt at sending the same event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// The sender tries again, so that it gets a new receipt time.
    BySender { after_millis: u64 },
    /// The frontend does, with the receipt time that the event has.
    ByPublisher { late_millis: u64 },
}

/// How a life ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) when: When,
    pub(crate) how: How,
    /// How long nobody is there afterwards.
    pub(crate) down_millis: u64,
}

/// When a life ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// So long after its beginning.
    Millis(u64),
    /// So long after so many events have been published in it.
    Published { events: u32, millis: u64 },
    /// Before so many lines or syncs of the alarm log: in the midst of an event, of a checkpoint, of a stop.
    Writes(u32),
}

/// In which way a life ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Without a word, after so many turns of the scheduler.
    Killed { turns: u32, torn: bool },
    /// In order, unless it is killed meanwhile: before so many more lines or syncs of the alarm log.
    Stopped { killed_before: Option<u32> },
}

/// Events that reach the bus together.
pub(crate) struct Arrival {
    /// Since the beginning of the simulation.
    pub(crate) at_millis: u64,
    pub(crate) event: Event,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        json::encode(&self.event, &mut line);
        write!(f, "\n+{} ms, late {} ms, old {} s", self.gap_millis, self.late_millis, self.old_secs)?;
        if let Some(again) = self.again {
            write!(f, ", {again:?}")?;
        }
        write!(f, "\n    {}", String::from_utf8_lossy(&line))
    }
}

impl Plan {
    /// A plan out of a seed, to be made smaller if it fails.
    pub(crate) fn tree(seed: u64) -> impl ValueTree<Value = Self> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        plan().new_tree(&mut runner).expect("nothing is filtered, so there is always a plan")
    }

    /// What reaches the bus, in its order.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let mut received_millis = 0;
        for sent in &self.sent {
            received_millis += sent.gap_millis;
            let event = sent.received(received_millis);
            arrivals.push(Arrival { at_millis: received_millis + sent.late_millis, event: event.clone() });
            match sent.again {
                Some(Again::BySender { after_millis }) => {
                    let again_millis = received_millis + after_millis;
                    let at_millis = again_millis + sent.late_millis;
                    arrivals.push(Arrival { at_millis, event: sent.received(again_millis) });
                }
                Some(Again::ByPublisher { late_millis }) => {
                    let at_millis = received_millis + sent.late_millis.max(late_millis);
                    arrivals.push(Arrival { at_millis, event });
                }
                None => {}
            }
        }
        arrivals.sort_by_key(|arrival| arrival.at_millis);
        without_edges(arrivals)
    }
}

impl Sent {
    /// An event that is received so long after the one before it, and that is on the bus at once.
    pub(crate) fn after(gap_millis: u64, event: Event) -> Self {
        Self { event, old_secs: 0, gap_millis, late_millis: 0, again: None }
    }

    fn received(&self, millis: u64) -> Event {
        let received = time(millis);
        let timestamp = Timestamp::from_second(received.secs() - self.old_secs).expect("a time");
        Event { received, timestamp, ..self.event.clone() }
    }
}

/// The time so long after the beginning.
pub(crate) fn time(millis: u64) -> ReceiptTime {
    let nanos = i64::try_from(millis * 1_000_000).expect("simulations are short");
    ReceiptTime::from_secs(EPOCH_SECS).plus_nanos(nanos)
}

/// Leaves out events that come about as long after one of the same id as that is remembered.
fn without_edges(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let window = u64::from(WINDOW_SECS) * 1_000;
    let mut kept: Vec<Arrival> = Vec::new();
    for arrival in arrivals {
        let is_near = |before: &Arrival| {
            let between = arrival.event.received.since(before.event.received).unsigned_abs() / 1_000_000;
            before.event.id == arrival.event.id && between.abs_diff(window) < EDGE_MILLIS
        };
        if !kept.iter().any(is_near) {
            kept.push(arrival);
        }
    }
    kept
}

fn plan() -> impl Strategy<Value = Plan> {
    const EVENTS: usize = 60;
    let sent = (events(EVENTS), prop::collection::vec(way(), EVENTS)).prop_map(|(events, ways)| {
        let sent = |(event, (gap_millis, late_millis, again)): (Event, _)| {
            let old_secs = event.received.secs() - event.timestamp.as_second();
            Sent { event, old_secs, gap_millis, late_millis, again }
        };
        events.0.into_iter().zip(ways).map(sent).collect()
    });
    let definitions = prop::collection::vec(definition(), 1..=4).prop_map(numbered);
    let interval = select(vec![40_u64, 200, 1_000, 2_500]);
    let pause = select(vec![0_u64, 0, 15, 120, 900]);
    let batch = select(vec![1_usize, 4, 256]);
    let ends = prop::collection::vec(end(), 0..7);
    (definitions, sent, interval, pause, batch, ends).prop_map(
        |(definitions, sent, checkpoint_millis, pause_millis, batch_events, ends)| Plan {
            definitions,
            sent,
            checkpoint_millis,
            pause_millis,
            batch_events,
            ends,
        },
    )
}

/// Directives with different ids and short timeouts.
fn numbered(mut definitions: Vec<Definition>) -> Vec<Definition> {
    for (n, Definition(directive)) in definitions.iter_mut().enumerate() {
        directive["id"] = (n + 1).into();
        for rule in directive["rules"].as_array_mut().into_iter().flatten() {
            let timeout = rule["timeout"].as_u64().unwrap_or_default();
            rule["timeout"] = (timeout % MAX_TIMEOUT_SECS).into();
        }
    }
    definitions
}

fn way() -> impl Strategy<Value = (u64, u64, Option<Again>)> {
    let gap = prop_oneof![6 => Just(0_u64), 8 => 1_u64..100, 6 => 100_u64..1_500, 1 => 2_000_u64..9_000];
    let late = prop_oneof![2 => Just(0_u64), 1 => 0..MAX_LATE_MILLIS];
    let again = prop_oneof![
        prop_oneof![0_u64..100, 100_u64..4_500].prop_map(|after_millis| Again::BySender { after_millis }),
        (0..MAX_LATE_MILLIS).prop_map(|late_millis| Again::ByPublisher { late_millis }),
    ];
    (gap, late, prop::option::weighted(0.1, again))
}

fn end() -> impl Strategy<Value = End> {
    let soon = || prop_oneof![Just(0_u64), 0_u64..12, 0_u64..3_000];
    let when = prop_oneof![
        1 => (0_u64..10_000).prop_map(When::Millis),
        3 => (1_u32..25, soon()).prop_map(|(events, millis)| When::Published { events, millis }),
        4 => (1_u32..30).prop_map(When::Writes),
    ];
    let how = prop_oneof![
        4 => (0_u32..30, any::<bool>()).prop_map(|(turns, torn)| How::Killed { turns, torn }),
        2 => prop::option::of(0_u32..6).prop_map(|killed_before| How::Stopped { killed_before }),
    ];
    let down = prop_oneof![3 => Just(0_u64), 2 => 0_u64..2_000, 1 => 2_000_u64..15_000];
    (when, how, down).prop_map(|(when, how, down_millis)| End { when, how, down_millis })
}
