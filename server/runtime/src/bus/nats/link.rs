//! Whether there is a connection, told to everyone who must know, and logged once for each change.
//!
//! The client library keeps the connection up; this watches it. Its notices may get lost when there are many, so the
//! state is also looked at from time to time.

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Event};
use tokio::sync::{SetOnce, mpsc, watch};
use tracing::{info, warn};

use super::generation;
use crate::metrics::{Counter, Gauge, Metrics};

/// A change whose notice got lost is seen after this time.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The connection as its users see it. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Link {
    client: Arc<SetOnce<Client>>,
    connected: watch::Receiver<bool>,
}

/// The other end of a [`Link`], for the task that watches the connection.
#[derive(Debug)]
pub(super) struct LinkEnds {
    client: Arc<SetOnce<Client>>,
    connected: watch::Sender<bool>,
    shown: Gauge,
    disconnects: Counter,
}

/// A link without a client yet.
pub(super) fn new(metrics: &Metrics) -> (Link, LinkEnds) {
    let client = Arc::new(SetOnce::new());
    let (sender, connected) = watch::channel(false);
    let shown = metrics.gauge("dsiem_bus_connected", "Whether there is a connection to NATS (1) or not (0)");
    let disconnects = metrics.counter("dsiem_bus_disconnects", "Connections to NATS that were lost");
    let ends = LinkEnds { client: client.clone(), connected: sender, shown, disconnects };
    (Link { client, connected }, ends)
}

impl Link {
    /// The client, as soon as there is one. It may not be connected.
    pub(super) async fn client(&self) -> Client {
        self.client.wait().await.clone()
    }

    /// The client, if it has a connection right now.
    pub(super) fn connected_client(&self) -> Option<&Client> {
        // The client knows of a lost connection before the watcher does, and the watcher of a new one that is in use.
        let client = self.client.get().filter(|_| *self.connected.borrow())?;
        (client.connection_state() == State::Connected).then_some(client)
    }

    /// What the server takes as one message, headers included; the usual until a server has said.
    pub(super) fn max_message_bytes(&self) -> usize {
        const USUAL: usize = 1024 * 1024;
        self.client.get().map_or(USUAL, Client::max_payload)
    }

    /// Whether there is a connection, and when that changes. A connection that is replaced by another at once counts
    /// as a change too.
    pub(super) fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }
}

/// The task of the connection. Ends when nobody has the [`Link`] any more.
pub(super) async fn watch_client(
    client: Client,
    mut notices: mpsc::Receiver<Event>,
    url: String,
    ends: LinkEnds,
) {
    info!(url, "connecting to NATS");
    ends.client.set(client.clone()).ok(); // there is one task, and it sets it once
    let mut watcher = Watcher::default();
    let mut told = None;
    loop {
        let seen = (client.connection_state() == State::Connected).then(|| generation(&client));
        let change = watcher.look(seen);
        if change.is_some() {
            told = None;
        }
        announce(change, &url, &ends);
        let notice = tokio::select! {
            () = ends.connected.closed() => return,
            notice = notices.recv() => notice,
            () = tokio::time::sleep(LOOK_EVERY) => None,
        };
        warn_once(notice, &url, &mut told);
    }
}

fn announce(change: Option<Change>, url: &str, ends: &LinkEnds) {
    let Some(change) = change else { return };
    if matches!(change, Change::Lost | Change::Replaced) {
        ends.disconnects.inc();
        ends.shown.set(0);
        ends.connected.send_replace(false);
        warn!(url, "connection to NATS lost, connecting again");
    }
    if matches!(change, Change::Connected | Change::Replaced) {
        ends.shown.set(1);
        ends.connected.send_replace(true);
        info!(url, "connected to NATS");
    }
}

/// Logs what the library or the server complains about, but not the same again and again for each attempt.
fn warn_once(notice: Option<Event>, url: &str, told: &mut Option<String>) {
    let complaint = match notice {
        Some(Event::ServerError(error)) => error.to_string(),
        Some(Event::ClientError(error)) => error.to_string(),
        Some(event @ (Event::LameDuckMode | Event::SlowConsumer(_))) => event.to_string(),
        _ => return,
    };
    if told.as_ref() != Some(&complaint) {
        warn!(url, reason = complaint, "NATS has a problem");
        *told = Some(complaint);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Connected,
    Lost,
    /// Lost and connected again between two looks.
    Replaced,
}

/// Finds changes in what is seen of the connection: its generation, if there is one.
#[derive(Debug, Default)]
struct Watcher {
    connected: bool,
    /// The newest generation that was ever seen.
    newest: u64,
}

impl Watcher {
    fn look(&mut self, seen: Option<u64>) -> Option<Change> {
        // A connection that was lost does not come back: it is only that the state is ahead of its number.
        let fresh = seen.filter(|generation| *generation > self.newest);
        let change = match (self.connected, seen, fresh) {
            (true, None, _) => Change::Lost,
            (true, _, Some(_)) => Change::Replaced,
            (false, _, Some(_)) => Change::Connected,
            _ => return None,
        };
        self.connected = change != Change::Lost;
        self.newest = fresh.unwrap_or(self.newest);
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_seen_once() {
        let mut watcher = Watcher::default();
        let looks = [None, Some(1), Some(1), None, None, Some(1), Some(2), Some(4), Some(4)];
        let changes: Vec<_> = looks.iter().map(|seen| watcher.look(*seen)).collect();
        let (connected, lost, replaced) =
            (Some(Change::Connected), Some(Change::Lost), Some(Change::Replaced));
        assert_eq!(changes, [None, connected, None, lost, None, None, connected, replaced, None]);
    }

    #[test]
    fn the_same_complaint_is_not_repeated() {
        let complaint =
            |text: &str| Some(Event::ClientError(async_nats::ClientError::Other(text.to_owned())));
        let mut told = None;
        warn_once(complaint("a"), "", &mut told);
        assert_eq!(told.as_deref(), Some("nats: a"));
        warn_once(Some(Event::Connected), "", &mut told);
        assert_eq!(told.as_deref(), Some("nats: a"), "the next same one is still the same");
    }
}
