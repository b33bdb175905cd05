//! Two frontends and two backends on one NATS: every event reaches every backend, and each backend has the directives
//! of its own name and no others.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::samples::{attack, brute_force, directive_file};

/// The configuration that every frontend of the cluster serves: a directive for each backend.
fn frontend_setup() -> Setup {
    Setup::default()
        .with_default_assets()
        .directives_of("be-1", &directive_file(&[brute_force(1, 2)]))
        .directives_of("be-10_more", &directive_file(&[brute_force(10, 2)]))
}

#[tokio::test]
async fn every_event_reaches_every_backend_and_each_has_its_own_directives() {
    let nats = NatsServer::start().await;
    let mut frontends = [
        Node::frontend(&nats, "fe-1", frontend_setup()).await,
        Node::frontend(&nats, "fe-2", frontend_setup()).await,
    ];
    let mut backends = [
        Node::backend(&nats, &frontends[0], "be-1", Setup::default()).await,
        Node::backend(&nats, &frontends[1], "be-10", Setup::default()).await,
    ];
    assert!(backends[0].path("configs/directives_be-1.json").exists());
    assert!(!backends[0].path("configs/directives_be-10_more.json").exists(), "be-1 is not be-10");
    assert!(backends[1].path("configs/directives_be-10_more.json").exists());

    let sources: Vec<_> = (0..20).map(|n| format!("192.168.7.{n}")).collect();
    for (n, source) in sources.iter().enumerate() {
        frontends[n % 2].http.send(&attack(&format!("a{n}"), source, 2)).await;
    }
    for (backend, directive) in backends.iter().zip([1, 10]) {
        backend.http.wait_for_metric("dsiem_events_received_total", 80).await;
        assert_eq!(backend.http.metric("dsiem_directives_ttl").await, 1);
        backend.http.wait_for_metric("dsiem_backlogs_completed_total", 20).await;
        let mut titles: Vec<_> =
            backend.wait_for_alarms(20).await.into_iter().map(|a| a["title"].clone()).collect();
        titles.sort_by_key(|title| {
            sources.iter().position(|s| title.as_str().is_some_and(|t| t.ends_with(&format!(" {s}"))))
        });
        let expected: Vec<_> =
            sources.iter().map(|source| format!("Attack {directive} from {source}")).collect();
        assert_eq!(titles, expected);
        let metrics = backend.http.metrics().await;
        assert_eq!(metrics["dsiem_bus_events_missing_total"], 0.0);
        assert_eq!(metrics["dsiem_events_received_total"], 80.0);
    }
    for node in backends.iter_mut().chain(&mut frontends) {
        node.stop().await;
    }
}

#[tokio::test]
async fn a_backend_that_stops_in_the_middle_of_an_attack_goes_on_when_it_is_back() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", frontend_setup()).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    let events = attack("a", "192.168.0.9", 2);
    frontend.http.send(&events[..2]).await;
    backend.wait_for_links(2).await;
    backend.stop().await;
    backend.start_again().await;
    backend.wait_hearing(&nats).await;
    frontend.http.send(&events[2..]).await;
    let alarm = backend.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    assert_eq!(alarm["title"], "Attack 1 from 192.168.0.9");
    assert_eq!(backend.alarms().len(), 1);
    backend.stop().await;
}
