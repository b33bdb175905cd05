//! Reports of processes over NATS: plain messages that nothing keeps.

use futures::StreamExt;
use tokio::sync::mpsc;
use tracing::debug;

use super::NODES_SUBJECT;
use super::link::Link;
use crate::metrics::CounterBy;
use crate::nodes::{NodeReport, Unreadable};
use crate::shutdown::Shutdown;

/// Sends reports to every frontend on the bus.
#[derive(Clone, Debug)]
pub struct ReportPublisher {
    link: Link,
}

impl ReportPublisher {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }

    /// Sends a report; without a connection it is dropped, since the next one says more. One that is too large for the
    /// server goes without its list of directives.
    pub(in crate::bus) async fn send(&self, report: &NodeReport) {
        let Some(client) = self.link.connected_client() else { return };
        let mut payload = report.to_json();
        if payload.len() > self.link.max_message_bytes() {
            let mut shorter = report.clone();
            shorter.backlogs.iter_mut().for_each(|backlogs| backlogs.by_directive.clear());
            payload = shorter.to_json();
        }
        if let Err(error) = client.publish(NODES_SUBJECT, payload.into()).await {
            debug!(%error, "a report of this process was not sent");
        }
    }
}

/// Starts to hear the reports of everyone; ends when nobody takes them any more.
pub(super) fn listen(link: &Link, here: mpsc::Sender<NodeReport>, refused: CounterBy, shutdown: &Shutdown) {
    let link = link.clone();
    shutdown.spawn_service("node reports of others", async move {
        tokio::select! {
            () = here.closed() => {}
            () = forward(&link, &here, &refused) => {}
        }
    });
}

async fn forward(link: &Link, here: &mpsc::Sender<NodeReport>, refused: &CounterBy) {
    let client = link.client().await;
    let mut reports = match client.subscribe(NODES_SUBJECT).await {
        Ok(reports) => reports,
        Err(error) => return debug!(%error, "the NATS client is closed"),
    };
    while let Some(message) = reports.next().await {
        let reason = match NodeReport::from_json(&message.payload) {
            Ok(report) => match here.try_send(report) {
                Ok(()) => continue,
                Err(_) => "queue_full",
            },
            Err(Unreadable::TooLarge) => "too_large",
            Err(Unreadable::Nobodys) => "unreadable",
        };
        refused.with(reason).inc();
        debug!(reason, "a report of a process was not taken");
    }
}
