//! Reports of processes on their way to whoever shows them.
//!
//! A report that finds no room is dropped and counted: the next one comes in a few seconds.

use tokio::sync::mpsc;

use super::nats;
use crate::metrics::{CounterBy, Metrics};
use crate::nodes::NodeReport;

/// Reports that may wait to be looked at; full, further ones are dropped.
pub(super) const REPORTS_WAITING: usize = 256;

/// Reports that nobody has seen, by reason.
pub(super) fn refused(metrics: &Metrics) -> CounterBy {
    let help = "Reports of processes that were not taken, by reason";
    metrics.counter_by("dsiem_node_reports_refused", help, "reason")
}

/// Where reports of this process go: to itself, to others, or both.
#[derive(Clone, Debug)]
pub struct ReportSender {
    here: Option<(mpsc::Sender<NodeReport>, CounterBy)>,
    others: Option<nats::ReportPublisher>,
}

/// Where reports come out: those of this process, and of others where there are others.
#[derive(Debug)]
pub struct ReportReceiver(mpsc::Receiver<NodeReport>);

/// A way for the reports of this process to itself.
#[must_use]
pub fn reports(metrics: &Metrics) -> (ReportSender, ReportReceiver) {
    let (sender, receiver) = mpsc::channel(REPORTS_WAITING);
    (ReportSender { here: Some((sender, refused(metrics))), others: None }, ReportReceiver(receiver))
}

impl ReportSender {
    /// To other processes only.
    pub(super) fn to_others(others: nats::ReportPublisher) -> Self {
        Self { here: None, others: Some(others) }
    }

    /// To other processes as well.
    pub(super) fn and_others(self, others: nats::ReportPublisher) -> Self {
        Self { others: Some(others), ..self }
    }

    /// Where reports of others go in.
    pub(super) fn here(&self) -> Option<mpsc::Sender<NodeReport>> {
        self.here.as_ref().map(|(sender, _)| sender.clone())
    }

    /// Sends a report. That nobody hears it is no error.
    pub async fn send(&self, report: NodeReport) {
        if let Some(others) = &self.others {
            others.send(&report).await;
        }
        if let Some((here, refused)) = &self.here
            && here.try_send(report).is_err()
        {
            refused.with("queue_full").inc();
        }
    }
}

impl ReportReceiver {
    /// The next report; `None` when no more can come. May be cancelled without loss.
    pub async fn recv(&mut self) -> Option<NodeReport> {
        self.0.recv().await
    }
}
