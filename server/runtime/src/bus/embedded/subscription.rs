//! The way out of the log: straight from the thread that has stored the events, or from the file for who is behind.
//!
//! While the subscription keeps up, what is stored is sent on from memory. When too much of it is waiting, the log's
//! thread stops sending and sets `lagging`. The subscription then takes what was sent, asks for what follows, and goes
//! on asking until it has been given the last event there is; at that moment the thread begins to send again. One thread
//! decides both, so no event comes twice or not at all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::publisher::Acknowledger;
use super::shared::{Chunk, Command, Read, Shared};
use crate::bus::memory::ROOM_WAIT;
use crate::bus::{Batch, MARK_INTERVAL, Message, Position, StreamId, earlier, settled_before};
use crate::clock::Clock;

/// See [`EventSubscription`](crate::bus::EventSubscription).
#[derive(Debug)]
pub struct Subscription {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) sent: mpsc::Receiver<Chunk>,
    /// Asked of the log's thread and not answered yet; nothing may be taken from `sent` meanwhile.
    pub(super) asked: Option<oneshot::Receiver<Vec<Chunk>>>,
    /// Received but not yet returned.
    pub(super) begun: VecDeque<Chunk>,
    /// Where the next event has to come from, and its number.
    pub(super) stream: StreamId,
    pub(super) next: u64,
    /// The last event that was there when this subscription began.
    pub(super) head: Position,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
}

impl Subscription {
    /// See [`EventSubscription::next_batch`](crate::bus::EventSubscription::next_batch).
    pub(in crate::bus) async fn next_batch(&mut self, max: usize) -> Option<Batch> {
        if self.begun.is_empty() && timeout(MARK_INTERVAL, self.fetch()).await == Ok(false) {
            return None;
        }
        // Read before looking whether anything is left: what comes in between is then later than the mark.
        let now = self.clock.now();
        let (messages, reached) = self.take(max.max(1));
        let drained_at = if self.shared.is_drained() {
            Some(settled_before(now))
        } else {
            // A publisher may have waited for room with events it had stamped.
            messages.last().map(|last| earlier(settled_before(last.received), ROOM_WAIT))
        };
        let caught_up = self.stream != self.head.stream || self.next > self.head.sequence;
        Some(Batch { messages, reached, caught_up, drained_at })
    }

    /// Waits until something is begun; false when nothing more can come.
    async fn fetch(&mut self) -> bool {
        loop {
            if let Some(asked) = &mut self.asked {
                let answer = asked.await;
                self.asked = None;
                match answer {
                    Ok(chunks) => self.begun.extend(chunks),
                    // It could not be read; the log says why. Asked again in a while, if there is still somebody to ask.
                    Err(_) if !self.commands.is_closed() => std::future::pending().await,
                    Err(_) => {}
                }
            } else if let Ok(chunk) = self.sent.try_recv() {
                self.begun.push_back(chunk);
            } else if self.shared.is_lagging() {
                // What was sent before the flag was set is there by now.
                match self.sent.try_recv() {
                    Ok(chunk) => self.begun.push_back(chunk),
                    Err(_) if !self.ask().await => return false,
                    Err(_) => continue,
                }
            } else {
                match self.sent.recv().await {
                    Some(chunk) => self.begun.push_back(chunk),
                    None => return false,
                }
            }
            if !self.begun.is_empty() {
                return true;
            }
        }
    }

    /// Asks for what follows; false if nobody answers any more. What is left in the file is handed out after a restart.
    async fn ask(&mut self) -> bool {
        if self.shared.is_closed() {
            return false;
        }
        let Ok(place) = self.commands.reserve().await else { return false };
        let (answer, asked) = oneshot::channel();
        place.send(Command::Read(Read { stream: self.stream, from: self.next, answer }));
        self.asked = Some(asked);
        true
    }

    /// At most `max` messages of one stream, and the place behind them.
    fn take(&mut self, max: usize) -> (Vec<Message>, Option<Position>) {
        let mut messages = Vec::new();
        let mut reached = None;
        while messages.len() < max {
            let Some(chunk) = self.begun.front_mut() else {
                // What was asked for comes before what has been sent since.
                if self.asked.is_some() {
                    break;
                }
                match self.sent.try_recv() {
                    Ok(chunk) => self.begun.push_back(chunk),
                    Err(_) => break,
                }
                continue;
            };
            if reached.is_some_and(|reached: Position| reached.stream != chunk.stream) {
                break;
            }
            let before = messages.len();
            messages.extend(chunk.messages.by_ref().take(max - before));
            let count = messages.len() - before;
            chunk.first += count as u64;
            (self.stream, self.next) = (chunk.stream, chunk.first);
            if count > 0 {
                reached = Some(Position { stream: chunk.stream, sequence: chunk.first - 1 });
                self.shared.queued.fetch_sub(count, Ordering::SeqCst);
            }
            if chunk.messages.as_slice().is_empty() {
                self.shared.queued_bytes.fetch_sub(chunk.bytes, Ordering::SeqCst);
                self.begun.pop_front();
            }
        }
        (messages, reached)
    }

    /// See [`EventSubscription::close`](crate::bus::EventSubscription::close). What has to be read from the file comes
    /// after a restart.
    pub(in crate::bus) fn close(&mut self) {
        self.shared.close();
        self.commands.try_send(Command::Look).ok(); // full: the thread has something to look at
    }

    /// See [`EventSubscription::acknowledger`](crate::bus::EventSubscription::acknowledger).
    pub(in crate::bus) fn acknowledger(&self) -> Acknowledger {
        Acknowledger { commands: self.commands.downgrade(), shared: self.shared.clone() }
    }

    /// See [`EventSubscription::queue_length`](crate::bus::EventSubscription::queue_length).
    pub(in crate::bus) fn queue_length(&self) -> usize {
        self.shared.on_disk.load(Ordering::SeqCst) + self.shared.queued.load(Ordering::SeqCst)
    }
}

impl Drop for Subscription {
    /// Whoever publishes must not store what nobody here will read before a restart.
    fn drop(&mut self) {
        self.close();
    }
}
