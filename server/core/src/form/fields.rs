//! The fields of one entry, each of the type it must have. `null` is the same as missing; unknown ones are ignored.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{Report, quoted};

/// There is no value, and the report says why. Only [`Report::error`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported(pub(super) ());

/// The fields of one entry.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v>(&'v Map<String, Value>);

/// A field: its value, `None` if it is missing, or an error if it is of the wrong type.
type Field<T> = Result<Option<T>, Reported>;

impl<'v> Fields<'v> {
    /// The fields of an entry, which must be an object.
    pub(crate) fn of(value: &'v Value, report: &mut Report<'_>) -> Result<Self, Reported> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            other => Err(report.error("", format!("{} is not an object: write {{ … }}", shown(other)))),
        }
    }

    fn get(self, name: &str) -> Option<&'v Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is a value, of whatever type.
    pub(crate) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn text(self, name: &str, report: &mut Report<'_>) -> Field<&'v str> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(number @ Value::Number(_)) => {
                Err(report.error(name, format!("{number} is not a text: write \"{number}\", in quotes")))
            }
            Some(other) => Err(report.error(name, format!("{} is not a text", shown(other)))),
        }
    }

    /// A text that must be there and hold more than blanks.
    pub(crate) fn filled_text(self, name: &str, report: &mut Report<'_>) -> Result<&'v str, Reported> {
        match required(name, self.text(name, report), report)? {
            blank if blank.trim().is_empty() => Err(report.error(name, "is empty: it needs a text")),
            text => Ok(text),
        }
    }

    pub(crate) fn flag(self, name: &str, report: &mut Report<'_>) -> Field<bool> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(report.error(name, format!("{} is not true or false, without quotes", shown(other))))
            }
        }
    }

    pub(crate) fn list(self, name: &str, report: &mut Report<'_>) -> Field<&'v [Value]> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(report.error(name, format!("{} is not a list: write [ … ]", shown(other)))),
        }
    }

    /// Any whole number that JSON holds exactly.
    pub(crate) fn whole(self, name: &str, report: &mut Report<'_>) -> Field<i128> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => as_whole(value).map(Some).map_err(|message| report.error(name, message)),
        }
    }

    pub(crate) fn whole_in(
        self,
        name: &str,
        range: RangeInclusive<u64>,
        report: &mut Report<'_>,
    ) -> Result<u64, Reported> {
        let number = required(name, self.whole(name, report), report)?;
        in_range(number, &range).map_err(|message| report.error(name, message))
    }

    /// A list of whole numbers in a range, not empty; every bad one is reported.
    pub(crate) fn wholes_in(
        self,
        name: &str,
        range: RangeInclusive<u64>,
        report: &mut Report<'_>,
    ) -> Result<Box<[u64]>, Reported> {
        let list = required(name, self.list(name, report), report)?;
        collect_all(list, name, report, |value| as_whole(value).and_then(|number| in_range(number, &range)))
    }

    /// A list of texts that are not empty, itself not empty; every bad one is reported.
    pub(crate) fn filled_texts(
        self,
        name: &str,
        report: &mut Report<'_>,
    ) -> Result<Box<[&'v str]>, Reported> {
        let list = required(name, self.list(name, report), report)?;
        collect_all(list, name, report, |value| match value.as_str() {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err("an empty text: remove it, or write what it stands for".to_owned()),
            None => Err(format!("{} is not a text", shown(value))),
        })
    }
}

/// The value of a field that must be there.
pub(crate) fn required<T>(name: &str, field: Field<T>, report: &mut Report<'_>) -> Result<T, Reported> {
    field?.ok_or_else(|| report.error(name, "is missing"))
}

fn collect_all<'v, T>(
    list: &'v [Value],
    name: &str,
    report: &mut Report<'_>,
    read: impl Fn(&'v Value) -> Result<T, String>,
) -> Result<Box<[T]>, Reported> {
    if list.is_empty() {
        return Err(report.error(name, "is an empty list: it needs at least one item"));
    }
    let mut values = Vec::with_capacity(list.len());
    let mut bad = None;
    for (index, value) in list.iter().enumerate() {
        match read(value) {
            Ok(value) => values.push(value),
            Err(message) => bad = Some(report.error(name, format!("item {}: {message}", index + 1))),
        }
    }
    bad.map_or(Ok(values.into_boxed_slice()), Err)
}

fn as_whole(value: &Value) -> Result<i128, String> {
    let Value::Number(number) = value else {
        return Err(match value {
            Value::String(text) => format!("{} is not a number: write it without quotes", quoted(text)),
            other => format!("{} is not a number", shown(other)),
        });
    };
    let whole = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
    whole.ok_or_else(|| format!("{number} is not a whole number up to {}", u64::MAX))
}

