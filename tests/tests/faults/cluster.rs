//! A frontend and a backend on a NATS server with JetStream, which accept nothing that is not kept.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::NatsServer;

use crate::campaign::{Campaign, Sent, directives};
use crate::recovery::Recovery;
use crate::written::Written;

/// The flags of whoever has to keep everything, and writes down soon how far it is.
pub(crate) const DURABLE: &str = "--durability require --checkpoint-interval 1";

/// The whole of it.
pub(crate) struct Cluster {
    /// The bus, which keeps its files until the end.
    pub(crate) nats: NatsServer,
    /// The only way in.
    pub(crate) frontend: Node,
    /// The only way out.
    pub(crate) backend: Node,
}

impl Cluster {
    /// Runs, and is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// The same, with more for the backend.
    pub(crate) async fn start_with(backend: Setup) -> Self {
        let nats = NatsServer::with_jetstream().await;
        let setup = Setup::default().with_default_assets().directives_of("be-1", &directives());
        let frontend = Node::frontend(&nats, "fe-1", setup.flags("--durability require")).await;
        let backend = Node::launch_backend(&nats, frontend.http.url(), "be-1", backend.flags(DURABLE)).await;
        backend.wait_ready().await;
        Self { nats, frontend, backend }
    }

    /// Begins to attack it.
    pub(crate) fn attack(&self) -> Campaign {
        Campaign::begin(&self.frontend.http)
    }

    /// Waits until frontend and backend are ready, and everything is counted; a round is over then.
    pub(crate) async fn recover(&self, since: Instant, campaign: &Campaign, recovery: &mut Recovery) {
        self.frontend.wait_ready().await;
        self.backend.wait_ready().await;
        recovery.ready(since);
        recovery.caught_up(since, campaign, &Written::by(&self.backend)).await;
    }

    /// Ends the attacks and makes sure that each event was counted once.
    pub(crate) async fn check(&self, campaign: Campaign, recovery: &Recovery) -> Sent {
        let sent = campaign.end().await;
        sent.check(&Written::by(&self.backend)).await;
        recovery.show(&sent);
        sent
    }

    /// Stops both in order.
    pub(crate) async fn stop(mut self) {
        self.frontend.stop().await;
        self.backend.stop().await;
    }
}
