//! The bus against a real nats-server: order, confirmation, and what happens when the server goes away.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps says where it failed; clippy knows only test functions"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dsiem_runtime::bus::nats::{EVENTS_SUBJECT, OVERLOAD_SUBJECT, SEQUENCE_TOKEN};
use dsiem_runtime::bus::{EventPublisher, EventSubscription, PublishError};
use tokio::task::JoinSet;

use support::{Node, Server, establish, events, next, receive, until, within};

mod nodes;
mod stream;
mod support;

/// Long enough for an answer that must not come, short enough for a test.
const NO_ANSWER: Duration = Duration::from_millis(300);

/// A frontend and a backend with a subscription in place.
async fn pair(server: &Server, max_queue: usize) -> (Node, EventPublisher, Node, EventSubscription) {
    let frontend = Node::connected(server, "fe-0").await;
    let backend = Node::connected(server, "be-0").await;
    let publisher = frontend.nats.event_publisher();
    let mut subscription = backend.nats.subscribe_events(max_queue, None);
    establish(&publisher, &mut subscription).await;
    (frontend, publisher, backend, subscription)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_publisher_arrive_in_order_and_none_is_missing() {
    let server = Server::started();
    let (frontend, publisher, backend, mut subscription) = pair(&server, 0).await;
    let before = frontend.count("dsiem_bus_events_published");
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let publisher = publisher.clone();
        senders.spawn(async move {
            for request in 0..25 {
                let texts = (0..20).map(|event| format!("{sender} {:04}", request * 20 + event));
                publisher.publish(events(texts)).await.unwrap();
            }
        });
    }
    let received = receive(&mut subscription, 2_000).await;
    within("all confirmed", senders.join_all()).await;
    assert_eq!(received.len(), 2_000);
    for sender in 0..4 {
        let own: Vec<_> = received.iter().filter(|text| text.starts_with(&format!("{sender} "))).collect();
        assert!(own.is_sorted() && own.len() == 500, "sender {sender}");
    }
    assert_eq!(frontend.count("dsiem_bus_events_published") - before, 2_000);
    assert_eq!(backend.count("dsiem_bus_events_missing"), 0);
}

#[tokio::test]
async fn a_publish_is_answered_only_when_the_server_has_the_events() {
    let server = Server::started();
    let (_frontend, publisher, _backend, mut subscription) = pair(&server, 0).await;
    server.freeze().await;
    let mut publishing = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(events(["a", "b"])).await }
    });
    assert!(tokio::time::timeout(NO_ANSWER, &mut publishing).await.is_err(), "answered by a frozen server");
    server.thaw();
    assert_eq!(within("confirmation", publishing).await.unwrap(), Ok(()));
    assert_eq!(receive(&mut subscription, 2).await, ["a", "b"]);
}

#[tokio::test]
async fn what_a_frozen_server_does_not_confirm_in_time_is_an_error() {
    let server = Server::started();
    let (frontend, publisher, _backend, _subscription) = pair(&server, 0).await;
    server.freeze().await;
    let answer = within("the time limit", publisher.publish(events(["a"]))).await;
    assert_eq!(answer, Err(PublishError::NotConfirmed));
    assert_eq!(frontend.count("dsiem_bus_events_unconfirmed"), 1);
    server.thaw();
}

#[tokio::test]
async fn publishing_while_the_server_is_away_fails_at_once() {
    let mut server = Server::started();
    let (frontend, publisher, _backend, _subscription) = pair(&server, 0).await;
    assert!(publisher.is_connected());
    server.kill();
    frontend.wait_connected(false).await;
    assert!(!publisher.is_connected());
    let answer = tokio::time::timeout(NO_ANSWER, publisher.publish(events(["a"]))).await;
    assert_eq!(answer.expect("at once"), Err(PublishError::NotConnected));
    assert_eq!(frontend.count("dsiem_bus_disconnects"), 1);
    assert_eq!(frontend.nats.overload_sender().send(true).await, Err(PublishError::NotConnected));

    server.start();
    frontend.wait_connected(true).await;
    assert_eq!(within("publishing", publisher.publish(events(["b"]))).await, Ok(()));
    assert_eq!(frontend.count("dsiem_bus_disconnects"), 1, "counted once");
}

#[tokio::test]
async fn starting_before_the_server_is_no_error() {
    let mut server = Server::reserved();
    let frontend = Node::connecting(&server.url(), "fe-0");
    let backend = Node::connecting(&server.url(), "be-0");
    let publisher = frontend.nats.event_publisher();
    let mut subscription = backend.nats.subscribe_events(0, None);
    let mut signals = frontend.nats.overload_receiver();
    assert_eq!(publisher.publish(events(["a"])).await, Err(PublishError::NotConnected));
    let idle = within("an empty batch", subscription.next_batch(10)).await.unwrap();
    assert_eq!((idle.messages.len(), idle.drained_at), (0, None), "nothing is known of the bus yet");

    server.start();
    frontend.wait_connected(true).await;
    backend.wait_connected(true).await;
    establish(&publisher, &mut subscription).await;
    hear_signal(&backend, &mut signals).await;
    assert!(!frontend.shutdown.is_begun() && !backend.shutdown.is_begun());
}

