//! Fields of events: what is refused, with the field and the reason, and what is taken although it looks odd.

use serde_json::{Value, json};

use crate::bodies::with_member;
use crate::case::{Case, post};
use dsiem_tests::samples::event;

const MISSING: &str = "is missing or empty";
const NO_KEYS: &str =
    "the event needs plugin_id and plugin_sid above 0, or product and category that are not empty";
const NUMBER: &str = "must be a whole number from 0 to 18446744073709551615, not";
const PORT: &str = "must be a port from 0 to 65535, not";

/// A valid event with one field of another value.
fn with(field: &str, value: Value) -> String {
    let mut event = event("field", 1, "10.1.0.1");
    event[field] = value;
    event.to_string()
}

/// A valid event in which a field has a value that only text can hold.
fn with_text(field: &str, value: &str) -> String {
    let mut event = event("field", 1, "10.1.0.1");
    event.as_object_mut().unwrap().remove(field);
    format!("{},\"{field}\":{value}}}", event.to_string().trim_end_matches('}'))
}

fn without(fields: &[&str]) -> String {
    let mut event = event("field", 1, "10.1.0.1");
    for field in fields {
        event.as_object_mut().unwrap().remove(*field);
    }
    event.to_string()
}

fn refuse(field: &str, value: Value, reason: &str) -> Case {
    post(&format!("{field} is {value}"), with(field, value)).refused_for(field, reason)
}

/// Everything that is refused.
pub(crate) fn refused() -> Vec<Case> {
    [required(), texts(), keys(), ports(), addresses(), timestamps()].into_iter().flatten().collect()
}

fn required() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in ["event_id", "timestamp", "sensor", "src_ip", "dst_ip"] {
        cases.push(post(&format!("{field} is not there"), without(&[field])).refused_for(field, MISSING));
        for (value, reason) in [
            (Value::Null, MISSING),
            (json!(""), MISSING),
            (json!(5), "must be a text, not the number 5"),
            (json!(-0.5), "must be a text, not the number -0.5"),
            (json!(true), "must be a text, not true"),
            (json!(["x"]), "must be a text, not an array"),
            (json!({"x": 1}), "must be a text, not an object"),
        ] {
            cases.push(refuse(field, value, reason));
        }
    }
    let two = with("event_id", json!(7)).replace("10.1.0.1", "x");
    cases.push(post("two problems", two).gets_exactly(
        418,
        json!({"error": "the event is not valid: event_id: must be a text, not the number 7; src_ip: \"x\" is not an IPv4 or IPv6 address",
               "details": [{"field": "event_id", "reason": "must be a text, not the number 7"},
                           {"field": "src_ip", "reason": "\"x\" is not an IPv4 or IPv6 address"}]}),
    ));
    cases
}

