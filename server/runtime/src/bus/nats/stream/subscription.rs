//! Receives what the stream keeps, or, on a connection without one, what core NATS delivers. Never both at once.
//!
//! A task reads the stream into a queue and waits while that is full: nothing is dropped, since what is not read is still
//! in the stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::nodes::Progress;
use super::reader::{Reader, Stored};
use super::ways::{Way, Ways};
use crate::bus::nats::link::Link;
use crate::bus::nats::subscription::{self as core, CaughtUp, MAX_QUEUE, promised};
use crate::bus::{Batch, MARK_INTERVAL, Position};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;

/// What a subscription is made of and with.
#[derive(Clone, Debug)]
pub(in crate::bus::nats) struct Parts {
    pub(in crate::bus::nats) link: Link,
    pub(in crate::bus::nats) ways: Ways,
    pub(in crate::bus::nats) node: String,
    pub(in crate::bus::nats) max_queue: usize,
    /// See [`super::StreamOptions`].
    pub(in crate::bus::nats) node_expiry: Duration,
    /// See [`super::StreamOptions`].
    pub(in crate::bus::nats) replicas: usize,
    pub(in crate::bus::nats) clock: Clock,
    pub(in crate::bus::nats) metrics: Metrics,
    pub(in crate::bus::nats) shutdown: Shutdown,
}

/// See [`crate::bus::EventSubscription`].
#[derive(Debug)]
pub struct DurableSubscription {
    parts: Parts,
    /// While the way is core NATS, and until everything that came by it has been taken.
    core: Option<core::Subscription>,
    queue: mpsc::Receiver<Stored>,
    /// Messages of another stream than those before them: the next batch.
    held_back: VecDeque<Stored>,
    caught_up: Arc<CaughtUp>,
    acknowledged: Arc<watch::Sender<Option<Position>>>,
    closing: CancellationToken,
}

/// See [`crate::bus::Acknowledger`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StreamAcknowledger(Arc<watch::Sender<Option<Position>>>);

impl StreamAcknowledger {
    /// See [`crate::bus::Acknowledger::acknowledge`].
    pub(in crate::bus) fn acknowledge(&self, position: Position) {
        self.0.send_if_modified(|held| match held {
            // A place of another stream is of one that is gone, or of one that the reader does not know yet.
            Some(held) if held.stream == position.stream && held.sequence < position.sequence => {
                held.sequence = position.sequence;
                true
            }
            _ => false,
        });
    }
}

impl Parts {
    /// Receives by core NATS, if that is the way, until the stream is, or until `closing`. While the way of a new
    /// connection is being decided it goes on: others may have decided already, and send.
    fn start_core(&self, closing: &CancellationToken) -> Option<core::Subscription> {
        let mut ways = self.ways.watch();
        if self.ways.now() != Way::Core {
            return None;
        }
        let core = core::start(&self.link, self.max_queue, self.clock.clone(), &self.metrics, &self.shutdown);
        let (ending, closing) = (core.closing(), closing.clone());
        self.shutdown.spawn_service("way of events", async move {
            tokio::select! {
                _ = ways.wait_for(|(way, _)| *way == Way::Stream) => {}
                () = closing.cancelled() => {}
                () = ending.cancelled() => {}
            }
            ending.cancel();
        });
        Some(core)
    }
}

/// Starts the reading task, which goes on behind `resume`; it ends when the subscription is closed or dropped.
pub(in crate::bus::nats) fn start(parts: Parts, resume: Option<Position>) -> DurableSubscription {
    let (sender, queue) = mpsc::channel(parts.max_queue.clamp(1, MAX_QUEUE));
    let caught_up = Arc::new(CaughtUp::default());
    let acknowledged = Arc::new(watch::Sender::new(resume));
    let closing = CancellationToken::new();
    if resume.is_some() {
        parts.ways.must_be_stream();
    }
    let opened = watch::Sender::new(None);
    let progress = Progress::new(parts.clone(), &acknowledged, opened.subscribe());
    parts.shutdown.spawn_service("stream progress", progress.run());
    let reader = Reader::new(&parts, resume, sender, caught_up.clone(), &acknowledged, opened);
    parts.shutdown.spawn_service("stream reader", reader.run(closing.clone()));
    DurableSubscription {
        parts,
        core: None,
        queue,
        held_back: VecDeque::new(),
        caught_up,
        acknowledged,
        closing,
    }
}

impl DurableSubscription {
    /// See [`crate::bus::EventSubscription::next_batch`].
    pub(in crate::bus) async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        if self.core.is_none() && !self.closing.is_cancelled() {
            self.core = self.parts.start_core(&self.closing);
        }
        if let Some(core) = &mut self.core {
            if let Some(batch) = core.next_batch(max).await {
                return Some(batch);
            }
            self.core = None;
        }
        self.next_stored(max.max(1)).await
    }

    async fn next_stored(&mut self, max: usize) -> Option<Batch> {
        let mut stored = Vec::new();
        if self.held_back.is_empty() {
            if let Ok(0) = timeout(MARK_INTERVAL, self.queue.recv_many(&mut stored, max)).await {
                return None;
            }
        } else {
            stored.extend(self.held_back.drain(..max.min(self.held_back.len())));
        }
        if let Some(other) = stored.iter().position(|one| one.position.stream != stored[0].position.stream) {
            for one in stored.drain(other..).rev() {
                self.held_back.push_front(one);
            }
        }
        // Read the mark first: what was read before it was set is then either taken or still in the queue.
        let mark = self.caught_up.get();
        let reached = stored.last().map(|one| one.position);
        let last = stored.last().map(|one| one.message.received);
        let nothing_left = self.queue.is_empty() && self.held_back.is_empty();
        let drained_at = promised(mark, last, nothing_left);
        // Once the reader has had everything and nothing of it is left here; that what came since is handed out too only
        // makes it later.
        let caught_up = mark.is_some() && nothing_left;
        let messages = stored.into_iter().map(|one| one.message).collect();
        Some(Batch { messages, reached, caught_up, drained_at })
    }

    /// See [`crate::bus::EventSubscription::close`].
    pub(in crate::bus) fn close(&mut self) {
        self.closing.cancel();
    }

    /// See [`crate::bus::EventSubscription::acknowledger`].
    pub(in crate::bus) fn acknowledger(&self) -> StreamAcknowledger {
        StreamAcknowledger(self.acknowledged.clone())
    }

    /// See [`crate::bus::EventSubscription::queue_length`].
    pub(in crate::bus) fn queue_length(&self) -> usize {
        let core = self.core.as_ref().map_or(0, core::Subscription::queue_length);
        core + self.queue.len() + self.held_back.len()
    }
}

impl Drop for DurableSubscription {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