/// Sends signals until the first one is heard.
async fn hear_signal(backend: &Node, signals: &mut dsiem_runtime::bus::OverloadReceiver) {
    let sender = backend.nats.overload_sender();
    let heard = async {
        loop {
            sender.send(true).await.unwrap();
            if let Ok(signal) = tokio::time::timeout(Duration::from_millis(20), signals.recv()).await {
                break signal;
            }
        }
    };
    assert_eq!(within("a signal", heard).await, Some(true));
}

/// What publishing under load came to.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    confirmed: AtomicU64,
    refused: AtomicU64,
}

/// Publishes events with unique texts until told to stop. Returns those that were confirmed.
async fn publish_load(publisher: EventPublisher, load: Arc<Load>, sender: usize) -> Vec<String> {
    let mut confirmed = Vec::new();
    for request in 0.. {
        if load.stop.load(Ordering::Relaxed) {
            break;
        }
        let texts: Vec<_> = (0..10).map(|event| format!("{sender}/{request}/{event}")).collect();
        match publisher.publish(events(&texts)).await {
            Ok(()) => {
                load.confirmed.fetch_add(1, Ordering::Relaxed);
                confirmed.extend(texts);
            }
            Err(PublishError::NotConnected | PublishError::NotConfirmed) => {
                load.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await; // a sender would wait for Retry-After
            }
            Err(error) => panic!("{error}"),
        }
    }
    confirmed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_that_is_not_counted() {
    let mut server = Server::started();
    let (frontend, publisher, backend, mut subscription) = pair(&server, 0).await;
    let load = Arc::new(Load::default());
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        senders.spawn(publish_load(publisher.clone(), load.clone(), sender));
    }
    let collector = tokio::spawn(async move {
        let mut received = BTreeSet::new();
        while !received.contains("the end") {
            received.extend(next(&mut subscription).await);
        }
        received
    });
    let confirmed = || load.confirmed.load(Ordering::Relaxed);
    until("load before", || confirmed() >= 100).await;
    server.kill();
    frontend.wait_connected(false).await;
    let refused = load.refused.load(Ordering::Relaxed);
    until("refusals", || load.refused.load(Ordering::Relaxed) >= refused + 20).await;
    tokio::time::sleep(Duration::from_millis(500)).await; // the outage itself, not a wait for anything
    let before_restart = confirmed();
    server.start();
    until("load after", || confirmed() >= before_restart + 100).await;
    backend.wait_connected(true).await;
    load.stop.store(true, Ordering::Relaxed);
    let confirmed: Vec<_> = within("senders", senders.join_all()).await.into_iter().flatten().collect();

    let collected = async {
        let mut collector = collector;
        loop {
            publisher.publish(events(["the end"])).await.unwrap();
            if let Ok(received) = tokio::time::timeout(Duration::from_millis(50), &mut collector).await {
                break received.unwrap();
            }
        }
    };
    let received = within("the last event", collected).await;
    let lost = confirmed.iter().filter(|text| !received.contains(*text)).count() as u64;
    let missing = backend.count("dsiem_bus_events_missing");
    assert!(
        lost <= missing,
        "{lost} of {} confirmed events are lost, but {missing} counted",
        confirmed.len()
    );
    assert_eq!(backend.count("dsiem_bus_disconnects"), 1);
    assert_eq!(backend.dropped("queue_full"), 0);
}

#[tokio::test]
async fn gaps_in_the_numbers_of_a_sender_are_counted() {
    let server = Server::started();
    let (_frontend, _publisher, backend, mut subscription) = pair(&server, 0).await;
    let raw = async_nats::connect(server.address()).await.unwrap();
    // The first of two runs misses 2 and 5 to 7, the second nothing; existing frontends send no number at all.
    let sent = ["x.1.1", "x.1.3", "none", "x.1.4", "x.2.1", "x.1.8", "x.1.not-a-number", "x.2.2"];
    for number in sent {
        let payload = Bytes::from(number);
        if number == "none" {
            raw.publish(EVENTS_SUBJECT, payload).await.unwrap();
        } else {
            let carried = format!("{SEQUENCE_TOKEN}.{number}");
            raw.publish_with_reply(EVENTS_SUBJECT, carried, payload).await.unwrap();
        }
    }
    assert_eq!(receive(&mut subscription, sent.len()).await, sent);
    assert_eq!(backend.count("dsiem_bus_events_missing"), 4);
}

