//! Several nodes: what is removed from the stream, and who is the node of a name.

use dsiem_runtime::bus::nats::stream::BUCKET;
use futures::FutureExt;

use super::*;

/// Waits until the stream begins with this event.
async fn first_is(server: &Server, readers: &mut [&mut Reader], first: u64) {
    let removed = async {
        while stream_state(server).await["first_seq"] != first {
            for reader in &mut *readers {
                reader.next().await;
            }
        }
    };
    within(&format!("the stream to begin with {first}"), removed).await;
}

fn acknowledge(reader: &Reader, sequence: u64) {
    reader.acknowledger().acknowledge(Position { sequence, ..reader.reached.unwrap() });
}

#[tokio::test]
async fn what_all_nodes_have_acknowledged_is_removed() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let mut first = Reader::start(&server, "be-0", None).await;
    let mut second = Reader::start(&server, "be-1", None).await;
    publisher.publish(events(numbered(0..100))).await.unwrap();
    first.read(100).await;
    second.read(100).await;
    acknowledge(&first, 70);
    acknowledge(&second, 30);
    acknowledge(&second, 20); // never back
    first_is(&server, &mut [&mut first, &mut second], 31).await;
    acknowledge(&second, 100);
    first_is(&server, &mut [&mut first, &mut second], 71).await;

    let nodes = first.node.nats.nodes().await.unwrap();
    let seen: Vec<_> =
        nodes.iter().map(|node| (node.node.as_str(), node.sequence, node.behind, node.holds)).collect();
    assert_eq!(seen, [("be-0", 70, 30, true), ("be-1", 100, 0, true)]);
    assert!(nodes.iter().all(|node| node.is_alive() && node.last == 100), "{nodes:?}");

    // A node that is away holds what it needs, until it is forgotten.
    drop(first);
    publisher.publish(events(numbered(100..110))).await.unwrap();
    second.read(110).await;
    for sequence in [105, 110] {
        acknowledge(&second, sequence);
        let recorded = async {
            while second.node.nats.nodes().await.unwrap().iter().all(|node| node.sequence != sequence) {
                second.next().await;
            }
        };
        within("a record", recorded).await;
    }
    assert_eq!(stream_state(&server).await["first_seq"], 71, "removed what be-0 needs");
    assert!(second.node.nats.forget_node("be-0").await.unwrap());
    assert!(!second.node.nats.forget_node("be-7").await.unwrap());
    publisher.publish(events(numbered(110..120))).await.unwrap();
    second.read(120).await;
    acknowledge(&second, 120);
    first_is(&server, &mut [&mut second], 121).await;
}

#[tokio::test]
async fn a_node_that_is_silent_for_too_long_holds_nothing() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    let publisher = frontend.nats.event_publisher();
    let mut silent = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..10))).await.unwrap();
    silent.read(10).await;
    let reached = silent.reached.unwrap();
    drop(silent);
    let stream = StreamOptions { node_expiry: Duration::from_secs(1), ..StreamOptions::default() };
    let mut live = Reader::of(with(NatsConfig { stream, ..config(&server.url(), "be-1") }).await, 0, None);
    live.read(10).await;
    acknowledge(&live, 5);
    first_is(&server, &mut [&mut live], 6).await;

    // It comes back, and hears what it has lost.
    let mut back = Reader::start(&server, "be-0", Some(Position { sequence: 2, ..reached })).await;
    back.read(5).await;
    assert_eq!(back.texts, numbered(5..10));
    assert_eq!(back.node.count("dsiem_bus_events_lost"), 3);
}

/// Whoever looks from outside may be the only one who is left.
#[tokio::test]
async fn a_node_is_silent_even_if_there_is_no_other_to_compare_it_with() {
    let server = Server::with_jetstream();
    let frontend = durable(&server, "fe-0", Durability::Require).await;
    frontend.nats.event_publisher().publish(events(numbered(0..10))).await.unwrap();
    let mut reader = Reader::start(&server, "be-0", None).await;
    reader.read(10).await;
    drop(reader);
    let silent = async {
        while frontend.nats.nodes().await.unwrap()[0].silent < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the node to be silent for a second", silent).await;
}

#[tokio::test]
async fn a_full_stream_has_room_again_when_nodes_acknowledge() {
    let server = Server::with_jetstream();
    let stream = StreamOptions { max_bytes: Some(10_000), ..StreamOptions::default() };
    let frontend = with(NatsConfig { stream, ..config(&server.url(), "fe-0") }).await;
    let publisher = frontend.nats.event_publisher();
    let mut reader = Reader::start(&server, "be-0", None).await;
    let all = numbered(0..500);
    for request in all.chunks(10) {
        let stored = async {
            while let Err(error) = publisher.publish(events(request)).await {
                assert_eq!(error, PublishError::StreamFull);
                let acknowledger = reader.acknowledger();
                let batch = reader.next().await;
                if let Some(reached) = batch.reached {
                    acknowledger.acknowledge(reached);
                }
            }
        };
        within("room", stored).await;
    }
    reader.read(500).await;
    assert_eq!(reader.texts, all);
    assert!(frontend.count("dsiem_bus_events_stream_full") > 0);
}

#[tokio::test]
async fn of_two_processes_with_one_name_one_works_and_the_other_takes_over() {
    let mut server = Server::with_jetstream();
    let first = durable(&server, "be-0", Durability::Require).await;
    let second = durable(&server, "be-0", Durability::Require).await;
    let other = durable(&server, "be-1", Durability::Require).await;
    let mut held = within("the lease", first.nats.lease()).await;
    let _other = within("the lease of another name", other.nats.lease()).await;
    let mut standby = Box::pin(second.nats.lease());
    // Across a restart of the server, too.
    assert!(tokio::time::timeout(Duration::from_millis(1_500), &mut standby).await.is_err(), "two at once");
    server.kill();
    first.wait_connected(false).await;
    server.start();
    assert!(tokio::time::timeout(Duration::from_millis(1_500), &mut standby).await.is_err(), "two at once");
    assert!(held.lost().now_or_never().is_none());

    held.release().await;
    let mut taken = within("given back", standby).await;

    // A process that we only pretend writes over it once, and is never heard of again.
    let raw = async_nats::connect(server.address()).await.unwrap();
    let holder = json!({ "node": "be-0", "holder": "a process that dies" }).to_string();
    within("an answer", raw.request(format!("$KV.{BUCKET}.lease.be-0"), holder.into())).await.unwrap();
    within("hearing of it", taken.lost()).await;
    let third = durable(&server, "be-0", Durability::Require).await;
    let begun = std::time::Instant::now();
    let _third = within("expired", third.nats.lease()).await;
    assert!(begun.elapsed() > Duration::from_secs(3), "it might have been alive");
}

#[tokio::test]
async fn without_a_stream_every_process_is_its_node() {
    let server = Server::started();
    for durability in [Durability::Off, Durability::Auto] {
        let node = Node::with_config(NatsConfig { durability, ..config(&server.url(), "be-0") });
        let mut lease = within("the lease", node.nats.lease()).await;
        assert!(lease.lost().now_or_never().is_none());
    }
}
