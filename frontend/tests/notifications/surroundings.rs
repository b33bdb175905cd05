//! What stands around notifications in tests: a store with a dispatcher, and a web server that takes what is told.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use dsiem_core::time::ReceiptTime;
use dsiem_frontend::alarm_store::{AlarmStore, AlarmUpdate};
use dsiem_frontend::notifications::{self, Delivery, Dispatcher, Notifications, Rule, Tester};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Place, put};

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on a runtime of its own, whose clock it may move.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Waits until something is so.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Some time passes at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// A store of alarms, and somebody who tells of them.
pub(crate) struct Installation {
    pub(crate) store: Arc<AlarmStore>,
    pub(crate) notifications: Notifications,
    pub(crate) tester: Tester,
    pub(crate) metrics: Metrics,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Installation {
    /// In a place, at a time.
    pub(crate) fn start(place: &Place, now: i64) -> Self {
        Self::over(Arc::new(place.open()), now)
    }

    pub(crate) fn over(store: Arc<AlarmStore>, now: i64) -> Self {
        let notifications = Notifications::new(store.database());
        let (metrics, stop) = (Metrics::new(), CancellationToken::new());
        let clock = Clock::simulated(ReceiptTime::from_secs(now));
        let url = Some("https://siem.example".to_owned());
        let (dispatcher, tester) = Dispatcher::new(notifications.clone(), url, clock, &metrics).unwrap();
        let task = tokio::spawn(dispatcher.run(stop.clone()));
        Self { store, notifications, tester, metrics, stop, task }
    }

    /// Stops in order; everything is closed then.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    pub(crate) fn put(&self, updates: impl IntoIterator<Item = AlarmUpdate>) {
        put(&self.store, updates);
    }

    /// A webhook of the form `json`.
    pub(crate) fn webhook(&self, name: &str, url: &str) -> i64 {
        self.channel(json!({"name": name, "webhook": {"url": url, "format": "json"}}))
    }

    pub(crate) fn channel(&self, request: Value) -> i64 {
        let request = serde_json::from_value(request).unwrap();
        self.notifications.put_channel(None, request).unwrap().unwrap().id
    }

    /// A rule that tells everything, with what is said otherwise.
    pub(crate) fn rule(&self, name: &str, channels: &[i64], otherwise: &Value) -> i64 {
        self.notifications.put_rule(None, rule(name, channels, otherwise)).unwrap().unwrap().id
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.notifications.deliveries(None, None, 500).unwrap()
    }

    /// Waits until so many deliveries are in a state; those.
    pub(crate) async fn until_are(&self, state: notifications::State, count: usize) -> Vec<Delivery> {
        until(&format!("{count} are {state:?}"), || {
            let found = self.notifications.deliveries(Some(state), None, 500).unwrap();
            (found.len() == count).then_some(found)
        })
        .await
    }
}

pub(crate) fn rule(name: &str, channels: &[i64], otherwise: &Value) -> Rule {
    let mut rule = json!({"name": name, "when": "every_escalation", "channels": channels});
    rule.as_object_mut().unwrap().extend(otherwise.as_object().unwrap().clone());
    serde_json::from_value(rule).unwrap()
}

/// A request that the receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What the receiver answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// With a header.
    With(u16, &'static str, String),
    /// Nothing, for ever.
    Silence,
}

/// A web server that keeps what it is sent. Below each path, it answers what it was told to, and then 200.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) base: String,
    got: Arc<Mutex<Vec<Request>>>,
    replies: Arc<Mutex<BTreeMap<String, VecDeque<Reply>>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { base, got: Arc::default(), replies: Arc::default() };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What comes to a path next is answered like this, in this order.
    pub(crate) fn reply(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().entry(path.to_owned()).or_default().extend(replies);
    }

    /// What came to a path.
    pub(crate) fn got(&self, path: &str) -> Vec<Request> {
        let got = self.got.lock().unwrap();
        got.iter().filter(|request| request.path == path).cloned().collect()
    }

    pub(crate) async fn until_got(&self, path: &str, count: usize) -> Vec<Request> {
        until(&format!("{count} requests came to {path}"), || {
            let got = self.got(path);
            (got.len() >= count).then_some(got)
        })
        .await
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let text = String::from_utf8(body.to_vec()).unwrap();
    receiver.got.lock().unwrap().push(Request { path: path.clone(), headers, text });
    let reply = receiver.replies.lock().unwrap().get_mut(&path).and_then(VecDeque::pop_front);
    let status = |status| StatusCode::from_u16(status).unwrap();
    match reply.unwrap_or(Reply::Status(200)) {
        Reply::Status(code) => (status(code), format!("it is {code}")).into_response(),
        Reply::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Reply::Silence => std::future::pending().await,
    }
}
