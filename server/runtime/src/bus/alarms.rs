//! How alarms get from backends to whoever keeps them: the documents, and the events that were counted for them.
//!
//! A backend puts groups of messages into a bounded queue ([`queue`]), which makes it wait when it is full. In one process
//! the other end of that queue is what the keeper reads; between processes a task publishes what comes out of it. Either
//! way a group is confirmed once it no longer depends on this process: stored by the keeper, or taken by a bus that keeps
//! it. Nothing is promised of order beyond that of the queue, and anything may come twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::nats::AlarmReader;
use crate::metrics::{Gauge, Metrics};

/// How many groups may wait; full, publishing waits.
pub const GROUPS_WAITING: usize = 16;

/// A group is cut when it has so many bytes; one message may make it larger.
pub const GROUP_BYTES: usize = 1 << 20;

/// How many messages one batch has at most, beyond what is in its last group.
const BATCH_MESSAGES: usize = 2_048;

/// What goes over the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmMessage {
    /// An alarm document with what is known beside it: a JSON object.
    Update(Bytes),
    /// Events that were counted for stages of alarms: a JSON object a line.
    Events(Bytes),
}

impl AlarmMessage {
    /// What it says.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        match self {
            Self::Update(payload) | Self::Events(payload) => payload,
        }
    }
}

/// The end of the bus in a backend. Clones put into the same queue.
#[derive(Clone, Debug)]
pub struct AlarmPublisher {
    groups: mpsc::Sender<Vec<AlarmMessage>>,
    confirmation: Confirmation,
    waiting: Gauge,
}

/// Tells when what was published no longer depends on this process.
#[derive(Clone, Debug)]
pub struct Confirmation {
    published: Arc<AtomicU64>,
    confirmed: watch::Receiver<u64>,
}

/// The other end: takes groups out, in their order, and confirms them.
#[derive(Debug)]
pub struct AlarmQueue {
    groups: mpsc::Receiver<Vec<AlarmMessage>>,
    confirmed: watch::Sender<u64>,
    waiting: Gauge,
}

/// Nobody is there any more to take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes alarms from the bus any more")]
pub struct NobodyTakesThem;

/// Both ends of a queue of alarms.
#[must_use]
pub fn queue(metrics: &Metrics) -> (AlarmPublisher, AlarmQueue) {
    let (sender, groups) = mpsc::channel(GROUPS_WAITING);
    let (confirmed, confirmed_so_far) = watch::channel(0);
    let confirmation = Confirmation { published: Arc::default(), confirmed: confirmed_so_far };
    let waiting = metrics
        .gauge("dsiem_alarm_feed_queue_length", "Groups of messages about alarms that wait for the bus");
    let publisher = AlarmPublisher { groups: sender, confirmation, waiting: waiting.clone() };
    (publisher, AlarmQueue { groups, confirmed, waiting })
}

impl AlarmPublisher {
    /// Puts a group into the queue; waits while that is full.
    ///
    /// # Errors
    /// When nobody will take it.
    pub async fn publish(&self, group: Vec<AlarmMessage>) -> Result<(), NobodyTakesThem> {
        self.count();
        self.groups.send(group).await.map_err(|_| NobodyTakesThem)
    }

    /// The same for a thread, which it blocks.
    ///
    /// # Errors
    /// When nobody will take it.
    pub fn blocking_publish(&self, group: Vec<AlarmMessage>) -> Result<(), NobodyTakesThem> {
        self.count();
        self.groups.blocking_send(group).map_err(|_| NobodyTakesThem)
    }

    fn count(&self) {
        self.confirmation.published.fetch_add(1, Ordering::SeqCst);
        self.waiting.inc();
    }

    /// Tells of what is published here.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        self.confirmation.clone()
    }
}

impl Confirmation {
    /// Waits until everything that was published before is confirmed.
    ///
    /// # Errors
    /// When it will never be, because nobody takes it any more.
    pub async fn confirmed(&self) -> Result<(), NobodyTakesThem> {
        let published = self.published.load(Ordering::SeqCst);
        let mut confirmed = self.confirmed.clone();
        confirmed.wait_for(|confirmed| *confirmed >= published).await.map(drop).map_err(|_| NobodyTakesThem)
    }
}

