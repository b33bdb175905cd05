//! What goes wrong: servers that are killed, frozen, or lose what they had.

use dsiem_runtime::bus::nats::StreamHealth;

use super::*;

/// Publishes events until told to stop, each request again and again until it is answered with Ok, as a sender would.
async fn publish_all(publisher: EventPublisher, stop: Arc<AtomicBool>, sender: usize) -> Vec<String> {
    let mut confirmed = Vec::new();
    for request in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let texts: Vec<_> = (0..20).map(|event| format!("{sender}/{request}/{event}")).collect();
        while publisher.publish(events(&texts)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await; // a sender would wait for Retry-After
        }
        confirmed.extend(texts);
    }
    confirmed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_and_doubles_nothing() {
    let mut server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> =
        (0..3).map(|sender| tokio::spawn(publish_all(publisher.clone(), stop.clone(), sender))).collect();
    for _ in 0..3 {
        let count = reader.texts.len();
        reader.read(count + 1_000).await;
        server.kill();
        frontend.wait_connected(false).await;
        reader.node.wait_connected(false).await;
        server.start();
    }
    let count = reader.texts.len();
    reader.read(count + 1_000).await;
    stop.store(true, Ordering::Relaxed);
    let mut confirmed = Vec::new();
    for sender in senders {
        confirmed.extend(within("a sender", sender).await.unwrap());
    }
    reader.read_all().await;
    let read: BTreeSet<_> = reader.texts.iter().collect();
    assert_eq!(read.len(), reader.texts.len(), "an event came twice");
    assert_eq!(confirmed.iter().filter(|text| !read.contains(text)).count(), 0, "lost");
    for sender in 0..3 {
        let own: Vec<_> = confirmed.iter().filter(|text| text.starts_with(&format!("{sender}/"))).collect();
        let read: Vec<_> =
            reader.texts.iter().filter(|text| text.starts_with(&format!("{sender}/"))).collect();
        assert_eq!(read, own, "the order of sender {sender}");
    }
    assert_eq!(reader.node.count("dsiem_bus_events_lost"), 0);
    assert_eq!(reader.node.count("dsiem_bus_streams_replaced"), 0);
}

#[tokio::test]
async fn a_frozen_server_confirms_nothing_and_time_stands_still() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(["before"])).await.unwrap();
    reader.read(1).await;
    server.freeze().await;
    let frozen_at = dsiem_runtime::Clock::system().now();
    let answer = within("the time limit", publisher.publish(events(["during"]))).await;
    assert_eq!(answer, Err(PublishError::NotConfirmed));
    let mark = reader.next().await.drained_at;
    assert!(mark.is_none_or(|mark| mark <= frozen_at), "nobody knows what the server has");
    server.thaw();
    publish_soon(&publisher, vec!["during".to_owned()]).await;
    publisher.publish(events(["after"])).await.unwrap();
    reader.read(3).await;
    reader.read_all().await;
    assert_eq!(reader.texts, ["before", "during", "after"]);
}

#[tokio::test]
async fn a_stream_made_anew_is_read_from_its_beginning_and_flagged() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..5))).await.unwrap();
    reader.read(5).await;
    let before = reader.reached.unwrap();
    ask(&server, &format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({})).await;
    publish_soon(&publisher, numbered(5..8)).await;
    reader.read(8).await;
    assert_eq!(reader.texts, numbered(0..8));
    let after = reader.reached.unwrap();
    assert!(after.stream != before.stream && after.sequence == 3, "{after:?}");
    assert_eq!(reader.node.count("dsiem_bus_streams_replaced"), 1);
    let health = reader.node.nats.stream_health().unwrap();
    assert!(health.borrow().lost.is_some());
    drop(reader);

    // The same for a process that was away meanwhile.
    let mut late = Reader::start(&server, "be-1", Some(before)).await;
    late.read(3).await;
    assert_eq!(late.texts, numbered(5..8));
    assert_eq!(late.node.count("dsiem_bus_streams_replaced"), 1);
}

#[tokio::test]
async fn a_server_that_lost_its_disk_is_read_from_the_beginning() {
    let mut server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..5))).await.unwrap();
    reader.read(5).await;
    server.kill();
    frontend.wait_connected(false).await;
    reader.node.wait_connected(false).await;
    server.lose_store();
    server.start();
    publish_soon(&publisher, numbered(5..8)).await;
    reader.read(8).await;
    reader.read_all().await;
    assert_eq!(reader.texts, numbered(0..8));
    assert_eq!(reader.node.count("dsiem_bus_streams_replaced"), 1);
}

#[tokio::test]
async fn a_server_that_lost_the_end_of_the_stream_is_noticed() {
    let mut server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..5))).await.unwrap();
    reader.read(5).await;
    server.kill();
    frontend.wait_connected(false).await;
    reader.node.wait_connected(false).await;
    let copy = server.copy_store();
    server.start();
    publish_soon(&publisher, numbered(5..20)).await;
    reader.read(20).await;
    let before = reader.reached.unwrap();
    server.kill();
    frontend.wait_connected(false).await;
    reader.node.wait_connected(false).await;
    server.restore_store(&copy);
    server.start();
    let begun = async {
        while reader.node.count("dsiem_bus_streams_replaced") == 0 {
            reader.next().await;
        }
    };
    within("noticed", begun).await;
    publish_soon(&publisher, numbered(20..25)).await;
    reader.read(30).await;
    reader.read_all().await;
    assert_eq!(reader.texts[20..], [numbered(0..5), numbered(20..25)].concat(), "nothing is passed over");
    let after = reader.reached.unwrap();
    assert_ne!(
        after.stream, before.stream,
        "numbers of the old stream must not be taken for those of the new"
    );
    drop(reader);

    // A later process knows the new one too.
    let mut late = Reader::start(&server, "be-0", Some(Position { sequence: 9, ..after })).await;
    late.read(1).await;
    assert_eq!((late.texts.as_slice(), late.reached), (numbered(24..25).as_slice(), Some(after)));
    assert_eq!(late.node.count("dsiem_bus_streams_replaced"), 0);
}

