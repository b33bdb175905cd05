//! The thread that owns the log: stores, reads, erases.
//!
//! Group commit: whatever waits when it looks goes into one transaction, and is answered when that is on the disk; what
//! comes meanwhile makes up the next one. So the disk is waited for once by many, and nobody waits for a timer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::error;

use super::health::Health;
use super::record;
use super::resume::Gap;
use super::shared::{Append, Chunk, Command, Read, Shared};
use super::store::{Erase, Found, Store, StoreError};
use super::{Place, open};
use crate::bus::{Message, PublishError, StreamId};

/// A group is closed when it has so many bytes, so that one commit does not take long.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Rows that are erased with each commit beside twice as many as are appended, and in one step when there is nothing to
/// commit.
const ERASED_ROWS: usize = 32;

/// The main file is brought up to date when so many bytes have been appended: between two commits, so that only those wait
/// who come meanwhile.
const MOVED_BYTES: usize = 12 * 1024 * 1024;

/// The file is not opened again sooner than this after an attempt.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// What the thread has.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) place: Place,
    /// None after an error after which the file has to be opened again.
    pub(super) store: Option<Store>,
    pub(super) reopened: Option<Instant>,
    /// The stream of the last store, and its last number.
    pub(super) stream: StreamId,
    pub(super) last: u64,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) sent: mpsc::Sender<Chunk>,
    pub(super) shared: Arc<Shared>,
    pub(super) health: Health,
    /// When the file has to be synced next.
    pub(super) sync_due: Option<Instant>,
    /// Erasing has failed; it is tried again after the next command.
    pub(super) untidy: bool,
}

enum Turn {
    Command(Command),
    Idle,
    Over,
}

impl Writer {
    /// Ends when the subscription is closed, or when nobody publishes any more and everything has been read.
    pub(super) fn run(mut self, timer: &Runtime) {
        loop {
            match self.turn(timer) {
                Turn::Command(command) => self.handle(command),
                Turn::Idle => self.tidy(),
                Turn::Over => break,
            }
            let unpublished = self.shared.unpublished.load(Ordering::SeqCst) && !self.shared.is_lagging();
            if self.shared.is_closed() || unpublished {
                // What is waiting is still handled.
                self.commands.close();
            }
        }
        if let Some(Err(error)) = self.store.take().map(Store::close) {
            error!(%error, path = %self.place.path.display(), "the event log could not be closed in order");
        }
    }

    fn turn(&mut self, timer: &Runtime) -> Turn {
        if self.has_to_tidy() {
            return match self.commands.try_recv() {
                Ok(command) => Turn::Command(command),
                Err(mpsc::error::TryRecvError::Empty) => Turn::Idle,
                Err(mpsc::error::TryRecvError::Disconnected) => Turn::Over,
            };
        }
        let command = match self.sync_due {
            None => self.commands.blocking_recv(),
            Some(due) => {
                match timer
                    .block_on(async { tokio::time::timeout_at(due.into(), self.commands.recv()).await })
                {
                    Ok(command) => command,
                    Err(_) => return Turn::Idle,
                }
            }
        };
        command.map_or(Turn::Over, Turn::Command)
    }

