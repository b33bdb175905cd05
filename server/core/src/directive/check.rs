//! Reading directive files, and everything that is wrong with them.
//!
//! Every problem of every directive is told, so that one round of editing is enough. Strictly, one error means that
//! the files are not used; leniently, bad directives are skipped, what Go dsiem repairs is repaired, and what it
//! accepts is accepted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Directive;
use super::compile::Compiler;
use super::interner::Interner;
use crate::form::{Entries, Fields, Report, Reported};
use crate::problem::{Checked, Problem};

/// The key of the list in a file.
const LIST: &str = "directives";

/// How directives are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Bad directives are skipped with a warning, and what Go dsiem repairs is repaired.
    pub lenient: bool,
    /// `protocol` is shown in alarms but never tested, as in Go dsiem.
    pub ignore_protocol: bool,
}

/// The directives of several files together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Those that work, in the order of the files. That there are none is not an error here.
    pub directives: Vec<Directive>,
    /// How many cannot work. Leniently, they are left out; strictly, there is at least one error for each.
    pub skipped: usize,
    /// How many are disabled; nothing else of them is looked at.
    pub disabled: usize,
}

/// Reads one file. To learn how many directives were skipped, use [`read_all`].
#[must_use]
pub fn read(file_name: &str, bytes: &[u8], mode: Mode) -> Checked<Vec<Directive>> {
    let Checked { value, problems } = read_all([(file_name, bytes)], mode);
    Checked { value: value.directives, problems }
}

/// Reads several files, each a name and its content; ids must be unique over all of them.
pub fn read_all<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>, mode: Mode) -> Checked<Loaded> {
    let mut reader =
        Reader { mode, interner: Interner::default(), file_of: BTreeMap::new(), loaded: Loaded::default() };
    let problems = files.into_iter().flat_map(|(name, bytes)| reader.file(name, bytes)).collect();
    Checked { value: reader.loaded, problems }
}

/// The files so far.
struct Reader<'a> {
    mode: Mode,
    interner: Interner,
    /// Which file each id stands in.
    file_of: BTreeMap<u64, &'a str>,
    loaded: Loaded,
}

impl<'a> Reader<'a> {
    fn file(&mut self, name: &'a str, bytes: &[u8]) -> Vec<Problem> {
        let mut report = Report::new(name);
        if let Ok(entries) = Entries::read(bytes, LIST, &mut report) {
            entries.each(&mut report, |report, entry| self.entry(name, entry, report));
            if entries.is_empty() {
                report.warning(LIST, "is empty: the file does nothing");
            }
        }
        report.finish()
    }

    fn entry(&mut self, file: &'a str, entry: Result<Value, Reported>, report: &mut Report<'_>) {
        let before = report.mark();
        match entry.and_then(|value| self.directive(file, &value, report)) {
            Ok(Some(directive)) => self.loaded.directives.push(directive),
            Ok(None) => self.loaded.disabled += 1,
            Err(_) => {
                self.loaded.skipped += 1;
                if self.mode.lenient {
                    report.excuse_since(before);
                    report.at_stage(None);
                    report.warning("", "is skipped");
                }
            }
        }
    }

    /// One directive; `None` if it is disabled.
    fn directive(
        &mut self,
        file: &'a str,
        value: &Value,
        report: &mut Report<'_>,
    ) -> Result<Option<Directive>, Reported> {
        let fields = Fields::of(value, report)?;
        let disabled = fields.flag("disabled", report);
        if disabled == Ok(Some(true)) {
            return Ok(None);
        }
        let mut compiler = Compiler { mode: self.mode, interner: &mut self.interner, report };
        let id = compiler.id(fields);
        let directive = compiler.directive(fields, id);
        let unique = id.and_then(|id| self.unique(id, file, report));
        // A directive that is skipped leaves its id to others; strictly, both are to be told of.
        if let (Ok(id), true) = (id, directive.is_ok() || !self.mode.lenient) {
            self.file_of.entry(id).or_insert(file);
        }
        disabled.and(unique).and(directive).map(Some)
    }

    fn unique(&self, id: u64, file: &str, report: &mut Report<'_>) -> Result<(), Reported> {
        let Some(first) = self.file_of.get(&id) else { return Ok(()) };
        let place = if *first == file { "this file" } else { first };
        let message = format!("{id} stands in {place} already: ids are unique over all files");
        Err(report.error("id", message))
    }
}
