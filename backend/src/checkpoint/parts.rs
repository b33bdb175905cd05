//! The way of what managers say to whoever writes it down: room for so many bytes, so that correlation does not wait for
//! the disk at each checkpoint, and nobody's memory is the limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::manager::Part;

/// How many bytes of parts wait at most; with more, managers wait. A larger part waits alone.
const BYTES_WAITING: usize = 64 << 20;

/// How many parts wait at most.
const PARTS_WAITING: usize = 65_536;

/// What a part takes beside its states and ids.
const BYTES_BESIDE: usize = 256;

/// Where managers put their parts. Clones share the room.
#[derive(Debug, Clone)]
pub struct Parts {
    queue: mpsc::Sender<(Part, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

/// Where they come out, until every [`Parts`] is dropped.
#[derive(Debug)]
pub(super) struct Said(mpsc::Receiver<(Part, OwnedSemaphorePermit)>);

/// Room for the parts of one checkpoint.
pub(super) fn parts() -> (Parts, Said) {
    let (queue, said) = mpsc::channel(PARTS_WAITING);
    (Parts { queue, room: Arc::new(Semaphore::new(BYTES_WAITING)) }, Said(said))
}

impl Parts {
    /// Puts a part in as soon as there is room. If nobody takes it any more, the checkpoint was given up.
    pub async fn put(&self, part: Part) {
        let bytes = u32::try_from(bytes_of(&part).min(BYTES_WAITING)).unwrap_or(u32::MAX);
        // Never closed, so there always is room at some time, unless nobody makes any.
        let room = tokio::select! {
            room = self.room.clone().acquire_many_owned(bytes) => room,
            () = self.queue.closed() => return,
        };
        if let Ok(room) = room {
            self.queue.send((part, room)).await.ok();
        }
    }
}

fn bytes_of(part: &Part) -> usize {
    let states: usize = part.backlogs.iter().map(|saved| saved.state.len() + BYTES_BESIDE).sum();
    states + size_of_val(part.remembered.as_slice()) + part.ended.len() * BYTES_BESIDE + BYTES_BESIDE
}

impl Said {
    /// The next part, for a thread; its room is given back, so that whoever keeps it has to bound that himself.
    pub(super) fn blocking_next(&mut self) -> Option<Part> {
        self.0.blocking_recv().map(|(part, _room)| part)
    }

    /// The same for a task.
    pub(super) async fn next(&mut self) -> Option<Part> {
        self.0.recv().await.map(|(part, _room)| part)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dsiem_core::event::EventKey;
    use dsiem_core::time::ReceiptTime;
    use tokio::time::timeout;

    use super::*;

    /// A part of about so many bytes.
    fn part(bytes: usize) -> Part {
        let one = (ReceiptTime::default(), EventKey::of("e"));
        Part {
            directive_id: 1,
            backlogs: Vec::new(),
            ended: Vec::new(),
            remembered: vec![one; bytes / size_of_val(&one)],
            forgotten_before: ReceiptTime::default(),
            is_last: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_small_parts_wait_without_holding_anybody_up() {
        let (parts, mut said) = parts();
        for _ in 0..10_000 {
            timeout(Duration::from_secs(1), parts.put(part(100))).await.unwrap();
        }
        drop(parts);
        let mut taken = 0;
        while said.next().await.is_some() {
            taken += 1;
        }
        assert_eq!(taken, 10_000);
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_wait_for_room_and_one_larger_than_all_of_it_waits_alone() {
        let (parts, mut said) = parts();
        parts.put(part(2 * BYTES_WAITING)).await;
        let second = timeout(Duration::from_secs(1), parts.put(part(100)));
        assert!(second.await.is_err(), "there is no room");
        assert!(said.next().await.is_some());
        timeout(Duration::from_secs(1), parts.put(part(100))).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_checkpoint_that_was_given_up() {
        let (parts, said) = parts();
        parts.put(part(2 * BYTES_WAITING)).await;
        drop(said);
        timeout(Duration::from_secs(1), parts.put(part(100))).await.unwrap();
    }
}
