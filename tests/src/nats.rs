//! A real nats-server for one test: on a free port, to be killed and started again, gone when the test ends.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use async_nats::{Client, Subscriber};
use futures::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::ports;
use crate::wait::{DEADLINE, wait_until};

/// The subject of events.
pub const EVENTS: &str = "dsiem_events";

/// The subject of overload signals.
pub const OVERLOAD: &str = "dsiem_overload_signals";

/// How many ports are tried before giving up.
const ATTEMPTS: usize = 5;

/// A nats-server of the test's own.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    monitor: Http,
    options: Vec<String>,
    /// Where JetStream keeps its files, for as long as the server may be started again.
    store: Option<TempDir>,
    process: Option<Child>,
}

impl NatsServer {
    /// Runs from now on.
    ///
    /// # Panics
    /// When it does not start to listen.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Runs from now on, with further options that have blanks between them.
    ///
    /// # Panics
    /// When it does not start to listen.
    pub async fn start_with(options: &str) -> Self {
        for _ in 0..ATTEMPTS {
            let mut server = Self::reserved();
            server.options = options.split_whitespace().map(ToOwned::to_owned).collect();
            if server.try_start().await {
                return server;
            }
        }
        panic!("nats-server does not listen on any of {ATTEMPTS} ports");
    }

    /// Has an address, but does not run before [`start_again`](Self::start_again).
    #[must_use]
    pub fn reserved() -> Self {
        let monitor = Http::new(&format!("http://127.0.0.1:{}", ports::free()));
        Self { port: ports::free(), monitor, options: Vec::new(), store: None, process: None }
    }

    /// Runs from now on, with JetStream.
    ///
    /// # Panics
    /// When it does not start to listen.
    pub async fn with_jetstream() -> Self {
        let store = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self::start_with(&format!("-js -sd {}", store.path().display())).await;
        server.store = Some(store);
        server
    }

    /// JetStream's files are removed, whether it runs or not.
    ///
    /// # Panics
    /// When they cannot be removed, or there are none.
    pub fn lose_store(&self) {
        let store = self.store.as_ref().expect("a server with JetStream").path();
        // Gone at once: a server that runs might make new files while these are removed one by one.
        let lost = store.join("lost");
        std::fs::rename(store.join("jetstream"), &lost).expect("its files can be moved");
        std::fs::remove_dir_all(lost).expect("its files can be removed");
    }

    /// Freezes it, until [`resume`](Self::resume).
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Ends the frost.
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("kill can be run");
        assert!(sent.success(), "nats-server does not take SIG{signal}");
    }

    /// Its address, for `--msq`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("a process of ours can be killed");
            process.wait().expect("a process of ours can be waited for");
        }
    }

    /// Starts it on the port that it has, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_again(&mut self) {
        assert!(self.try_start().await, "nats-server does not listen on port {}", self.port);
    }

    /// A client of the test's own.
    ///
    /// # Panics
    /// When it cannot connect.
    pub async fn client(&self) -> Client {
        dsiem_runtime::tls::install();
        async_nats::connect(self.url()).await.expect("a running nats-server takes a client")
    }

    /// A client of the test's own that hears `subject`: everything that is published from now on.
    ///
    /// # Panics
    /// When it cannot connect or the server does not answer.
    pub async fn listen(&self, subject: &'static str) -> (Client, Subscriber) {
        let client = self.client().await;
        let heard = client.subscribe(subject).await.expect("a connected client subscribes");
        // The server handles what comes over one connection in order: once this is back, it knows of the subscription.
        let inbox = client.new_inbox();
        let mut echo = client.subscribe(inbox.clone()).await.expect("a connected client subscribes");
        publish(&client, inbox, "").await;
        tokio::time::timeout(DEADLINE, echo.next()).await.expect("the server answers").expect("it is open");
        (client, heard)
    }

    /// Waits until the process of ours with this node name hears `subject`.
    ///
    /// # Panics
    /// When it does not.
    pub async fn wait_for_subscriber(&self, node: &str, subject: &str) {
        let client = format!("dsiem {node}");
        wait_until(&format!("{client:?} to subscribe to {subject}"), || async {
            let connections = self.connections().await;
            connections.iter().any(|connection| {
                let subjects = connection["subscriptions_list"].as_array();
                connection["name"] == client.as_str()
                    && subjects.is_some_and(|subjects| subjects.iter().any(|s| s == subject))
            })
        })
        .await;
    }

    async fn connections(&self) -> Vec<Value> {
        let Ok(answer) = self.monitor.try_get("/connz?subs=1").await else { return Vec::new() };
        answer.json()["connections"].as_array().cloned().unwrap_or_default()
    }

    async fn try_start(&mut self) -> bool {
        let monitor_port = self.monitor.port().to_string();
        let mut command = Command::new(program());
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-m", &monitor_port]);
        command.args(&self.options);
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = self.process.insert(spawned.expect("nats-server can be started"));
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < DEADLINE {
            if process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    }
}

/// Publishes one message and hands it to the system.
///
/// # Panics
/// When the connection is lost.
pub async fn publish(client: &Client, subject: impl Into<String>, payload: impl Into<Vec<u8>>) {
    client.publish(subject.into(), payload.into().into()).await.expect("a connected client publishes");
    client.flush().await.expect("a connected client flushes");
}

/// The next message of a subscription.
///
/// # Panics
/// When none comes in time.
pub async fn next(subscriber: &mut Subscriber) -> Vec<u8> {
    let message = tokio::time::timeout(DEADLINE, subscriber.next()).await.expect("a message comes in time");
    message.expect("the subscription is open").payload.to_vec()
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// System packages install it into sbin, which is not in everyone's PATH.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file());
    found.expect("these tests need nats-server: run make tools")
}
