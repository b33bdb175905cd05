//! How NATS and its stream are, for a person who looks at the installation.

use std::time::Duration;

use async_nats::Client;
use tokio::time::Instant;
use tracing::debug;

use super::link::Link;
use super::stream::{self, NodeState, Ways};
use crate::bus::{BusKind, BusState};
use crate::clock::Clock;

/// How long nobody is asked again how far backends are, once that was not answered: usually we may not, and the server
/// writes each refusal down.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Looks at NATS.
#[derive(Debug)]
pub struct StateView {
    pub(super) link: Link,
    /// None: events are never kept.
    pub(super) ways: Option<Ways>,
    pub(super) node_expiry: Duration,
    pub(super) clock: Clock,
    /// Until when it is not asked how far backends are.
    pub(super) not_before: Option<Instant>,
}

impl StateView {
    /// How it is now.
    pub(in crate::bus) async fn look(&mut self) -> BusState {
        let mut state = BusState { kind: BusKind::Nats, ..BusState::default() };
        if let Some(ways) = &self.ways {
            let health = ways.health().borrow().clone();
            state.durable = health.unusable.is_none() && health.not_kept.is_none();
            state.detail = health.unusable.clone().or_else(|| health.degraded());
        }
        let Some(client) = self.link.connected_client().cloned() else { return state };
        state.connected = true;
        if state.durable && self.ways.is_some() {
            match stream::kept(&client).await {
                Ok(kept) => state.kept = Some(kept),
                Err(error) => debug!(%error, "the stream does not say how full it is"),
            }
            state.readers = self.readers(&client).await;
        }
        state
    }

    async fn readers(&mut self, client: &Client) -> Vec<NodeState> {
        if self.not_before.is_some_and(|time| Instant::now() < time) {
            return Vec::new();
        }
        match stream::list_nodes(client, self.node_expiry, &self.clock).await {
            Ok(readers) => readers,
            Err(error) => {
                debug!(%error, "the stream does not say how far backends are");
                self.not_before = Some(Instant::now() + ASK_AGAIN);
                Vec::new()
            }
        }
    }
}
