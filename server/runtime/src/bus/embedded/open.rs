//! Opening the log's file: creating it, knowing it again, and setting it aside when it is damaged.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::store::{Files, Pages, Store, StoreError, Syncing, wal_of};
use crate::bus::StreamId;
use crate::files;

/// The engine's unit. Larger ones are slower, smaller ones are no faster.
pub(super) const PAGE_BYTES: u64 = 8 * 1024;

/// What the engine keeps of the file in memory.
const CACHE_KIB: i64 = 16 * 1024;

/// The engine moves what has changed from its write-ahead log into the main file by itself when that has become so large,
/// in the midst of a commit. The thread of the log does so earlier, between commits.
const WAL_BYTES: u64 = 64 * 1024 * 1024;

/// "dsEL", so that we know our file.
const APPLICATION_ID: i64 = 0x6473_454c;

/// The form of the tables and of [`record`](super::record).
const FORMAT: i64 = 1;

/// When the machine went down with events that were not on the disk, so many numbers are left out: whoever has dealt
/// with some of these events must not take new ones for them.
const NUMBERS_SKIPPED: u64 = 1 << 32;

const TABLES: &str = "
    create table log (first integer primary key, count integer not null, events blob not null);
    create table stream (
        id integer not null, erased integer not null, skipped_to integer not null, unsynced_boot text);
    insert into stream values (abs(random() % 9223372036854775807), 0, 0, null);";

/// A log that was opened, and what is to be said about it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) store: Store,
    /// The machine went down before everything was on the disk; events at the end may be missing.
    pub(super) unsynced: bool,
    /// The log that was there is damaged, and lies here now; this one is new.
    pub(super) set_aside: Option<(PathBuf, String)>,
}

/// Which of its lives the machine is in; nobody knows where the system does not say.
pub(super) fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

/// Opens the log at `path`, or begins one if there is none, or if it is damaged.
pub(super) fn open(path: &Path, syncing: Syncing, boot: Option<&str>) -> Result<Opened, StoreError> {
    match open_sound(path, syncing, boot) {
        Err(StoreError::Damaged(why)) => open_anew(path, syncing, boot, why),
        other => other,
    }
}

/// Sets the log at `path` aside, `why` being what is wrong with it, and begins another one.
pub(super) fn open_anew(
    path: &Path,
    syncing: Syncing,
    boot: Option<&str>,
    why: String,
) -> Result<Opened, StoreError> {
    let failed = |error: std::io::Error| StoreError::Failed(error.to_string());
    let aside = files::set_aside(path, "damaged").map_err(failed)?;
    let wal = wal_of(path);
    // Under this name the engine finds it, should someone look for what can be saved.
    if wal.exists() {
        fs::rename(&wal, wal_of(&aside)).map_err(failed)?;
    }
    let opened = open_sound(path, syncing, boot)?;
    Ok(Opened { set_aside: Some((aside, why)), ..opened })
}

fn open_sound(path: &Path, syncing: Syncing, boot: Option<&str>) -> Result<Opened, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // Nobody else may have it open; and the engine needs no memory that is shared with others.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    let known = know(&connection)?;
    settle(&connection, syncing)?;
    if !known {
        create(&mut connection)?;
    }
    let unsynced = note_boot(&connection, syncing, boot)?;
    let last = check_rows(&connection)?;
    let (id, erased, skipped_to) =
        connection.query_row("select id, erased, skipped_to from stream", [], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?))
        })?;
    let mut store = Store {
        connection,
        files: Files::of(path),
        stream: StreamId(id),
        erased,
        last: last.max(erased).max(skipped_to),
        pages: Pages::default(),
        unmoved_bytes: 0,
    };
    if unsynced {
        store.skip_to(store.last + NUMBERS_SKIPPED)?;
    }
    store.measure()?;
    Ok(Opened { store, unsynced, set_aside: None })
}

/// Whether it is ours; a file without any content is not known but may become ours.
fn know(connection: &Connection) -> Result<bool, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, FORMAT) => Ok(true),
        (APPLICATION_ID, other) => {
            Err(StoreError::Foreign(format!("it has form {other}, and this version writes form {FORMAT}")))
        }
        _ if number("page_count")? == 0 => Ok(false),
        _ => Err(StoreError::Foreign("it is a database of another program; move it away".to_owned())),
    }
}

fn settle(connection: &Connection, syncing: Syncing) -> Result<(), StoreError> {
    let synchronous = match syncing {
        Syncing::EachCommit => "full",
        Syncing::Later => "normal",
    };
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "synchronous", "full")?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed(format!("the engine writes in mode {mode} instead of wal")));
    }
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_BYTES / PAGE_BYTES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    Ok(())
}

fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

/// Notes in which life of the machine there may be events that are not on the disk. Returns whether there were some when
/// an earlier one ended.
fn note_boot(connection: &Connection, syncing: Syncing, boot: Option<&str>) -> Result<bool, StoreError> {
    let noted: Option<String> =
        connection.query_row("select unsynced_boot from stream", [], |row| row.get(0))?;
    let unsynced = noted.is_some() && noted.as_deref() != boot;
    let note = match syncing {
        Syncing::EachCommit => None,
        Syncing::Later => Some(boot.unwrap_or("unknown")),
    };
    if noted.as_deref() != note {
        connection.execute("update stream set unsynced_boot = ?1", [note])?;
        // Onto the disk in either case, and with it what was written before.
        connection.query_row("pragma wal_checkpoint(full)", [], |_| Ok(()))?;
    }
    Ok(unsynced)
}

/// Looks at the numbers of all rows, not at the events. Returns the last number, 0 if there is none.
fn check_rows(connection: &Connection) -> Result<u64, StoreError> {
    let mut rows = connection.prepare("select first, count from log order by first")?;
    let mut rows = rows.query([])?;
    let mut last = 0;
    while let Some(row) = rows.next()? {
        let (first, count) = (row.get::<_, u64>(0)?, row.get::<_, u64>(1)?);
        if first <= last || count == 0 {
            return Err(StoreError::Damaged(format!("events are numbered {first} after {last}")));
        }
        last = first + (count - 1);
    }
    Ok(last)
}
