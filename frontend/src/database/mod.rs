//! A database: what is kept in it is the business of others, how it is reached is here.
//!
//! Two of them behind one face: SQLite in a file for one process, PostgreSQL where several frontends share it. Everything
//! but `sqlite`, `postgres` and the few words of `sql` and `schema` is the same for both, and so are the tests.
//! One transaction writes at a time; those that read see one moment, and do not wait for the one that writes.
//!
//! Calls block: whoever is in an async task gives them to a blocking thread.

pub(crate) mod listening;
mod postgres;
pub(crate) mod rows;
mod schema;
pub(crate) mod sql;
mod sqlite;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use listening::{Heard, Listening};
use rusqlite::ErrorCode;
use sql::Connection;

/// How many readers there are; more wait for one.
const READERS: usize = 4;

/// Why a database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Another process uses the file.
    #[error("{} is used by another process; stop that one, or let several frontends share a PostgreSQL database", .0.display())]
    InUse(PathBuf),
    /// A later release has written it.
    #[error(
        "it was changed by a later release (form {found}, this release knows {known}): start that one again"
    )]
    TooNew {
        /// The form that it has.
        found: usize,
        /// The newest form that this release knows.
        known: usize,
    },
    /// What is stored is not what was stored.
    #[error("it is damaged: {0}; restore a backup, or move it away to begin anew")]
    Damaged(String),
    /// There is no room on the disk.
    #[error("there is no room on the disk; free some")]
    NoRoom,
    /// A backup never replaces a file.
    #[error("{} is there already; name another file for the backup", .0.display())]
    CopyExists(PathBuf),
    /// A file beside the database cannot be used.
    #[error("{} cannot be used: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A database server has its own ways to make backups.
    #[error("the alarms are in PostgreSQL: make the backup with pg_dump")]
    NoCopy,
    /// PostgreSQL does not do it, or cannot be reached.
    #[error("PostgreSQL: {}", postgres::in_words(.0))]
    Postgres(::postgres::Error),
    /// SQLite says something else.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl DatabaseError {
    /// Whether it is because of what was to be stored, so that trying again does not help.
    #[must_use]
    pub fn is_of_content(&self) -> bool {
        match self {
            Self::Postgres(error) => postgres::is_of_content(error),
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)
            ),
            _ => false,
        }
    }
}

/// A database that is open, with the tables of this release.
pub struct Database {
    writer: Mutex<Box<dyn Connection>>,
    readers: Mutex<Vec<Box<dyn Connection>>>,
    reader_is_back: Condvar,
    place: Place,
}

/// Where it is.
enum Place {
    /// In this file, which this process alone may use.
    File(PathBuf, sqlite::Checkpointer, #[expect(dead_code, reason = "it is held, not read")] sqlite::Lock),
    /// In a database server, which others may use as well.
    Server(Box<postgres::Address>),
}

/// A connection that is lent; it goes back however its use ends.
struct Reader<'a> {
    connection: Option<Box<dyn Connection>>,
    database: &'a Database,
}

impl Reader<'_> {
    fn connection(&mut self) -> &mut dyn Connection {
        &mut **self.connection.as_mut().expect("it is there until it is given back")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut readers = self.database.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.extend(self.connection.take());
        self.database.reader_is_back.notify_one();
    }
}

impl Database {
    /// Opens or makes the SQLite file at `path`.
    ///
    /// # Errors
    /// When another process uses it, when a later release has written it, or when it cannot be opened.
    pub fn open_file(path: &Path) -> Result<Self, DatabaseError> {
        let lock = sqlite::lock(path)?;
        let writer = sqlite::connect_writer(path)?;
        let place = Place::File(path.to_owned(), sqlite::Checkpointer::start(path)?, lock);
        Self::open(writer, || sqlite::connect(path), place)
    }

    /// Opens the PostgreSQL database at `url`, such as `postgresql://dsiem:secret@host/dsiem`, and makes its tables.
    ///
    /// # Errors
    /// When it cannot be reached, when it refuses us, or when a later release has written it.
    pub fn open_server(url: &str) -> Result<Self, DatabaseError> {
        let address = postgres::Address::parse(url)?;
        Self::open(address.connect()?, || address.connect(), Place::Server(Box::new(address.clone())))
    }

    fn open(
        mut writer: Box<dyn Connection>,
        connect: impl Fn() -> Result<Box<dyn Connection>, DatabaseError>,
        place: Place,
    ) -> Result<Self, DatabaseError> {
        schema::migrate(&mut *writer)?;
        let readers = (0..READERS).map(|_| connect()).collect::<Result<_, _>>()?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers: Mutex::new(readers),
            reader_is_back: Condvar::new(),
            place,
        })
    }

    /// Writes a copy to the file `to`, as it is at this moment; others go on reading and writing.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn copy_to(&self, to: &Path) -> Result<(), DatabaseError> {
        match &self.place {
            Place::File(path, ..) => sqlite::copy(path, to),
            Place::Server(_) => Err(DatabaseError::NoCopy),
        }
    }

    /// Does some work in a transaction that writes: all of it, or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut writer = self.writer();
        let db = &mut **writer;
        db.batch(db.dialect().begin_writing())?;
        let done = work(db).and_then(|done| db.batch("COMMIT").map(|()| done));
        if done.is_err() {
            // The error of the work says more than the one of a connection that is gone.
            db.batch("ROLLBACK").ok();
        } else if let Place::File(_, checkpointer, _) = &self.place {
            checkpointer.wake();
        }
        done
    }

    /// Does some work that sees one moment.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut reader = self.reader();
        let db = reader.connection();
        let done = db.batch(db.dialect().begin_reading()).and_then(|()| work(db));
        let ended = db.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        done.and_then(|done| ended.map(|()| done))
    }

    /// Gives `hear` what is announced on a channel from now on, by this process or another one, until what is returned is
    /// dropped; `None` where no other process can be.
    pub(crate) fn listen(
        &self,
        channel: &'static str,
        hear: impl FnMut(Heard) + Send + 'static,
    ) -> Option<Listening> {
        match &self.place {
            Place::File(..) => None,
            Place::Server(address) => Some(listening::listen((**address).clone(), channel, hear)),
        }
    }

    /// Gives the room of deleted rows back to the file system, where the database does not do that itself.
    pub(crate) fn give_room_back(&self) -> Result<(), DatabaseError> {
        let mut writer = self.writer();
        match writer.dialect() {
            sql::Dialect::Sqlite => writer.batch("PRAGMA incremental_vacuum(1000)"),
            sql::Dialect::Postgres => Ok(()),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Box<dyn Connection>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader that nobody else uses; waits for one.
    fn reader(&self) -> Reader<'_> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match readers.pop() {
                Some(connection) => return Reader { connection: Some(connection), database: self },
                None => readers = self.reader_is_back.wait(readers).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Writes a copy of the SQLite file at `path` to the file `to`, also while another process uses it.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn copy_file(path: &Path, to: &Path) -> Result<(), DatabaseError> {
    sqlite::copy(path, to)
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}
