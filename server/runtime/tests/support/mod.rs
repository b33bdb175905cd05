//! A real nats-server for tests: on a free port, killed when the test ends, and nothing waits for ever.

use std::fs::File;
use std::future::Future;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsiem_runtime::bus::{Durability, EventPublisher, EventSubscription, Nats, NatsConfig};
use dsiem_runtime::{Clock, Metrics, Shutdown};
use tempfile::{NamedTempFile, TempDir};

// The system gives a port that nobody holds to the next who asks, also while its server is down for a while.
#[path = "../../../../tests/src/ports.rs"]
#[expect(unreachable_pub, reason = "it is public where it lives")]
mod ports;

/// Everything that a test waits for happens within this time, or the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What of its log is shown of a server that ended, in bytes: a crash names all its goroutines after the reason.
const MAX_LAST_WORDS: usize = 64 << 10;

/// How often a condition is looked at that nobody tells us of.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits for `future` and says what was waited for if it takes too long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
}

/// A nats-server of our own.
pub(crate) struct Server {
    port: u16,
    options: Vec<String>,
    /// Where JetStream keeps its files.
    store: Option<TempDir>,
    /// What it says.
    log: NamedTempFile,
    process: Option<Child>,
}

impl Server {
    /// Runs from now on.
    pub(crate) fn started() -> Self {
        Self::with_options(&[])
    }

    /// Runs from now on, with further options.
    pub(crate) fn with_options(options: &[&str]) -> Self {
        let mut server = Self::reserved();
        server.options = options.iter().map(|option| (*option).to_owned()).collect();
        server.start();
        server
    }

    /// Runs from now on, with JetStream.
    pub(crate) fn with_jetstream() -> Self {
        let mut server = Self::reserved();
        server.enable_jetstream();
        server.start();
        server
    }

    /// Has JetStream when it is started the next time.
    pub(crate) fn enable_jetstream(&mut self) {
        let store = tempfile::tempdir().unwrap();
        self.options = vec!["-js".to_owned(), "-sd".to_owned(), store.path().to_str().unwrap().to_owned()];
        self.store = Some(store);
    }

    /// JetStream's files are removed, as if on another disk; not while it runs.
    pub(crate) fn lose_store(&self) {
        std::fs::remove_dir_all(self.store_path().join("jetstream")).unwrap();
    }

    /// Copies JetStream's files; not while it runs.
    pub(crate) fn copy_store(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(self.store_path(), copy.path());
        copy
    }

    /// Puts a copy in the place of JetStream's files; not while it runs.
    pub(crate) fn restore_store(&self, copy: &TempDir) {
        self.lose_store();
        copy_tree(copy.path(), self.store_path());
    }

    fn store_path(&self) -> &Path {
        self.store.as_ref().unwrap().path()
    }

    /// Has no JetStream when it is started the next time; its files stay.
    pub(crate) fn disable_jetstream(&mut self) {
        self.options.clear();
    }

    /// Has a port, but does not run yet.
    pub(crate) fn reserved() -> Self {
        let log = NamedTempFile::new().unwrap();
        Self { port: ports::free(), options: Vec::new(), store: None, log, process: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it, again on the same port, and waits until it listens.
    pub(crate) fn start(&mut self) {
        let mut command = Command::new(program());
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]).args(&self.options);
        let log = File::options().append(true).open(self.log.path()).unwrap();
        self.process = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(begun.elapsed() < DEADLINE, "nats-server does not listen");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What became of its process, for the message of a test that fails.
    pub(crate) fn state(&mut self) -> String {
        match self.process.as_mut().map(Child::try_wait) {
            None => "it was not started".to_owned(),
            Some(Ok(None)) => "it runs".to_owned(),
            Some(ended) => format!("it ended: {ended:?}\n{}", self.last_words()),
        }
    }

    /// The end of what it said.
    fn last_words(&self) -> String {
        let log = std::fs::read(self.log.path()).unwrap();
        String::from_utf8_lossy(&log[log.len().saturating_sub(MAX_LAST_WORDS)..]).into_owned()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Freezes it: returns when every thread of it stands still, which a signal alone does not wait for.
    pub(crate) async fn freeze(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.process.as_ref().unwrap().id());
        let is_stopped = |task: std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("stat")).is_ok_and(|stat| stat.contains(") T "))
        };
        until("every thread stopped", || std::fs::read_dir(&tasks).unwrap().flatten().all(is_stopped)).await;
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}

/// System packages install it into sbin, which is not in everyone's PATH.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file());
    found.expect("these tests need nats-server; install the package of that name")
}

/// One process of ours on the bus, as far as the bus sees it.
pub(crate) struct Node {
    pub(crate) nats: Nats,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
}

impl Node {
    pub(crate) fn connecting(url: &str, name: &str) -> Self {
        Self::with_config(NatsConfig { durability: Durability::Off, ..config(url, name) })
    }

    pub(crate) fn with_config(config: NatsConfig) -> Self {
        let (metrics, shutdown) = (Metrics::new(), Shutdown::new());
        let nats = Nats::connect(config, Clock::system(), &metrics, &shutdown);
        Self { nats, metrics, shutdown }
    }

    pub(crate) async fn connected(server: &Server, name: &str) -> Self {
        let node = Self::connecting(&server.url(), name);
        node.wait_connected(true).await;
        node
    }

    pub(crate) async fn wait_connected(&self, wanted: bool) {
        let mut connected = self.nats.connected();
        let what = if wanted { "connected" } else { "not connected" };
        within(what, connected.wait_for(|connected| *connected == wanted)).await.unwrap();
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.metrics.counter(name, "").get()
    }

    pub(crate) fn dropped(&self, reason: &str) -> u64 {
        self.metrics.counter_by("dsiem_bus_events_dropped", "", "reason").with(reason).get()
    }
}

/// Everything else is as usual.
pub(crate) fn config(url: &str, name: &str) -> NatsConfig {
    NatsConfig { url: url.to_owned(), node: name.to_owned(), ..NatsConfig::default() }
}

/// Events with these texts.
pub(crate) fn events<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<Bytes> {
    texts.into_iter().map(|text| Bytes::copy_from_slice(text.as_ref().as_bytes())).collect()
}

/// Publishes probes until one arrives, so that the subscription is known to be in place. Leaves none behind.
pub(crate) async fn establish(publisher: &EventPublisher, subscription: &mut EventSubscription) {
    within("subscribed", async {
        loop {
            publisher.publish(events(["probe"])).await.unwrap();
            if !next(subscription).await.is_empty() {
                break;
            }
        }
        // What comes behind this one is not a probe any more.
        publisher.publish(events(["last probe"])).await.unwrap();
        while next(subscription).await.last().is_none_or(|text| text != "last probe") {}
    })
    .await;
}

/// The texts of the next batch, maybe none.
pub(crate) async fn next(subscription: &mut EventSubscription) -> Vec<String> {
    let batch = subscription.next_batch(1_000).await.expect("still open");
    let texts =
        batch.messages.into_iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap());
    texts.collect()
}

/// The texts of the next `count` events.
pub(crate) async fn receive(subscription: &mut EventSubscription, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    within("events", async {
        while texts.len() < count {
            texts.extend(next(subscription).await);
        }
    })
    .await;
    texts
}
