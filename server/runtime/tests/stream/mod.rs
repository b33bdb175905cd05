//! The durable way against a real nats-server with JetStream: every event once, in order, across what can go wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dsiem_runtime::bus::nats::EVENTS_SUBJECT;
use dsiem_runtime::bus::nats::stream::{STREAM, StreamOptions};
use dsiem_runtime::bus::{
    Acknowledger, Batch, Durability, EventPublisher, EventSubscription, NatsConfig, Position, PublishError,
};
use serde_json::{Value, json};

use super::NO_ANSWER;
use crate::support::{Node, Server, config, events, until, within};

mod faults;
mod lease;
mod nodes;

/// A process of the durable way, connected and decided.
async fn durable(server: &Server, name: &str, durability: Durability) -> Node {
    with(NatsConfig { durability, ..config(&server.url(), name) }).await
}

async fn with(config: NatsConfig) -> Node {
    let node = Node::with_config(config);
    usable(&node).await;
    node
}

/// Waits until the way is decided.
async fn usable(node: &Node) {
    let mut health = node.nats.stream_health().unwrap();
    within("a way", health.wait_for(|health| health.unusable.is_none())).await.unwrap();
}

/// What a backend has of the stream.
struct Reader {
    node: Node,
    subscription: EventSubscription,
    texts: Vec<String>,
    reached: Option<Position>,
}

impl Reader {
    async fn start(server: &Server, name: &str, resume: Option<Position>) -> Self {
        Self::of(durable(server, name, Durability::Require).await, 0, resume)
    }

    fn of(node: Node, max_queue: usize, resume: Option<Position>) -> Self {
        let subscription = node.nats.subscribe_events(max_queue, resume);
        Self { node, subscription, texts: Vec::new(), reached: None }
    }

    async fn next(&mut self) -> Batch {
        let batch = within("a batch", self.subscription.next_batch(100)).await.expect("still open");
        let texts = batch.messages.iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap());
        self.texts.extend(texts);
        self.reached = batch.reached.or(self.reached);
        batch
    }

    /// Reads until it has had so many events.
    async fn read(&mut self, count: usize) {
        within("events of the stream", async {
            while self.texts.len() < count {
                self.next().await;
            }
        })
        .await;
    }

    /// Reads until the bus says that everything up to now has been read.
    async fn read_all(&mut self) {
        let now = dsiem_runtime::Clock::system().now();
        within("everything", async { while self.next().await.drained_at.is_none_or(|mark| mark < now) {} })
            .await;
    }

    fn acknowledger(&self) -> Acknowledger {
        self.subscription.acknowledger()
    }
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("event {number}")).collect()
}

async fn ask(server: &Server, subject: &str, body: &Value) -> Value {
    let raw = async_nats::connect(server.address()).await.unwrap();
    let answer = within("an answer", raw.request(subject.to_owned(), body.to_string().into())).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn stream_state(server: &Server) -> Value {
    ask(server, &format!("$JS.API.STREAM.INFO.{STREAM}"), &json!({})).await["state"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_stored_and_read_in_order_and_every_backend_sees_all() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    assert!(publisher.is_connected());
    publisher.publish(events(numbered(0..10))).await.unwrap();
    let mut first = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(10..10_000))).await.unwrap();
    let mut second = Reader::start(&server, "be.1", None).await;
    for reader in [&mut first, &mut second] {
        reader.read(10_000).await;
        reader.read_all().await;
        assert_eq!(reader.texts, numbered(0..10_000));
        assert_eq!(reader.reached.unwrap().sequence, 10_000);
        assert_eq!(reader.node.count("dsiem_bus_events_lost"), 0);
    }
    assert_eq!(first.reached, second.reached, "the same stream");
    assert_eq!(frontend.count("dsiem_bus_events_published"), 10_000);
    assert_eq!(stream_state(&server).await["messages"], 10_000);
}

#[tokio::test]
async fn what_is_sent_again_is_stored_once() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let as_received = |event: usize, request: u32| {
        format!(
            "{{\"event_id\":\"{event}\",\"conn_id\":{request},\"rcvd_time\":{request}00,\"carrier\":{{}}}}"
        )
    };
    publisher.publish(events([as_received(1, 1), as_received(2, 1)])).await.unwrap();
    publisher.publish(events([as_received(2, 2), as_received(3, 2)])).await.unwrap();
    let mut reader = Reader::start(&server, "be-0", None).await;
    reader.read(3).await;
    reader.read_all().await;
    assert_eq!(reader.texts, [as_received(1, 1), as_received(2, 1), as_received(3, 2)]);
    assert_eq!(frontend.count("dsiem_bus_events_repeated"), 1);
}

