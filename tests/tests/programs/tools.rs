//! The tools that look at a running installation: `dsiem ledger` and `dsiem nodes`.

use axum::Router;
use axum::routing::get;
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::ports;
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{attack, brute_force, directive_file, event};
use dsiem_tests::wait::wait_until;
use serde_json::json;
use tempfile::TempDir;

/// Runs `dsiem` with these words; its exit code and what it said.
async fn dsiem(words: &str) -> (i32, String) {
    let mut program = Program::start(Binary::Dsiem, &format!("dsiem {words}"), words.split(' '), []);
    let code = program.wait_exit().await;
    (code, program.log())
}

/// The same, held against what it must end with and say.
async fn check(words: &str, code: i32, parts: &[&str]) -> String {
    let (ended, said) = dsiem(words).await;
    assert_eq!(ended, code, "dsiem {words}: {said}");
    for part in parts {
        assert!(said.contains(part), "dsiem {words}: {part:?} is not in {said}");
    }
    said
}

/// A line of the table, with one blank between its words.
fn line(said: &str, begin: &str) -> String {
    let lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.into_iter().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin:?} in {said}"))
}

#[tokio::test]
async fn the_books_of_one_process_say_what_became_of_every_event() {
    let mut node = Node::standalone(Setup::new(&directive_file(&[brute_force(1, 2)]))).await;
    node.http.send(&attack("a", "192.168.0.9", 2)).await;
    node.http.send(&[event("b", 99, "192.168.0.9")]).await;
    assert_eq!(node.http.post_events(&[json!({"event_id": "c"})]).await.status, 418);
    assert_eq!(node.http.post("/events", "{").await.status, 400);
    node.http.wait_for_metric("dsiem_events_received_total", 5).await;
    let said = check(&format!("ledger --from {}", node.http.url()), 0, &[node.http.url()]).await;
    for expected in [
        "requests with events 4 balances",
        "read 3",
        "malformed 1",
        "events over HTTP 6 balances",
        "accepted 5",
        "invalid 1",
        "events 5 balances",
        "dispatched 4",
        "concerning no directive 1",
        "pairs of event and directive 4 balances",
        "opened 1",
        "consumed 3",
    ] {
        assert_eq!(line(&said, expected), expected);
    }
    let metrics = node.http.metrics().await;
    let balances =
        metrics.iter().filter(|(name, value)| name.starts_with("dsiem_ledger_balanced{") && **value == 1.0);
    assert_eq!(balances.count(), 4, "{metrics:?}");
    node.stop().await;
}

#[tokio::test]
async fn books_that_do_not_balance_end_with_1() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let metrics =
        "dsiem_events_received_total 7\ndsiem_events_dispatched_total 3\ndsiem_events_in_flight 1\n";
    let router = Router::new()
        .route("/metrics", get(move || async move { metrics }))
        .route("/other/metrics", get(|| async { "go_goroutines 5\n" }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let said =
        check(&format!("ledger --from {url}"), 1, &["the books do not balance", "events of http"]).await;
    assert_eq!(line(&said, "events 7"), "events 7 OFF: 3 are missing");
    check(&format!("ledger --from {url}/other"), 1, &["there are no books"]).await;
    check(&format!("ledger --from {url}/nothing"), 1, &["404", "is it a program of dsiem?"]).await;
    let nobody = format!("ledger --from http://127.0.0.1:{}", ports::free());
    check(&nobody, 1, &["no metrics from", "--from", "--metrics-address"]).await;
}

async fn with_jetstream() -> (NatsServer, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nats = NatsServer::start_with(&format!("-js -sd {}", folder.path().display())).await;
    (nats, folder)
}

#[tokio::test]
async fn nodes_are_listed_and_one_that_is_gone_is_forgotten() {
    let (nats, _folder) = with_jetstream().await;
    let at = format!("--msq {}", nats.url());
    check(&format!("nodes {at}"), 1, &["there is no stream DSIEM_EVENTS", "--durability"]).await;
    let setup = Setup::default()
        .with_default_assets()
        .directives_of("be-1", &directive_file(&[brute_force(1, 2)]))
        .directives_of("be-2", &directive_file(&[brute_force(2, 2)]));
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let mut stays = Node::launch_backend(&nats, frontend.http.url(), "be-1", Setup::default()).await;
    let mut goes = Node::launch_backend(&nats, frontend.http.url(), "be-2", Setup::default()).await;
    for backend in [&stays, &goes] {
        backend.wait_ready().await;
    }
    let list = format!("nodes {at}");
    let knows = |part: &'static str| {
        let list = list.clone();
        async move { dsiem(&list).await.1.lines().any(|line| line.starts_with(part)) }
    };
    wait_until("both nodes to be known", || async { knows("be-1").await && knows("be-2").await }).await;

    goes.program.sigkill();
    frontend.http.send(&attack("a", "192.168.0.9", 2)).await;
    stays.http.wait_for_metric("dsiem_events_received_total", 4).await;
    let said = check(&format!("nodes list {at}"), 0, &["alive"]).await;
    let waiting = line(&said, "be-2 ");
    let columns: Vec<_> = waiting.split(' ').collect();
    assert_eq!(&columns[4..7], ["0", "4", "4"], "{said}");

    // It was heard of just now, so nobody can know that it is gone.
    check(&format!("nodes forget be-2 {at}"), 1, &["be-2", "stop it first", "--force"]).await;
    check(&format!("nodes forget be-3 {at}"), 1, &["\"be-3\"", "be-1, be-2"]).await;
    check(&format!("nodes {at} forget be-2 --force"), 0, &["keeps nothing for be-2", "4 events"]).await;
    let said = check(&list, 0, &["be-1"]).await;
    assert!(!said.contains("be-2"), "{said}");

    let both = format!("ledger --from {} --from {}", frontend.http.url(), stays.http.url());
    let said = check(&both, 0, &["accepted", "dispatched"]).await;
    assert_eq!(said.matches("  balances").count(), 4, "{said}");
    stays.stop().await;
}

#[tokio::test]
async fn without_nats_or_without_jetstream_it_is_said_what_to_do() {
    let port = ports::free();
    let nobody = format!("nodes --msq nats://me:s3cret@127.0.0.1:{port}");
    let said = check(&nobody, 1, &["no connection to NATS", "--msq (DSIEM_MSQ)", "--nats-user"]).await;
    assert!(said.contains(&format!("127.0.0.1:{port}")) && !said.contains("s3cret"), "{said}");
    let nats = NatsServer::start().await;
    check(&format!("nodes --msq {}", nats.url()), 1, &["NATS has no JetStream", "enable it"]).await;
}
