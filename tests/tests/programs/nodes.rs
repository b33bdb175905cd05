//! What any frontend knows of the processes of an installation, of the real programs: in a cluster and in one process.

use dsiem_runtime::bus::nats::{BACKLOGS_SUBJECT, NODES_SUBJECT};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::{NatsServer, publish};
use dsiem_tests::samples::{brute_force, directive_file, event, many_directives};
use dsiem_tests::wait::{DEADLINE, wait_for};
use serde_json::{Value, json};

/// What the API answers once that is as wanted.
async fn answer(node: &Node, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_for(&format!("{path} to be as wanted"), DEADLINE, || async {
        let answer = node.http.get(&format!("/api/v1{path}")).await;
        (answer.status == 200).then(|| answer.json()).filter(&wanted)
    })
    .await
}

fn names(nodes: &Value) -> Vec<&str> {
    nodes.as_array().into_iter().flatten().filter_map(|node| node["node"].as_str()).collect()
}

/// Three attempts at completing the directive 1 that have come to its second stage.
async fn begin_attacks(node: &Node) {
    let events: Vec<_> = (1..=3).map(|n| event(&format!("e{n}"), 1, &format!("192.168.0.{n}"))).collect();
    node.http.send(&events).await;
}

/// The backlogs that [`begin_attacks`] has opened, at this node.
async fn check_backlogs(frontend: &Node, backend: &str) {
    let found = answer(frontend, "/directives/1/backlogs", |found| {
        found["open"] == 3 && found["is_complete"] == true
    })
    .await;
    let backlogs = found["backlogs"].as_array().expect("a list");
    assert_eq!(backlogs.len(), 3);
    for backlog in backlogs {
        let progress = ["node", "stage", "stages", "events", "needed"].map(|name| backlog[name].clone());
        assert_eq!(progress, [json!(backend), json!(2), json!(3), json!(0), json!(2)]);
    }
    let directives =
        answer(frontend, "/directives", |page| page["directives"][0]["open_backlogs"] == 3).await;
    assert_eq!(directives["directives"][0]["id"], 1);
}

#[tokio::test]
async fn a_frontend_of_a_cluster_shows_all_processes_and_asks_them_for_their_backlogs() {
    let nats = NatsServer::start().await;
    let setup = Setup::default()
        .with_default_assets()
        .directives_of("be-1", &directive_file(&[brute_force(1, 2)]))
        .directives_of("be-2", &directive_file(&[many_directives(2).remove(1)]))
        .flags("--auth off");
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let _backends = [
        Node::backend(&nats, &frontend, "be-1", Setup::default()).await,
        Node::backend(&nats, &frontend, "be-2", Setup::default()).await,
    ];
    for backend in ["be-1", "be-2"] {
        nats.wait_for_subscriber(backend, BACKLOGS_SUBJECT).await;
    }
    let liar = nats.client().await;
    publish(&liar, NODES_SUBJECT, "nonsense").await;
    publish(&liar, NODES_SUBJECT, r#"{"node":"<b>","run":"1","unmet":7}"#).await;
    begin_attacks(&frontend).await;
    // A process also reports while it starts, when it cannot say yet what is loaded.
    let system = answer(&frontend, "/system", |system| {
        let backends = &system["backends"];
        names(backends) == ["be-1", "be-2"]
            && backends[0]["open_backlogs"] == 3
            && backends.as_array().is_some_and(|all| all.iter().all(|one| one["directives"].is_object()))
    })
    .await;
    assert_eq!(system["frontend"]["node"], "fe-1");
    let kinds: Vec<_> =
        system["nodes"].as_array().expect("a list").iter().map(|node| &node["kind"]).collect();
    assert_eq!(kinds, ["frontend", "backend", "backend", "unknown"]);
    assert_eq!(system["bus"]["kind"], "nats");
    assert_eq!(system["bus"]["connected"], true);
    assert_eq!(system["ledger"], json!({"balanced": true, "off": []}));
    for backend in system["backends"].as_array().expect("a list") {
        assert_eq!((&backend["state"], &backend["directives"]["loaded"]), (&json!("alive"), &json!(1)));
        assert_eq!(backend["version"], system["version"]);
    }
    check_backlogs(&frontend, "be-1").await;
    let other = answer(&frontend, "/directives/2/backlogs", |found| found["is_complete"] == true).await;
    assert_eq!(other["open"], 0, "one that sleeps has none");
    assert_eq!(frontend.http.get("/api/v1/directives/3/backlogs").await.status, 404);
    assert_eq!(frontend.http.metrics().await["dsiem_node_reports_refused_total{reason=\"unreadable\"}"], 1.0);
}

#[tokio::test]
async fn one_process_shows_itself_and_its_backlogs() {
    let setup = Setup::new(&directive_file(&[brute_force(1, 2)])).flags("--auth off");
    let node = Node::standalone(setup).await;
    begin_attacks(&node).await;
    check_backlogs(&node, "dsiem").await;
    let system = answer(&node, "/system", |system| system["frontend"]["open_backlogs"] == 3).await;
    assert_eq!((names(&system["nodes"]), names(&system["backends"])), (vec!["dsiem"], vec!["dsiem"]));
    assert_eq!(system["frontend"]["kind"], "one_process");
    assert_eq!((&system["bus"]["kind"], &system["bus"]["durable"]), (&json!("event_log"), &json!(true)));
    let books: Vec<_> =
        system["frontend"]["books"].as_array().expect("a list").iter().map(|book| &book["name"]).collect();
    let expected = ["requests with events", "events over HTTP", "events", "pairs of event and directive"];
    assert_eq!(books, expected);
    let engine = answer(&node, "/statistics/engine", |engine| {
        let points = engine["points"].as_array();
        points.is_some_and(|points| points.iter().any(|point| point["open_backlogs"] == 3))
    })
    .await;
    assert_eq!(engine["open_backlogs"], 3);
}
