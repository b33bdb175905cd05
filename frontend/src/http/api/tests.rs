//! What the API answers, to whom: every route with each role, and each refusal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod nodes;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use dsiem_core::risk::RiskClass;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::BacklogAsker;
use dsiem_runtime::metrics::Metrics;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::caller::{Caller, Role, Via};
use super::*;
use crate::accounts::Accounts;
use crate::alarm_store::{AlarmUpdate, StageEvent, WithoutAlarm, Words};
use crate::auth::AuthConfig;
use crate::body::Bodies;
use crate::config_store::ConfigStore;
use crate::notifications::{Dispatcher, Notifications};
use dsiem_core::configuration::Readers;

/// When it is, in seconds since 1970.
const NOW: i64 = 1_767_225_600;

/// The API over a store of its own, asked by whoever the test says.
pub(super) struct Asker {
    api: Api,
    router: Router,
    folder: TempDir,
}

impl Asker {
    pub(super) fn new() -> Self {
        Self::knowing(Nodes::of(Vec::new(), BacklogAsker::Nobody, NOW))
    }

    /// In an installation of these processes.
    fn knowing(nodes: Nodes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = AlarmStore::open_file(&folder.path().join("alarms.sqlite"), Words::default()).unwrap();
        let choices = Choices { status: words("Open Closed"), tags: words("Threat Noise") };
        let clock = Clock::simulated(ReceiptTime::from_secs(NOW));
        let accounts = Accounts::new(store.database());
        let auth = Auth::new(AuthConfig::default(), accounts, false, clock.clone(), &Metrics::new());
        let notifications = Notifications::new(store.database());
        let (_, tester) = Dispatcher::new(notifications, None, clock.clone(), &Metrics::new()).unwrap();
        let configuration = Configuration {
            store: ConfigStore::new(folder.path().to_owned(), Readers::OneProcess),
            bodies: Bodies::new(1 << 20),
            writable: true,
        };
        let api = Api::new(Parts {
            store: Arc::new(store),
            library: Library::new(folder.path().to_owned()),
            configuration,
            auth,
            tester: Some(tester),
            choices,
            clock,
            nodes,
            stop: CancellationToken::new(),
        });
        // Who asks is found out by others; here it is who the test says.
        let router = routes(api.clone()).layer(middleware::from_fn(let_in));
        Self { api, router, folder }
    }

    /// With the alarms `a1` (high, 10.0.0.1), `a2` (low, 10.0.0.2), …, as many as asked.
    fn with_alarms(count: usize) -> Self {
        let asker = Self::new();
        let updates = (1..=count).map(update).collect();
        asker.api.store.apply(updates, NOW).unwrap();
        asker
    }

