//! What an orchestrator asks a process: is it alive, is it ready, what does it count.
//!
//! Parts report conditions by name into a [`Readiness`]; a condition that is not met makes `/readyz` answer 503, a
//! degraded one is only listed there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::bus::nats::StreamHealth;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

mod listener;

use listener::Limited;

/// What prometheus-client writes, and what Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The named conditions under which this process can do its work. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    // A lock, because every part of the process may report; held for one look-up at a time.
    conditions: Arc<Mutex<BTreeMap<&'static str, Condition>>>,
}

#[derive(Clone, Debug)]
enum Condition {
    Met,
    Degraded(String),
    Unmet(String),
}

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every condition is met, degraded ones included.
    pub ready: bool,
    /// The conditions that are met without reserve.
    pub met: Vec<&'static str>,
    /// The conditions that are met in part, and what is wrong.
    pub degraded: BTreeMap<&'static str, String>,
    /// The conditions that are not met, and why.
    pub unmet: BTreeMap<&'static str, String>,
}

impl Readiness {
    /// No conditions: ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether `condition` is met, or why not. Takes the place of whatever was said of it before.
    pub fn set(&self, condition: &'static str, state: Result<(), String>) {
        let state = state.map_or_else(Condition::Unmet, |()| Condition::Met);
        self.lock().insert(condition, state);
    }

    /// Says that `condition` is met, but not as it should be. The process stays ready.
    pub fn degrade(&self, condition: &'static str, why: String) {
        self.lock().insert(condition, Condition::Degraded(why));
    }

    /// Forgets `condition`.
    pub fn clear(&self, condition: &'static str) {
        self.lock().remove(condition);
    }

    /// All conditions as they are now.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report =
            Report { ready: true, met: Vec::new(), degraded: BTreeMap::new(), unmet: BTreeMap::new() };
        for (name, condition) in self.lock().clone() {
            match condition {
                Condition::Met => report.met.push(name),
                Condition::Degraded(why) => drop(report.degraded.insert(name, why)),
                Condition::Unmet(why) => drop(report.unmet.insert(name, why)),
            }
        }
        report.ready = report.unmet.is_empty();
        report
    }

    /// Each report is one insertion, so a panic elsewhere cannot leave half of one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Condition>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /metrics`, `GET /healthz` (200 as long as the process answers at all) and `GET /readyz` (200 or 503, JSON).
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    let metrics = Router::new().route("/metrics", get(show_metrics)).with_state(metrics);
    let readiness = Router::new().route("/readyz", get(show_readiness)).with_state(readiness);
    Router::new().route("/healthz", get(show_health)).merge(metrics).merge(readiness)
}

async fn show_metrics(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text()).into_response()
}

async fn show_health() -> Response {
    Json(serde_json::json!({ "status": "ok" })).into_response()
}

async fn show_readiness(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

/// Makes "connected to the bus" a condition of `readiness`, for as long as the bus is there. The condition stands when
/// this returns: a process must not be ready for the moment before the returned task gets its turn.
pub fn follow_bus(
    mut connected: watch::Receiver<bool>,
    readiness: Readiness,
) -> impl Future<Output = ()> + Send + 'static {
    let show = move |connected: bool| {
        let state = if connected { Ok(()) } else { Err("not connected to NATS".to_owned()) };
        readiness.set("event_bus", state);
    };
    show(*connected.borrow_and_update());
    async move {
        while connected.changed().await.is_ok() {
            show(*connected.borrow_and_update());
        }
    }
}

/// Makes the stream of events a condition of `readiness`, for as long as the bus is there. The condition stands when this
/// returns.
pub fn follow_stream(
    mut health: watch::Receiver<StreamHealth>,
    readiness: Readiness,
) -> impl Future<Output = ()> + Send + 'static {
    const CONDITION: &str = "event_stream";
    let show = move |health: &StreamHealth| match (&health.unusable, health.degraded()) {
        (Some(why), _) => readiness.set(CONDITION, Err(why.clone())),
        (None, Some(why)) => readiness.degrade(CONDITION, why),
        (None, None) => readiness.set(CONDITION, Ok(())),
    };
    show(&health.borrow_and_update());
    async move {
        while health.changed().await.is_ok() {
            show(&health.borrow_and_update());
        }
    }
}

/// Serves [`router`] on a listener of its own, for a process that serves nothing else over HTTP, until the shutdown begins.
pub async fn serve(listener: TcpListener, metrics: Metrics, readiness: Readiness, shutdown: Shutdown) {
    let serving = axum::serve(Limited::new(listener), router(metrics, readiness))
        .with_graceful_shutdown(async move { shutdown.begun().await });
    if let Err(error) = serving.await {
        tracing::warn!(%error, "/metrics, /healthz and /readyz are not served any more");
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: Router, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_means_that_no_condition_is_unmet() {
        let readiness = Readiness::new();
        let router = router(Metrics::new(), readiness.clone());
        assert_eq!(ask(router.clone(), "/readyz").await.0, StatusCode::OK);

        readiness.set("bus", Err("not connected".to_owned()));
        readiness.set("directives", Ok(()));
        readiness.degrade("sources", "wise is away".to_owned());
        let (status, body) = ask(router.clone(), "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let report: Value = serde_json::from_str(&body).unwrap();
        let expected = json!({ "ready": false, "met": ["directives"],
            "degraded": { "sources": "wise is away" }, "unmet": { "bus": "not connected" } });
        assert_eq!(report, expected);

        readiness.set("bus", Ok(()));
        assert_eq!(ask(router.clone(), "/readyz").await.0, StatusCode::OK);
        readiness.set("bus", Err("gone".to_owned()));
        readiness.clear("bus");
        assert_eq!(ask(router, "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_bus_is_a_condition_from_the_start() {
        let readiness = Readiness::new();
        let (sender, connected) = watch::channel(false);
        let following = follow_bus(connected, readiness.clone());
        assert!(!readiness.report().ready, "before anything of it has run");
        sender.send(true).unwrap();
        drop(sender);
        following.await;
        assert!(readiness.report().ready);
    }

    #[tokio::test]
    async fn the_stream_is_a_condition_with_three_states() {
        let readiness = Readiness::new();
        let unusable = StreamHealth { unusable: Some("waiting".to_owned()), ..StreamHealth::default() };
        let (sender, health) = watch::channel(unusable);
        let following = follow_stream(health, readiness.clone());
        assert_eq!(readiness.report().unmet["event_stream"], "waiting");
        let lossy = StreamHealth { lost: Some("7 events".to_owned()), ..StreamHealth::default() };
        sender.send(lossy).unwrap();
        drop(sender);
        following.await;
        assert_eq!(readiness.report().degraded["event_stream"], "7 events");
        let (_sender, well) = watch::channel(StreamHealth::default());
        drop(follow_stream(well, readiness.clone()));
        assert_eq!(readiness.report().met, ["event_stream"]);
    }

    #[tokio::test]
    async fn metrics_and_health_are_served() {
        let metrics = Metrics::new();
        metrics.counter("dsiem_x", "X").inc();
        let router = router(metrics, Readiness::new());
        let (status, body) = ask(router.clone(), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("dsiem_x_total 1"), "{body}");
        assert_eq!(ask(router, "/healthz").await, (StatusCode::OK, r#"{"status":"ok"}"#.to_owned()));
    }
}
