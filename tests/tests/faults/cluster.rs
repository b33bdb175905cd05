//! A frontend, a backend, and a NATS server that keeps events, on loopback.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;
use tempfile::TempDir;

use crate::campaign::directives;

/// What backends of these tests are started with.
pub(crate) const BACKEND_FLAGS: &str = "--durability require --checkpoint-interval 1";

/// The parts; the server's data is in the folder.
pub(crate) struct Cluster {
    pub(crate) nats: NatsServer,
    pub(crate) frontend: Node,
    pub(crate) backend: Node,
    pub(crate) data: TempDir,
}

impl Cluster {
    /// Everyone is ready.
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let nats = NatsServer::start_with(&format!("-js -sd {}", data.path().display())).await;
        let setup = Setup::default().with_default_assets().directives_of("be-1", &directives());
        let frontend = Node::frontend(&nats, "fe-1", setup.flags("--durability require")).await;
        let backend = Setup::default().flags(BACKEND_FLAGS);
        let backend = Node::launch_backend(&nats, frontend.http.url(), "be-1", backend).await;
        backend.wait_ready().await;
        Self { nats, frontend, backend, data }
    }
}
