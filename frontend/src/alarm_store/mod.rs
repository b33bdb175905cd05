//! The alarms that people see and handle: a database of them, and every question that is asked of it.
//!
//! The engine's updates and events come in ([`AlarmStore::apply`], [`AlarmStore::count`]), users change what is theirs
//! ([`AlarmStore::change`], …), lists and figures come out ([`AlarmStore::page`], [`AlarmStore::facets`], …).
//! It promises that updates may come twice and in any order (`rules`), that what the engine says never overwrites what
//! users did, and that everything that was accepted is on the disk when a call returns.
//!
//! Calls block: whoever is in an async task gives them to a blocking thread.

mod alarm;
mod bounds;
mod changes;
mod combinations;
mod counting;
pub(crate) mod document;
mod events;
mod figures;
mod filing;
mod filter;
mod handling;
mod list;
mod places;
mod retention;
mod rules;
mod selections;
mod spans;
mod stored;
mod tallies;
mod text;
mod vocabulary;
mod way;
mod writing;

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use changes::Changes;
use combinations::Combinations;
use tallies::Tallies;
use tokio::sync::broadcast;
use writing::Writing;

use crate::database::{Database, DatabaseError};
use crate::notifications::Occasions;

pub use alarm::{Action, Alarm, Handling, HistoryEntry};
pub use changes::{AlarmChange, ChangeKind};
pub use counting::{BODIES_KEPT, Counted, WithoutAlarm};
pub use document::{AlarmDocument, AlarmUpdate, Progress, Stage, StageEvent};
pub use events::{EventPage, StageCount, StoredEvent};
pub use figures::{Facet, Facets, MAX_COUNTED, OverTime, Part, Role};
pub use filter::Filter;
pub use handling::{Act, Change, Handled, Target};
pub use list::{COUNTED_EXACTLY, Count, Cursor, MAX_PAGE, Order, Page, SortBy};
pub use retention::{Limits, Removed};
pub use rules::Words;
pub use writing::Applied;

/// The name of the file of alarms, in the logs folder.
pub const FILE: &str = "alarms.sqlite";

/// The alarms. Shared by whoever asks; calls wait for each other only where one of them writes.
pub struct AlarmStore {
    database: Arc<Database>,
    words: Words,
    /// What is known to be stored of combinations. The writer's: it is locked around each transaction that writes.
    combinations: Mutex<Combinations>,
    changes: Changes,
    /// Up to which number lists are counted.
    counted_exactly: u64,
}

impl AlarmStore {
    /// The alarms in `database`.
    #[must_use]
    pub fn new(database: Arc<Database>, words: Words) -> Self {
        let changes = Changes::of(&database);
        let counted_exactly = COUNTED_EXACTLY;
        Self { database, words, combinations: Mutex::default(), changes, counted_exactly }
    }

    /// Opens or makes the SQLite file at `path`.
    ///
    /// # Errors
    /// When another process uses it, when a later release has written it, or when it cannot be opened.
    pub fn open_file(path: &Path, words: Words) -> Result<Self, DatabaseError> {
        Ok(Self::new(Arc::new(Database::open_file(path)?), words))
    }

    /// Opens the PostgreSQL database at `url`, such as `postgresql://dsiem:secret@host/dsiem`, and makes its tables.
    ///
    /// # Errors
    /// When it cannot be reached, when it refuses us, or when a later release has written it.
    pub fn open_server(url: &str, words: Words) -> Result<Self, DatabaseError> {
        Ok(Self::new(Arc::new(Database::open_server(url)?), words))
    }

    /// Counts lists exactly up to `most` instead of [`COUNTED_EXACTLY`]. What is a long list follows from it, and with
    /// that the ways to its pages: so they can be tried with few alarms.
    #[must_use]
    pub fn counting_lists_to(mut self, most: u64) -> Self {
        self.counted_exactly = most;
        self
    }

