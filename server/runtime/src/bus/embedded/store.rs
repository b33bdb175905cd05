//! The log in its file: an SQLite database with a write-ahead log, owned by one thread of one process.
//!
//! It knows rows and numbers, and nothing of requests, readers or queues. Why SQLite: see the decisions in
//! docs/architecture.md. A transaction is in the file as a whole or not at all, whatever ends the process; an error
//! leaves the log as it was before the call.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::open;
use super::record::{self, Damaged, Row};
use crate::bus::{Message, StreamId};

/// Given back to the file system in one step, in pages.
const VACUUM_STEP_PAGES: u64 = 256;

/// So many free pages are kept for what comes next; giving them back and taking them again costs more than they do.
const FREE_PAGES_KEPT: u64 = 64 * 1024 * 1024 / open::PAGE_BYTES;

/// What the log is asked to survive at each commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syncing {
    /// The end of the machine.
    EachCommit,
    /// The end of the process; [`Store::sync`] makes up for the rest.
    Later,
}

/// What went wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// Another process has it.
    #[error("another process is using it; stop that one, or give this one a folder of its own")]
    InUse,
    /// It is a database of something else.
    #[error("{0}")]
    Foreign(String),
    /// It is not what was written.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// It is no longer in its folder.
    #[error("it was moved or removed while it was in use")]
    Moved,
    /// The disk is full.
    #[error("there is no room left on the disk; make some")]
    DiskFull,
    /// Whatever else the system or the engine says.
    #[error("{0}")]
    Failed(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            // Without a code it is no error of the engine, but a value that we never write.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(_) => Self::Failed(error.to_string()),
        }
    }
}

/// An open log.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    pub(super) files: Files,
    pub(super) stream: StreamId,
    /// Events up to this number have been erased.
    pub(super) erased: u64,
    /// The number of the last event that was appended; the next one is one more.
    pub(super) last: u64,
    pub(super) pages: Pages,
    /// Appended since the main file was brought up to date, in bytes.
    pub(super) unmoved_bytes: usize,
}

/// The size of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pages {
    used: u64,
    free: u64,
}

/// One row as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) messages: Result<Vec<Message>, Damaged>,
}

