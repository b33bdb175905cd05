//! The wire form of an event, as senders post it and as it crosses the bus.
//!
//! Reading is strict about what correlation needs and says everything that is wrong with an event at once; it is
//! tolerant about the rest: unknown keys are ignored, `null` is the same as missing, and another case of a name is
//! accepted as Go's decoder did (the exact name wins). Writing puts all fields in, as existing backends expect.

mod checked;
mod draft;
mod flawless;
mod json_text;
mod name;
mod problem;
mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod write;

use super::Event;
use draft::{Draft, UnreadableFields};
use json_text::JsonText;
use read::Reader;

pub use checked::CheckedEvent;
pub use flawless::{check_array, check_lines};
pub(in crate::event) use name::{Field, Name};
pub use problem::{EventError, FieldProblem};
pub(in crate::event) use scalar::Scalar;

/// Reads one event and checks it; its texts stay where they are. `received` is taken from `rcvd_time` and is 1970 where
/// that is missing.
///
/// # Errors
/// Every field that is missing or wrong, by name, or that `text` is not one JSON object.
pub fn check(text: &str) -> Result<CheckedEvent<'_>, EventError> {
    let mut draft = Draft::default();
    draft.read(text).map_err(|error| unreadable(text, &error))?;
    Reader::new(&mut draft).event()
}

/// Reads one event, as [`check`] does.
///
/// # Errors
/// As of [`check`], or that `raw` is not UTF-8.
pub fn decode(raw: &[u8]) -> Result<Event, EventError> {
    check(text(raw)?).map(CheckedEvent::into_event)
}

/// The text of a message.
pub(in crate::event) fn text(raw: &[u8]) -> Result<&str, EventError> {
    std::str::from_utf8(raw).map_err(|error| {
        let reason = format!("is not UTF-8 from byte {} on", error.valid_up_to());
        FieldProblem { field: "", reason }.into()
    })
}

/// What is wrong with an event that could not be read: each field whose value cannot be, or else the event as a whole.
fn unreadable(text: &str, error: &serde_json::Error) -> EventError {
    let is_object = text.trim_ascii_start().starts_with('{');
    let fields = is_object.then(|| serde_json::from_str(text).ok()).flatten();
    match fields {
        Some(UnreadableFields(problems)) if !problems.is_empty() => EventError { problems },
        _ => EventError::not_an_object(error),
    }
}

/// Appends the wire form of `event` to `out`: one JSON object with all fields, the timestamp in UTC.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    CheckedEvent::from(event).encode(out);
}
