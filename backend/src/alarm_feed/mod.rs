//! What becomes of alarms, for whoever keeps them: documents with what is known beside them, and the events themselves.
//!
//! It sees everything that goes through the alarm log, on the same thread and in the same order, also what is in the files
//! already and comes again after a restart: the keeper knows what it has. Events of backlogs that are no alarm yet wait
//! here, in `waiting`, until the backlog becomes one or is over. What goes out is collected in groups of a limited size
//! and handed to the bus after each batch of records; a full bus makes the thread wait, and correlation with it.

mod waiting;

use std::sync::Arc;

use bytes::Bytes;
use dsiem_core::alarm::Standing;
use dsiem_core::backlog::AlarmId;
use dsiem_core::event::{Event, json};
use dsiem_core::hash::Seed;
use dsiem_runtime::bus::alarms::{AlarmMessage, AlarmPublisher, GROUP_BYTES, NobodyTakesThem};
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};
use serde::Serialize;

pub use waiting::WAITING_BYTES;
use waiting::{Held, Waiting};

/// A message of events is cut when it has so many bytes.
const EVENTS_BYTES: usize = 128 << 10;

/// An event whose JSON is larger goes out without it, so that a message stays below what a bus takes.
const MAX_BODY_BYTES: usize = 512 << 10;

const WRITTEN: &str = "texts and numbers have a JSON form";

/// Makes messages of records. Owned by the thread of the alarm log.
pub struct Feed {
    publisher: AlarmPublisher,
    waiting: Waiting,
    /// Full groups, and the one that is being filled.
    groups: Vec<Vec<AlarmMessage>>,
    group: Vec<AlarmMessage>,
    group_bytes: usize,
    /// The lines of the message of events that is being filled.
    lines: Vec<u8>,
    body: Vec<u8>,
    counts: Counts,
}

/// What the feed counts.
#[derive(Debug, Clone)]
struct Counts {
    updates: Counter,
    events: Counter,
    bodies_left_out: Counter,
    dropped: Counter,
    lost: Counter,
    waiting_bytes: Gauge,
}

/// An event of a stage, up to its body.
#[derive(Serialize)]
struct EventHead<'a> {
    alarm_id: &'a str,
    stage: u8,
    event_id: &'a str,
}

impl Feed {
    /// A feed into `publisher` in which events of `waiting_bytes` may wait.
    #[must_use]
    pub fn new(publisher: AlarmPublisher, waiting_bytes: usize, seed: Seed, metrics: &Metrics) -> Self {
        Self {
            publisher,
            waiting: Waiting::new(waiting_bytes, seed),
            groups: Vec::new(),
            group: Vec::new(),
            group_bytes: 0,
            lines: Vec::new(),
            body: Vec::new(),
            counts: Counts::new(metrics),
        }
    }

    /// An alarm has this document now.
    pub(crate) fn update(&mut self, document: &[u8], standing: &Standing) {
        let update = standing.added_to(document);
        self.counts.updates.inc();
        self.put(AlarmMessage::Update(update.into()));
    }

    /// An event has joined a stage. Those of a backlog that is no alarm yet wait.
    pub(crate) fn event(&mut self, alarm_id: AlarmId, stage: u8, event: Arc<Event>, is_alarm: bool) {
        let held = Held { stage, event };
        if !is_alarm {
            self.counts.dropped.add(self.waiting.hold(alarm_id, held));
            return;
        }
        for earlier in self.waiting.take(&alarm_id) {
            self.line(&alarm_id, &earlier);
        }
        self.line(&alarm_id, &held);
    }

    /// A backlog is over that never was an alarm.
    pub(crate) fn over(&mut self, alarm_id: &AlarmId) {
        self.waiting.take(alarm_id);
    }

    /// Appends an event to the message that is being filled.
    fn line(&mut self, alarm_id: &AlarmId, Held { stage, event }: &Held) {
        self.counts.events.inc();
        let head = EventHead { alarm_id: alarm_id.as_str(), stage: *stage, event_id: &event.id };
        serde_json::to_writer(&mut self.lines, &head).expect(WRITTEN);
        self.body.clear();
        json::encode(event, &mut self.body);
        if self.body.len() <= MAX_BODY_BYTES {
            self.lines.pop();
            self.lines.extend_from_slice(b",\"event\":");
            self.lines.append(&mut self.body);
            self.lines.push(b'}');
        } else {
            self.counts.bodies_left_out.inc();
        }
        self.lines.push(b'\n');
        if self.lines.len() >= EVENTS_BYTES {
            self.put_lines();
        }
    }

