//! A frontend on the bus in memory, and one way to ask it something.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use dsiem_core::configuration::Readers;
use dsiem_core::time::ReceiptTime;
use dsiem_frontend::alarm_store::{Limits, Words};
use dsiem_frontend::alarms::Alarms;
use dsiem_frontend::database::Database;
use dsiem_frontend::{Choices, Config, Frontend, Parts};
use dsiem_runtime::bus::{EventSubscription, MemoryBus, OverloadSender, memory};
use dsiem_runtime::files::Home;
use dsiem_runtime::{Clock, Metrics, Readiness, Shutdown};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// When everything in these tests is received.
pub(crate) const NOW: ReceiptTime = ReceiptTime::from_secs(1_709_283_700);

/// A valid event.
pub(crate) const EVENT: &str = r#"{"event_id":"e1","timestamp":"2024-03-01T10:00:00+01:00","sensor":"s1","plugin_id":1001,"plugin_sid":2,"src_ip":"10.0.0.1","dst_ip":"10.0.0.2"}"#;

/// A valid file of assets.
pub(crate) const ASSETS: &str = r#"{"assets":[{"name":"lan","cidr":"10.0.0.0/8","value":2}]}"#;

/// A valid file of each kind.
pub(crate) const CONFIG_FILES: [(&str, &str); 4] = [
    ("assets_a.json", ASSETS),
    (
        "directives_be_a.json",
        r#"{"directives":[{"id":1,"name":"Ping from SRC_IP","kingdom":"Recon","category":"Misc","priority":3,"rules":[
            {"name":"ping","stage":1,"type":"PluginRule","plugin_id":1001,"plugin_sid":[2],"occurrence":1,"from":"ANY","to":"ANY",
             "port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":1,"timeout":0},
            {"name":"ping","stage":2,"type":"PluginRule","plugin_id":1001,"plugin_sid":[2],"occurrence":5,"from":"ANY","to":"ANY",
             "port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":5,"timeout":600}]}]}"#,
    ),
    (
        "intel_a.json",
        r#"{"intel_sources":[{"name":"w","type":"IP","enabled":true,"plugin":"Wise","config":"{\"url\":\"http://w/ip/${ip}\"}"}]}"#,
    ),
    (
        "vuln_a.json",
        r#"{"vuln_sources":[{"name":"n","type":"IP:Port","enabled":true,"plugin":"Nessus","config":"{\"url\":\"http://n/?ip=${ip}&port=${port}\"}"}]}"#,
    ),
];

/// A valid event of this id.
pub(crate) fn event(id: &str) -> String {
    EVENT.replace("\"e1\"", &format!("\"{id}\""))
}

/// The valid event without one of its fields.
pub(crate) fn without(field: &str) -> String {
    let mut event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(EVENT).unwrap();
    event.remove(field).unwrap();
    serde_json::to_string(&event).unwrap()
}

/// `content`, compressed.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// `content`, compressed.
pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

/// One request.
pub(crate) struct Asked(Request<Body>);

impl Asked {
    /// Any request.
    pub(crate) fn new(method: Method, path: &str, body: impl Into<Body>) -> Self {
        Self(Request::builder().method(method).uri(path).body(body.into()).unwrap())
    }

