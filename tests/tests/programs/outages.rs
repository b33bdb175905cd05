//! NATS goes away under load and comes back, and processes start in the wrong order: 200 keeps its meaning, what core
//! NATS loses is counted, and nobody has to be started again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use dsiem_tests::http::{Http, events_body};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::samples::{attack, brute_force, directive, directive_file, event, rule};
use dsiem_tests::wait::wait_until;

#[tokio::test]
async fn a_backend_waits_for_its_frontend_and_for_nats_and_a_frontend_refuses_until_then() {
    let mut nats = NatsServer::reserved();
    let setup =
        Setup::default().with_default_assets().directives_of("be-1", &directive_file(&[brute_force(1, 2)]));
    let mut frontend = Node::launch_frontend(&nats, "fe-1", setup).await;
    let answer = frontend.http.post_events(&[event("refused", 1, "192.168.0.9")]).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|secs| secs > 0));
    let ready = frontend.http.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["unmet"]["event_bus"]), (503, &"not connected to NATS".into()));
    frontend.stop().await;

    let mut backend = Node::launch_backend(&nats, frontend.http.url(), "be-1", Setup::default()).await;
    backend.program.wait_for_log("no configuration from the frontend yet").await;
    assert!(!backend.http.is_ready().await);

    frontend.start_again().await;
    backend.program.wait_for_log("configuration is from the frontend").await;
    assert!(!backend.http.is_ready().await, "NATS is still away");

    nats.start_again().await;
    frontend.wait_ready().await;
    backend.wait_hearing(&nats).await;
    frontend.http.send(&attack("a", "192.168.0.9", 2)).await;
    backend.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    backend.stop().await;
    frontend.stop().await;
}

#[tokio::test]
async fn a_process_that_waits_for_others_stops_when_told() {
    let nats = NatsServer::reserved();
    let mut frontend = Node::launch_frontend(&nats, "fe-1", Setup::default()).await;
    let mut backend = Node::launch_backend(&nats, "http://127.0.0.1:9", "be-1", Setup::default()).await;
    frontend.stop().await;
    backend.stop().await;
}

/// What a sender may rely on at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// NATS may be there or not.
    Unknown,
    /// NATS is not there.
    Away,
    /// NATS is there and everyone is connected.
    Steady,
}

impl Phase {
    fn of(number: u8) -> Self {
        [Self::Unknown, Self::Away, Self::Steady][usize::from(number)]
    }
}

/// What became of the events of one sender.
#[derive(Debug, Default)]
struct Sent {
    accepted: BTreeSet<String>,
    /// Those of them that were sent and answered while everyone was connected.
    steady: BTreeSet<String>,
    refused: usize,
}