    fn put_lines(&mut self) {
        if !self.lines.is_empty() {
            let lines = Bytes::copy_from_slice(&self.lines);
            self.lines.clear();
            self.put(AlarmMessage::Events(lines));
        }
    }

    fn put(&mut self, message: AlarmMessage) {
        self.group_bytes += message.payload().len();
        self.group.push(message);
        if self.group_bytes >= GROUP_BYTES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.group_bytes = 0;
        if !self.group.is_empty() {
            self.groups.push(std::mem::take(&mut self.group));
        }
    }

    /// What is to be published now.
    fn take_groups(&mut self) -> std::vec::IntoIter<Vec<AlarmMessage>> {
        self.put_lines();
        self.cut();
        self.counts.waiting_bytes.set(as_gauge(self.waiting.bytes()));
        std::mem::take(&mut self.groups).into_iter()
    }

    /// Hands what has come together to the bus; blocks while that is full.
    pub(crate) fn blocking_publish(&mut self) {
        for group in self.take_groups() {
            let messages = group.len();
            let published = self.publisher.blocking_publish(group);
            self.counts.note(published, messages);
        }
    }

    /// The same in a task.
    pub(crate) async fn publish(&mut self) {
        for group in self.take_groups() {
            let messages = group.len();
            let published = self.publisher.publish(group).await;
            self.counts.note(published, messages);
        }
    }

    /// Tells when what was published no longer depends on this process.
    pub(crate) fn publisher(&self) -> &AlarmPublisher {
        &self.publisher
    }
}

impl Counts {
    fn new(metrics: &Metrics) -> Self {
        Self {
            updates: metrics.counter("dsiem_alarm_feed_updates", "Alarm updates handed to the bus"),
            events: metrics
                .counter("dsiem_alarm_feed_events", "Events of alarms handed to the bus, with the event itself"),
            bodies_left_out: metrics.counter(
                "dsiem_alarm_feed_bodies_left_out",
                "Events of alarms that were too large to be handed on with the event itself",
            ),
            dropped: metrics.counter(
                "dsiem_alarm_feed_events_dropped",
                "Events of backlogs that were no alarms yet, dropped because too many waited; they are counted, but not kept",
            ),
            lost: metrics.counter(
                "dsiem_alarm_feed_lost",
                "Messages about alarms that nobody took any more; with durability, they come again after a restart",
            ),
            waiting_bytes: metrics.gauge(
                "dsiem_alarm_feed_waiting_bytes",
                "Bytes of events that wait until their backlog becomes an alarm",
            ),
        }
    }

    fn note(&self, published: Result<(), NobodyTakesThem>, messages: usize) {
        if published.is_err() {
            self.lost.add(u64::try_from(messages).unwrap_or(u64::MAX));
        }
    }
}