fn in_range(number: i128, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let inside = u64::try_from(number).ok().filter(|number| range.contains(number));
    inside.ok_or_else(|| out_of_range(number, range))
}

/// What is wrong with a number out of range.
pub(crate) fn out_of_range(number: i128, range: &RangeInclusive<u64>) -> String {
    let (least, most) = (range.start(), range.end());
    match *most {
        u64::MAX => format!("{number} is too small: it must be {least} or more"),
        _ if least == most => format!("{number} must be {least}"),
        _ => format!("{number} is out of range: it must be {least} to {most}"),
    }
}

/// A value as messages show it; large ones by their kind only.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(
        field: &str,
        read: impl Fn(Fields<'_>, &mut Report<'_>) -> Result<T, Reported>,
        expected: Result<T, &[&str]>,
    ) where
        T: PartialEq + std::fmt::Debug,
    {
        let value = serde_json::from_str(&format!(r#"{{"x": {field}}}"#)).unwrap();
        let mut report = Report::new("f");
        let fields = Fields::of(&value, &mut report).unwrap();
        let result = read(fields, &mut report).map_err(|_| ());
        let messages: Vec<_> = report.finish().into_iter().map(|problem| problem.message).collect();
        let said = expected.as_ref().err().copied().unwrap_or_default();
        assert_eq!(messages, said, "{field}");
        assert_eq!(result, expected.map_err(|_| ()), "{field}");
    }

    #[test]
    fn texts() {
        let text =
            |fields: Fields<'_>, report: &mut Report<'_>| fields.filled_text("x", report).map(str::to_owned);
        check(r#""a""#, text, Ok("a".to_owned()));
        check("null", text, Err(&["is missing"]));
        check("\" \\t\"", text, Err(&["is empty: it needs a text"]));
        check("22", text, Err(&["22 is not a text: write \"22\", in quotes"]));
        check("[1]", text, Err(&["a list is not a text"]));
        check("{}", text, Err(&["an object is not a text"]));
        check("true", text, Err(&["true is not a text"]));
    }

    #[test]
    fn whole_numbers() {
        let small = |fields: Fields<'_>, report: &mut Report<'_>| fields.whole_in("x", 1..=5, report);
        check("5", small, Ok(5));
        check("6", small, Err(&["6 is out of range: it must be 1 to 5"]));
        check("-1", small, Err(&["-1 is out of range: it must be 1 to 5"]));
        check("3.0", small, Err(&["3.0 is not a whole number up to 18446744073709551615"]));
        check("\"3\"", small, Err(&["\"3\" is not a number: write it without quotes"]));
        check("false", small, Err(&["false is not a number"]));
        check("null", small, Err(&["is missing"]));
        check(
            "99999999999999999999",
            small,
            Err(&["1e+20 is not a whole number up to 18446744073709551615"]),
        );
        check("18446744073709551615", |f, r| f.whole_in("x", 1..=u64::MAX, r), Ok(u64::MAX));
        check("0", |f, r| f.whole_in("x", 1..=u64::MAX, r), Err(&["0 is too small: it must be 1 or more"]));
    }

    #[test]
    fn lists_report_every_bad_item() {
        let numbers =
            |fields: Fields<'_>, report: &mut Report<'_>| fields.wholes_in("x", 1..=u64::MAX, report);
        check("[1, 2]", numbers, Ok([1, 2].into()));
        check("[]", numbers, Err(&["is an empty list: it needs at least one item"]));
        check("7", numbers, Err(&["7 is not a list: write [ … ]"]));
        check(
            "[0, 1, \"a\"]",
            numbers,
            Err(&[
                "item 1: 0 is too small: it must be 1 or more",
                "item 3: \"a\" is not a number: write it without quotes",
            ]),
        );
        let texts = |fields: Fields<'_>, report: &mut Report<'_>| {
            fields.filled_texts("x", report).map(|texts| texts.join("+"))
        };
        check(r#"["a", "b"]"#, texts, Ok("a+b".to_owned()));
        check(
            r#"["a", "", null]"#,
            texts,
            Err(&[
                "item 2: an empty text: remove it, or write what it stands for",
                "item 3: null is not a text",
            ]),
        );
    }

    #[test]
    fn flags() {
        let flag = |fields: Fields<'_>, report: &mut Report<'_>| fields.flag("x", report);
        check("true", flag, Ok(Some(true)));
        check("null", flag, Ok(None));
        check("\"true\"", flag, Err(&["\"true\" is not true or false, without quotes"]));
        check("1", flag, Err(&["1 is not true or false, without quotes"]));
    }
}
