//! The file of checkpoints: one transaction each, in an embedded database.
//!
//! A backlog is a row, so that only those that have changed are written. Its definition is kept once for all backlogs
//! that run with it. Remembered event ids are rows of many, one for each directive and checkpoint, and go as rows.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use dsiem_core::backlog::{Settings, Stage};
use dsiem_core::directive::Directive;
use dsiem_core::event::EventKey;
use dsiem_core::snapshot::{DirectiveState, record};
use dsiem_core::time::ReceiptTime;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::{Manifest, Restored};
use crate::backlog::Saved;
use crate::manager::Part;

/// The form of the rows; raised when an older release could not read them.
const VERSION: i64 = 1;

/// How the file is used: one process, commits that are on the disk when they return, pages of the size of ten backlogs.
const PRAGMAS: &str = "PRAGMA page_size = 16384; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS manifest (id INTEGER PRIMARY KEY CHECK (id = 1), content BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS backlogs (directive INTEGER, alarm TEXT, definition BLOB NOT NULL, state BLOB NOT NULL,
        PRIMARY KEY (directive, alarm)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS definitions (directive INTEGER, hash BLOB, content BLOB NOT NULL,
        PRIMARY KEY (directive, hash)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS remembered (directive INTEGER, newest INTEGER, checkpoint INTEGER, entries BLOB NOT NULL,
        PRIMARY KEY (directive, newest, checkpoint)) WITHOUT ROWID;";

/// Eight bytes of time, sixteen of the key.
const REMEMBERED_BYTES: usize = 24;

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// What is in the file is no database, or is damaged.
    #[error("{0}")]
    Unreadable(String),
    /// Another process has it open.
    #[error("another process uses it; does one with the same node name run in the same folder?")]
    InUse,
    /// Written by a later release.
    #[error(
        "it has format version {0}, and this release reads up to {VERSION}: start the newer release again, or move the file away"
    )]
    TooNew(i64),
    /// The system does not give access.
    #[error(transparent)]
    Other(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Unreadable(error.to_string()),
            _ => Self::Other(error),
        }
    }
}

/// The open file.
pub(super) struct Database {
    connection: Connection,
    /// The hash of each definition that was written, with the definition, so that none is computed twice.
    definitions: Definitions,
}

/// By the place of the definition in memory, which it holds.
type Definitions = HashMap<usize, (Arc<Directive>, [u8; 16])>;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) states: BTreeMap<u64, DirectiveState>,
    /// Alarm ids, and why they cannot be restored.
    pub(super) set_aside: Vec<(String, String)>,
}

impl Database {
    /// Opens or makes the file; what its last checkpoint says.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Manifest>), OpenError> {
        let connection = Connection::open(path)?;
        connection.execute_batch(PRAGMAS)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(OpenError::TooNew(version));
        }
        let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict != "ok" {
            return Err(OpenError::Unreadable(verdict));
        }
        connection.execute_batch(TABLES)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let manifest = content_of_manifest(&connection)?
            .map(|content| serde_json::from_slice(&content))
            .transpose()
            .map_err(|error| OpenError::Unreadable(error.to_string()))?;
        Ok((Self { connection, definitions: HashMap::new() }, manifest))
    }

    /// Reads the state of all directives.
    pub(super) fn load(
        &self,
        today: &HashMap<u64, Arc<Directive>>,
        settings: &Settings,
    ) -> rusqlite::Result<Loaded> {
        self.load_where(None, today, settings)
    }

    /// Reads the state of one directive; `None` before there is a checkpoint.
    pub(super) fn load_one(
        &self,
        directive: &Arc<Directive>,
        settings: &Settings,
    ) -> rusqlite::Result<Option<Restored>> {
        let Some(content) = content_of_manifest(&self.connection)? else { return Ok(None) };
        let manifest: Option<Manifest> = serde_json::from_slice(&content).ok();
        let Some(Manifest { alarm_log, .. }) = manifest.filter(|manifest| manifest.number > 0) else {
            return Ok(None);
        };
        let today = HashMap::from([(directive.id, directive.clone())]);
        let mut loaded = self.load_where(Some(directive.id), &today, settings)?;
        Ok(Some(Restored { state: loaded.states.remove(&directive.id).unwrap_or_default(), alarm_log }))
    }

    /// Of one directive, or of all.
    fn load_where(
        &self,
        only: Option<u64>,
        today: &HashMap<u64, Arc<Directive>>,
        settings: &Settings,
    ) -> rusqlite::Result<Loaded> {
        let only = only.map(u64::cast_signed);
        let definitions = self.definitions(today)?;
        let mut loaded = Loaded::default();
        let mut rows = self.connection.prepare(
            "SELECT directive, alarm, definition, state FROM backlogs WHERE ?1 IS NULL OR directive = ?1",
        )?;
        let mut rows = rows.query([only])?;
        while let Some(row) = rows.next()? {
            let directive_id = row.get::<_, i64>(0)?.cast_unsigned();
            let key = (directive_id, row.get(2)?);
            let restored = match definitions.get(&key) {
                Some(Ok(directive)) => {
                    record::read_backlog(row.get_ref(3)?.as_blob()?, directive.clone(), settings)
                }
                Some(Err(reason)) => Err(format!("its directive cannot be read: {reason}")),
                None => Err("its directive is missing".to_owned()),
            };
            match restored {
                Ok(open) => loaded.states.entry(directive_id).or_default().backlogs.push(open),
                Err(reason) => loaded.set_aside.push((row.get(1)?, reason)),
            }
        }
        self.load_remembered(only, &mut loaded.states)?;
        for state in loaded.states.values_mut() {
            // Rows come in no order that matters; these are to be in the order in which they were opened.
            state.backlogs.sort_by_key(|open| open.backlog.stages().first().map(Stage::start_secs));
        }
        Ok(loaded)
    }

    /// Oldest first.
    fn load_remembered(
        &self,
        only: Option<i64>,
        states: &mut BTreeMap<u64, DirectiveState>,
    ) -> rusqlite::Result<()> {
        let mut rows = self
            .connection
            .prepare("SELECT directive, entries FROM remembered WHERE ?1 IS NULL OR directive = ?1")?;
        let mut rows = rows.query([only])?;
        while let Some(row) = rows.next()? {
            let directive_id = row.get::<_, i64>(0)?.cast_unsigned();
            let remembered = &mut states.entry(directive_id).or_default().remembered;
            remembered.extend(unpacked(row.get_ref(1)?.as_blob()?));
        }
        for state in states.values_mut() {
            state.remembered.sort_unstable();
        }
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "a map used once")]
    fn definitions(
        &self,
        today: &HashMap<u64, Arc<Directive>>,
    ) -> rusqlite::Result<HashMap<(u64, [u8; 16]), Result<Arc<Directive>, String>>> {
        let mut definitions = HashMap::new();
        let mut rows = self.connection.prepare("SELECT directive, hash, content FROM definitions")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let directive_id = row.get::<_, i64>(0)?.cast_unsigned();
            let definition = record::read_definition(row.get_ref(2)?.as_blob()?, today.get(&directive_id));
            definitions.insert((directive_id, row.get(1)?), definition);
        }
        Ok(definitions)
    }

    /// Begins a checkpoint; with `afresh`, what earlier ones say goes.
    pub(super) fn begin(&mut self, number: u64, afresh: bool) -> rusqlite::Result<Writing<'_>> {
        let transaction = self.connection.transaction()?;
        if afresh {
            transaction
                .execute_batch("DELETE FROM backlogs; DELETE FROM definitions; DELETE FROM remembered;")?;
            self.definitions.clear();
        }
        Ok(Writing { transaction, number: number.cast_signed(), definitions: &mut self.definitions })
    }
}

