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
pub(crate) use report::{Report, quoted};

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
                let (line, column) = position(&bytes[..error.valid_up_to()]);
                return Err(report.error("", format!("is not UTF-8 text: line {line} column {column}")));
            }
        };
        match list_under(text, key) {
            Ok(Some(raw)) => Ok(Self { text, raw }),
            Ok(None) => {
                Err(report
                    .error("", format!("has no \"{key}\": a file of this kind is {{\"{key}\": [ … ]}}")))
            }
            Err(error) if error.is_data() => {
                Err(report.error("", format!("is not of the form {{\"{key}\": [ … ]}}: {error}")))
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
        for (index, raw) in self.raw.iter().enumerate() {
            report.enter(format!("entry {}", index + 1));
            let value = serde_json::from_str(raw.get())
                .map_err(|error| report.error("", self.unreadable(raw, &error)));
            with(report, value);
        }
        report.leave();
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The error of one entry, with the line and column of the file.
    fn unreadable(&self, raw: &RawValue, error: &serde_json::Error) -> String {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let (line, column) = position(&self.text.as_bytes()[..offset.min(self.text.len())]);
        let column =
            if error.line() == 1 { column + error.column().saturating_sub(1) } else { error.column() };
        let line = line + error.line().saturating_sub(1);
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        format!("cannot be read: {reason} at line {line} column {column}")
    }
}

/// Line and column, from 1, of what follows `before`.
fn position(before: &[u8]) -> (usize, usize) {
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - start + 1)
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