#[tokio::test]
async fn published_events_carry_node_run_and_number() {
    use futures::StreamExt;
    let server = Server::started();
    let frontend = Node::connected(&server, "fe-0").await;
    let raw = async_nats::connect(server.address()).await.unwrap();
    let mut messages = raw.subscribe(EVENTS_SUBJECT).await.unwrap();
    raw.flush().await.unwrap();
    raw.request("nobody", Bytes::new()).await.unwrap_err(); // answered in order, so the subscription is in place
    frontend.nats.event_publisher().publish(events(["a", "b"])).await.unwrap();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let message = within("an event", messages.next()).await.unwrap();
        numbers.push(message.reply.unwrap().to_string());
    }
    let parts: Vec<Vec<&str>> = numbers.iter().map(|number| number.split('.').collect()).collect();
    assert_eq!((parts[0][0], parts[0][1], parts[0][3]), (SEQUENCE_TOKEN, "fe-0", "1"));
    assert_eq!((parts[1][0], parts[1][1], parts[1][3]), (SEQUENCE_TOKEN, "fe-0", "2"));
    assert!(!parts[0][2].is_empty() && parts[0][2] == parts[1][2], "one run: {numbers:?}");
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_and_counts_them() {
    let server = Server::started();
    let (_frontend, publisher, backend, mut subscription) = pair(&server, 10).await;
    publisher.publish(events((0..100).map(|n| n.to_string()))).await.unwrap();
    until("90 dropped", || backend.dropped("queue_full") == 90).await;
    assert_eq!(subscription.queue_length(), 10);
    let expected: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(receive(&mut subscription, 10).await, expected);
    assert_eq!(backend.count("dsiem_bus_events_missing"), 0, "they did arrive");
    publisher.publish(events(["room again"])).await.unwrap();
    assert_eq!(receive(&mut subscription, 1).await, ["room again"]);
}

#[tokio::test]
async fn an_idle_subscription_says_up_to_when_it_has_everything() {
    let server = Server::started();
    let (_frontend, publisher, _backend, mut subscription) = pair(&server, 0).await;
    publisher.publish(events(["a", "b"])).await.unwrap();
    until("both queued", || subscription.queue_length() == 2).await;
    let first = subscription.next_batch(1).await.unwrap();
    let taken = first.messages[0].received;
    assert!(first.drained_at.is_none_or(|mark| mark < taken), "one is still waiting: {:?}", first.drained_at);
    let second = subscription.next_batch(1).await.unwrap();
    let received = second.messages[0].received;
    let passed = async {
        while subscription.next_batch(1).await.unwrap().drained_at.is_none_or(|mark| mark <= received) {}
    };
    within("a later mark", passed).await;
}

#[tokio::test]
async fn closing_hands_out_what_is_queued() {
    let server = Server::started();
    let (_frontend, publisher, _backend, mut subscription) = pair(&server, 0).await;
    publisher.publish(events(["a", "b", "c"])).await.unwrap();
    until("queued", || subscription.queue_length() == 3).await;
    subscription.close();
    let mut rest = Vec::new();
    let drained = async {
        while let Some(batch) = subscription.next_batch(2).await {
            rest.extend(batch.messages);
        }
    };
    within("the end", drained).await;
    assert_eq!(rest.len(), 3);
}

#[tokio::test]
async fn the_largest_event_fits_and_a_larger_one_is_refused() {
    let server = Server::started();
    let (_frontend, publisher, _backend, mut subscription) = pair(&server, 0).await;
    let max = publisher.max_event_bytes();
    assert!(max > 1_000_000, "{max}");
    let largest = Bytes::from(vec![b'x'; max]);
    publisher.publish(vec![largest]).await.unwrap();
    assert_eq!(receive(&mut subscription, 1).await[0].len(), max);
    let larger = vec![Bytes::from_static(b"a"), Bytes::from(vec![b'x'; max + 1])];
    let refused = PublishError::TooLarge { index: 1, size: max + 1, max };
    assert_eq!(publisher.publish(larger).await, Err(refused));
}

#[tokio::test]
async fn overload_signals_reach_every_frontend() {
    let server = Server::started();
    let backend = Node::connected(&server, "be-0").await;
    let frontends = [Node::connected(&server, "fe-0").await, Node::connected(&server, "fe-1").await];
    let raw = async_nats::connect(server.address()).await.unwrap();
    for frontend in &frontends {
        let mut signals = frontend.nats.overload_receiver();
        hear_signal(&backend, &mut signals).await;
        // Another program's signals count too, and what is none is ignored.
        raw.publish(OVERLOAD_SUBJECT, Bytes::from_static(b"maybe")).await.unwrap();
        raw.publish(OVERLOAD_SUBJECT, Bytes::from_static(b"false")).await.unwrap();
        let told = async { while signals.recv().await != Some(false) {} };
        within("false", told).await;
    }
}

#[tokio::test]
async fn credentials_of_the_url_are_used() {
    let server = Server::with_options(&["--user", "me", "--pass", "p@ss"]);
    let node = Node::connecting(&format!("nats://me:p%40ss@{}", server.address()), "fe-0");
    node.wait_connected(true).await;
    let stranger = Node::connecting(&server.url(), "fe-1");
    let refused = tokio::time::timeout(NO_ANSWER, stranger.wait_connected(true)).await;
    assert!(refused.is_err(), "connected without credentials");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_begins_the_shutdown() {
    let node = Node::connecting("http://me:secret@host", "fe-0");
    within("shutdown", node.shutdown.begun()).await;
    assert!(node.shutdown.failed());
    assert_eq!(node.nats.event_publisher().publish(events(["a"])).await, Err(PublishError::NotConnected));
}
