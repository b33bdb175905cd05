//! The state of one directive at rest: `logs/backlogs/<directive_id>.json`.
//!
//! The saved form is a promise of its own, apart from the working types: human-readable JSON with a format version and
//! the node's name. A backlog carries the rules it was opened with, its counts, event ids, sticky values, times, findings
//! and the first event of each stage, so that references go on working after a restart. Files that dsiem-rs saved are
//! read by [`dsiem_rs`].

pub mod dsiem_rs;
pub mod record;
mod saved;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::backlog::{Backlog, Settings};
use crate::directive::{Directive, file};
use crate::event::EventKey;
use crate::time::ReceiptTime;
use saved::SavedBacklog;

/// What `format` says in every file of ours.
const FORMAT: &str = "dsiem-backlogs";

/// The version this code writes, and the newest that it reads.
const VERSION: u32 = 1;

/// What a directive has to remember across a restart.
#[derive(Debug, Default)]
pub struct DirectiveState {
    /// Its open backlogs, oldest first.
    pub backlogs: Vec<OpenBacklog>,
    /// The event ids it had lately, oldest first.
    pub remembered: Vec<(ReceiptTime, EventKey)>,
}

impl DirectiveState {
    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.backlogs.is_empty() && self.remembered.is_empty()
    }
}

/// A backlog at the time of saving.
#[derive(Debug)]
pub struct OpenBacklog {
    /// Its state.
    pub backlog: Backlog,
    /// Whether look-ups were still to be answered; it may have ended otherwise.
    pub look_ups_pending: bool,
}

/// A file that was read.
#[derive(Debug)]
pub struct SavedFile {
    /// The node that wrote it.
    pub node: String,
    /// Whose state it is.
    pub directive_id: u64,
    /// What could be restored.
    pub state: DirectiveState,
    /// What could not be restored: the alarm id and why.
    pub set_aside: Vec<(String, String)>,
}

/// Why nothing of a file can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not JSON, or not of the form.
    #[error("it is not a file of saved backlogs: {0}")]
    Malformed(String),
    /// Written by a later release.
    #[error(
        "it has format version {found}, and this release reads up to {VERSION}: start the newer release again, or move the file away"
    )]
    TooNew {
        /// The version in the file.
        found: u64,
    },
}

/// The file, with one backlog and one event id a line: `B` and `R` are texts that are JSON already when writing, and parts
/// of the file's text when reading, so that a directive with many open backlogs is no tree in memory.
#[derive(Serialize, Deserialize)]
struct File<B, R> {
    format: String,
    version: u32,
    node: String,
    saved_at: i64,
    directive_id: u64,
    /// The definitions that backlogs refer to by position.
    directives: Vec<Value>,
    backlogs: Vec<B>,
    /// Event ids as hexadecimal digits, each with its receipt time in nanoseconds.
    remembered: Vec<R>,
}

/// What is looked at before the rest is read.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    format: Value,
    #[serde(default)]
    version: Value,
}

/// Whether a file holds the list that dsiem-rs saves, and not the object that we save.
#[must_use]
pub fn is_from_dsiem_rs(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Whose file this is, without reading the rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    format: String,
    /// The node that wrote it.
    pub node: String,
    /// Whose state it is.
    pub directive_id: u64,
}

impl Header {
    /// The header of a file; `None` if it is no file of ours.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|header: &Self| header.format == FORMAT)
    }
}

/// The file form of a directive's state.
#[must_use]
pub fn write(node: &str, directive_id: u64, state: &DirectiveState, saved_at: ReceiptTime) -> Vec<u8> {
    let mut definitions: Vec<&Arc<Directive>> = Vec::new();
    let mut backlogs = Vec::with_capacity(state.backlogs.len());
    for open in &state.backlogs {
        let directive = open.backlog.directive();
        let position = definitions.iter().position(|d| Arc::ptr_eq(d, directive)).unwrap_or_else(|| {
            definitions.push(directive);
            definitions.len() - 1
        });
        backlogs.push(line(&SavedBacklog::of(&open.backlog, position, open.look_ups_pending)));
    }
    let file = File {
        format: FORMAT.to_owned(),
        version: VERSION,
        node: node.to_owned(),
        saved_at: saved_at.secs(),
        directive_id,
        directives: definitions.into_iter().map(|directive| file::to_value(directive)).collect(),
        backlogs,
        remembered: state.remembered.iter().map(|(at, key)| line(&(key.to_hex(), at.nanos()))).collect(),
    };
    // Texts, numbers and lists have a JSON form.
    serde_json::to_vec_pretty(&file).expect("saved state has a JSON form")
}

/// A value that stays on one line of the file.
fn line(value: &impl Serialize) -> Box<RawValue> {
    // Texts, numbers and lists have a JSON form.
    to_raw_value(value).expect("saved state has a JSON form")
}

/// Reads a file of ours. `today` is the directive of that id as it is loaded now: backlogs whose definition is the same
/// share it.
///
/// # Errors
/// When nothing of the file can be used. A single backlog that cannot be restored is [set aside](SavedFile::set_aside).
pub fn read(
    bytes: &[u8],
    today: Option<&Arc<Directive>>,
    settings: &Settings,
) -> Result<SavedFile, SnapshotError> {
    let malformed = |e: serde_json::Error| SnapshotError::Malformed(e.to_string());
    let kind: Kind = serde_json::from_slice(bytes).map_err(malformed)?;
    if kind.format != FORMAT {
        return Err(SnapshotError::Malformed(format!("its \"format\" is not \"{FORMAT}\"")));
    }
    if let Some(found) = kind.version.as_u64().filter(|version| *version > u64::from(VERSION)) {
        return Err(SnapshotError::TooNew { found });
    }
    let file: File<&RawValue, (String, i64)> = serde_json::from_slice(bytes).map_err(malformed)?;
    let definitions: Vec<_> = file.directives.iter().map(|value| definition(value, today)).collect();
    let mut state = DirectiveState::default();
    let mut set_aside = Vec::new();
    for text in file.backlogs {
        match restore(text, &definitions, settings) {
            Ok(open) => state.backlogs.push(open),
            Err(reason) => set_aside.push((alarm_id(text), reason)),
        }
    }
    state.remembered = file
        .remembered
        .iter()
        .filter_map(|(hex, at)| Some((ReceiptTime::from_nanos(*at), EventKey::from_hex(hex)?)))
        .collect();
    Ok(SavedFile { node: file.node, directive_id: file.directive_id, state, set_aside })
}

fn definition(value: &Value, today: Option<&Arc<Directive>>) -> Result<Arc<Directive>, String> {
    if let Some(today) = today.filter(|today| file::to_value(today) == *value) {
        return Ok(today.clone());
    }
    file::from_value(value)
        .map(Arc::new)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// The alarm id of a backlog that cannot be read otherwise, as far as it has one.
fn alarm_id(text: &RawValue) -> String {
    let value: Value = serde_json::from_str(text.get()).unwrap_or_default();
    value.get("alarm_id").and_then(Value::as_str).unwrap_or("?").to_owned()
}

fn restore(
    text: &RawValue,
    definitions: &[Result<Arc<Directive>, String>],
    settings: &Settings,
) -> Result<OpenBacklog, String> {
    let saved: SavedBacklog = serde_json::from_str(text.get()).map_err(|e| e.to_string())?;
    let directive = definitions
        .get(saved.directive)
        .ok_or_else(|| format!("it refers to definition {} of {}", saved.directive, definitions.len()))?
        .clone()
        .map_err(|reason| format!("its directive cannot be read: {reason}"))?;
    saved.restore(directive, settings)
}

#[cfg(test)]
mod tests;
