//! One backlog by itself, for a store that keeps each in a place of its own and writes only those that have changed.
//!
//! The content is that of a line in a [file](super::write); the definition of the directive is kept apart, since nearly
//! all backlogs of a directive share one.

use std::sync::Arc;

use super::saved::SavedBacklog;
use super::{OpenBacklog, definition};
use crate::backlog::{Backlog, Settings};
use crate::directive::{Directive, file};

/// The saved form of a backlog; `look_ups_pending` says whether look-ups are still to be answered.
#[must_use]
pub fn write_backlog(backlog: &Backlog, look_ups_pending: bool) -> Vec<u8> {
    // Texts, numbers and lists have a JSON form.
    serde_json::to_vec(&SavedBacklog::of(backlog, 0, look_ups_pending)).expect("a backlog has a JSON form")
}

/// Reads what [`write_backlog`] wrote, for the definition that the backlog runs with.
///
/// # Errors
/// Why it cannot be a backlog of `directive`, in words.
pub fn read_backlog(
    bytes: &[u8],
    directive: Arc<Directive>,
    settings: &Settings,
) -> Result<OpenBacklog, String> {
    let saved: SavedBacklog = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    saved.restore(directive, settings)
}

/// The saved form of a definition.
#[must_use]
pub fn write_definition(directive: &Directive) -> Vec<u8> {
    file::to_value(directive).to_string().into_bytes()
}

/// Reads what [`write_definition`] wrote; `today`, if it is the same.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn read_definition(bytes: &[u8], today: Option<&Arc<Directive>>) -> Result<Arc<Directive>, String> {
    let value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    definition(&value, today)
}
