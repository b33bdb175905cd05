//! How a backend comes by its configuration: a set is used whole or not at all, and the last good one in bad times.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use dsiem_tests::samples::{brute_force, directive_file};
use serde_json::{Value, json};

fn good() -> Setup {
    Setup::default()
        .with_default_assets()
        .directives_of("be-1", &directive_file(&[brute_force(1, 2)]))
        .directives_of("be-1_more", &directive_file(&[brute_force(2, 2), brute_force(3, 2)]))
}

/// Two things are wrong with it.
fn bad_directive() -> Value {
    let mut bad = brute_force(1, 2);
    bad["priority"] = json!(9);
    bad["rules"][1]["from"] = json!("10.0.0.0/99");
    directive_file(&[bad])
}

async fn loaded(backend: &Node) -> u64 {
    backend.http.metric("dsiem_directives_ttl").await
}

#[tokio::test]
async fn a_bad_set_is_not_used_in_part_and_the_last_good_one_goes_on() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", good()).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    assert_eq!(loaded(&backend).await, 3);
    backend.stop().await;

    let copy = std::fs::read(backend.path("configs/directives_be-1.json")).expect("a copy is kept");
    frontend.write_config("directives_be-1.json", &bad_directive());
    frontend.write_config(
        "assets_new.json",
        &json!({"assets": [{"name": "n", "cidr": "172.16.0.0/12", "value": 1}]}),
    );
    backend.start_again().await;
    backend.wait_ready().await;
    backend.program.wait_for_log("the last good copy of the configuration is used").await;
    assert!(backend.program.log().contains("priority"), "what is wrong is said");
    let degraded = backend.http.readiness().await["degraded"]["configuration"].to_string();
    assert!(degraded.contains("last good copy"), "{degraded}");
    assert_eq!(loaded(&backend).await, 3);
    assert_eq!(std::fs::read(backend.path("configs/directives_be-1.json")).expect("it stays"), copy);
    assert!(!backend.path("configs/assets_new.json").exists(), "nothing of the bad set is kept");
    backend.stop().await;
}

#[tokio::test]
async fn a_bad_set_without_a_good_copy_stops_the_start_with_every_problem() {
    let nats = NatsServer::start().await;
    let setup = good().directives_of("be-1", &bad_directive()).raw_file("assets_more.json", "{ torn");
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let mut backend = Node::doomed_backend(&nats, frontend.http.url(), "be-1", Setup::default());
    assert_eq!(backend.program.wait_exit().await, 1);
    backend.program.wait_for_log("dsiem-backend: ").await;
    for part in ["directives_be-1.json", "priority", "10.0.0.0/99", "assets_more.json"] {
        backend.program.wait_for_log(part).await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_longer_served_is_put_away() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", good()).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    backend.stop().await;
    std::fs::remove_file(frontend.path("configs/directives_be-1_more.json")).expect("it is there");
    backend.start_again().await;
    backend.wait_ready().await;
    assert_eq!(loaded(&backend).await, 1);
    assert!(!backend.path("configs/directives_be-1_more.json").exists());
    assert!(backend.path("configs/.stale/directives_be-1_more.json").exists());
    backend.stop().await;
}

#[tokio::test]
async fn with_its_frontend_down_a_backend_starts_with_its_good_copy() {
    let nats = NatsServer::start().await;
    let mut frontend = Node::frontend(&nats, "fe-1", good()).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    backend.stop().await;
    frontend.stop().await;
    backend.start_again().await;
    backend.program.wait_for_log("the last good copy of the configuration is used").await;
    backend.wait_hearing(&nats).await;
    assert_eq!(loaded(&backend).await, 3);
    backend.stop().await;
}

/// A frontend that answers as the test says, file by file.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Answers>>);

#[derive(Clone, Default)]
struct Answers {
    list: (u16, String),
    directives: (u16, String),
}

impl Stub {
    async fn start(&self) -> String {
        let router = Router::new().route("/config/", get(list)).route("/config", get(list));
        let router = router.route("/config/{name}", get(file)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("some port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn set(&self, list: (u16, &str), directives: (u16, &str)) {
        let answers = Answers {
            list: (list.0, list.1.to_owned()),
            directives: (directives.0, directives.1.to_owned()),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }

    fn answers(&self) -> Answers {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn with_status((status, body): (u16, String)) -> (StatusCode, String) {
    (StatusCode::from_u16(status).expect("a status"), body)
}

async fn list(State(stub): State<Stub>) -> (StatusCode, String) {
    with_status(stub.answers().list)
}

async fn file(State(stub): State<Stub>, Path(name): Path<String>) -> (StatusCode, String) {
    let assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]}).to_string();
    match name.as_str() {
        "assets_a.json" => (StatusCode::OK, assets),
        _ => with_status(stub.answers().directives),
    }
}

#[tokio::test]
async fn answers_other_than_200_are_not_taken_for_configuration() {
    let nats = NatsServer::start().await;
    let list = json!({"files": [{"filename": "assets_a.json"}, {"filename": "directives_be-1.json"},
                                {"filename": "../../etc/passwd"}, {"filename": "directives_be-10.json"}]});
    let list = list.to_string();
    let right = directive_file(&[brute_force(1, 2)]).to_string();
    let stub = Stub::default();
    stub.set((500, &list), (200, &right));
    let url = stub.start().await;
    let mut backend = Node::launch_backend(&nats, &url, "be-1", Setup::default()).await;
    backend.program.wait_for_log("the answer is 500").await;
    stub.set((200, "<html>welcome</html>"), (200, &right));
    backend.program.wait_for_log("cannot be understood").await;
    // The body is right, only the status says that it is not what was asked for.
    stub.set((200, &list), (404, &right));
    let line = backend.program.wait_for_log("the answer is 404").await;
    assert!(line.contains("directives_be-1.json"), "{line}");
    assert!(!backend.http.is_ready().await);
    assert!(!backend.path("configs/assets_a.json").exists(), "a set that is not whole is not kept");
    stub.set((200, &list), (200, &right));
    backend.wait_hearing(&nats).await;
    assert_eq!(loaded(&backend).await, 1);
    assert!(!backend.path("configs/directives_be-10.json").exists());
    backend.stop().await;
}
