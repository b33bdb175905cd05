//! The JSON of configuration files, read so that everything wrong becomes a problem and nothing a crash.
//!
//! A file is one object with one list of entries. The list is cut into entries first, and each entry is read on its
//! own, so that a large file never stands in memory as a tree, and one bad entry does not hide the others. [`Fields`]
//! reads the fields of an entry; [`Report`] collects the problems.

mod fields;
mod report;

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use fields::{Fields, Reported, out_of_range, required};
pub(crate) use report::{Report, beginning, brief, quoted};

/// The largest entry that is read, in bytes: as a tree it takes many times that.
const MAX_ENTRY_BYTES: usize = 4 << 20;

/// The entries of one file, still as text.
pub(crate) struct Entries<'a> {
    text: &'a str,
    raw: Vec<&'a RawValue>,
}

impl<'a> Entries<'a> {
    /// Cuts `{"<key>": [entry, …]}` into its entries; other keys are ignored.
    ///
    /// What is wrong with the file as a whole is one error of `report`, with line and column.
    pub(crate) fn read(
        bytes: &'a [u8],
        key: &'static str,
        report: &mut Report<'_>,
    ) -> Result<Self, Reported> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}'),
            Err(error) => {
                let mut place = Place::START;
                place.advance(bytes, error.valid_up_to());
                let message = format!("is not UTF-8 text: line {} column {}", place.line, place.column());
                return Err(report.error("", message));
            }
        };
        match list_under(text, key) {
            Ok(Some(raw)) => Ok(Self { text, raw }),
            Ok(None) => {
                Err(report
                    .error("", format!("has no \"{key}\": a file of this kind is {{\"{key}\": [ … ]}}")))
            }
            Err(error) if error.is_data() => {
                let reason = brief(&error);
                Err(report.error("", format!("is not of the form {{\"{key}\": [ … ]}}: {reason}")))
            }
            Err(error) => Err(report.error("", format!("is not JSON: {error}"))),
        }
    }

    /// The entries, numbered from 1. One that cannot be read is reported and is an `Err`.
    pub(crate) fn each(
        &self,
        report: &mut Report<'_>,
        mut with: impl FnMut(&mut Report<'_>, Result<Value, Reported>),
    ) {
        let mut place = Place::START;
        for (index, raw) in self.raw.iter().enumerate() {
            report.enter(format!("entry {}", index + 1));
            let value = self.parse(raw, &mut place).map_err(|message| report.error("", message));
            with(report, value);
        }
        report.leave();
    }

    /// One entry, or what is wrong with it, with the line and column of the file. `place` is where the search for
    /// them starts: that of the last bad entry.
    fn parse(&self, raw: &RawValue, place: &mut Place) -> Result<Value, String> {
        let json = raw.get();
        if json.len() > MAX_ENTRY_BYTES {
            return Err(format!("takes {} bytes, and at most {MAX_ENTRY_BYTES} are read", json.len()));
        }
        serde_json::from_str(json).map_err(|error| {
            let offset = (json.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
            place.advance(self.text.as_bytes(), offset);
            let first_column = if error.line() == 1 { place.column() } else { 1 };
            let line = place.line + error.line().saturating_sub(1);
            let column = first_column + error.column().saturating_sub(1);
            let message = error.to_string();
            let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
            format!("cannot be read: {reason} at line {line} column {column}")
        })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

/// A place in a file, found by going on from an earlier one, so that a file of bad entries is gone through once.
struct Place {
    offset: usize,
    line: usize,
    line_start: usize,
}

impl Place {
    const START: Self = Self { offset: 0, line: 1, line_start: 0 };

    fn advance(&mut self, bytes: &[u8], to: usize) {
        let passed = bytes.get(self.offset..to).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        if let Some(newline) = passed.iter().rposition(|byte| *byte == b'\n') {
            self.line_start = self.offset + newline + 1;
        }
        self.offset = self.offset.max(to);
    }

    /// From 1, in bytes, as JSON errors count.
    fn column(&self) -> usize {
        self.offset - self.line_start + 1
    }
}

fn list_under<'a>(text: &'a str, key: &'static str) -> Result<Option<Vec<&'a RawValue>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let list = deserializer.deserialize_map(ListUnder { key })?;
    deserializer.end()?;
    Ok(list)
}

/// Takes the list under one key out of an object. As in Go dsiem, the last of several wins.
struct ListUnder {
    key: &'static str,
}

impl<'de> Visitor<'de> for ListUnder {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list \"{}\"", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.key {
                list = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: impl AsRef<[u8]>, expected: &[&str]) {
        let mut report = Report::new("f.json");
        if let Ok(entries) = Entries::read(bytes.as_ref(), "things", &mut report) {
            entries.each(&mut report, |_, _| {});
        }
        let problems: Vec<_> = report.finish().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_of_the_form_is_one_error_with_its_place() {
        check("", &["f.json: is not JSON: EOF while parsing a value at line 1 column 0"]);
        check("hello", &["is not JSON: expected value at line 1 column 1"]);
        check("{\n  \"things\": [1, 2,,]}", &["is not JSON: expected value at line 2 column 19"]);
        check(r#"{"things": []} x"#, &["is not JSON: trailing characters at line 1 column 16"]);
        check(r#"{"other": []}"#, &[r#"has no "things": a file of this kind is {"things": [ … ]}"#]);
        check("[]", &["is not of the form"]);
        check("[[{}]]", &["is not of the form"]);
        check("null", &["is not of the form"]);
        check(r#"{"things": {}}"#, &["is not of the form"]);
        check(r#"{"things": null}"#, &["is not of the form"]);
        check(b"{\n\"th\xffings\": []}", &["is not UTF-8 text: line 2 column 4"]);
        check([0u8; 64], &["is not JSON: expected value at line 1 column 1"]);
    }

    #[test]
    fn what_is_around_the_list_does_not_matter() {
        check(r#"{"things": [{}]}"#, &[]);
        check("\u{feff}{\"a\": {\"b\": [1e999]}, \"things\": [{}], \"c\": null}", &[]);
        check(r#"{"th\u0069ngs": [{}]}"#, &[]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_reported_with_its_place_in_the_file() {
        check(
            "{\"things\": [{},\n  {\"n\": 1e999},\n  {\"t\":\n \"\\ud800\"}, {}]}",
            &[
                "entry 2: cannot be read: number out of range at line 2 column 13",
                "entry 3: cannot be read: unexpected end of hex escape at line 4 column ",
            ],
        );
    }

    #[test]
    fn a_file_of_bad_entries_is_gone_through_once() {
        let mut report = Report::new("f.json");
        let file = format!("{{\"things\": [\n{}0]}}", "1e999,\n".repeat(50_000));
        let entries = Entries::read(file.as_bytes(), "things", &mut report).unwrap();
        entries.each(&mut report, |_, _| {});
        let problems = report.finish();
        assert_eq!(problems.len(), 50_000);
        assert!(problems[49_999].message.ends_with("at line 50001 column 5"), "{}", problems[49_999]);
    }

    #[test]
    fn an_entry_that_would_fill_the_memory_is_refused() {
        let zeros = "0,".repeat(MAX_ENTRY_BYTES / 2);
        check(
            format!("{{\"things\": [[{zeros}0]]}}"),
            &["entry 1: takes 4194307 bytes, and at most 4194304 are read"],
        );
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = |open: &str, close: &str| open.repeat(200_000) + &close.repeat(200_000);
        check(
            format!(r#"{{"things": [{}]}}"#, deep("[", "]")),
            &["entry 1: cannot be read: recursion limit exceeded"],
        );
        check(format!(r#"{{"other": {}, "things": [{{}}]}}"#, deep("[", "]")), &[]);
        check("[".repeat(1_000_000), &["is not"]);
        check("{\"things\":".repeat(100_000), &["is not"]);
    }
}