#[tokio::test]
async fn plain_publishers_are_captured_too() {
    let server = Server::with_jetstream();
    let mut reader = Reader::start(&server, "be-0", None).await;
    let raw = async_nats::connect(server.address()).await.unwrap();
    for text in ["same", "same", "other"] {
        raw.publish(EVENTS_SUBJECT, Bytes::from(text)).await.unwrap();
    }
    reader.read(3).await;
    assert_eq!(reader.texts, ["same", "same", "other"], "without an id nothing is known to be the same");
}

#[tokio::test]
async fn reading_goes_on_behind_what_was_reached() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    publisher.publish(events(numbered(0..100))).await.unwrap();
    let mut before = Reader::start(&server, "be-0", None).await;
    before.read(100).await;
    let reached = before.reached.unwrap();
    drop(before);
    publisher.publish(events(numbered(100..150))).await.unwrap();
    let middle = Position { sequence: 40, ..reached };
    // Whoever goes on at a place needs nothing before it any more, so the earlier one comes first.
    for (resume, expected) in [(middle, 40..150), (reached, 100..150)] {
        let mut after = Reader::start(&server, "be-0", Some(resume)).await;
        after.read(expected.len()).await;
        after.read_all().await;
        assert_eq!(after.texts, numbered(expected));
        assert_eq!(after.node.count("dsiem_bus_events_lost"), 0);
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_told_to_the_server() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..1_000))).await.unwrap();
    reader.read(1_000).await;
    reader.acknowledger().acknowledge(reader.reached.unwrap());
    let consumer = format!("$JS.API.CONSUMER.INFO.{STREAM}.dsiem_be-0");
    let acknowledged = async {
        while ask(&server, &consumer, &json!({})).await["ack_floor"]["stream_seq"] != 1_000 {
            reader.next().await;
        }
    };
    within("the consumer to know", acknowledged).await;
}

#[tokio::test]
async fn a_full_queue_of_ours_loses_nothing() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::of(durable(&server, "be-0", Durability::Require).await, 10, None);
    publisher.publish(events(numbered(0..5_000))).await.unwrap();
    until("a full queue", || reader.subscription.queue_length() == 10).await;
    reader.read(5_000).await;
    assert_eq!(reader.texts, numbered(0..5_000));
    assert_eq!(reader.node.dropped("queue_full"), 0);
}

#[tokio::test]
async fn a_full_stream_refuses_new_events_and_keeps_the_old() {
    let server = Server::with_jetstream();
    let stream = StreamOptions { max_bytes: Some(10_000), ..StreamOptions::default() };
    let frontend = with(NatsConfig { stream, ..config(&server.url(), "fe-0") }).await;
    let publisher = frontend.nats.event_publisher();
    let answer = within("an answer", publisher.publish(events(numbered(0..1_000)))).await;
    assert_eq!(answer, Err(PublishError::StreamFull));
    let stored = usize::try_from(stream_state(&server).await["messages"].as_u64().unwrap()).unwrap();
    assert!(stored > 10 && stored < 1_000, "{stored}");
    let mut reader = Reader::start(&server, "be-0", None).await;
    reader.read(stored).await;
    assert_eq!(reader.texts, numbered(0..stored));
    // With room, the sender's next attempt succeeds, and what was stored before is not stored again.
    ask(
        &server,
        &format!("$JS.API.STREAM.UPDATE.{STREAM}"),
        &json!({ "name": STREAM, "subjects": [EVENTS_SUBJECT],
        "discard": "new", "max_bytes": -1, "duplicate_window": 120_000_000_000_u64, "max_msgs": -1 }),
    )
    .await;
    assert_eq!(within("an answer", publisher.publish(events(numbered(0..1_000)))).await, Ok(()));
    reader.read(1_000).await;
    reader.read_all().await;
    assert_eq!(reader.texts, numbered(0..1_000));
}

#[tokio::test]
async fn an_idle_reader_follows_the_clock_and_a_busy_one_the_messages() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    publisher.publish(events(numbered(0..500))).await.unwrap();
    let stored_by = dsiem_runtime::Clock::system().now();
    tokio::time::sleep(Duration::from_millis(400)).await; // so that the clock is well behind what was stored
    let mut reader = Reader::start(&server, "be-0", None).await;
    until("all queued", || reader.subscription.queue_length() == 500).await;
    let batch = reader.next().await;
    assert_eq!(batch.messages.len(), 100);
    assert!(batch.messages.iter().all(|message| message.received <= stored_by), "the time of storing");
    let last = batch.messages.last().unwrap().received;
    assert!(batch.drained_at.unwrap() < last, "not ahead of what is queued");
    reader.read(500).await;
    reader.read_all().await;
}

