//! Everything that is wrong with an event, in words for whoever sent it.

use std::fmt;

use crate::form::brief;

/// One thing that is wrong with one field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name on the wire; empty for the event as a whole.
    pub field: &'static str,
    /// What is wrong, with the sender's own value where it helps.
    pub reason: String,
}

/// Everything that is wrong with an event; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// In the order in which the fields are checked.
    pub problems: Vec<FieldProblem>,
}

impl EventError {
    /// What was to be an event is something else.
    pub(in crate::event) fn not_an_object(error: &serde_json::Error) -> Self {
        FieldProblem { field: "", reason: format!("is not a JSON object: {}", brief(error)) }.into()
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.field, self.reason)
        }
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for EventError {}

impl From<FieldProblem> for EventError {
    fn from(problem: FieldProblem) -> Self {
        Self { problems: vec![problem] }
    }
}