    pub(super) async fn ask(&self, role: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, _, text) = self.ask_text(role, method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(super) async fn ask_text(
        &self,
        role: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, String, String) {
        let request = Request::builder().method(method).uri(format!("{PATH}{path}")).header("x-role", role);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let media_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
        let (status, media_type) = (response.status(), media_type.to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, media_type, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("viewer", "GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Follows changes for as long as the answer is there.
    async fn listen(&self) -> Response {
        let request =
            Request::builder().uri("/api/v1/changes").header("x-role", "viewer").body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask("analyst", "POST", path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}

async fn let_in(mut request: Request<Body>, next: Next) -> Response {
    let role = match request.headers().get("x-role").unwrap().to_str().unwrap() {
        "viewer" => Some(Role::Viewer),
        "analyst" => Some(Role::Analyst),
        "admin" => Some(Role::Admin),
        _ => None,
    };
    if let Some(role) = role {
        request.extensions_mut().insert(Caller {
            name: role.as_str().into(),
            role,
            origin: "test".into(),
            via: Via::Open,
        });
    }
    next.run(request).await
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn update(number: usize) -> AlarmUpdate {
    let high = number % 2 == 1;
    let class = if high { RiskClass::High } else { RiskClass::Low };
    serde_json::from_value(json!({
        "alarm_id": format!("a{number}"), "title": format!("Scan number{number}"), "status": "Open", "tag": "Threat",
        "kingdom": "Recon", "category": "Scan", "created_time": NOW - 100 + i64::try_from(number).unwrap(),
        "update_time": NOW, "risk": if high { 8 } else { 1 }, "risk_class": class.as_str(),
        "src_ips": [format!("10.0.{}.{}", number / 256, number % 256)], "dst_ips": ["192.168.0.1"], "networks": [],
        "rules": [{"stage": 1, "name": "first", "type": "PluginRule", "occurrence": 1, "from": "ANY", "to": "ANY",
            "start_time": NOW - 100, "end_time": NOW - 100, "status": "finished"},
            {"stage": 2, "name": "second", "type": "PluginRule", "occurrence": 5, "from": "10.0.0.1", "to": "ANY",
            "start_time": NOW - 100}],
        "revision": 3, "directive_id": 7
    }))
    .unwrap()
}

/// A file with directive 7.
fn directives() -> Value {
    let rule = |stage: u8| {
        json!({"name": "r", "stage": stage, "type": "PluginRule", "plugin_id": 1, "plugin_sid": [1], "occurrence": 1,
            "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": 1,
            "timeout": 60})
    };
    json!({"directives": [{"id": 7, "name": "Scan of DST_IP", "kingdom": "Recon", "category": "Scan", "priority": 3,
        "rules": [rule(1), rule(2)]}]})
}

fn ids(page: &Value) -> Vec<&str> {
    page["alarms"].as_array().unwrap().iter().map(|alarm| alarm["alarm_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_route_asks_for_its_role() {
    let asker = Asker::with_alarms(1);
    std::fs::write(asker.folder.path().join("directives_a.json"), directives().to_string()).unwrap();
    let targets = json!({"targets": [{"alarm_id": "nobody's", "version": null}], "text": "x"});
    let change = json!({"targets": [{"alarm_id": "nobody's", "version": null}], "status": "Open"});
    let delete = json!({"targets": [{"alarm_id": "nobody's", "version": null}]});
    let all: BTreeMap<&str, (Role, Value)> = BTreeMap::from([
        ("GET /alarms", (Role::Viewer, Value::Null)),
        ("GET /alarms/facets", (Role::Viewer, Value::Null)),
        ("GET /alarms/export?format=csv", (Role::Viewer, Value::Null)),
        ("GET /alarms/a1", (Role::Viewer, Value::Null)),
        ("GET /alarms/a1/events", (Role::Viewer, Value::Null)),
        ("GET /alarms/a1/history", (Role::Viewer, Value::Null)),
        ("GET /alarms/a1/explain", (Role::Viewer, Value::Null)),
        ("GET /directives", (Role::Viewer, Value::Null)),
        ("GET /directives/7", (Role::Viewer, Value::Null)),
        ("GET /config", (Role::Admin, Value::Null)),
        ("GET /config/directives_a.json", (Role::Admin, Value::Null)),
        ("POST /config/directives_a.json/check", (Role::Admin, json!({}))),
        ("GET /choices", (Role::Viewer, Value::Null)),
        ("GET /statistics/alarms-over-time", (Role::Viewer, Value::Null)),
        ("GET /statistics/top?what=sources", (Role::Viewer, Value::Null)),
        ("GET /statistics/engine", (Role::Viewer, Value::Null)),
        ("GET /system", (Role::Viewer, Value::Null)),
        ("GET /directives/7/backlogs", (Role::Viewer, Value::Null)),
        ("POST /alarms/change", (Role::Analyst, change)),
        ("POST /alarms/comment", (Role::Analyst, targets)),
        ("POST /alarms/delete", (Role::Analyst, delete)),
    ]);
    for (route, (needed, body)) in all {
        let (method, path) = route.split_once(' ').unwrap();
        for (name, role) in [
            ("nobody", None),
            ("viewer", Some(Role::Viewer)),
            ("analyst", Some(Role::Analyst)),
            ("admin", Some(Role::Admin)),
        ] {
            let (status, answer) = asker.ask(name, method, path, body.clone()).await;
            let expected = match role {
                None => 401,
                Some(role) if role < needed => 403,
                Some(_) => 200,
            };
            assert_eq!(status.as_u16(), expected, "{route} as {name}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_list_is_paged_filtered_and_sorted() {
    let asker = Asker::with_alarms(5);
    let first = asker.get("/alarms?sort=created&order=asc&limit=2").await;
    assert_eq!(ids(&first), ["a1", "a2"]);
    assert_eq!(first["count"], json!({"value": 5, "is_exact": true}));
    let after = first["next"].as_str().unwrap();
    let second = asker.get(&format!("/alarms?sort=created&order=asc&limit=2&after={after}")).await;
    assert_eq!(ids(&second), ["a3", "a4"]);
    assert_eq!(ids(&asker.get("/alarms?class=Low&sort=created").await), ["a4", "a2"]);
    assert_eq!(ids(&asker.get("/alarms?network=10.0.0.3").await), ["a3"]);
    assert_eq!(ids(&asker.get("/alarms?text=number5").await), ["a5"]);
    assert!(ids(&asker.get("/alarms?status=Closed").await).is_empty());
    let facets = asker.get("/alarms/facets?class=Low").await;
    assert_eq!(facets["class"], json!([{"value": "High", "alarms": 3}, {"value": "Low", "alarms": 2}]));
}

#[tokio::test]
async fn an_alarm_has_its_stages_with_exact_counts_and_its_events() {
    let asker = Asker::with_alarms(1);
    let event = |id: &str| StageEvent {
        alarm_id: "a1".into(),
        stage: 2,
        event_id: id.into(),
        event: serde_json::from_str("{\"src_ip\":\"10.0.0.1\"}").ok(),
    };
    asker.api.store.count(&[event("e1"), event("e2"), event("e1")], WithoutAlarm::Keep, NOW).unwrap();
    let alarm = asker.get("/alarms/a1").await;
    assert_eq!((alarm["stages"].clone(), alarm["finished_stages"].clone()), (json!(2), json!(1)));
    assert_eq!(alarm["rules"][1]["events"], 2);
    assert_eq!(alarm["rules"][1]["occurrence"], 5);
    let explanation = asker.get("/alarms/a1/explain").await;
    assert_eq!(explanation["summary"], "1 of 2 stages are complete. Stage 2 waits for 3 events more.");
    assert_eq!(explanation["directive"], "unknown");
    let page = asker.get("/alarms/a1/events?stage=2&limit=1").await;
    assert_eq!(page["events"][0], json!({"number": 1, "event_id": "e1", "event": {"src_ip": "10.0.0.1"}}));
    let page = asker.get(&format!("/alarms/a1/events?stage=2&after={}", page["next"])).await;
    assert_eq!((page["events"][0]["event_id"].clone(), page["next"].clone()), (json!("e2"), Value::Null));
}

#[tokio::test]
async fn whoever_has_not_seen_a_change_does_not_undo_it() {
    let asker = Asker::with_alarms(2);
    let targets = json!([{"alarm_id": "a1", "version": 1}, {"alarm_id": "none", "version": null}]);
    let done = asker
        .post("/alarms/change", json!({"targets": targets, "status": "Closed", "assignee": "ann"}))
        .await;
    assert_eq!(done["results"][0], json!({"alarm_id": "a1", "outcome": "done", "version": 2}));
    assert_eq!(done["results"][1], json!({"alarm_id": "none", "outcome": "missing", "version": null}));
    let late = asker.post("/alarms/change", json!({"targets": targets, "tag": "Noise"})).await;
    assert_eq!(late["results"][0], json!({"alarm_id": "a1", "outcome": "conflict", "version": 2}));
    let alarm = asker.get("/alarms/a1").await;
    assert_eq!((alarm["status"].clone(), alarm["tag"].clone()), (json!("Closed"), json!("Threat")));
    asker
        .post("/alarms/comment", json!({"targets": [{"alarm_id": "a1", "version": null}], "text": "was me"}))
        .await;
    let history = asker.get("/alarms/a1/history").await;
    let entries: Vec<_> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["action"], &entry["who"]))
        .collect();
    let by = json!("analyst");
    assert_eq!(entries, [(&json!("assignee"), &by), (&json!("status"), &by), (&json!("comment"), &by)]);
    asker.post("/alarms/delete", json!({"targets": [{"alarm_id": "a1", "version": null}]})).await;
    let (status, problem) = asker.ask("viewer", "GET", "/alarms/a1", Value::Null).await;
    assert_eq!((status, problem["status"].clone()), (StatusCode::NOT_FOUND, json!(404)));
}

#[tokio::test]
async fn what_cannot_be_is_a_problem_document_that_says_so() {
    let asker = Asker::with_alarms(1);
    let change = |status: &str| json!({"targets": [{"alarm_id": "a1", "version": null}], "status": status});
    for (method, path, body, status, part) in [
        ("GET", "/alarms?stauts=Open", Value::Null, 400, "stauts"),
        ("GET", "/alarms?limit=0", Value::Null, 400, "1 to 1000"),
        ("GET", "/alarms?after=nonsense", Value::Null, 400, "first page"),
        ("GET", "/alarms/none", Value::Null, 404, "none"),
        ("GET", "/alarms/none/explain", Value::Null, 404, "none"),
        ("GET", "/statistics/top", Value::Null, 400, "what"),
        ("GET", "/nothing", Value::Null, 404, "/api/v1/nothing"),
        ("POST", "/alarms/change", change("Gone"), 422, "Open, Closed"),
        ("POST", "/alarms/change", json!({"targets": []}), 422, "nothing is to be changed"),
        ("POST", "/alarms/delete", json!({"targets": []}), 422, "1 to 1000"),
        ("POST", "/alarms/delete", json!({"targets": 1}), 422, "targets"),
        (
            "POST",
            "/alarms/comment",
            json!({"targets": [{"alarm_id": "a1", "version": null}], "text": " "}),
            422,
            "text",
        ),
        ("POST", "/alarms/comment", Value::String("no object".into()), 422, "no object"),
    ] {
        let (answered, media_type, text) = asker.ask_text("admin", method, path, body).await;
        assert_eq!(answered.as_u16(), status, "{path}: {text}");
        assert_eq!(media_type, "application/problem+json", "{path}: {text}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(part), "{path}: {text}");
    }
}

#[tokio::test]
async fn directives_are_shown_with_their_open_alarms() {
    let asker = Asker::with_alarms(3);
    std::fs::write(asker.folder.path().join("directives_a.json"), directives().to_string()).unwrap();
    std::fs::write(asker.folder.path().join("directives_b.json"), "no JSON").unwrap();
    asker
        .post("/alarms/change", json!({"targets": [{"alarm_id": "a1", "version": null}], "status": "Closed"}))
        .await;
    let all = asker.get("/directives").await;
    assert_eq!((all["count"].clone(), all["directives"][0]["open_alarms"].clone()), (json!(1), json!(2)));
    assert_eq!(all["problems"][0]["file"], "directives_b.json");
    assert_eq!(asker.get("/directives?text=SCAN%20OF").await["count"], 1);
    assert_eq!(asker.get("/directives?text=7").await["count"], 1);
    assert_eq!(asker.get("/directives?text=other").await["count"], 0);
    let one = asker.get("/directives/7").await;
    assert_eq!(
        (one["file"].clone(), one["rules"][1]["stage"].clone()),
        (json!("directives_a.json"), json!(2))
    );
    let (status, _) = asker.ask("viewer", "GET", "/directives/8", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn files_are_checked_and_written_by_whoever_has_read_them() {
    let asker = Asker::new();
    let path = "/config/directives_a.json";
    let send = async |method: &str, path: &str, condition: Option<(&'static str, String)>, body: String| {
        let mut request =
            Request::builder().method(method).uri(format!("{PATH}{path}")).header("x-role", "admin");
        if let Some((name, value)) = condition {
            request = request.header(name, value);
        }
        let response = asker.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let etag = response.headers().get("etag").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), etag)
    };
    let file = directives().to_string();
    let new = Some(("if-none-match", "*".to_owned()));
    assert_eq!(send("PUT", path, None, file.clone()).await.0, 428);
    assert_eq!(send("PUT", path, new.clone(), file.clone()).await.0, 204);
    assert_eq!(send("PUT", path, new, file.clone()).await.0, 412, "it is there by now");
    let (_, etag) = send("GET", path, None, String::new()).await;
    let seen = Some(("if-match", etag.unwrap()));
    assert_eq!(send("PUT", path, seen.clone(), "{}".into()).await.0, 422);
    assert_eq!(send("PUT", path, seen.clone(), file.replace("Scan of", "Probe of")).await.0, 204);
    assert_eq!(send("PUT", path, seen, file).await.0, 412, "somebody else was quicker");
    let (status, checked) = asker.ask("admin", "POST", "/config/directives_a.json/check", json!({})).await;
    assert_eq!((status.as_u16(), checked["problems"][0]["severity"].clone()), (200, json!("error")));
    let listed = asker.ask("admin", "GET", "/config", Value::Null).await.1;
    assert_eq!(
        listed,
        json!({"writable": true, "files": [{"name": "directives_a.json", "kind": "directives"}]})
    );
    assert_eq!(send("DELETE", path, None, String::new()).await.0, 204);
    assert_eq!(send("GET", path, None, String::new()).await.0, 404);
    assert_eq!(send("GET", "/config/..%2Fx", None, String::new()).await.0, 422);
}

#[tokio::test]
async fn an_export_has_the_whole_list() {
    let asker = Asker::with_alarms(1_201);
    let (_, media_type, csv) =
        asker.ask_text("viewer", "GET", "/alarms/export?format=csv", Value::Null).await;
    assert_eq!(media_type, "text/csv; charset=utf-8");
    assert_eq!(csv.lines().count(), 1_202);
    assert!(csv.lines().nth(1).unwrap().starts_with("a1201,Scan number1201,Open,Threat,"), "{csv:.300}");
    let (_, _, lines) =
        asker.ask_text("viewer", "GET", "/alarms/export?format=ndjson&class=Low", Value::Null).await;
    assert_eq!(lines.lines().count(), 600);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["risk_class"] == "Low"));
}

#[tokio::test]
async fn figures_are_of_the_time_that_is_asked_for() {
    let asker = Asker::with_alarms(3);
    let over_time = asker.get("/statistics/alarms-over-time").await;
    assert_eq!(over_time["parts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (over_time["parts"][0]["high"].clone(), over_time["parts"][0]["low"].clone()),
        (json!(2), json!(1))
    );
    let top = asker.get("/statistics/top?what=destinations").await;
    assert_eq!(top, json!({"top": [{"value": "192.168.0.1", "alarms": 3}]}));
    let before = format!("/statistics/top?what=sources&until={}", NOW - 10 * 86_400);
    assert_eq!(asker.get(&before).await, json!({"top": []}));
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_is_told_of_changes_and_of_each_alarm_once() {
    let asker = Asker::with_alarms(2);
    let mut body = asker.listen().await.into_body();
    for _ in 0..3 {
        asker
            .post("/alarms/comment", json!({"targets": [{"alarm_id": "a1", "version": null}], "text": "x"}))
            .await;
    }
    asker.post("/alarms/delete", json!({"targets": [{"alarm_id": "a2", "version": null}]})).await;
    let mut told = String::new();
    while !told.contains("a2") {
        let frame = body.frame().await.unwrap().unwrap();
        told += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
    }
    assert!(told.contains("event: alarms"), "{told}");
    assert!(told.matches("a1").count() <= 2, "of each alarm once in each event: {told}");
    asker.api.stop.cancel();
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}

#[tokio::test]
async fn so_many_may_listen_and_another_when_one_of_them_leaves() {
    let asker = Asker::with_alarms(1);
    let mut listening = Vec::new();
    for _ in 0..changes::MAX_STREAMS {
        listening.push(asker.listen().await);
    }
    assert!(listening.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(asker.listen().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    listening.pop();
    assert_eq!(asker.listen().await.status(), StatusCode::OK);
}

#[test]
fn operations_have_names_of_their_own() {
    let description: Value = serde_json::from_str(&openapi_json()).unwrap();
    let mut names = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let before = names.insert(name, format!("{method} {path}"));
            assert_eq!(before, None, "another operation is called like {method} {path}");
        }
    }
}

#[test]
fn the_description_that_the_page_is_made_of_is_the_one_that_is_served() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(
        kept.trim() == openapi_json().trim(),
        "make it anew: cargo run -q -p dsiem-frontend --example openapi > web/openapi.json"
    );
}