impl Store {
    /// Appends `rows`, which must begin after [`last`](Self::last), and erases what [`erase`](Self::erase) would, in
    /// one transaction.
    pub(super) fn append(&mut self, rows: &[Row], erase: Erase) -> Result<(), StoreError> {
        self.files.check()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert =
                transaction.prepare_cached("insert into log (first, count, events) values (?1, ?2, ?3)")?;
            for row in rows {
                insert.execute(params![row.first, row.count, row.bytes])?;
            }
        }
        let last = rows.last().map_or(self.last, Row::last);
        let erased = erase_in(&transaction, erase, self.erased)?;
        transaction.commit()?;
        (self.last, self.erased) = (last, erased);
        self.unmoved_bytes += rows.iter().map(|row| row.bytes.len()).sum::<usize>();
        self.measure()
    }

    /// Erases rows of which every event is old enough.
    pub(super) fn erase(&mut self, erase: Erase) -> Result<(), StoreError> {
        self.append(&[], erase)
    }

    /// Whether [`erase`](Self::erase) up to `sequence` has anything to do.
    pub(super) fn can_erase(&self, sequence: u64) -> Result<bool, StoreError> {
        if sequence <= self.erased {
            return Ok(false);
        }
        let mut first =
            self.connection.prepare_cached("select first, count from log order by first limit 1")?;
        let row = first.query_row([], |row| Ok(row.get::<_, u64>(0)? + row.get::<_, u64>(1)?)).optional()?;
        Ok(row.is_some_and(|end| end <= sequence + 1))
    }

    /// The rows that have events from the number `from` on, `max_bytes` of them or one more than that.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<Found>, StoreError> {
        let mut rows = self.connection.prepare_cached(
            "select first, count, events from log
             where first >= coalesce((select max(first) from log where first <= ?1), 0) order by first",
        )?;
        let mut rows = rows.query([from])?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while bytes < max_bytes
            && let Some(row) = rows.next()?
        {
            let (first, count) = (row.get::<_, u64>(0)?, row.get::<_, u64>(1)?);
            if first + count <= from {
                continue;
            }
            let events: Vec<u8> = row.get(2)?;
            bytes += events.len();
            found.push(Found { first, count, messages: record::decode(events, count) });
        }
        Ok(found)
    }

    /// How many events there are from the number `from` on. Looks at every row.
    pub(super) fn count_from(&self, from: u64) -> Result<u64, StoreError> {
        let count = self.connection.query_row(
            "select coalesce(sum(first + count - max(first, ?1)), 0) from log where first + count > ?1",
            [from],
            |row| row.get(0),
        )?;
        Ok(count)
    }

    /// The next event gets the number after `sequence`, if it would have got a lower one.
    pub(super) fn skip_to(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.connection.execute("update stream set skipped_to = ?1 where skipped_to < ?1", [sequence])?;
        self.last = self.last.max(sequence);
        Ok(())
    }

    /// Puts onto the disk what [`Syncing::Later`] left to the system, and all of it into the main file.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.files.check()?;
        self.unmoved_bytes = 0;
        self.connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?;
        Ok(())
    }

    /// What the events take on the disk, in bytes; without what is free for the next ones.
    pub(super) fn used_bytes(&self) -> u64 {
        self.pages.used * open::PAGE_BYTES
    }

    /// Whether much more is free than used.
    pub(super) fn can_shrink(&self) -> bool {
        self.pages.free > FREE_PAGES_KEPT + self.pages.used
    }

    /// Gives a part of what is free back to the file system.
    pub(super) fn shrink(&mut self) -> Result<(), StoreError> {
        {
            let mut vacuum =
                self.connection.prepare_cached(&format!("pragma incremental_vacuum({VACUUM_STEP_PAGES})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
        }
        self.measure()
    }

    pub(super) fn measure(&mut self) -> Result<(), StoreError> {
        let mut pages = self.connection.prepare_cached(
            "select page_count - freelist_count, freelist_count from pragma_page_count, pragma_freelist_count",
        )?;
        self.pages = pages.query_row([], |row| Ok(Pages { used: row.get(0)?, free: row.get(1)? }))?;
        Ok(())
    }

    /// Puts everything onto the disk and notes that nothing is missing.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.execute("update stream set unsynced_boot = null", [])?;
        self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

/// What is to be erased: rows whose last event has the number `up_to` or a lower one, `max_rows` at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Erase {
    pub(super) up_to: u64,
    pub(super) max_rows: usize,
}

/// Returns the number up to which is erased afterwards.
fn erase_in(transaction: &Transaction<'_>, erase: Erase, erased: u64) -> Result<u64, StoreError> {
    if erase.up_to <= erased || erase.max_rows == 0 {
        return Ok(erased);
    }
    let mut last = None;
    {
        let mut rows = transaction.prepare_cached("select first, count from log order by first limit ?1")?;
        let mut rows = rows.query([erase.max_rows as u64])?;
        while let Some(row) = rows.next()? {
            let end = row.get::<_, u64>(0)? + row.get::<_, u64>(1)? - 1;
            if end > erase.up_to {
                break;
            }
            last = Some(end);
        }
    }
    let Some(last) = last else { return Ok(erased) };
    transaction.prepare_cached("delete from log where first <= ?1")?.execute([last])?;
    transaction.prepare_cached("update stream set erased = ?1")?.execute([last])?;
    Ok(last)
}

/// The files of a log, so that it is seen when they are taken away.
#[derive(Debug)]
pub(super) struct Files {
    known: Vec<(PathBuf, Option<u64>)>,
}

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        let known = [path.to_owned(), wal_of(path)];
        Self { known: known.into_iter().map(|path| (path.clone(), inode(&path))).collect() }
    }

    fn check(&self) -> Result<(), StoreError> {
        let unmoved = self.known.iter().all(|(path, known)| known.is_none() || inode(path) == *known);
        if unmoved { Ok(()) } else { Err(StoreError::Moved) }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// Where the engine keeps what is not in the main file yet.
pub(super) fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