    /// The database that it is in, for others who keep something there.
    #[must_use]
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// The id of what is stored here, by which it is known on the bus; `new` is taken where it has none yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn id(&self, new: &str) -> Result<String, DatabaseError> {
        self.database.write(|db| {
            db.execute(
                "INSERT INTO store (number, id) VALUES (1, ?1) ON CONFLICT DO NOTHING",
                &[new.into()],
            )?;
            let rows = db.query("SELECT id FROM store WHERE number = 1", &[])?;
            let row = rows.first().ok_or_else(|| DatabaseError::Damaged("no id".into()))?;
            Ok(row.text(0)?.to_owned())
        })
    }

    /// Applies the engine's updates in their order; all of them are stored, or none.
    ///
    /// # Errors
    /// When the database does not take them.
    pub fn apply(&self, updates: Vec<AlarmUpdate>, now: i64) -> Result<Applied, DatabaseError> {
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
    ) -> Result<Counted, DatabaseError> {
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
    ) -> Result<Vec<Handled>, DatabaseError> {
        self.write(act.now, |writing| writing.change(targets, change, act))
    }

    /// Adds a comment to some alarms.
    ///
    /// # Errors
    /// When the database does not take it; nothing is changed then.
    pub fn comment(
        &self,
        targets: &[Target],
        text: &str,
        act: &Act<'_>,
    ) -> Result<Vec<Handled>, DatabaseError> {
        self.write(act.now, |writing| writing.comment(targets, text, act))
    }

    /// Deletes some alarms with everything about them. They come back only if their class rises.
    ///
    /// # Errors
    /// When the database does not take it; nothing is deleted then.
    pub fn delete(&self, targets: &[Target], now: i64) -> Result<Vec<Handled>, DatabaseError> {
        self.write(now, |writing| writing.delete(targets))
    }

    /// Removes one batch of what is beyond the limits. To be called until there is no more, and now and then.
    ///
    /// # Errors
    /// When the database does not do it.
    pub fn retain(&self, limits: Limits, now: i64) -> Result<Removed, DatabaseError> {
        let removed = self.write(now, |writing| writing.retain(limits))?;
        if removed.alarms > 0 {
            self.database.give_room_back()?;
        }
        Ok(removed)
    }

    /// The installation's words that mean something to the rules.
    #[must_use]
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Hears of every change from now on, once it is stored, also of those of other frontends that share the database.
    pub fn subscribe(&self) -> broadcast::Receiver<AlarmChange> {
        self.changes.subscribe()
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
    ) -> Result<Page, DatabaseError> {
        self.database.read(|db| list::page(db, filter, order, (after, limit), self.counted_exactly))
    }

    /// One alarm, and how many events its stages have, as many as are stored or as the engine says; `None` if it is not
    /// there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn alarm(&self, alarm_id: &str) -> Result<Option<(Alarm, Vec<StageCount>)>, DatabaseError> {
        self.database.read(|db| {
            let rows = db.query("SELECT seq FROM identities WHERE alarm_id = ?1", &[alarm_id.into()])?;
            let Some(row) = rows.first() else { return Ok(None) };
            let Some(alarm) = stored::read_alarm(db, row.int(0)?)? else { return Ok(None) };
            let counts = events::counts(db, alarm_id)?;
            let counts = events::at_least(&counts, &alarm.document);
            Ok(Some((alarm, counts)))
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
    ) -> Result<EventPage, DatabaseError> {
        self.database.read(|db| events::page(db, alarm_id, stage, after, limit))
    }

    /// What was done with an alarm, from the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn history(&self, alarm_id: &str) -> Result<Vec<HistoryEntry>, DatabaseError> {
        self.database.read(|db| handling::history(db, alarm_id))
    }

    /// How many alarms of a list have each value.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn facets(&self, filter: &Filter) -> Result<Facets, DatabaseError> {
        self.database.read(|db| figures::facets(db, filter))
    }

    /// How many alarms of a list were created from a time on and until another, by class; by hour up to 14 days, by
    /// day beyond.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn over_time(&self, filter: &Filter, from: i64, until: i64) -> Result<OverTime, DatabaseError> {
        self.database.read(|db| figures::over_time(db, filter, from, until))
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
    ) -> Result<Vec<Facet<IpAddr>>, DatabaseError> {
        self.database.read(|db| figures::top_addresses(db, role, from, until, limit))
    }

    /// How many bytes are in use; what was deleted does not count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn used_bytes(&self) -> Result<u64, DatabaseError> {
        self.database.read(retention::used_bytes)
    }

    /// Writes a copy of the whole database to the file `to`; see [`Database::copy_to`].
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn copy_to(&self, to: &Path) -> Result<(), DatabaseError> {
        self.database.copy_to(to)
    }

    /// Does some work in a transaction that writes: all of it, or nothing.
    fn write<T>(
        &self,
        now: i64,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut combinations = self.combinations.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.database.write(|db| {
            let mut writing = Writing {
                db,
                combinations: &mut combinations,
                tallies: Tallies::default(),
                words: &self.words,
                changes: Vec::new(),
                occasions: Occasions::default(),
                now,
            };
            let done = work(&mut writing)?;
            writing.tallies.store(writing.db)?;
            self.changes.announce(writing.db, &writing.changes)?;
            Ok((done, writing.changes))
        });
        match done {
            Ok((done, changes)) => {
                self.changes.tell(changes);
                Ok(done)
            }
            Err(error) => {
                // Some of these may never have been stored.
                *combinations = Combinations::default();
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for AlarmStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlarmStore").finish_non_exhaustive()
    }
}