/// A checkpoint that is being made; dropped, it never was.
pub(super) struct Writing<'d> {
    transaction: Transaction<'d>,
    number: i64,
    definitions: &'d mut Definitions,
}

impl Writing<'_> {
    /// Writes what one directive has to say.
    pub(super) fn add(&mut self, part: &Part) -> rusqlite::Result<()> {
        let directive = part.directive_id.cast_signed();
        let mut remove =
            self.transaction.prepare_cached("DELETE FROM backlogs WHERE directive = ?1 AND alarm = ?2")?;
        for alarm_id in &part.ended {
            remove.execute(params![directive, alarm_id.as_str()])?;
        }
        let mut put = self.transaction.prepare_cached("REPLACE INTO backlogs VALUES (?1, ?2, ?3, ?4)")?;
        for saved in &part.backlogs {
            let definition = definition(&self.transaction, self.definitions, directive, saved)?;
            put.execute(params![directive, saved.alarm_id.as_str(), definition, saved.state])?;
        }
        if let Some(newest) = part.remembered.iter().map(|(at, _)| at.nanos()).max() {
            let mut put =
                self.transaction.prepare_cached("REPLACE INTO remembered VALUES (?1, ?2, ?3, ?4)")?;
            put.execute(params![directive, newest, self.number, packed(&part.remembered)])?;
        }
        let mut forget =
            self.transaction.prepare_cached("DELETE FROM remembered WHERE directive = ?1 AND newest < ?2")?;
        forget.execute(params![directive, part.forgotten_before.nanos()])?;
        Ok(())
    }

    /// Makes it the last checkpoint. What it says is on the disk when this returns.
    pub(super) fn commit(self, manifest: &Manifest) -> anyhow::Result<()> {
        let content = serde_json::to_vec(manifest)?;
        self.transaction.execute("REPLACE INTO manifest VALUES (1, ?1)", params![content])?;
        Ok(self.transaction.commit()?)
    }
}

fn content_of_manifest(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.query_row("SELECT content FROM manifest", [], |row| row.get(0)).optional()
}

/// The hash of a backlog's definition, which is in the file then.
fn definition(
    transaction: &Transaction<'_>,
    known: &mut Definitions,
    directive: i64,
    saved: &Saved,
) -> rusqlite::Result<[u8; 16]> {
    let place = Arc::as_ptr(&saved.definition).addr();
    if let Some((_, hash)) = known.get(&place) {
        return Ok(*hash);
    }
    let content = record::write_definition(&saved.definition);
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(&content)[..16]);
    transaction
        .prepare_cached("REPLACE INTO definitions VALUES (?1, ?2, ?3)")?
        .execute(params![directive, hash, content])?;
    known.insert(place, (saved.definition.clone(), hash));
    Ok(hash)
}

fn packed(remembered: &[(ReceiptTime, EventKey)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(remembered.len() * REMEMBERED_BYTES);
    for (at, key) in remembered {
        bytes.extend_from_slice(&at.nanos().to_be_bytes());
        bytes.extend_from_slice(&key.0);
    }
    bytes
}

fn unpacked(bytes: &[u8]) -> impl Iterator<Item = (ReceiptTime, EventKey)> {
    bytes.as_chunks::<REMEMBERED_BYTES>().0.iter().map(|entry| {
        let (mut at, mut key) = ([0; 8], [0; 16]);
        at.copy_from_slice(&entry[..8]);
        key.copy_from_slice(&entry[8..]);
        (ReceiptTime::from_nanos(i64::from_be_bytes(at)), EventKey(key))
    })
}
