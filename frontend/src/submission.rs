//! The events of one request, cut apart but not yet read.
//!
//! Where an event is refused, the sender and `rejected_events.json` are told which one, so each is cut out first. Whether
//! a body is JSON at all is decided here, and how many events it has. Nothing is copied.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Events in one request; more: 413.
pub(crate) const MAX_EVENTS: usize = 50_000;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON value that is not an array.
    One,
    /// An array.
    Array,
    /// NDJSON: one JSON value a line.
    Lines,
}

impl Form {
    /// That of `body`, as far as its beginning and its sender say.
    pub(crate) fn of(body: &str, ndjson: bool) -> Self {
        if ndjson {
            Self::Lines
        } else if body.trim_ascii_start().starts_with('[') {
            Self::Array
        } else {
            Self::One
        }
    }
}

/// What a request holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Submission<'a> {
    /// One JSON value that is not an array.
    One(&'a str),
    /// The elements of an array, or the lines of NDJSON that are not blank.
    Many(Vec<&'a str>),
}

/// Why a body has no events.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    /// Not JSON, or not one JSON value.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// More than [`MAX_EVENTS`].
    #[error(
        "the body holds {0} events, and the most in one request is {MAX_EVENTS}; send it in smaller parts"
    )]
    TooMany(usize),
}

impl<'a> Submission<'a> {
    /// Cuts `body` apart.
    pub(crate) fn split(body: &'a str, form: Form) -> Result<Self, SplitError> {
        match form {
            Form::Lines => lines(body),
            Form::Array => elements(body),
            Form::One => value(body).map(Self::One).map_err(|e| SplitError::NotJson(e.to_string())),
        }
    }

    /// The text of each event, in order.
    pub(crate) fn events(&self) -> &[&'a str] {
        match self {
            Self::One(event) => std::slice::from_ref(event),
            Self::Many(events) => events,
        }
    }
}

fn value(text: &str) -> serde_json::Result<&str> {
    serde_json::from_str::<&RawValue>(text).map(RawValue::get)
}

/// A line that is not JSON is a refused event like any other, unless no line is.
fn lines(body: &str) -> Result<Submission<'_>, SplitError> {
    let mut rest = body.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty());
    let lines: Vec<_> = rest.by_ref().take(MAX_EVENTS).collect();
    let beyond = rest.count();
    if beyond > 0 {
        return Err(SplitError::TooMany(lines.len() + beyond));
    }
    let mut first_error = None;
    for line in &lines {
        match value(line) {
            Ok(_) => return Ok(Submission::Many(lines)),
            Err(e) => first_error = first_error.or(Some(e)),
        }
    }
    Err(SplitError::NotJson(
        first_error.map_or_else(|| "it has no line".to_owned(), |e| format!("no line is: {e}")),
    ))
}

fn elements(body: &str) -> Result<Submission<'_>, SplitError> {
    let not_json = |e: serde_json::Error| SplitError::NotJson(e.to_string());
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let elements = deserializer.deserialize_seq(Elements).map_err(not_json)?;
    deserializer.end().map_err(not_json)?;
    if elements.count > MAX_EVENTS {
        return Err(SplitError::TooMany(elements.count));
    }
    Ok(Submission::Many(elements.texts))
}

/// Collects elements up to the limit, and counts those beyond it.
struct Elements;

struct Collected<'a> {
    texts: Vec<&'a str>,
    count: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Collected<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while texts.len() < MAX_EVENTS {
            let Some(raw) = seq.next_element::<&RawValue>()? else {
                return Ok(Collected { count: texts.len(), texts });
            };
            texts.push(raw.get());
        }
        let mut count = texts.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Collected { texts, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(body: &str, ndjson: bool) -> Result<Submission<'_>, SplitError> {
        Submission::split(body, Form::of(body, ndjson))
    }

    fn check(body: &str, ndjson: bool, expected: &[&str]) {
        let split = split(body, ndjson).unwrap_or_else(|e| panic!("{body:?}: {e}"));
        assert_eq!(split.events(), expected, "{body:?}");
    }

    fn check_error(body: &str, ndjson: bool) {
        let split = split(body, ndjson);
        assert!(matches!(split, Err(SplitError::NotJson(_))), "{body:?}: {split:?}");
    }

    #[test]
    fn one_value_or_an_array() {
        check(r#" {"a": 1} "#, false, &[r#"{"a": 1}"#]);
        check("5", false, &["5"]);
        check("null", false, &["null"]);
        check(r#"[{"a":[1]} , "x",null,[[2]]]"#, false, &[r#"{"a":[1]}"#, r#""x""#, "null", "[[2]]"]);
        check("\n [ ]\n", false, &[]);
        assert!(matches!(split("{}", false), Ok(Submission::One(_))));
        assert!(matches!(split("[{}]", false), Ok(Submission::Many(_))));
    }

    #[test]
    fn one_value_a_line() {
        check("{\"a\":1}\r\n\n  {\"b\":2}  \n", true, &["{\"a\":1}", "{\"b\":2}"]);
        check("{}", true, &["{}"]);
        // What is not JSON is left to the reader of events, as long as one line is.
        check("nonsense\n{}\n{", true, &["nonsense", "{}", "{"]);
    }

    #[test]
    fn what_is_not_json() {
        for body in
            ["", " ", "{", "[", "[{}", "[{},]", "{} {}", "[] []", "[{}]x", "nonsense", "{'a':1}", "[1 2]"]
        {
            check_error(body, false);
        }
        for body in ["", "\n\n", "nonsense", "{\n}", "x\ny\nz"] {
            check_error(body, true);
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        let deep = "[".repeat(1_000_000);
        check_error(&deep, false);
        let closed = format!("{deep}{}", "]".repeat(1_000_000));
        check(&closed, false, &[&closed[1..closed.len() - 1]]);
    }

    #[test]
    fn the_number_of_events_has_a_limit() {
        let array = |n: usize| format!("[{}]", vec!["1"; n].join(","));
        let lines = |n: usize| "1\n".repeat(n);
        for (body, ndjson) in [(array(MAX_EVENTS), false), (lines(MAX_EVENTS), true)] {
            assert_eq!(split(&body, ndjson).unwrap().events().len(), MAX_EVENTS);
        }
        for (body, ndjson) in [(array(MAX_EVENTS + 3), false), (lines(MAX_EVENTS + 3), true)] {
            assert_eq!(split(&body, ndjson), Err(SplitError::TooMany(MAX_EVENTS + 3)));
        }
        // Too many, and not whole either: not JSON.
        check_error(array(MAX_EVENTS + 3).trim_end_matches(']'), false);
    }
}
