//! What is wrong with a configuration file, told to the person who wrote it.
//!
//! Checking never stops at the first problem: a reader of any file returns all of them, each with the file, the entry
//! and the field it is about, so that one round of editing is enough.

use std::fmt;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the entry works.
    Warning,
    /// The entry was changed so that it works (lenient loading only).
    Repaired,
    /// The entry does not work and is not used.
    Error,
}

/// One thing that is wrong in one place of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The name of the file, as the user knows it.
    pub file: String,
    /// The entry, in the user's words: `directive 7`, `asset "dmz"`, `entry 3`; empty for the file as a whole.
    pub entry: String,
    /// The stage of a directive, where it is about one.
    pub stage: Option<u64>,
    /// The field's name in the file; empty for the entry as a whole.
    pub field: String,
    /// What is wrong and what would be right, with the user's own text in it.
    pub message: String,
}

impl Problem {
    /// A problem of the file as a whole; narrow it with the methods below.
    #[must_use]
    pub fn error(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            entry: String::new(),
            stage: None,
            field: String::new(),
            message: message.into(),
        }
    }

    /// The same problem at another severity.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same problem, of one entry of the file.
    #[must_use]
    pub fn in_entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = entry.into();
        self
    }

    /// The same problem, of one stage of a directive.
    #[must_use]
    pub fn in_stage(mut self, stage: Option<u64>) -> Self {
        self.stage = stage;
        self
    }

    /// The same problem, of one field.
    #[must_use]
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Whether the entry cannot be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    /// `directives_x.json: directive 7: stage 2: from: "10.0.0" is not an address …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.entry.is_empty() {
            write!(f, "{}: ", self.entry)?;
        }
        if let Some(stage) = self.stage {
            write!(f, "stage {stage}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        match self.severity {
            Severity::Warning => write!(f, "warning: {}", self.message),
            Severity::Repaired => write!(f, "repaired: {}", self.message),
            Severity::Error => f.write_str(&self.message),
        }
    }
}

/// What could be read, and everything that was wrong with it.
#[derive(Debug, Clone)]
pub struct Checked<T> {
    /// The usable part. Where any problem [is an error](Problem::is_error), it is incomplete.
    pub value: T,
    /// Every problem, in the order of the file.
    pub problems: Vec<Problem>,
}

impl<T> Checked<T> {
    /// Whether anything could not be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// The value if nothing was an error, else all the problems.
    ///
    /// # Errors
    /// Every problem, warnings included, when at least one of them is an error.
    pub fn into_result(self) -> Result<T, Vec<Problem>> {
        if self.has_errors() { Err(self.problems) } else { Ok(self.value) }
    }
}
