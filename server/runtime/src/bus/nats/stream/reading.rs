//! What is read through one consumer, and where that is acknowledged.
//!
//! To acknowledge an event, the server wants the subject that it came with. Not each of them is remembered: acknowledging
//! an event acknowledges all before it, and an older one than could be is early enough.

use std::collections::VecDeque;

use async_nats::Subject;
use tokio::time::Instant;

use super::api::StreamError;
use super::consumer::Consumer;
use crate::bus::{Position, StreamId};

/// The subject to acknowledge at is remembered for each so many events.
const ACK_POINT_EVERY: u64 = 256;

/// No more such subjects are remembered; the newest ones are left out.
const ACK_POINTS: usize = 4_096;

/// What is read through one consumer.
pub(super) struct Reading {
    pub(super) stream: StreamId,
    pub(super) consumer: Consumer,
    /// When the consumer is asked next whether there is more.
    pub(super) next_probe: Instant,
    /// Events and the subjects to acknowledge them at, in order.
    ack_points: VecDeque<(u64, Subject)>,
    /// The last event, if it is not among them.
    last: Option<(u64, Subject)>,
}

impl Reading {
    pub(super) fn new(stream: StreamId, consumer: Consumer) -> Self {
        Self { stream, consumer, next_probe: Instant::now(), ack_points: VecDeque::new(), last: None }
    }

    /// Notes that the event of this number was read, and where to acknowledge it.
    pub(super) fn note(&mut self, sequence: u64, reply: Option<Subject>) {
        let newest = self.ack_points.back().map_or(0, |(sequence, _)| *sequence);
        let point = reply.map(|reply| (sequence, reply));
        if sequence >= newest + ACK_POINT_EVERY && self.ack_points.len() < ACK_POINTS {
            self.ack_points.extend(point);
            self.last = None;
        } else {
            self.last = point;
        }
    }

    /// Acknowledges what lies before `position`, as far as it came through this consumer.
    pub(super) async fn acknowledge(&mut self, position: Option<Position>) -> Result<(), StreamError> {
        let Some(position) = position.filter(|position| position.stream == self.stream) else {
            return Ok(());
        };
        let is_before = |(sequence, _): &(u64, Subject)| *sequence <= position.sequence;
        let count = self.ack_points.iter().take_while(|point| is_before(point)).count();
        let newest = self.ack_points.drain(..count).last();
        let Some((_, subject)) = self.last.take_if(|point| is_before(point)).or(newest) else {
            return Ok(());
        };
        self.consumer.acknowledge(subject).await
    }
}