    /// `GET`.
    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path, "")
    }

    /// `POST`.
    pub(crate) fn post(path: &str, body: impl Sent) -> Self {
        Self::new(Method::POST, path, body.bytes())
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

/// What can be sent as a body.
pub(crate) trait Sent {
    /// Its bytes.
    fn bytes(self) -> Vec<u8>;
}

impl Sent for &str {
    fn bytes(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Sent for &String {
    fn bytes(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Sent for &[u8] {
    fn bytes(self) -> Vec<u8> {
        self.to_vec()
    }
}

impl Sent for Vec<u8> {
    fn bytes(self) -> Vec<u8> {
        self
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// The backend's end of the bus, and ours.
pub(crate) struct Bus(MemoryBus);

impl Bus {
    /// A bus for so many events.
    pub(crate) fn with_room_for(events: usize) -> Self {
        Self(memory::bus(events, Clock::simulated(NOW)))
    }
}

/// A frontend and somebody who sends to it.
pub(crate) struct Sender {
    home: TempDir,
    metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: Shutdown,
    pub(crate) subscription: EventSubscription,
    pub(crate) overload: OverloadSender,
    pub(crate) alarms: Option<Alarms>,
    router: Router,
    frontend: Frontend,
}

impl Sender {
    /// To a frontend of the usual configuration.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// To a frontend whose configuration is `changed`.
    pub(crate) fn with<T>(change: impl FnOnce(&mut Config) -> T) -> Self {
        Self::on(Bus::with_room_for(1_000_000), change)
    }

    /// The same on a bus of one's own.
    pub(crate) fn on<T>(bus: Bus, change: impl FnOnce(&mut Config) -> T) -> Self {
        Self::build(tempfile::tempdir().unwrap(), bus, None, change)
    }

    /// The same with a store of alarms, so that there is an API.
    pub(crate) fn with_alarms<T>(bus: Bus, change: impl FnOnce(&mut Config) -> T) -> Self {
        let home = tempfile::tempdir().unwrap();
        let database = Database::open_file(&home.path().join("alarms.sqlite")).unwrap();
        let alarms = Alarms::new(Arc::new(database), Limits::default(), Words::default());
        Self::build(home, bus, Some(alarms), change)
    }

    fn build<T>(
        home: TempDir,
        Bus(bus): Bus,
        alarms: Option<Alarms>,
        change: impl FnOnce(&mut Config) -> T,
    ) -> Self {
        let mut config = Config {
            home: Home::at(home.path()),
            max_body: 16 << 20,
            throttle: None,
            max_queue: 25_000,
            writable_config: false,
            readers: Readers::OneProcess,
            choices: Choices { status: vec!["Open".into()], tags: vec!["Valid Threat".into()] },
            doors: dsiem_frontend::Doors::default(),
            auth: dsiem_frontend::auth::AuthConfig::default(),
        };
        change(&mut config);
        let (metrics, readiness, shutdown) = (Metrics::new(), Readiness::new(), Shutdown::new());
        let parts = Parts {
            publisher: bus.publisher,
            overload: bus.overload_receiver,
            alarms: alarms.clone(),
            nodes: dsiem_frontend::Nodes::default(),
            clock: Clock::simulated(NOW),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            shutdown: shutdown.clone(),
        };
        let frontend = Frontend::new(config, parts);
        let (subscription, overload) = (bus.subscription, bus.overload_sender);
        Self {
            home,
            metrics,
            readiness,
            shutdown,
            subscription,
            overload,
            alarms,
            router: frontend.router(),
            frontend,
        }
    }

    /// The folder of its folders.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Puts a file below its home.
    pub(crate) fn put(&self, folder: &str, name: &str, content: &str) {
        let folder: PathBuf = self.home().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), content).unwrap();
    }

    /// Asks without a connection.
    pub(crate) async fn ask(&self, asked: Asked) -> Answer {
        let response = self.router.clone().oneshot(asked.0).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Asks, and holds the answer against a status and a part of the body.
    pub(crate) async fn check(&self, asked: Asked, status: u16, part: &str) -> Answer {
        let what = format!("{} {}", asked.0.method(), asked.0.uri());
        let answer = self.ask(asked).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
        assert!(answer.body.contains(part), "{what}: {part:?} is not in {}", answer.body);
        answer
    }

    /// What has reached the bus since the last time, as JSON.
    pub(crate) async fn published(&mut self) -> Vec<serde_json::Value> {
        let mut events = Vec::new();
        loop {
            let batch = self.subscription.next_batch(1_000).await.unwrap();
            if batch.messages.is_empty() {
                return events;
            }
            events.extend(
                batch
                    .messages
                    .iter()
                    .map(|m| serde_json::from_slice::<serde_json::Value>(&m.payload).unwrap()),
            );
        }
    }

    /// The backend goes away.
    pub(crate) fn close_bus(&mut self) {
        self.subscription.close();
    }

    /// All metrics.
    pub(crate) fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// The value of a metric as `/metrics` shows it; 0 if it is not there.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0)
    }

    /// Runs the frontend just long enough to stop in an orderly way. Returns its home.
    pub(crate) async fn stop(self) -> TempDir {
        let Self { home, shutdown, router, frontend, .. } = self;
        drop(router);
        shutdown.begin();
        frontend.run(TcpListener::bind("127.0.0.1:0").await.unwrap()).await;
        home
    }

    /// Takes it apart to run it: its home, the frontend, and what belongs to it.
    pub(crate) fn into_parts(self) -> (TempDir, Frontend, EventSubscription, Shutdown, Readiness) {
        (self.home, self.frontend, self.subscription, self.shutdown, self.readiness)
    }
}
