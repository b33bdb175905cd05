//! Whole installations out of the real programs: each node in a home of its own, on free ports.
//!
//! A [`Node`] is one of the programs with its folder. It can be stopped or killed and started again in the same folder
//! and on the same port, with the same arguments or others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Http;
use crate::nats::{EVENTS, NatsServer};
use crate::ports;
use crate::process::{Binary, Program};
use crate::wait::{DEADLINE, wait_until};

/// How many ports are tried before giving up.
const ATTEMPTS: usize = 5;

/// What a node is started with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    files: Vec<(String, Vec<u8>)>,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
    /// Names in the home and where they lead.
    links: Vec<(String, PathBuf)>,
}

impl Setup {
    /// Directives in `directives_test.json`, and a network where 10.0.0.0/8 is home and worth 5.
    #[must_use]
    pub fn new(directives: &Value) -> Self {
        Self::default().with_default_assets().file("directives_test.json", directives)
    }

    /// The directives of one backend of a cluster, for its frontend; may be repeated for several backends.
    #[must_use]
    pub fn directives_of(self, node: &str, directives: &Value) -> Self {
        self.file(&format!("directives_{node}.json"), directives)
    }

    /// 10.0.0.0/8 is home and worth 5.
    #[must_use]
    pub fn with_default_assets(self) -> Self {
        self.file(
            "assets_test.json",
            &json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]}),
        )
    }

    /// A file in the configs folder; a later one takes the place of an earlier one of the same name.
    #[must_use]
    pub fn file(self, name: &str, content: &Value) -> Self {
        self.raw_file(name, content.to_string())
    }

    /// A file in the configs folder that need not be JSON.
    #[must_use]
    pub fn raw_file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(existing, _)| existing != name);
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// Words behind `serve`, separated by blanks.
    #[must_use]
    pub fn flags(mut self, words: &str) -> Self {
        self.flags.extend(words.split_whitespace().map(ToOwned::to_owned));
        self
    }

    /// A variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Words before the program, which are to become it: what `exec`s its last arguments.
    #[must_use]
    pub fn wrapped_in(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// What is called `name` in the home is elsewhere.
    #[must_use]
    pub fn link(mut self, name: &str, target: &Path) -> Self {
        self.links.push((name.to_owned(), target.to_owned()));
        self
    }
}

/// One of the programs with its folder. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    /// The process.
    pub program: Program,
    /// Its HTTP; a backend's is only for metrics and health.
    pub http: Http,
    plan: Plan,
    home: Arc<TempDir>,
}

/// How a node is started, again and again.
#[derive(Debug, Clone)]
struct Plan {
    kind: Kind,
    name: String,
    setup: Setup,
}

#[derive(Debug, Clone)]
enum Kind {
    Standalone,
    Frontend { nats: String },
    Backend { nats: String, frontend: String },
}

impl Kind {
    fn binary(&self) -> Binary {
        match self {
            Self::Standalone => Binary::Dsiem,
            Self::Frontend { .. } => Binary::Frontend,
            Self::Backend { .. } => Binary::Backend,
        }
    }

    /// The words behind `serve` that only depend on the kind.
    fn words(&self, node: &str, port: u16) -> Vec<String> {
        let listen = format!("-a 127.0.0.1 -p {port}");
        let words = match self {
            Self::Standalone => listen,
            Self::Frontend { nats } => format!("-n {node} --msq {nats} {listen}"),
            Self::Backend { nats, frontend } => {
                format!("-n {node} --msq {nats} -f {frontend} --metrics-address 127.0.0.1:{port}")
            }
        };
        words.split_whitespace().map(ToOwned::to_owned).collect()
    }
}

