//! A look-up service of the test's own, which speaks Wise and Nesd: as slow as the test wants, and counting who asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A running look-up service. Ends when dropped.
#[derive(Debug)]
pub struct LookUp {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// What it says about everything it is asked for; `None`: nothing is known.
    finding: Option<String>,
    state: Mutex<ServiceState>,
}

#[derive(Debug)]
struct ServiceState {
    delay: Duration,
    hits: BTreeMap<String, u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ServiceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn asked(&self, term: String) {
        let delay = {
            let mut state = self.lock();
            *state.hits.entry(term).or_default() += 1;
            state.delay
        };
        tokio::time::sleep(delay).await;
    }
}

impl LookUp {
    /// Runs from now on and knows `finding` about everything, or nothing about anything.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(finding: Option<&str>) -> Self {
        let state = Mutex::new(ServiceState { delay: Duration::ZERO, hits: BTreeMap::new() });
        let shared = Arc::new(Shared { finding: finding.map(ToOwned::to_owned), state });
        let router = Router::new().route("/wise/{ip}", get(wise)).route("/nesd", get(nesd));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("some port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let router = router.with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, shared, serving }
    }

    /// How long it takes to answer, from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// How often it was asked about a term: an address (Wise), or address:port (Nesd).
    #[must_use]
    pub fn hits(&self, term: &str) -> u64 {
        self.shared.lock().hits.get(term).copied().unwrap_or(0)
    }

    /// How often it was asked about anything.
    #[must_use]
    pub fn total_hits(&self) -> u64 {
        self.shared.lock().hits.values().sum()
    }

    /// An entry of `intel_sources` that asks it.
    #[must_use]
    pub fn wise_source(&self, name: &str) -> Value {
        let config = json!({"url": format!("{}/wise/${{ip}}", self.url)}).to_string();
        json!({"name": name, "type": "IP", "enabled": true, "plugin": "Wise", "config": config})
    }

    /// An entry of `vuln_sources` that asks it.
    #[must_use]
    pub fn nesd_source(&self, name: &str) -> Value {
        let config = json!({"url": format!("{}/nesd?ip=${{ip}}&port=${{port}}", self.url)}).to_string();
        json!({"name": name, "type": "IP", "enabled": true, "plugin": "Nesd", "config": config})
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn wise(State(shared): State<Arc<Shared>>, Path(ip): Path<String>) -> String {
    shared.asked(ip).await;
    match &shared.finding {
        // Wise answers in JavaScript, not in JSON.
        Some(text) => format!("[{{field: \"tags\", len: {}, value: \"{text}\"}}]\n", text.len() + 1),
        None => "[]\n".to_owned(),
    }
}

async fn nesd(State(shared): State<Arc<Shared>>, Query(query): Query<BTreeMap<String, String>>) -> String {
    let part = |key: &str| query.get(key).cloned().unwrap_or_default();
    shared.asked(format!("{}:{}", part("ip"), part("port"))).await;
    match &shared.finding {
        Some(text) => json!([{"cve": "CVE-2014-6271", "risk": "High", "name": text}]).to_string(),
        None => "no vulnerability found\n".to_owned(),
    }
}