fn texts() -> Vec<Case> {
    let optional =
        ["title", "product", "category", "subcategory", "protocol", "custom_data1", "custom_label3"];
    let mut cases: Vec<_> =
        optional.map(|field| refuse(field, json!(5), "must be a text, not the number 5")).into();
    cases.extend([
        post("half a surrogate pair", with_text("title", r#""\ud800""#))
            .refused_for("title", "cannot be read: unexpected end of hex escape"),
        post(
            "a title that goes down 100,000 levels",
            with_text("title", &("[".repeat(100_000) + &"]".repeat(100_000))),
        )
        .refused_for("title", "must be a text, not an array"),
        post("the last of two ids counts", with_member("first", r#""event_id":"""#))
            .refused_for("event_id", MISSING),
        post("the exact name counts", with("event_id", json!("")).replacen('{', r#"{"EVENT_ID":"x","#, 1))
            .refused_for("event_id", MISSING),
    ]);
    cases
}

fn keys() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in ["plugin_id", "plugin_sid"] {
        cases.extend([
            // The lack of a key is told of the first of the fields that would help.
            post("0", with(field, json!(0))).refused_for("plugin_id", NO_KEYS),
            post("null", with(field, Value::Null)).refused_for("plugin_id", NO_KEYS),
            refuse(field, json!("1001"), "must be a number, not the text \"1001\""),
            refuse(field, json!(-1), &format!("{NUMBER} -1")),
            refuse(field, json!(1.5), &format!("{NUMBER} 1.5")),
            refuse(field, json!(true), "must be a number, not true"),
            refuse(field, json!([1001]), "must be a number, not an array"),
            post("40 digits", with_text(field, &format!("1{}", "0".repeat(39))))
                .refused_for(field, &format!("{NUMBER} 1{}", "0".repeat(39))),
            post("2^64", with_text(field, "18446744073709551616"))
                .refused_for(field, &format!("{NUMBER} 18446744073709552000")),
            post("1e999", with_text(field, "1e999"))
                .refused_for(field, "cannot be read: number out of range"),
            post("-1e999", with_text(field, "-1e999"))
                .refused_for(field, "cannot be read: number out of range"),
        ]);
    }
    let cases_of_both = [
        (without(&["plugin_id", "plugin_sid"]), "no keys"),
        (without(&["plugin_id", "plugin_sid"]).replacen('{', r#"{"product":"p","#, 1), "a product alone"),
        (without(&["plugin_id", "plugin_sid"]).replacen('{', r#"{"category":"c","#, 1), "a category alone"),
        (without(&["plugin_id"]).replacen('{', r#"{"product":"p","category":"","#, 1), "an empty category"),
    ];
    cases.extend(cases_of_both.map(|(event, what)| post(what, event).refused_for("plugin_id", NO_KEYS)));
    cases
}

fn ports() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in ["src_port", "dst_port"] {
        cases.extend([
            refuse(field, json!(-1), &format!("{PORT} -1")),
            refuse(field, json!(65_536), &format!("{PORT} 65536")),
            refuse(field, json!(u64::MAX), &format!("{PORT} 18446744073709551615")),
            refuse(field, json!(1.5), &format!("{PORT} 1.5")),
            refuse(field, json!("80"), "must be a number, not the text \"80\""),
            refuse(field, json!(true), "must be a number, not true"),
            refuse(field, json!([80]), "must be a number, not an array"),
            refuse(field, json!({}), "must be a number, not an object"),
            post("1e999", with_text(field, "1e999"))
                .refused_for(field, "cannot be read: number out of range"),
        ]);
    }
    cases
}

fn addresses() -> Vec<Case> {
    let long = "1".repeat(300);
    let quoted_long = format!("\"{}\"…", "1".repeat(60));
    let bad = [
        ("10.0.0.1\n", r#""10.0.0.1\n""#),
        ("10.0.0.1\0", r#""10.0.0.1\0""#),
        ("10.0.0.1\u{1b}[31m", r#""10.0.0.1\u{1b}[31m""#),
        ("10.0.0.1\u{202e}", r#""10.0.0.1\u{202e}""#),
        (" 10.0.0.1", r#"" 10.0.0.1""#),
        ("fe80::1%eth0", r#""fe80::1%eth0""#),
        ("10.0.0.0/8", r#""10.0.0.0/8""#),
        ("[::1]", r#""[::1]""#),
        ("10.0.0.1:80", r#""10.0.0.1:80""#),
        ("010.0.0.1", r#""010.0.0.1""#),
        ("0x0a.0.0.1", r#""0x0a.0.0.1""#),
        ("167772161", r#""167772161""#),
        ("10.1", r#""10.1""#),
        ("10.0.0.256", r#""10.0.0.256""#),
        ("10.0.0.1.1", r#""10.0.0.1.1""#),
        ("10.0.0.1,10.0.0.2", r#""10.0.0.1,10.0.0.2""#),
        ("１0.0.0.1", r#""１0.0.0.1""#),
        ("localhost", r#""localhost""#),
        (":::1", r#"":::1""#),
        ("1:2:3:4:5:6:7:8:9", r#""1:2:3:4:5:6:7:8:9""#),
        ("ANY", r#""ANY""#),
        ("'; DROP TABLE alarms; --", r#""'; DROP TABLE alarms; --""#),
        ("${jndi:ldap://evil/a}", r#""${jndi:ldap://evil/a}""#),
        (&long, &quoted_long),
    ];
    let cases = |field| {
        bad.map(|(text, quoted)| {
            refuse(field, json!(text), &format!("{quoted} is not an IPv4 or IPv6 address"))
        })
    };
    cases("src_ip").into_iter().chain(cases("dst_ip")).collect()
}

fn timestamps() -> Vec<Case> {
    let bad = [
        "2024-03-01T10:00:00",
        "2024-03-01",
        "2024-13-01T10:00:00Z",
        "2024-00-01T10:00:00Z",
        "2023-02-29T10:00:00Z",
        "2024-03-01T24:00:00Z",
        "2024-03-01T10:60:00Z",
        "2024-03-01T10:00:61Z",
        "10000-01-01T00:00:00Z",
        "2024-03-01T10:00:00+99:00",
        "2024-03-01T10:00:00 UTC",
        "2024-03-01T10:00:00Z[UTC]",
        " 2024-03-01T10:00:00Z",
        "2024-03-01T10:00:00Z\n",
        "Fri, 01 Mar 2024 10:00:00 GMT",
        "Mar  1 10:00:00",
        "1709287200",
        "now",
    ];
    let mut cases: Vec<_> = bad
        .map(|text| {
            let reason =
                format!("{text:?} is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z");
            refuse("timestamp", json!(text), &reason)
        })
        .into();
    cases.push(refuse("timestamp", json!(1_709_287_200), "must be a text, not the number 1709287200"));
    cases.push(refuse("timestamp", json!(1_709_287_200.5), "must be a text, not the number 1709287200.5"));
    cases
}

/// What is taken, each from an address of its own, so that each has to raise its alarm.
pub(crate) fn taken() -> Vec<(&'static str, String, String)> {
    let id = json!("a".repeat(900_000));
    let title = json!("<script>alert(1)</script>\u{202e}\u{0}\u{feff}'\"\\".repeat(250));
    let both =
        without(&["event_id", "src_ip"]).replacen('{', r#"{"EVENT_ID":"other case","Src_Ip":"SOURCE","#, 1);
    let unknown = format!(
        r#""@version":"1","x":1e999,"y":{}1{},"z":"\ud800","#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let mut odd: Vec<(&'static str, String)> = vec![
        ("names in another case", both),
        (
            "unknown names, whatever they hold",
            with("event_id", json!("u")).replacen('{', &format!("{{{unknown}"), 1),
        ),
        ("no title, as Go senders", without(&["title"])),
        ("null where nothing is needed", with("title", Value::Null)),
        ("no ports", without(&["src_port", "dst_port"])),
        ("a name twice", with("event_id", json!("t")).replacen('{', r#"{"sensor":5,"title":[],"#, 1)),
        ("an id of 900 kB", with("event_id", id)),
        ("a title of 10 kB with markup, direction marks and NUL", with("title", title)),
        ("control characters in texts", with("sensor", json!("a\u{0}\u{1b}[2J\r\n"))),
        ("the year 0", with("timestamp", json!("0000-01-01T00:00:00Z"))),
        ("the first moment, further east", with("timestamp", json!("0000-01-01T00:00:00+23:59"))),
        ("the last moment", with("timestamp", json!("9999-12-31T23:59:59Z"))),
        ("the last moment, further west", with("timestamp", json!("9999-12-31T23:59:59.999999999-23:59"))),
        ("a leap second", with("timestamp", json!("2016-12-31T23:59:60Z"))),
        ("small letters", with("timestamp", json!("2024-03-01t10:00:00z"))),
        ("more digits than anybody needs", with("timestamp", json!("2024-03-01T10:00:00.123456789Z"))),
        (
            "the largest numbers",
            with("plugin_id", json!(1001)).replacen(
                '{',
                r#"{"dst_port":65535,"conn_id":18446744073709551615,"#,
                1,
            ),
        ),
        (
            "what the frontend sets, of a wrong type",
            with("conn_id", json!("x")).replacen('{', r#"{"rcvd_time":[1],"carrier":5,"#, 1),
        ),
        (
            "what the frontend sets, from the year 2262",
            with("rcvd_time", json!(i64::MAX)).replacen('{', r#"{"carrier":{"traceparent":"x"},"#, 1),
        ),
        ("what the frontend sets, from before 1970", with("rcvd_time", json!(-1))),
    ];
    odd.push((
        "an address of IPv6 that is one of IPv4",
        without(&["src_ip"]).replacen('{', r#"{"src_ip":"::ffff:SOURCE","#, 1),
    ));
    odd.into_iter()
        .enumerate()
        .map(|(n, (what, event))| {
            let source = format!("10.9.0.{}", n + 1);
            let event = event.replace("10.1.0.1", &source).replace("SOURCE", &source);
            let event = event.replacen("\"event_id\":\"field\"", &format!("\"event_id\":\"odd-{n}\""), 1);
            (what, event, source)
        })
        .collect()
}
