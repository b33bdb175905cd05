//! Talking HTTP to the programs, as a sender of events or an operator would.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::wait::{DEADLINE, wait_until};

/// One server, by its address.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// A header's value; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Http {
    /// A server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When the system gives no client.
    #[must_use]
    pub fn new(base: &str) -> Self {
        dsiem_runtime::tls::install();
        let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build();
        Self { client: client.expect("a client can be built"), base: base.to_owned() }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Its port.
    ///
    /// # Panics
    /// When the address has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        let port = self.base.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("the address ends with a port")
    }

    /// A request, for tests to add what they need.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// `GET`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap_or_else(|e| panic!("GET {path}: {e:?}"))
    }

    /// `GET`, where there may be nobody.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_get(&self, path: &str) -> reqwest::Result<Answer> {
        answer(self.request(Method::GET, path)).await
    }

    /// `POST` of a JSON body, right or wrong.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.try_post(path, body).await.unwrap_or_else(|e| panic!("POST {path}: {e:?}"))
    }

    /// `POST` of a JSON body, where there may be nobody.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Result<Answer> {
        answer(self.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// Posts events in one request: a list as an array, a single one as an object.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post_events(&self, events: &[Value]) -> Answer {
        self.post("/events", events_body(events)).await
    }

    /// Posts events that must all be accepted.
    ///
    /// # Panics
    /// When they are not.
    pub async fn send(&self, events: &[Value]) {
        let answer = self.post_events(events).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body.is_empty(), "not all were accepted: {}", answer.text());
    }

    /// Every metric by its name with labels, such as `dsiem_bus_events_dropped_total{reason="queue_full"}`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let text = self.get("/metrics").await.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(n, v)| Some((n.to_owned(), v.parse().ok()?)))
            .collect()
    }

    /// One metric; 0 if it is not there (yet).
    ///
    /// # Panics
    /// When there is no answer, or it is below 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are small and whole")]
    pub async fn metric(&self, name: &str) -> u64 {
        let value = self.metrics().await.get(name).copied().unwrap_or(0.0);
        assert!(value >= 0.0, "{name} is {value}");
        value as u64
    }

    /// Waits until a metric is at least `count`.
    ///
    /// # Panics
    /// When it is not in time.
    pub async fn wait_for_metric(&self, name: &str, count: u64) {
        wait_until(&format!("{name} to reach {count}"), || async { self.metric(name).await >= count }).await;
    }

    /// What `/readyz` says.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn readiness(&self) -> Value {
        self.get("/readyz").await.json()
    }

    /// Whether it is there and says that it is ready.
    pub async fn is_ready(&self) -> bool {
        self.try_get("/readyz").await.is_ok_and(|answer| answer.status == 200)
    }
}

/// The body of a request with these events.
#[must_use]
pub fn events_body(events: &[Value]) -> String {
    match events {
        [one] => one.to_string(),
        _ => Value::from(events).to_string(),
    }
}

async fn answer(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}
