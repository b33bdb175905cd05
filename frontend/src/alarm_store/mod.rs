//! The alarms that people see and handle: a database of them, and every question that is asked of it.
//!
//! The engine's updates and events come in ([`AlarmStore::apply`], [`AlarmStore::count`]), users change what is theirs
//! ([`AlarmStore::change`], …), lists and figures come out ([`AlarmStore::page`], [`AlarmStore::facets`], …).
//! It promises that updates may come twice and in any order (`rules`), that what the engine says never overwrites what
//! users did, and that everything that was accepted is on the disk when a call returns.
//!
//! Two databases, one store: SQLite in a file for one process, PostgreSQL where several frontends share it. Everything
//! but `sqlite`, `postgres` and the few words of `sql` is the same for both, and so are the tests.
//!
//! Calls block: whoever is in an async task gives them to a blocking thread.

mod alarm;
mod document;
mod events;
mod figures;
mod filing;
mod filter;
mod handling;
mod list;
mod postgres;
mod retention;
mod rules;
mod schema;
mod sql;
mod sqlite;
mod text;
mod writing;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use filing::{Combinations, Tallies};
use sql::Connection;
use writing::Writing;

pub use alarm::{Action, Alarm, Handling, HistoryEntry};
pub use document::{AlarmDocument, AlarmUpdate, Stage, StageEvent};
pub use events::{EventPage, StageCount, StoredEvent};
pub use figures::{Facet, Facets, MAX_COUNTED, OverTime, Part, Role};
pub use filter::Filter;
pub use handling::{Act, Change, Handled, Target};
pub use list::{COUNTED_EXACTLY, Count, Cursor, MAX_PAGE, Order, Page, SortBy};
pub use retention::{Limits, Removed};
pub use rules::Words;
pub use writing::{Applied, BODIES_KEPT, Counted, WithoutAlarm};

/// The name of the file of alarms, in the logs folder.
pub const FILE: &str = "alarms.sqlite";

/// How many readers there are; more wait for one.
const READERS: usize = 4;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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

/// The alarms. Shared by whoever asks; calls wait for each other only where one of them writes.
pub struct AlarmStore {
    words: Words,
    writer: Mutex<Writer>,
    readers: Mutex<Vec<Box<dyn Connection>>>,
    reader_is_back: Condvar,
    place: Place,
}

/// Where the alarms are.
enum Place {
    /// In this file, which this process alone may use.
    File(PathBuf, #[expect(dead_code, reason = "it is held, not read")] sqlite::Lock),
    /// In a database server, which others may use as well.
    Server,
}

/// The one connection that writes.
struct Writer {
    connection: Box<dyn Connection>,
    combinations: Combinations,
}

/// A connection that is lent; it goes back however its use ends.
struct Reader<'a> {
    connection: Option<Box<dyn Connection>>,
    store: &'a AlarmStore,
}

impl Reader<'_> {
    fn connection(&mut self) -> &mut dyn Connection {
        &mut **self.connection.as_mut().expect("it is there until it is given back")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut readers = self.store.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.extend(self.connection.take());
        self.store.reader_is_back.notify_one();
    }
}

impl AlarmStore {
    /// Opens or makes the SQLite file at `path`.
    ///
    /// # Errors
    /// When another process uses it, when a later release has written it, or when it cannot be opened.
    pub fn open_file(path: &Path, words: Words) -> Result<Self, StoreError> {
        let lock = sqlite::lock(path)?;
        Self::open(|| sqlite::connect(path), Place::File(path.to_owned(), lock), words)
    }

    /// Opens the PostgreSQL database at `url`, such as `postgresql://dsiem:secret@host/dsiem`, and makes its tables.
    ///
    /// # Errors
    /// When it cannot be reached, when it refuses us, or when a later release has written it.
    pub fn open_server(url: &str, words: Words) -> Result<Self, StoreError> {
        let address = postgres::Address::parse(url)?;
        Self::open(|| address.connect(), Place::Server, words)
    }

    fn open(
        connect: impl Fn() -> Result<Box<dyn Connection>, StoreError>,
        place: Place,
        words: Words,
    ) -> Result<Self, StoreError> {
        let mut connection = connect()?;
        schema::migrate(&mut *connection)?;
        let readers = (0..READERS).map(|_| connect()).collect::<Result<_, _>>()?;
        Ok(Self {
            words,
            writer: Mutex::new(Writer { connection, combinations: Combinations::new() }),
            readers: Mutex::new(readers),
            reader_is_back: Condvar::new(),
            place,
        })
    }

    /// Applies the engine's updates in their order; all of them are stored, or none.
    ///
    /// # Errors
    /// When the database does not take them.
    pub fn apply(&self, updates: Vec<AlarmUpdate>, now: i64) -> Result<Applied, StoreError> {
        self.write(now, |writing| writing.apply(updates))
    }

    /// Counts events for the stages of alarms; all of them, or none.
    ///
    /// # Errors
    /// When the database does not take them.
    pub fn count(
        &self,
        events: &[StageEvent],
        without_alarm: WithoutAlarm,
        now: i64,
    ) -> Result<Counted, StoreError> {
        self.write(now, |writing| writing.count(events, without_alarm))
    }