#[tokio::test]
async fn closing_ends_the_subscription_and_what_was_not_taken_stays_in_the_stream() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..300))).await.unwrap();
    until("all queued", || reader.subscription.queue_length() == 300).await;
    reader.next().await;
    reader.subscription.close();
    let closed = async { while reader.subscription.next_batch(100).await.is_some() {} };
    within("the end", closed).await;
    assert_eq!(stream_state(&server).await["messages"], 300);
}

#[tokio::test]
async fn without_jetstream_auto_uses_core_nats_and_require_refuses() {
    let server = Server::started();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let mut reader = Reader::of(durable(&server, "be-0", Durability::Auto).await, 0, None);
    assert!(frontend.nats.stream_health().unwrap().borrow().not_kept.is_some());
    let publisher = frontend.nats.event_publisher();
    within("an event by core NATS", async {
        while reader.texts.is_empty() {
            publisher.publish(events(["probe"])).await.unwrap();
            assert_eq!(reader.next().await.reached, None);
        }
    })
    .await;

    let strict =
        Node::with_config(NatsConfig { durability: Durability::Require, ..config(&server.url(), "fe-1") });
    strict.wait_connected(true).await;
    let usable = tokio::time::timeout(NO_ANSWER, usable(&strict)).await;
    assert!(usable.is_err(), "usable without a stream");
    let publisher = strict.nats.event_publisher();
    assert!(!publisher.is_connected());
    assert_eq!(publisher.publish(events(["a"])).await, Err(PublishError::NotConnected));
}

/// The permissions that docs/operations.md names.
const PERMISSIONS: &str = r#"
authorization { users: [
  { user: fe, password: x, permissions: {
      publish: ["dsiem_events", "_INBOX.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.DSIEM_EVENTS", "$JS.API.STREAM.CREATE.DSIEM_EVENTS"]
      subscribe: ["dsiem_overload_signals", "_INBOX.>", "dsiem_seq.>"] } }
  { user: be, password: x, permissions: {
      publish: ["dsiem_overload_signals", "$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*",
        "$JS.API.STREAM.PURGE.DSIEM_EVENTS", "$JS.API.STREAM.MSG.GET.KV_DSIEM_NODES", "$JS.API.CONSUMER.*.DSIEM_EVENTS.>",
        "$JS.API.CONSUMER.DURABLE.CREATE.DSIEM_EVENTS.>", "$JS.API.CONSUMER.MSG.NEXT.DSIEM_EVENTS.>",
        "$JS.ACK.DSIEM_EVENTS.>", "$KV.DSIEM_NODES.>"]
      subscribe: ["dsiem_events", "_INBOX.>"] } }
  { user: core, password: x, permissions: {
      publish: ["dsiem_events", "_INBOX.>"], subscribe: ["dsiem_events", "dsiem_overload_signals", "_INBOX.>"] } }
] }
"#;

#[tokio::test]
async fn the_permissions_in_the_documentation_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("nats.conf");
    std::fs::write(&settings, PERMISSIONS).unwrap();
    let paths = [settings.to_str().unwrap(), folder.path().to_str().unwrap()];
    let server = Server::with_options(&["-js", "-c", paths[0], "-sd", paths[1]]);
    let url = |user: &str| format!("nats://{user}:x@{}", server.address());
    let require =
        |user: &str, node| NatsConfig { durability: Durability::Require, ..config(&url(user), node) };
    let frontend = with(require("fe", "fe-0")).await;
    let backend = with(require("be", "be-0")).await;
    let _lease = within("the lease", backend.nats.lease()).await;
    let mut reader = Reader::of(backend, 0, None);
    frontend.nats.event_publisher().publish(events(numbered(0..10))).await.unwrap();
    reader.read(10).await;
    reader.acknowledger().acknowledge(reader.reached.unwrap());
    let recorded = async {
        while reader.node.nats.nodes().await.unwrap()[0].sequence != 10 {
            reader.next().await;
        }
    };
    within("a record", recorded).await;
    assert!(reader.node.nats.forget_node("be-0").await.unwrap());

    // Whoever has those of core NATS only goes on with core NATS, unless that is not wanted.
    let old = with(config(&url("core"), "be-1")).await;
    assert!(old.nats.stream_health().unwrap().borrow().not_kept.is_some());
}
