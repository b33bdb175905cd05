//! The store of one process: an SQLite file.
//!
//! A lock on a file beside it keeps a second process from using it; readers of other programs, such as a backup, are
//! welcome, as SQLite lets them read beside the writer.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::DatabaseError;
use super::rows::Column;
use super::sql::{Connection, Dialect, Row, Value};

/// Commits are on the disk when they return; what was deleted can be given back to the file system. Whoever commits brings
/// the main file up to date only where the [`Checkpointer`] does not keep up, which leaves 128 MiB to it.
const PRAGMAS: &str = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -65536;
    PRAGMA temp_store = MEMORY;";
/// What the newest alarms need is in the memory of the one that writes.
const WRITERS_PRAGMAS: &str = "PRAGMA cache_size = -131072;";
/// While there are commits, the main file is brought up to date this often.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// How long a statement waits for another one; only the end of the write-ahead log makes one wait.
const BUSY: Duration = Duration::from_secs(10);
/// How many prepared statements each connection keeps.
const STATEMENTS_KEPT: usize = 256;

/// The right of this process to use the file; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the right to use the file at `path`.
pub(super) fn lock(path: &Path) -> Result<Lock, DatabaseError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let refused = |error| DatabaseError::File { path: beside.clone(), error };
    let file = File::options().create(true).truncate(false).write(true).open(&beside).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// A connection to the file at `path`, which is made if it is not there.
pub(super) fn connect(path: &Path) -> Result<Box<dyn Connection>, DatabaseError> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(PRAGMAS)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(Box::new(Sqlite(connection)))
}

/// The same for the one connection that writes.
pub(super) fn connect_writer(path: &Path) -> Result<Box<dyn Connection>, DatabaseError> {
    let mut writer = connect(path)?;
    writer.batch(WRITERS_PRAGMAS)?;
    Ok(writer)
}

/// Brings the main file up to date with the write-ahead log, on a thread of its own: a commit would have to wait for it.
pub(super) struct Checkpointer {
    /// There until it is dropped.
    wake: Option<SyncSender<()>>,
    /// The same; it tells the thread not to pause any longer.
    running: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread for the file at `path`.
    pub(super) fn start(path: &Path) -> Result<Self, DatabaseError> {
        let mut connection = connect(path)?;
        let ((wake, woken), (running, runs)) = (mpsc::sync_channel(1), mpsc::sync_channel(0));
        let run = move || {
            while woken.recv().is_ok() {
                // One that did not come about is made up for by the next, or by whoever commits.
                connection.query("PRAGMA wal_checkpoint(PASSIVE)", &[]).ok();
                runs.recv_timeout(CHECKPOINT_EVERY).ok();
            }
        };
        let refused = |error| DatabaseError::File { path: path.to_owned(), error };
        let thread = thread::Builder::new().name("alarms-file".to_owned()).spawn(run).map_err(refused)?;
        Ok(Self { wake: Some(wake), running: Some(running), thread: Some(thread) })
    }

    /// Something was committed.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // Full, it will see to this commit as well.
            wake.try_send(()).ok();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        (self.wake, self.running) = (None, None);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Writes a copy of the file at `path` as it is at this moment to `to`, also while a process uses it.
pub(super) fn copy(path: &Path, to: &Path) -> Result<(), DatabaseError> {
    if to.exists() {
        return Err(DatabaseError::CopyExists(to.to_owned()));
    }
    let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

struct Sqlite(rusqlite::Connection);

impl Connection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError> {
        let mut found = Vec::new();
        query(&mut *self.0.prepare_cached(sql)?, values, &mut found)?;
        Ok(found)
    }

    fn query_for_each(
        &mut self,
        sql: &str,
        _: &[Column],
        rows: &[Vec<Value>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut found = Vec::new();
        rows.iter().try_for_each(|values| query(&mut statement, values, &mut found))?;
        Ok(found)
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        Ok(super::sql::as_u64(self.0.prepare_cached(sql)?.execute(params_from_iter(values))?))
    }

    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        Ok(self.0.execute_batch(sql)?)
    }
}

fn query(
    statement: &mut rusqlite::Statement<'_>,
    values: &[Value],
    found: &mut Vec<Row>,
) -> Result<(), DatabaseError> {
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| Ok(value(row.get_ref(column)?)));
        found.push(Row(values.collect::<Result<_, DatabaseError>>()?));
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            // As JSON, which is how SQLite takes a list.
            Self::List(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                return Ok(format!("[{}]", numbers.join(",")).into());
            }
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        // The store has no other numbers.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::NoRoom,
            _ => Self::Sqlite(error),
        }
    }
}