    /// Changes status, tag or assignee of some alarms; what became of each, in their order.
    ///
    /// # Errors
    /// When the database does not take it; nothing is changed then.
    pub fn change(
        &self,
        targets: &[Target],
        change: &Change,
        act: &Act<'_>,
    ) -> Result<Vec<Handled>, StoreError> {
        self.write(act.now, |writing| writing.change(targets, change, act))
    }

    /// Adds a comment to some alarms.
    ///
    /// # Errors
    /// When the database does not take it; nothing is changed then.
    pub fn comment(&self, targets: &[Target], text: &str, act: &Act<'_>) -> Result<Vec<Handled>, StoreError> {
        self.write(act.now, |writing| writing.comment(targets, text, act))
    }

    /// Deletes some alarms with everything about them. They come back only if their class rises.
    ///
    /// # Errors
    /// When the database does not take it; nothing is deleted then.
    pub fn delete(&self, targets: &[Target], now: i64) -> Result<Vec<Handled>, StoreError> {
        self.write(now, |writing| writing.delete(targets))
    }

    /// Removes one batch of what is beyond the limits. To be called until there is no more, and now and then.
    ///
    /// # Errors
    /// When the database does not do it.
    pub fn retain(&self, limits: Limits, now: i64) -> Result<Removed, StoreError> {
        let removed = self.write(now, |writing| writing.retain(limits))?;
        if removed.alarms > 0 {
            retention::give_back(&mut *self.writer().connection)?;
        }
        Ok(removed)
    }

    /// A page of a filtered, sorted list, from its beginning or behind a cursor of the same list.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn page(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.read(|db| list::page(db, filter, order, after, limit))
    }

    /// One alarm, and how many events its stages have; `None` if it is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn alarm(&self, alarm_id: &str) -> Result<Option<(Alarm, Vec<StageCount>)>, StoreError> {
        self.read(|db| {
            let rows = db.query("SELECT seq FROM identities WHERE alarm_id = ?1", &[alarm_id.into()])?;
            let Some(row) = rows.first() else { return Ok(None) };
            let Some(alarm) = writing::read_alarm(db, row.int(0)?)? else { return Ok(None) };
            Ok(Some((alarm, events::counts(db, alarm_id)?)))
        })
    }

    /// Events of a stage, behind the one with the number `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn events(
        &self,
        alarm_id: &str,
        stage: u8,
        after: u64,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        self.read(|db| events::page(db, alarm_id, stage, after, limit))
    }

    /// What was done with an alarm, from the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn history(&self, alarm_id: &str) -> Result<Vec<HistoryEntry>, StoreError> {
        self.read(|db| handling::history(db, alarm_id))
    }

    /// How many alarms of a list have each value.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn facets(&self, filter: &Filter) -> Result<Facets, StoreError> {
        self.read(|db| figures::facets(db, filter))
    }

    /// How many alarms of a list were created from a time on and until another, by class; by hour up to 14 days, by
    /// day beyond.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn over_time(&self, filter: &Filter, from: i64, until: i64) -> Result<OverTime, StoreError> {
        self.read(|db| figures::over_time(db, filter, from, until))
    }

    /// The addresses of the most alarms that were created on the days (UTC) from a time on and until another.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn top_addresses(
        &self,
        role: Role,
        from: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<Facet<IpAddr>>, StoreError> {
        self.read(|db| figures::top_addresses(db, role, from, until, limit))
    }

    /// How many bytes are in use; what was deleted does not count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        self.read(retention::used_bytes)
    }

    /// Writes a copy to the file `to`, as the alarms are at this moment; others go on reading and writing.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        match &self.place {
            Place::File(path, _) => sqlite::copy(path, to),
            Place::Server => Err(StoreError::NoCopy),
        }
    }

    /// Does some work in a transaction that writes: all of it, or nothing.
    fn write<T>(
        &self,
        now: i64,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        let Writer { connection: db, combinations } = &mut *writer;
        db.batch(db.dialect().begin_writing())?;
        let mut writing =
            Writing { db: &mut **db, combinations, tallies: Tallies::default(), words: &self.words, now };
        let done = work(&mut writing).and_then(|done| writing.tallies.store(writing.db).map(|()| done));
        let done = done.and_then(|done| db.batch("COMMIT").map(|()| done));
        if done.is_err() {
            // Some of these may never have been stored.
            combinations.clear();
            // The error of the work says more than the one of a connection that is gone.
            db.batch("ROLLBACK").ok();
        }
        done
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does some work that sees one moment.
    fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.reader();
        let db = reader.connection();
        let done = db.batch(db.dialect().begin_reading()).and_then(|()| work(db));
        let ended = db.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        done.and_then(|done| ended.map(|()| done))
    }

    /// A reader that nobody else uses; waits for one.
    fn reader(&self) -> Reader<'_> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match readers.pop() {
                Some(connection) => return Reader { connection: Some(connection), store: self },
                None => readers = self.reader_is_back.wait(readers).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl std::fmt::Debug for AlarmStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlarmStore").finish_non_exhaustive()
    }
}