fn as_gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use dsiem_core::alarm::AlarmDocument;
    use dsiem_core::backlog::Backlog;
    use dsiem_runtime::bus::alarms::{self, AlarmQueue};
    use futures::FutureExt as _;
    use serde_json::Value;

    use super::*;
    use crate::fixtures::{self, event};

    fn feed(waiting_bytes: usize) -> (Feed, AlarmQueue, Metrics) {
        let metrics = Metrics::new();
        let (publisher, queue) = alarms::queue(&metrics);
        (Feed::new(publisher, waiting_bytes, Seed(7), &metrics), queue, metrics)
    }

    fn id(text: &str) -> AlarmId {
        AlarmId::saved(text)
    }

    /// What comes out, an event or an update each.
    async fn published(feed: &mut Feed, queue: &mut AlarmQueue) -> Vec<Value> {
        feed.publish().await;
        let Some(Some((messages, groups))) = queue.next().now_or_never() else { return Vec::new() };
        queue.confirm(groups);
        let lines = messages.iter().flat_map(|message| message.payload().split(|byte| *byte == b'\n'));
        lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn event_ids(published: &[Value]) -> Vec<&str> {
        published.iter().map(|message| message["event_id"].as_str().unwrap_or("update")).collect()
    }

    #[tokio::test]
    async fn events_wait_until_their_backlog_is_an_alarm_and_come_before_newer_ones() {
        let (mut feed, mut queue, _) = feed(WAITING_BYTES);
        feed.event(id("a"), 1, event("1", 1, "10.0.0.9"), false);
        feed.event(id("b"), 1, event("2", 1, "10.0.0.9"), false);
        feed.event(id("a"), 2, event("3", 1, "10.0.0.9"), false);
        assert_eq!(published(&mut feed, &mut queue).await, Vec::<Value>::new());
        feed.event(id("a"), 2, event("4", 1, "10.0.0.9"), true);
        feed.event(id("a"), 2, event("5", 1, "10.0.0.9"), true);
        let out = published(&mut feed, &mut queue).await;
        assert_eq!(event_ids(&out), ["1", "3", "4", "5"]);
        assert_eq!((&out[1]["alarm_id"], &out[1]["stage"]), (&"a".into(), &2.into()));
        assert_eq!(
            (&out[1]["event"]["event_id"], &out[1]["event"]["src_ip"]),
            (&"3".into(), &"10.0.0.9".into())
        );
    }

    #[tokio::test]
    async fn a_backlog_that_is_over_without_an_alarm_frees_its_place() {
        let (mut feed, mut queue, _) = feed(WAITING_BYTES);
        feed.event(id("a"), 1, event("1", 1, "10.0.0.9"), false);
        feed.over(&id("a"));
        assert_eq!(feed.waiting.bytes(), 0);
        feed.event(id("a"), 1, event("2", 1, "10.0.0.9"), true);
        assert_eq!(event_ids(&published(&mut feed, &mut queue).await), ["2"]);
    }

    #[tokio::test]
    async fn when_too_many_wait_the_oldest_are_dropped_and_counted() {
        let (mut feed, mut queue, metrics) = feed(4_000);
        for number in 0..20 {
            feed.event(id(["a", "b"][number % 2]), 1, event(&number.to_string(), 1, "10.0.0.9"), false);
        }
        feed.event(id("a"), 1, event("last", 1, "10.0.0.9"), true);
        let out = published(&mut feed, &mut queue).await;
        let ids = event_ids(&out);
        assert!(ids.len() > 1 && ids.len() < 11, "{ids:?}");
        assert_eq!(ids[ids.len() - 2..], ["18", "last"]);
        assert!(feed.counts.dropped.get() > 5 && metrics.text().contains("dsiem_alarm_feed_events_dropped"));
    }

    #[tokio::test]
    async fn an_update_is_the_document_and_what_is_known_beside_it() {
        let (mut feed, mut queue, _) = feed(WAITING_BYTES);
        let (surroundings, _log) = fixtures::surroundings(1);
        let directive = fixtures::directive(7, "Attack");
        let (backlog, _) = Backlog::open(directive, &event("1", 1, "10.0.0.9"), surroundings.context());
        let document = AlarmDocument::of(&backlog, &surroundings.settings).to_json();
        feed.update(&document, &Standing::of(&backlog, &surroundings.settings));
        let out = published(&mut feed, &mut queue).await;
        assert_eq!((&out[0]["directive_id"], &out[0]["title"]), (&7.into(), &"Attack".into()));
        assert_eq!(out[0]["revision"], backlog.revision());
    }

    #[tokio::test]
    async fn an_event_that_is_too_large_goes_out_without_its_body() {
        let (mut feed, mut queue, _) = feed(WAITING_BYTES);
        let large =
            Event { title: "x".repeat(MAX_BODY_BYTES).into(), ..(*event("1", 1, "10.0.0.9")).clone() };
        feed.event(id("a"), 1, Arc::new(large), true);
        let out = published(&mut feed, &mut queue).await;
        assert_eq!((event_ids(&out), out[0].get("event")), (vec!["1"], None));
        assert_eq!(feed.counts.bodies_left_out.get(), 1);
    }
}
