//! Threat intelligence from a WISE service: what it says about an address.
//!
//! Its answers are JavaScript, not JSON: `[{field: "tags", len: 7, value: "botnet"}]`, where a value may hold anything,
//! those words and quotes included. So they are parsed, and never made into JSON by replacing text.

use std::net::IpAddr;

use dsiem_core::finding::Finding;

use super::javascript::{self, Members, Value};

/// The provider in findings.
const PROVIDER: &str = "Wise";
/// An item that says to be shorter than this says nothing.
const MIN_LENGTH: f64 = 5.0;

/// The findings in an answer about `address`.
///
/// # Errors
/// What is wrong with the answer, for the log.
pub(super) fn findings(body: &str, address: IpAddr) -> Result<Vec<Finding>, String> {
    if body.trim().is_empty() {
        return Ok(Vec::new());
    }
    let items = javascript::read(body)?.into_iter().map(Item::from);
    Ok(items
        .filter(|item| item.len >= MIN_LENGTH)
        .filter_map(|item| {
            let result = format!("{}: {}", item.field?, item.value?);
            Some(Finding { provider: PROVIDER.to_owned(), term: address.to_string(), result })
        })
        .collect())
}

/// One entry of an answer.
#[derive(Default)]
struct Item {
    field: Option<String>,
    len: f64,
    value: Option<String>,
}

impl From<Members> for Item {
    fn from(members: Members) -> Self {
        let mut item = Self::default();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("field", Value::Text(text)) => item.field = Some(text),
                ("value", Value::Text(text)) => item.value = Some(text),
                ("value", Value::Number(number)) => item.value = Some(number.to_string()),
                ("len", Value::Number(number)) => item.len = number,
                ("len", Value::Text(text)) => item.len = text.trim().parse().unwrap_or(0.0),
                _ => {}
            }
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(body: &str) -> Result<Vec<String>, String> {
        let findings = findings(body, "8.8.8.8".parse().unwrap())?;
        assert!(findings.iter().all(|finding| finding.provider == "Wise" && finding.term == "8.8.8.8"));
        Ok(findings.into_iter().map(|finding| finding.result).collect())
    }

    fn check(body: &str, expected: &[&str]) {
        assert_eq!(results(body).unwrap(), expected, "{body}");
    }

    #[test]
    fn an_answer_is_javascript_with_bare_keys() {
        check(
            "[{field: \"irblocklist.threat\", len: 18, value: \"malware distributor\"},\n{field: \"tags\", len: 7, value: \"botnet\"}]\n",
            &["irblocklist.threat: malware distributor", "tags: botnet"],
        );
    }

    #[test]
    fn json_is_fine_too() {
        check(r#"[{"field":"tags","len":7,"value":"botnet"}]"#, &["tags: botnet"]);
        check(
            r#"[{"field":"tags","len":"7","value":"botnet","more":{"a":[1,null,{"b":true}]}}]"#,
            &["tags: botnet"],
        );
    }

    #[test]
    fn short_items_and_empty_answers_say_nothing() {
        check(r#"[{field: "a", len: 4, value: "yes"}, {field: "b", len: 5, value: "none"}]"#, &["b: none"]);
        check(r#"[{field: "a", value: "no length is a length of 0"}]"#, &[]);
        check("[]", &[]);
        check(" \n", &[]);
    }

    #[test]
    fn a_value_may_hold_the_words_and_signs_of_the_format() {
        check(
            r#"[{field: "note", len: 30, value: "field: x, len: 3, value: y"}]"#,
            &["note: field: x, len: 3, value: y"],
        );
        check(r#"[{field: "note", len: 30, value: "a}, {field: b]"}]"#, &["note: a}, {field: b]"]);
        check(r#"[{field: 'note', len: 30, value: 'it"s'}]"#, &["note: it\"s"]);
    }

    #[test]
    fn escapes_mean_what_they_mean_in_javascript() {
        check(
            r#"[{field: "x", len: 30, value: "say \"hi\", field: \\ \/ \u00e9 \ud83d\ude00 \u{1F600} \x41\t'"}]"#,
            &["x: say \"hi\", field: \\ / é 😀 😀 A\t'"],
        );
        check(r#"[{field: "x", len: 9, value: "\ud83d!"}]"#, &["x: \u{fffd}!"]);
    }

    #[test]
    fn quotes_that_nobody_escaped_are_part_of_the_value() {
        check(r#"[{field: "x", len: 30, value: "the "best" of all"}]"#, &["x: the \"best\" of all"]);
        check(
            r#"[{field: "x", len: 30, value: "a "b", c"}, {field: "y", len: 9, value: "d"}]"#,
            &["x: a \"b\", c", "y: d"],
        );
    }

    #[test]
    fn trailing_commas_and_a_semicolon_are_fine() {
        check(r#"[{field: "x", len: 9, value: "y",},];"#, &["x: y"]);
    }

    #[test]
    fn a_number_may_be_a_value() {
        check(r#"[{field: "asn", len: 9, value: 64512}]"#, &["asn: 64512"]);
    }

    #[test]
    fn anything_else_is_an_error_that_shows_the_place() {
        for body in [
            "<html>not found</html>",
            "{}",
            "null",
            "[1]",
            "[{field}]",
            "[{field: }]",
            r#"[{field: "x"#,
            r#"[{field: "x", len: 3"#,
            "[{field: \"x\\",
            r#"[{field: "\u12"}]"#,
            r#"[{field: "\xé0"}]"#,
            "[]x",
            "[",
        ] {
            assert!(results(body).is_err(), "{body}");
        }
        assert_eq!(results("[{a: oops}]").unwrap_err(), "expected a value at byte 5 but found \"oops}]\"");
    }

    #[test]
    fn deep_nesting_is_refused_before_it_exhausts_the_stack() {
        let body = format!("[{{a: {}", "[".repeat(100_000));
        assert!(results(&body).unwrap_err().contains("nested"));
        let body = format!("[{{a: {}", "{a:".repeat(100_000));
        assert!(results(&body).unwrap_err().contains("nested"));
    }
}
