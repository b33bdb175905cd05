//! Several nodes: what is removed from the stream, and who is the node of a name.

use dsiem_runtime::bus::nats::stream::BUCKET;
use futures::FutureExt;

use super::*;

/// How large the streams are here: of what nobody needs, a quarter of it stays.
const LIMIT: u64 = 400_000;

fn limited() -> StreamOptions {
    StreamOptions { max_bytes: Some(LIMIT), ..StreamOptions::default() }
}

/// The beginning of the stream once what comes before this event is removed, but for what stays.
async fn removed_before(server: &Server, readers: &mut [&mut Reader], needed: u64) -> u64 {
    let mut first = 0;
    let removed = async {
        loop {
            let state = stream_state(server).await;
            let number = |name: &str| state[name].as_u64().unwrap();
            first = number("first_seq");
            // Nearly: later events are a little longer.
            let stays = LIMIT / 4 / (number("bytes") / number("messages")) * 11 / 10;
            assert!(first <= needed, "removed what is needed");
            if first + stays >= needed {
                return;
            }
            for reader in &mut *readers {
                reader.next().await;
            }
        }
    };
    within(&format!("what comes before {needed} to be removed"), removed).await;
    first
}

fn acknowledge(reader: &Reader, sequence: u64) {
    reader.acknowledger().acknowledge(Position { sequence, ..reader.reached.unwrap() });
}

#[tokio::test]
async fn what_all_nodes_have_acknowledged_is_removed() {
    let server = Server::with_jetstream();
    let frontend = with(NatsConfig { stream: limited(), ..config(&server.url(), "fe-0") }).await;
    let publisher = frontend.nats.event_publisher();
    let mut first = Reader::start(&server, "be-0", None).await;
    let mut second = Reader::start(&server, "be-1", None).await;
    publisher.publish(events(numbered(0..2_000))).await.unwrap();
    first.read(2_000).await;
    second.read(2_000).await;
    acknowledge(&first, 1_700);
    acknowledge(&second, 1_300);
    acknowledge(&second, 1_200); // never back
    removed_before(&server, &mut [&mut first, &mut second], 1_301).await;
    acknowledge(&second, 2_000);
    let begins = removed_before(&server, &mut [&mut first, &mut second], 1_701).await;

    let nodes = first.node.nats.nodes().await.unwrap();
    let seen: Vec<_> =
        nodes.iter().map(|node| (node.node.as_str(), node.sequence, node.behind, node.holds)).collect();
    assert_eq!(seen, [("be-0", 1_700, 300, true), ("be-1", 2_000, 0, true)]);
    assert!(nodes.iter().all(|node| node.is_alive() && node.last == 2_000), "{nodes:?}");

    // A node that is away holds what it needs, until it is forgotten.
    drop(first);
    publisher.publish(events(numbered(2_000..2_500))).await.unwrap();
    second.read(2_500).await;
    for sequence in [2_400, 2_500] {
        acknowledge(&second, sequence);
        let recorded = async {
            while second.node.nats.nodes().await.unwrap().iter().all(|node| node.sequence != sequence) {
                second.next().await;
            }
        };
        within("a record", recorded).await;
    }
    let still = stream_state(&server).await["first_seq"].as_u64().unwrap();
    assert!(begins <= still && still <= 1_701, "removed what be-0 needs");
    assert!(second.node.nats.forget_node("be-0").await.unwrap());
    assert!(!second.node.nats.forget_node("be-7").await.unwrap());
    publisher.publish(events(numbered(2_500..2_600))).await.unwrap();
    second.read(2_600).await;
    acknowledge(&second, 2_600);
    removed_before(&server, &mut [&mut second], 2_601).await;
}

#[tokio::test]
async fn a_node_that_is_silent_for_too_long_holds_nothing() {
    let server = Server::with_jetstream();
    let frontend = with(NatsConfig { stream: limited(), ..config(&server.url(), "fe-0") }).await;
    let publisher = frontend.nats.event_publisher();
    let mut silent = Reader::start(&server, "be-0", None).await;
    publisher.publish(events(numbered(0..2_000))).await.unwrap();
    silent.read(2_000).await;
    let reached = silent.reached.unwrap();
    drop(silent);
    let stream = StreamOptions { node_expiry: Duration::from_secs(1), ..StreamOptions::default() };
    let mut live = Reader::of(with(NatsConfig { stream, ..config(&server.url(), "be-1") }).await, 0, None);
    live.read(2_000).await;
    acknowledge(&live, 1_900);
    removed_before(&server, &mut [&mut live], 1_901).await;
    drop(live);

    // It comes back, and hears what it has lost.
    let first = stream_state(&server).await["first_seq"].as_u64().unwrap();
    let mut back = Reader::start(&server, "be-0", Some(Position { sequence: 2, ..reached })).await;
    let begins = usize::try_from(first).unwrap() - 1;
    back.read(2_000 - begins).await;
    assert_eq!(back.texts, numbered(begins..2_000));
    assert_eq!(back.node.count("dsiem_bus_events_lost"), first - 3);
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