impl Node {
    /// `dsiem serve`, ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn standalone(setup: Setup) -> Self {
        let node = Self::launch(Kind::Standalone, "dsiem", setup).await;
        node.wait_ready().await;
        node
    }

    /// `dsiem-frontend serve`, ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn frontend(nats: &NatsServer, name: &str, setup: Setup) -> Self {
        let node = Self::launch_frontend(nats, name, setup).await;
        node.wait_ready().await;
        node
    }

    /// `dsiem-frontend serve`, alive, where NATS need not be there yet.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn launch_frontend(nats: &NatsServer, name: &str, setup: Setup) -> Self {
        Self::launch(Kind::Frontend { nats: nats.url() }, name, setup).await
    }

    /// `dsiem-backend serve`, ready and hearing events.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn backend(nats: &NatsServer, frontend: &Node, name: &str, setup: Setup) -> Self {
        let node = Self::launch_backend(nats, frontend.http.url(), name, setup).await;
        node.wait_hearing(nats).await;
        node
    }

    /// `dsiem-backend serve`, alive, where neither frontend nor NATS need be there yet.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn launch_backend(nats: &NatsServer, frontend: &str, name: &str, setup: Setup) -> Self {
        let kind = Kind::Backend { nats: nats.url(), frontend: frontend.to_owned() };
        Self::launch(kind, name, setup).await
    }

    /// `dsiem-backend serve` that is to end by itself: started, and not waited for.
    ///
    /// # Panics
    /// When it cannot be started at all.
    #[must_use]
    pub fn doomed_backend(nats: &NatsServer, frontend: &str, name: &str, setup: Setup) -> Self {
        let kind = Kind::Backend { nats: nats.url(), frontend: frontend.to_owned() };
        let home = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Self::spawn(Plan { kind, name: name.to_owned(), setup }, home, ports::free())
    }

    /// A second process of the same name in the same home, alive.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn launch_beside(&self) -> Self {
        Self::launch_plan(self.plan.clone(), self.home.clone()).await
    }

    async fn launch(kind: Kind, name: &str, setup: Setup) -> Self {
        let home = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Self::launch_plan(Plan { kind, name: name.to_owned(), setup }, home).await
    }

    async fn launch_plan(plan: Plan, home: Arc<TempDir>) -> Self {
        let name = plan.name.clone();
        for _ in 0..ATTEMPTS {
            let mut node = Self::spawn(plan.clone(), home.clone(), ports::free());
            if node.is_alive().await {
                return node;
            }
            assert!(node.program.log().contains("cannot listen"), "{name} ended instead of serving");
        }
        panic!("{name} cannot listen on any of {ATTEMPTS} ports");
    }

    fn spawn(plan: Plan, home: Arc<TempDir>, port: u16) -> Self {
        for (file, content) in &plan.setup.files {
            write_config(home.path(), file, content);
        }
        for (name, target) in &plan.setup.links {
            let path = home.path().join(name);
            if !path.is_symlink() {
                let folder = path.parent().expect("it is below the home");
                std::fs::create_dir_all(folder).expect("a folder of the test's own");
                std::os::unix::fs::symlink(target, path).expect("a link of the test's own");
            }
        }
        let mut words = vec!["serve".to_owned()];
        words.extend(plan.kind.words(&plan.name, port));
        words.extend(["--home".to_owned(), home.path().display().to_string()]);
        words.extend(plan.setup.flags.iter().cloned());
        let wrapper = &plan.setup.wrapper;
        let environment = plan.setup.environment.clone();
        let program = Program::start_in(wrapper, plan.kind.binary(), &plan.name, words, environment);
        let http = Http::new(&format!("http://127.0.0.1:{port}"));
        Self { program, http, plan, home }
    }

    /// Waits until it answers; false if it ends before.
    async fn is_alive(&mut self) -> bool {
        let begun = tokio::time::Instant::now();
        loop {
            if self.http.try_get("/healthz").await.is_ok_and(|answer| answer.status == 200) {
                // Somebody else's server on the same port would answer as well.
                return self.program.is_running();
            }
            if !self.program.is_running() {
                return false;
            }
            assert!(begun.elapsed() < DEADLINE, "{} does not answer", self.plan.name);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Panics
    /// When it does not.
    pub async fn wait_ready(&self) {
        wait_until(&format!("{} to be ready", self.plan.name), || self.http.is_ready()).await;
    }

    /// Waits until it is ready and `nats` would give it an event.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn wait_hearing(&self, nats: &NatsServer) {
        self.wait_ready().await;
        nats.wait_for_subscriber(&self.plan.name, EVENTS).await;
    }

    /// Stops it in the orderly way.
    ///
    /// # Panics
    /// When it does not end with exit code 0.
    pub async fn stop(&mut self) {
        self.program.sigterm();
        let code = self.program.wait_exit().await;
        assert_eq!(code, 0, "the exit code of {}", self.plan.name);
    }

    /// Starts it again in the same folder and on the same port, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_again(&mut self) {
        let mut node = Self::spawn(self.plan.clone(), self.home.clone(), self.http.port());
        assert!(node.is_alive().await, "{} ended instead of serving again", self.plan.name);
        *self = node;
    }

    /// Starts it again with other files, flags and environment, and waits until it answers. Files of before stay.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn start_again_with(&mut self, setup: Setup) {
        self.plan.setup = setup;
        self.start_again().await;
    }

    /// The folder of its folders.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A path below its home.
    #[must_use]
    pub fn path(&self, below_home: &str) -> PathBuf {
        self.home.path().join(below_home)
    }

    /// Writes a file into its configs folder, beside the running program.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_config(&self, name: &str, content: &Value) {
        write_config(self.home.path(), name, content.to_string().as_bytes());
    }
}

fn write_config(home: &Path, name: &str, content: &[u8]) {
    let folder = home.join("configs");
    std::fs::create_dir_all(&folder).expect("a folder of the test's own");
    std::fs::write(folder.join(name), content).expect("a file of the test's own");
}
