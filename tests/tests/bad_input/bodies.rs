//! Bodies that are not JSON, or not events, or several events of which some are bad.

use dsiem_tests::samples::event;

use crate::case::{Case, post, post_lines};

/// What is missing in `{}`.
const EVERYTHING: &str = "event_id: is missing or empty; timestamp: is missing or empty; sensor: is missing or empty; \
    src_ip: is missing or empty; dst_ip: is missing or empty; plugin_id: the event needs plugin_id and plugin_sid above 0, \
    or product and category that are not empty";

/// How deep a body is nested that must not be followed down.
const DEPTH: usize = 100_000;

fn good(id: &str) -> String {
    event(id, 1, "10.1.0.1").to_string()
}

/// A valid event with one more member.
pub(crate) fn with_member(id: &str, member: &str) -> String {
    format!("{},{member}}}", good(id).trim_end_matches('}'))
}

fn not_an_object(found: &str, column: usize) -> String {
    format!(
        "is not a JSON object: invalid type: {found}, expected an event: a JSON object at line 1 column {column}"
    )
}

/// One value.
pub(crate) fn cases() -> Vec<Case> {
    let not_json = "the body is not JSON: ";
    let nested = |open: &str, middle: &str, close: &str| open.repeat(DEPTH) + middle + &close.repeat(DEPTH);
    let utf16: Vec<u8> = good("utf-16").encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        post("nothing", "").gets(400, "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        post("blanks", " \r\n\t ").gets(400, not_json),
        post("NUL bytes", [0; 100]).gets(400, "the body is not JSON: expected value at line 1 column 1"),
        post("text", "hello").gets(400, not_json),
        post("a form", "event_id=1&src_ip=10.0.0.1").gets(400, not_json),
        post("XML", "<?xml version=\"1.0\"?><event/>").gets(400, not_json),
        post("cut off", &good("cut")[..40]).gets(400, "the body is not JSON: EOF while parsing"),
        post("something behind it", good("behind") + " x")
            .gets(400, "the body is not JSON: trailing characters"),
        post("two events without an array", good("a") + &good("b")).gets(400, "trailing characters"),
        post("a comma behind it", good("comma") + ",").gets(400, "trailing characters"),
        post("NaN", with_member("nan", r#""x":NaN"#)).gets(400, "expected value"),
        post("Infinity", with_member("inf", r#""x":-Infinity"#))
            .gets(400, "the body is not JSON: invalid number"),
        post("a number with a zero before it", with_member("octal", r#""x":0123"#))
            .gets(400, "invalid number"),
        post("hexadecimal", with_member("hex", r#""x":0x10"#)).gets(400, not_json),
        post("True", with_member("true", r#""x":True"#)).gets(400, not_json),
        post("single quotes", "{'event_id':'x'}").gets(400, "key must be a string"),
        post("names without quotes", "{event_id:1}").gets(400, "key must be a string"),
        post("a comment", format!("/* x */{}", good("comment"))).gets(400, "expected value"),
        post("a comma at the end", with_member("end", "")).gets(400, "key must be a string"),
        post("a tab within a text", with_member("tab", "\"x\":\"a\tb\"")).gets(400, "control character"),
        post("a NUL within a text", with_member("nul", "\"x\":\"a\0b\"")).gets(400, "control character"),
        post("an unknown escape", with_member("escape", r#""x":"\q""#)).gets(400, "invalid escape"),
        post("a byte order mark", format!("\u{feff}{}", good("bom")))
            .gets(400, "expected value at line 1 column 1"),
        post("UTF-16", utf16).gets(400, "the body is not JSON"),
        post("UTF-16 with its mark", [0xff, 0xfe, b'{', 0]).gets(400, "the body is not UTF-8 from byte 0 on"),
        post("invalid UTF-8", b"{\"a\":\"\xff\"}").gets(400, "the body is not UTF-8 from byte 6 on"),
        post("a long form of a slash", b"{\"a\":\"\xc0\xaf\"}")
            .gets(400, "the body is not UTF-8 from byte 6 on"),
        post("a surrogate in UTF-8", b"\"\xed\xa0\x80\"").gets(400, "the body is not UTF-8 from byte 1 on"),
        post("random bytes", (0..=255).collect::<Vec<u8>>())
            .gets(400, "the body is not UTF-8 from byte 128 on"),
        post("true", "true").refused_for("", &not_an_object("boolean `true`", 4)),
        post("a number", "1").refused_for("", &not_an_object("integer `1`", 1)),
        post("a huge number", "1e999")
            .refused_for("", "is not a JSON object: number out of range at line 1 column 5"),
        post("a text", "\"x\"").refused_for("", &not_an_object("string \"x\"", 3)),
        post("null", "null").refused_for("", &not_an_object("null", 4)),
        post("an empty object", "{}").gets(418, EVERYTHING),
        post("100,000 open brackets", "[".repeat(DEPTH)).gets(400, "EOF while parsing a list"),
        post("100,000 open braces", "{\"a\":".repeat(DEPTH)).gets(400, "EOF while parsing a value"),
        post("100,000 braces", nested("{\"a\":", "1", "}")).gets(418, EVERYTHING),
        post("half a surrogate pair in a name", with_member("key", r#""\ud800":1"#))
            .gets(418, "is not a JSON object: unexpected end of hex escape"),
    ]
}

/// Arrays.
pub(crate) fn several() -> Vec<Case> {
    let (null, list) = (not_an_object("null", 4), not_an_object("sequence", 1));
    let array = |elements: &[&str]| format!("[{}]", elements.join(","));
    let bad_address = good("address").replace("10.1.0.1", "nowhere");
    let address = "src_ip: \"nowhere\" is not an IPv4 or IPv6 address";
    vec![
        post("an empty array", "[]").takes(0, &[]),
        post("nulls", "[null,null]").takes(0, &[(0, &null), (1, &null)]),
        post("an array in an array", array(&[&array(&[&good("nested")])])).takes(0, &[(0, &list)]),
        post("100,000 brackets", "[".repeat(DEPTH) + &"]".repeat(DEPTH)).takes(0, &[(0, &list)]),
        post("good and bad", array(&[&good("g1"), "null", &bad_address, "{}", &good("g2"), "[]"]))
            .takes(2, &[(1, &null), (2, address), (3, EVERYTHING), (5, &not_an_object("sequence", 2))]),
        post("numbers and texts", "[1,\"x\",true]").takes(
            0,
            &[
                (0, &not_an_object("integer `1`", 1)),
                (1, &not_an_object("string \"x\"", 3)),
                (2, &not_an_object("boolean `true`", 4)),
            ],
        ),
        post("a comma at the end", format!("[{},]", good("t"))).gets(400, "trailing comma"),
        post("two commas", format!("[{},,{}]", good("t1"), good("t2"))).gets(400, "the body is not JSON"),
        post("cut off behind a good event", format!("[{},", good("c"))).gets(400, "EOF while parsing a"),
        post("cut off within the second", format!("[{},{{\"a", good("c1")))
            .gets(400, "EOF while parsing a string"),
        post("something behind it", format!("[{}]]", good("b"))).gets(400, "trailing characters"),
        post("half a surrogate pair", array(&[&good("s1"), &with_member("s2", r#""title":"\udc00""#)]))
            .takes(1, &[(1, "title: cannot be read: lone leading surrogate in hex escape")]),
        post("50,001 events", array(&vec!["{}"; 50_001])).gets(
            413,
            "the body holds 50001 events, and the most in one request is 50000; send it in smaller parts",
        ),
        post("eight million zeros", array(&vec!["0"; 8_000_000])).gets(413, "the body holds 8000000 events"),
        post("an object of arrays", format!("{{\"events\":[{}]}}", good("o"))).gets(418, EVERYTHING),
    ]
}

/// One event a line.
pub(crate) fn lines() -> Vec<Case> {
    let pretty = serde_json::to_string_pretty(&event("pretty", 1, "10.1.0.1")).unwrap();
    let no_json = "is not a JSON object: expected ident at line 1 column 2";
    vec![
        post_lines("blank lines", format!("\n\n{}\n \t\n{}\n\n", good("l1"), good("l2"))).accepted(),
        post_lines("CRLF", format!("{}\r\n{}\r\n", good("l3"), good("l4"))).accepted(),
        post_lines("no newline at the end", format!("{}\n{}", good("l5"), good("l6"))).accepted(),
        post_lines("one bad line", format!("{}\nnot json\n\n{}\n", good("l7"), good("l8")))
            .takes(2, &[(1, no_json)]),
        post_lines("one that is not valid", format!("{}\n{{}}\n", good("l9"))).takes(1, &[(1, EVERYTHING)]),
        post_lines("all not valid", "{}\n{}\n").takes(0, &[(0, EVERYTHING), (1, EVERYTHING)]),
        post_lines("one alone, not valid", "{}").takes(0, &[(0, EVERYTHING)]),
        post_lines("no line is JSON", "x\ny\n").gets(400, "the body is not JSON: no line is: expected value"),
        post_lines("nothing", "").gets(400, "the body is not JSON: it has no line"),
        post_lines("blanks", " \r\n \n").gets(400, "the body is not JSON: it has no line"),
        post_lines("an array on a line", format!("[{}]\n", good("l10")))
            .takes(0, &[(0, &not_an_object("sequence", 1))]),
        post_lines("two on a line", good("l11") + &good("l12")).gets(400, "no line is: trailing characters"),
        post_lines("one over many lines", pretty).gets(400, "no line is: EOF while parsing an object"),
        post_lines("a byte order mark", format!("\u{feff}{}\n{}", good("l13"), good("l14")))
            .takes(1, &[(0, "is not a JSON object: expected value at line 1 column 1")]),
        post_lines("invalid UTF-8 on one line", [good("l15").as_bytes(), b"\n\xff\n"].concat())
            .gets(400, "the body is not UTF-8 from byte"),
        post_lines("50,001 lines", "{}\n".repeat(50_001)).gets(413, "the body holds 50001 events"),
        post("lines that are not said to be", format!("{}\n{}\n", good("l16"), good("l17")))
            .gets(400, "trailing characters at line 2 column 1"),
    ]
}
