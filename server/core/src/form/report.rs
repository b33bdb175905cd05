//! The problems of one file while it is read.

use crate::form::Reported;
use crate::problem::{Problem, Severity};

/// How many problems of one file are listed; the others are counted.
pub(crate) const MAX_PROBLEMS: usize = 100_000;

/// How much of the user's text a message quotes, in characters.
const MAX_QUOTED: usize = 100;

/// The problems so far, and the place that the next ones are about.
pub(crate) struct Report<'f> {
    file: &'f str,
    entry: String,
    stage: Option<u64>,
    problems: Vec<Problem>,
    unlisted: Count,
}

/// Problems beyond [`MAX_PROBLEMS`].
#[derive(Clone, Copy, Default)]
struct Count {
    errors: usize,
    others: usize,
}

/// A point in a report, to look back at what came after it.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    listed: usize,
    unlisted_errors: usize,
}

impl<'f> Report<'f> {
    pub(crate) fn new(file: &'f str) -> Self {
        Self { file, entry: String::new(), stage: None, problems: Vec::new(), unlisted: Count::default() }
    }

    /// What follows is about this entry.
    pub(crate) fn enter(&mut self, entry: String) {
        self.entry = entry;
        self.stage = None;
    }

    /// What follows is about the file as a whole.
    pub(crate) fn leave(&mut self) {
        self.enter(String::new());
    }

    /// What follows is about this stage of the entry.
    pub(crate) fn at_stage(&mut self, stage: Option<u64>) {
        self.stage = stage;
    }

    /// The entry that problems are about.
    pub(crate) fn entry(&self) -> &str {
        &self.entry
    }

    /// Notes an error; its result stands for the value that there is none of.
    pub(crate) fn error(&mut self, field: &str, message: impl Into<String>) -> Reported {
        self.push(Severity::Error, field, message.into());
        Reported(())
    }

    pub(crate) fn warning(&mut self, field: &str, message: impl Into<String>) {
        self.push(Severity::Warning, field, message.into());
    }

    pub(crate) fn repaired(&mut self, field: &str, message: impl Into<String>) {
        self.push(Severity::Repaired, field, message.into());
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { listed: self.problems.len(), unlisted_errors: self.unlisted.errors }
    }

    /// Turns the errors since `mark` into warnings: the entry is skipped, and the file is still used.
    pub(crate) fn excuse_since(&mut self, mark: Mark) {
        for problem in self.problems.iter_mut().skip(mark.listed).filter(|problem| problem.is_error()) {
            problem.severity = Severity::Warning;
        }
        self.unlisted.others += self.unlisted.errors - mark.unlisted_errors;
        self.unlisted.errors = mark.unlisted_errors;
    }

    /// All problems, in the order in which they were found.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        let Count { errors, others } = self.unlisted;
        if errors + others > 0 {
            let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} more problems are not listed", errors + others);
            self.problems.push(Problem::error(self.file, message).with_severity(severity));
        }
        self.problems
    }

    fn push(&mut self, severity: Severity, field: &str, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(
                Problem::error(self.file, message)
                    .with_severity(severity)
                    .in_entry(self.entry.as_str())
                    .in_stage(self.stage)
                    .in_field(field),
            );
        } else if severity == Severity::Error {
            self.unlisted.errors += 1;
        } else {
            self.unlisted.others += 1;
        }
    }
}

/// The user's own text as messages show it: in quotes, control characters escaped, not longer than a line.
pub(crate) fn quoted(text: &str) -> String {
    let shown = beginning(text);
    format!("{shown:?}{}", if shown.len() < text.len() { "…" } else { "" })
}

/// As much of a text as messages show.
pub(crate) fn beginning(text: &str) -> &str {
    text.char_indices().nth(MAX_QUOTED).map_or(text, |(end, _)| &text[..end])
}

/// What the reader of JSON says, not longer than a line: it repeats whole texts of the user's.
pub(crate) fn brief(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let (reason, place) = told.rsplit_once(" at line ").unwrap_or((&told, ""));
    let shown = beginning(reason);
    if shown.len() < reason.len() { format!("{shown}… at line {place}") } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_problems_are_counted_and_none_is_hidden() {
        let mut report = Report::new("f.json");
        for _ in 0..MAX_PROBLEMS {
            report.warning("", "w");
        }
        let mark = report.mark();
        report.error("", "e");
        report.warning("", "w");
        let mut problems = report.finish();
        let last = problems.pop().unwrap();
        assert_eq!(problems.len(), MAX_PROBLEMS);
        assert_eq!(last.to_string(), "f.json: 2 more problems are not listed");

        let mut report = Report::new("f.json");
        report.problems = problems;
        report.error("", "e");
        report.excuse_since(mark);
        let last = report.finish().pop().unwrap();
        assert_eq!(last.to_string(), "f.json: warning: 1 more problems are not listed");
    }

    #[test]
    fn quotes_escape_and_cut() {
        assert_eq!(quoted("a\"b\u{7}ü"), r#""a\"b\u{7}ü""#);
        assert_eq!(quoted(&"ü".repeat(1000)), format!("\"{}\"…", "ü".repeat(100)));
    }

    #[test]
    fn errors_of_json_do_not_repeat_long_texts() {
        let error = |text: &str| serde_json::from_str::<u8>(text).unwrap_err();
        assert_eq!(brief(&error("\"ü\"")), "invalid type: string \"ü\", expected u8 at line 1 column 4");
        let long = format!("\"{}\"", "ü".repeat(1_000_000));
        let expected = format!("invalid type: string \"{}… at line 1 column 2000002", "ü".repeat(78));
        assert_eq!(brief(&error(&long)), expected);
    }
}