    fn handle(&mut self, first: Command) {
        self.untidy = false;
        let (mut group, mut bytes, mut read) = (Vec::new(), 0, None);
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Append(append) => {
                    bytes += append.bytes;
                    group.push(append);
                }
                // The subscription asks for one at a time.
                Command::Read(wish) => read = Some(wish),
                Command::Look => {}
            }
            next = if bytes < GROUP_BYTES { self.commands.try_recv().ok() } else { None };
        }
        if !group.is_empty() {
            self.commit(group, bytes);
        }
        if let Some(read) = read {
            self.read(read);
        }
    }

    fn commit(&mut self, group: Vec<Append>, bytes: usize) {
        let outcome = self.append(&group, bytes);
        let (mut messages, mut answers, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        for append in group {
            messages.extend(append.messages);
            answers.push(append.answer);
            rooms.push(append.room);
        }
        let count = messages.len();
        if let Ok(first) = outcome {
            self.pass_on(first, messages);
        }
        self.shared.pending.fetch_sub(count, Ordering::SeqCst);
        drop(rooms);
        for answer in answers {
            answer.send(outcome.map(drop)).ok(); // who has gone does not want to know
        }
        if self.store.as_ref().is_some_and(|store| store.unmoved_bytes >= MOVED_BYTES) {
            self.sync();
        }
    }

    /// Returns the number of the first event.
    fn append(&mut self, group: &[Append], bytes: usize) -> Result<u64, PublishError> {
        let max_bytes = self.place.max_bytes;
        let started = Instant::now();
        let acknowledged = self.shared.acknowledged(self.stream);
        let Some(store) = self.opened() else { return Err(PublishError::NotConfirmed) };
        if store.used_bytes().saturating_add(bytes as u64) > max_bytes {
            self.health.full(max_bytes);
            return Err(PublishError::QueueFull);
        }
        let first = store.last + 1;
        let rows = record::encode(group.iter().flat_map(|append| &append.messages), first);
        let erase = Erase { up_to: acknowledged, max_rows: 2 * rows.len() + ERASED_ROWS };
        if let Err(error) = store.append(&rows, erase) {
            self.trouble("write to", error);
            return Err(PublishError::NotConfirmed);
        }
        self.last = store.last;
        self.health.works();
        self.health.commits.inc();
        self.health.stored.add(self.last + 1 - first);
        self.health.commit_micros.add(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.show_size();
        if !self.place.fsync_interval.is_zero() {
            self.sync_due.get_or_insert(started + self.place.fsync_interval);
        }
        Ok(first)
    }

    /// Hands events that are stored to the subscription, if that keeps up.
    fn pass_on(&self, first: u64, messages: Vec<Message>) {
        let count = messages.len();
        let chunk = Chunk::new(self.stream, first, messages);
        let waiting = self.shared.queued_bytes.load(Ordering::SeqCst);
        if !self.shared.is_lagging() && (waiting == 0 || waiting + chunk.bytes <= self.place.limits.queued) {
            let bytes = chunk.bytes;
            self.shared.queued.fetch_add(count, Ordering::SeqCst);
            self.shared.queued_bytes.fetch_add(bytes, Ordering::SeqCst);
            if self.sent.try_send(chunk).is_ok() {
                return;
            }
            self.shared.on_disk.fetch_add(count, Ordering::SeqCst);
            self.shared.queued.fetch_sub(count, Ordering::SeqCst);
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::SeqCst);
        } else {
            self.shared.on_disk.fetch_add(count, Ordering::SeqCst);
        }
        self.shared.lagging.store(true, Ordering::SeqCst);
    }

    fn read(&mut self, wish: Read) {
        let read_bytes = self.place.limits.read;
        let Some(store) = self.opened() else { return };
        let from = if wish.stream == store.stream { wish.from } else { 0 }.max(store.erased + 1);
        let found = match store.read(from, read_bytes) {
            Ok(found) => found,
            Err(error) => return self.trouble("read", error),
        };
        let last = store.last;
        let at_end = found.last().is_none_or(|row| row.first + row.count > last);
        let chunks = found.into_iter().map(|row| self.found(row, from)).collect();
        if at_end {
            self.shared.lagging.store(false, Ordering::SeqCst);
        }
        wish.answer.send(chunks).ok(); // a subscription that is gone needs nothing
    }

    /// What the subscription gets of a row.
    fn found(&self, row: Found, from: u64) -> Chunk {
        let first = row.first.max(from);
        let count = row.first + row.count - first;
        let places = usize::try_from(count).unwrap_or(usize::MAX);
        let chunk = match row.messages {
            Ok(mut messages) => {
                messages.drain(..messages.len() - places);
                Chunk::new(self.stream, first, messages)
            }
            Err(_) => {
                self.health.gap(&Gap::Damaged(count));
                Chunk::new(self.stream, first + count, Vec::new())
            }
        };
        self.shared.queued.fetch_add(chunk.messages.len(), Ordering::SeqCst);
        self.shared.queued_bytes.fetch_add(chunk.bytes, Ordering::SeqCst);
        self.shared.on_disk.fetch_sub(places, Ordering::SeqCst);
        chunk
    }

    fn has_to_tidy(&mut self) -> bool {
        if self.untidy {
            return false;
        }
        let acknowledged = self.shared.acknowledged(self.stream);
        let Some(store) = &self.store else { return false };
        store.can_shrink()
            || store.can_erase(acknowledged).unwrap_or_else(|error| {
                self.trouble("read", error);
                false
            })
    }

    /// One bounded step of what can wait.
    fn tidy(&mut self) {
        let acknowledged = self.shared.acknowledged(self.stream);
        if self.sync_due.is_some_and(|due| due <= Instant::now()) {
            return self.sync();
        }
        let Some(store) = &mut self.store else { return };
        let done = match store.can_erase(acknowledged) {
            Ok(true) => store.erase(Erase { up_to: acknowledged, max_rows: ERASED_ROWS }),
            Ok(false) if store.can_shrink() => store.shrink(),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => self.show_size(),
            Err(error) => self.trouble("tidy", error),
        }
    }

    fn sync(&mut self) {
        self.sync_due = None;
        if let Some(Err(error)) = self.store.as_mut().map(Store::sync) {
            self.trouble("sync", error);
        }
    }

    fn show_size(&self) {
        let bytes = self.store.as_ref().map_or(0, Store::used_bytes);
        self.health.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The log, opened again if it has to be, and if it is time.
    fn opened(&mut self) -> Option<&mut Store> {
        if self.store.is_none() {
            if self.reopened.is_some_and(|last| last.elapsed() < REOPEN_PAUSE) {
                return None;
            }
            self.reopened = Some(Instant::now());
            match open::open(&self.place.path, self.place.syncing(), self.place.boot.as_deref()) {
                Ok(opened) => self.take_over(opened),
                Err(error) => self.health.failed("open", &error),
            }
        }
        self.store.as_mut()
    }

    /// Nothing that was handed out may get its number again.
    fn take_over(&mut self, opened: open::Opened) {
        let open::Opened { mut store, set_aside, .. } = opened;
        if let Some((aside, why)) = set_aside {
            self.health.set_aside(&aside, &why);
        }
        let on_disk = self.shared.on_disk.load(Ordering::SeqCst) as u64;
        let settled = if store.stream != self.stream {
            self.replace(&store, store.erased + 1, on_disk)
        } else if store.last < self.last {
            // What has not been read is the last of what was stored.
            self.replace(&store, self.last + 1 - on_disk, on_disk).and_then(|()| store.skip_to(self.last))
        } else {
            Ok(())
        };
        match settled {
            Ok(()) => {
                (self.stream, self.last) = (store.stream, store.last);
                self.store = Some(store);
            }
            Err(error) => self.health.failed("open", &error),
        }
    }

    /// `store` has not what there was; reading goes on at the number `from`, `unread` being what there was to read.
    fn replace(&self, store: &Store, from: u64, unread: u64) -> Result<(), StoreError> {
        let count = store.count_from(from)?;
        // Whoever reads has what was sent, and then asks for what there is.
        self.shared.lagging.store(true, Ordering::SeqCst);
        self.shared.on_disk.store(usize::try_from(count).unwrap_or(usize::MAX), Ordering::SeqCst);
        let same_log = store.stream == self.stream;
        self.health.gap(&Gap::Replaced(if same_log { unread.saturating_sub(count) } else { unread }));
        Ok(())
    }

    fn trouble(&mut self, what: &'static str, error: StoreError) {
        self.untidy = true;
        self.health.failed(what, &error);
        match error {
            // The transaction was undone, and the next one may be smaller, or find room.
            StoreError::DiskFull => {}
            StoreError::Damaged(why) => {
                self.store = None;
                let Place { path, boot, .. } = &self.place;
                match open::open_anew(path, self.place.syncing(), boot.as_deref(), why) {
                    Ok(opened) => self.take_over(opened),
                    Err(error) => self.health.failed("replace", &error),
                }
            }
            _ => self.store = None,
        }
    }
}