impl AlarmQueue {
    /// The next groups, one at least; `None`: no more will come. May be cancelled without loss.
    pub async fn next(&mut self) -> Option<(Vec<AlarmMessage>, Groups)> {
        let mut messages = self.groups.recv().await?;
        let mut groups = 1;
        while messages.len() < BATCH_MESSAGES
            && let Ok(more) = self.groups.try_recv()
        {
            messages.extend(more);
            groups += 1;
        }
        self.waiting.add(-groups);
        Some((messages, Groups(groups.unsigned_abs())))
    }

    /// Says that groups no longer depend on this process.
    pub fn confirm(&self, Groups(groups): Groups) {
        self.confirmed.send_modify(|confirmed| *confirmed += groups);
    }
}

/// So many groups, which are to be confirmed once and in the order in which they came.
#[derive(Debug)]
#[must_use = "what is not confirmed comes again after a restart"]
pub struct Groups(u64);

/// The end of the bus of whoever keeps alarms.
#[derive(Debug)]
pub enum AlarmSubscription {
    /// From this process.
    Memory(AlarmQueue),
    /// From other processes.
    Nats(Box<AlarmReader>),
}

/// Some messages, in their order.
#[derive(Debug)]
pub struct AlarmBatch {
    /// One at least.
    pub messages: Vec<AlarmMessage>,
    receipt: Receipt,
}

#[derive(Debug)]
enum Receipt {
    Groups(Groups),
    /// Where to acknowledge.
    Subjects(Vec<String>),
}

impl AlarmBatch {
    /// Whether it comes again if it is not acknowledged, and not only after a restart of the backend.
    #[must_use]
    pub fn comes_again(&self) -> bool {
        match self.receipt {
            Receipt::Groups(_) => false,
            Receipt::Subjects(_) => true,
        }
    }
}

impl AlarmSubscription {
    /// The next messages. `None`: no more will come. May be cancelled without loss.
    pub async fn next_batch(&mut self) -> Option<AlarmBatch> {
        match self {
            Self::Memory(queue) => {
                let (messages, groups) = queue.next().await?;
                Some(AlarmBatch { messages, receipt: Receipt::Groups(groups) })
            }
            Self::Nats(reader) => {
                let (messages, subjects) = reader.next().await?;
                Some(AlarmBatch { messages, receipt: Receipt::Subjects(subjects) })
            }
        }
    }

    /// Says that a batch is stored, so that it need not come again.
    pub async fn acknowledge(&mut self, batch: AlarmBatch) {
        match (self, batch.receipt) {
            (Self::Memory(queue), Receipt::Groups(groups)) => queue.confirm(groups),
            (Self::Nats(reader), Receipt::Subjects(subjects)) => reader.acknowledge(subjects).await,
            // A batch of another subscription.
            (Self::Memory(_), Receipt::Subjects(_)) | (Self::Nats(_), Receipt::Groups(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(text: &'static str) -> Vec<AlarmMessage> {
        vec![AlarmMessage::Update(Bytes::from_static(text.as_bytes()))]
    }

    #[tokio::test]
    async fn what_is_published_is_confirmed_once_it_was_taken_and_acknowledged() {
        let (publisher, queue) = queue(&Metrics::new());
        let mut subscription = AlarmSubscription::Memory(queue);
        let confirmation = publisher.confirmation();
        confirmation.confirmed().await.unwrap();
        publisher.publish(group("a")).await.unwrap();
        publisher.publish(group("b")).await.unwrap();
        let batch = subscription.next_batch().await.unwrap();
        assert_eq!(batch.messages, [group("a"), group("b")].concat());
        let mut waiting = std::pin::pin!(confirmation.confirmed());
        assert!(futures::poll!(&mut waiting).is_pending());
        subscription.acknowledge(batch).await;
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_makes_publishing_wait() {
        let (publisher, mut queue) = queue(&Metrics::new());
        for _ in 0..GROUPS_WAITING {
            publisher.publish(group("a")).await.unwrap();
        }
        let mut waiting = std::pin::pin!(publisher.publish(group("b")));
        assert!(futures::poll!(&mut waiting).is_pending());
        let (messages, _) = queue.next().await.unwrap();
        waiting.await.unwrap();
        assert!(messages.len() >= GROUPS_WAITING);
    }

    #[tokio::test]
    async fn what_nobody_takes_is_never_confirmed() {
        let (publisher, queue) = queue(&Metrics::new());
        publisher.publish(group("a")).await.unwrap();
        drop(queue);
        assert_eq!(publisher.confirmation().confirmed().await, Err(NobodyTakesThem));
        assert_eq!(publisher.publish(group("b")).await, Err(NobodyTakesThem));
    }
}