/// Posts events of `name` in small requests until told to stop.
async fn keep_sending(http: Http, name: String, phase: Arc<AtomicU8>, stop: Arc<AtomicBool>) -> Sent {
    let mut sent = Sent::default();
    let now = || Phase::of(phase.load(Ordering::SeqCst));
    for request in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let ids: Vec<_> = (0..5).map(|n| format!("{name}-{request}.{n}")).collect();
        let events: Vec<_> = ids.iter().map(|id| event(id, 2, "192.168.0.9")).collect();
        let before = now();
        let answer = http.post("/events", events_body(&events)).await;
        let during = if before == now() { before } else { Phase::Unknown };
        match answer.status {
            200 => {
                assert_ne!(during, Phase::Away, "answered with 200 while NATS was away");
                if during == Phase::Steady {
                    sent.steady.extend(ids.iter().cloned());
                }
                sent.accepted.extend(ids);
            }
            503 => {
                assert_ne!(during, Phase::Steady, "refused without need: {}", answer.text());
                assert!(!answer.header("retry-after").is_empty());
                sent.refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        tokio::task::yield_now().await;
    }
    sent
}

#[tokio::test]
async fn nats_is_killed_under_load_and_comes_back() {
    // The second stage never ends, so that each event that arrives leaves a line.
    let endless = directive(1, &[rule(1, 1, 1, "ANY", 1), rule(2, 2, 1_000_000, "ANY", 5)]);
    let files = directive_file(&[endless]);
    let setup =
        Setup::default().with_default_assets().directives_of("be-1", &files).directives_of("be-2", &files);
    let mut nats = NatsServer::start().await;
    let frontends =
        [Node::frontend(&nats, "fe-1", setup.clone()).await, Node::frontend(&nats, "fe-2", setup).await];
    let mut backends = [
        Node::backend(&nats, &frontends[0], "be-1", Setup::default()).await,
        Node::backend(&nats, &frontends[1], "be-2", Setup::default()).await,
    ];
    frontends[0].http.send(&[event("open", 1, "192.168.0.9")]).await;
    for backend in &backends {
        backend.wait_for_links(1).await;
    }

    let (phase, stop) = (Arc::new(AtomicU8::new(Phase::Steady as u8)), Arc::new(AtomicBool::new(false)));
    let senders = frontends.each_ref().map(|frontend| {
        let name = format!("from-{}", frontend.http.port());
        tokio::spawn(keep_sending(frontend.http.clone(), name, phase.clone(), stop.clone()))
    });
    let set = |now: Phase| phase.store(now as u8, Ordering::SeqCst);
    for backend in &backends {
        backend.wait_for_links(200).await;
    }
    for frontend in &frontends {
        assert_eq!(frontend.http.metric("dsiem_bus_disconnects_total").await, 0);
    }
    set(Phase::Unknown);
    nats.kill();
    set(Phase::Away);
    for frontend in &frontends {
        frontend
            .http
            .wait_for_metric(r#"dsiem_frontend_events_refused_total{reason="not_connected"}"#, 20)
            .await;
        assert!(!frontend.http.is_ready().await);
    }
    set(Phase::Unknown);
    nats.start_again().await;
    for node in frontends.iter().chain(&backends) {
        node.wait_ready().await;
    }
    for backend in &backends {
        backend.wait_hearing(&nats).await;
    }
    set(Phase::Steady);
    let mut arrived = Vec::new();
    for backend in &backends {
        arrived.push(backend.link_lines().len());
    }
    for (backend, arrived) in backends.iter().zip(arrived) {
        backend.wait_for_links(arrived + 200).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut sent = Vec::new();
    for sender in senders {
        sent.push(sender.await.expect("the sender's own checks hold"));
    }
    assert!(sent.iter().all(|sent| sent.refused > 0), "the outage was felt");
    for backend in &mut backends {
        check_backend(backend, &sent).await;
    }
}

/// Everything that was accepted in steady times arrived; what did not arrive was accepted about the time of the kill,
/// and is counted.
async fn check_backend(backend: &mut Node, sent: &[Sent]) {
    let steady: BTreeSet<_> = sent.iter().flat_map(|sent| sent.steady.iter().cloned()).collect();
    let all_arrived = || async {
        let arrived: BTreeSet<_> = backend.links().into_iter().map(|(_, _, event)| event).collect();
        steady.is_subset(&arrived)
    };
    wait_until("all that was accepted in steady times", all_arrived).await;
    let metrics = backend.http.metrics().await;
    assert_eq!(metrics["dsiem_bus_disconnects_total"], 1.0);
    let dropped: f64 = metrics
        .iter()
        .filter(|(name, _)| name.starts_with("dsiem_bus_events_dropped"))
        .map(|(_, count)| count)
        .sum();
    backend.stop().await;
    let arrived: BTreeSet<_> = backend.links().into_iter().map(|(_, _, event)| event).collect();
    assert_eq!(backend.link_lines().len(), arrived.len(), "nothing counted twice");
    let lost = sent.iter().flat_map(|sent| &sent.accepted).filter(|id| !arrived.contains(*id)).count();
    let counted = metrics["dsiem_bus_events_missing_total"] + dropped;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let uncounted = lost as f64 - counted;
    assert!(uncounted <= 0.0, "{lost} events were lost, {counted} are counted");
}

/// Events that are more than the buffers between a server and a process that does not read can hold.
const MORE_THAN_BUFFERS: usize = 40_000;

#[tokio::test]
async fn what_core_nats_loses_is_counted_to_the_event() {
    let setup =
        Setup::default().with_default_assets().directives_of("be-1", &directive_file(&[brute_force(1, 2)]));
    let mut nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", setup.flags("--max_queue 0")).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default().flags("--max_queue 0")).await;
    let batch = |from: usize, to: usize| {
        (from..to).map(|n| event(&format!("e{n}"), 99, "192.168.0.9")).collect::<Vec<_>>()
    };
    frontend.http.send(&batch(0, 1)).await;
    backend.http.wait_for_metric("dsiem_bus_events_received_total", 1).await;

    backend.program.signal("STOP");
    for from in (1..MORE_THAN_BUFFERS).step_by(2_000) {
        frontend.http.send(&batch(from, (from + 2_000).min(MORE_THAN_BUFFERS))).await;
    }
    nats.kill();
    backend.program.signal("CONT");
    nats.start_again().await;
    frontend.wait_ready().await;
    backend.http.wait_for_metric("dsiem_bus_disconnects_total", 1).await;
    backend.wait_hearing(&nats).await;

    frontend.http.send(&batch(MORE_THAN_BUFFERS, MORE_THAN_BUFFERS + 1)).await;
    let all = MORE_THAN_BUFFERS as u64 + 1;
    let metric = async |name: &str| backend.http.metric(&format!("dsiem_bus_events_{name}_total")).await;
    wait_until("every event to be accounted for", || async {
        metric("received").await + metric("missing").await >= all
    })
    .await;
    let (received, missing) = (metric("received").await, metric("missing").await);
    assert_eq!(received + missing, all);
    assert!(missing > 0, "all {received} got through, so that nothing is shown here");
    backend.program.wait_for_log("events are missing on the bus").await;
    backend.stop().await;
}