/// Publishes until it works, as a sender would.
async fn publish_soon(publisher: &EventPublisher, texts: Vec<String>) {
    let published = async {
        while publisher.publish(events(&texts)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("publishing", published).await;
}

#[tokio::test]
async fn a_batch_has_events_of_one_stream_only() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..5))).await.unwrap();
    until("queued", || reader.subscription.queue_length() == 5).await;
    ask(&server, &format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({})).await;
    publish_soon(&publisher, numbered(5..8)).await;
    until("queued behind", || reader.subscription.queue_length() == 8).await;
    let (first, second) = (reader.next().await, reader.next().await);
    assert_eq!((first.messages.len(), first.reached.unwrap().sequence), (5, 5));
    assert_eq!((second.messages.len(), second.reached.unwrap().sequence), (3, 3));
}

#[tokio::test]
async fn events_removed_before_they_were_read_are_counted() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    publisher.publish(events(numbered(0..20))).await.unwrap();
    let mut reader = Reader::start(&server, "be-0", None).await;
    reader.read(20).await;
    let behind_five = Position { sequence: 5, ..reader.reached.unwrap() };
    drop(reader);
    ask(&server, &format!("$JS.API.STREAM.PURGE.{STREAM}"), &json!({ "seq": 13 })).await;
    let mut late = Reader::start(&server, "be-0", Some(behind_five)).await;
    late.read(8).await;
    assert_eq!(late.texts, numbered(12..20));
    assert_eq!(late.node.count("dsiem_bus_events_lost"), 7);
    let health = late.node.nats.stream_health().unwrap().borrow().clone();
    assert!(health.degraded().unwrap().contains('7'), "{health:?}");
}

/// A server says that subjects overlap both when the stream of another name has them and when two processes make ours at
/// the same moment.
#[tokio::test]
async fn a_stream_that_cannot_be_made_yet_is_tried_again_before_events_go_without() {
    let server = Server::with_jetstream();
    let other = json!({ "name": "OTHER", "subjects": [EVENTS_SUBJECT] });
    ask(&server, "$JS.API.STREAM.CREATE.OTHER", &other).await;
    let frontend = Node::with_config(config(&server.url(), "fe-0"));
    let mut health = frontend.nats.stream_health().unwrap();
    let overlap = |health: &StreamHealth| health.unusable.as_ref().is_some_and(|why| why.contains("overlap"));
    within("refused", health.wait_for(overlap)).await.unwrap();
    ask(&server, "$JS.API.STREAM.DELETE.OTHER", &json!({})).await;
    usable(&frontend).await;
    assert_eq!(health.borrow().not_kept, None);

    // One that stays is taken for what it is: an installation with core NATS goes on working.
    ask(&server, &format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({})).await;
    ask(&server, "$JS.API.STREAM.CREATE.OTHER", &other).await;
    let late = durable(&server, "fe-1", Durability::Auto).await;
    let not_kept = late.nats.stream_health().unwrap().borrow().not_kept.clone();
    assert!(not_kept.as_ref().is_some_and(|why| why.contains("overlap")), "{not_kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_processes_that_start_at_the_same_moment_all_use_the_stream_that_one_of_them_made() {
    let server = Server::with_jetstream();
    for round in 0..100 {
        let nodes: Vec<_> = (0..10)
            .map(|node| Node::with_config(config(&server.url(), &format!("be-{round}-{node}"))))
            .collect();
        for node in &nodes {
            usable(node).await;
            assert_eq!(node.nats.stream_health().unwrap().borrow().not_kept, None, "round {round}");
        }
        drop(nodes);
        ask(&server, &format!("$JS.API.STREAM.DELETE.{STREAM}"), &json!({})).await;
    }
}

#[tokio::test]
async fn auto_takes_the_stream_once_it_is_there_and_does_not_go_back() {
    let mut server = Server::started();
    let frontend = durable(&server, "fe-0", Durability::Auto).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::of(durable(&server, "be-0", Durability::Auto).await, 0, None);
    within("an event by core NATS", async {
        while reader.texts.is_empty() {
            publisher.publish(events(["by core"])).await.unwrap();
            reader.next().await;
        }
    })
    .await;
    server.kill();
    frontend.wait_connected(false).await;
    reader.node.wait_connected(false).await;
    server.enable_jetstream();
    server.start();
    for node in [&frontend, &reader.node] {
        let mut health = node.nats.stream_health().unwrap();
        let kept = health.wait_for(|health| health.unusable.is_none() && health.not_kept.is_none());
        within("the stream", kept).await.unwrap();
    }
    publisher.publish(events(["by stream"])).await.unwrap();
    within("an event by stream", async {
        while reader.texts.last().unwrap() != "by stream" {
            reader.next().await;
        }
    })
    .await;
    assert_eq!(reader.reached.unwrap().sequence, 1);

    // Without JetStream there is nothing now, and with it again everything goes on.
    server.kill();
    frontend.wait_connected(false).await;
    server.disable_jetstream();
    server.start();
    frontend.wait_connected(true).await;
    let usable = tokio::time::timeout(NO_ANSWER, usable(&frontend)).await;
    assert!(usable.is_err(), "fell back");
    assert_eq!(publisher.publish(events(["nowhere"])).await, Err(PublishError::NotConnected));
}
