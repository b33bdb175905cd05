//! Contents of configuration files that are sent over HTTP: every problem is listed, and nothing is written.

use reqwest::Method;
use serde_json::{Value, json};

use crate::case::{Case, send};
use crate::config_directives;

/// One problem: entry, stage, field, message. A message that begins with `warning: ` is only that.
pub(crate) type Told<'a> = (&'a str, Option<u64>, &'a str, &'a str);

/// The file is refused with exactly these problems.
pub(crate) fn refuse(what: &str, name: &str, content: impl Into<Vec<u8>>, problems: &[Told<'_>]) -> Case {
    let details: Vec<Value> = problems.iter().map(detail).collect();
    let count = match details.len() {
        1 => "one problem".to_owned(),
        several => format!("{several} problems"),
    };
    let error = format!("{name} does not pass the check and was not written: {count}");
    send(what, Method::POST, &format!("/config/{name}"), content)
        .gets_exactly(418, json!({"error": error, "details": details}))
}

fn detail((entry, stage, field, message): &Told<'_>) -> Value {
    let (severity, message) = match message.strip_prefix("warning: ") {
        Some(warning) => ("warning", warning),
        None => ("error", *message),
    };
    let mut detail = json!({"severity": severity, "entry": entry, "field": field, "message": message});
    if let Some(stage) = stage {
        detail["stage"] = json!(stage);
    }
    detail
}

pub(crate) fn cases() -> Vec<Case> {
    [files(), assets(), config_directives::cases(), sources()].into_iter().flatten().collect()
}

fn files() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, key) in [
        ("assets_x.json", "assets"),
        ("directives_x.json", "directives"),
        ("intel_x.json", "intel_sources"),
        ("vuln_x.json", "vuln_sources"),
    ] {
        let missing = format!("has no \"{key}\": a file of this kind is {{\"{key}\": [ … ]}}");
        let form = |found: &str, column: usize| {
            format!(
                "is not of the form {{\"{key}\": [ … ]}}: invalid type: {found} at line 1 column {column}"
            )
        };
        let long = "x".repeat(1_000_000);
        let long_list = format!("{{\"{key}\": \"{long}\"}}");
        let quoted = format!("string \"{}…", "x".repeat(78));
        let open = format!("{{\"{key}\": [");
        cases.extend([
            refuse(
                "nothing",
                name,
                "",
                &[("", None, "", "is not JSON: EOF while parsing a value at line 1 column 0")],
            ),
            refuse(
                "text",
                name,
                "hello",
                &[("", None, "", "is not JSON: expected value at line 1 column 1")],
            ),
            refuse(
                "NUL bytes",
                name,
                [0; 10],
                &[("", None, "", "is not JSON: expected value at line 1 column 1")],
            ),
            refuse("an object without the list", name, "{}", &[("", None, "", &missing)]),
            refuse("the list under another name", name, "{\"things\": []}", &[("", None, "", &missing)]),
            refuse(
                "invalid UTF-8",
                name,
                b"{\n\"\xff\"}",
                &[("", None, "", "is not UTF-8 text: line 2 column 2")],
            ),
            refuse(
                "cut off",
                name,
                open.clone(),
                &[(
                    "",
                    None,
                    "",
                    &format!("is not JSON: EOF while parsing a list at line 1 column {}", open.len()),
                )],
            ),
            refuse(
                "something behind it",
                name,
                format!("{open}]}} x"),
                &[(
                    "",
                    None,
                    "",
                    &format!("is not JSON: trailing characters at line 1 column {}", open.len() + 4),
                )],
            ),
            refuse(
                "entries that are no objects",
                name,
                format!("{open}1, \"x\", null, []]}}"),
                &[
                    ("entry 1", None, "", "1 is not an object: write { … }"),
                    ("entry 2", None, "", "\"x\" is not an object: write { … }"),
                    ("entry 3", None, "", "null is not an object: write { … }"),
                    ("entry 4", None, "", "a list is not an object: write { … }"),
                ],
            ),
            refuse(
                "an entry that goes down 100,000 levels",
                name,
                format!("{open}{}{}]}}", "[".repeat(100_000), "]".repeat(100_000)),
                &[(
                    "entry 1",
                    None,
                    "",
                    &format!(
                        "cannot be read: recursion limit exceeded at line 1 column {}",
                        open.len() + 128
                    ),
                )],
            ),
            refuse("a long text", name, format!("\"{long}\""), &[("", None, "", &form(&quoted, 1_000_002))]),
            refuse(
                "a long text for the list",
                name,
                long_list.clone(),
                &[("", None, "", &form(&quoted, long_list.len() - 1))],
            ),
            refuse(
                "null",
                name,
                "null",
                &[("", None, "", &form(&format!("null, expected an object with a list \"{key}\""), 4))],
            ),
            refuse(
                "a list",
                name,
                "[]",
                &[("", None, "", &form(&format!("sequence, expected an object with a list \"{key}\""), 0))],
            ),
            refuse(
                "a number for the list",
                name,
                format!("{{\"{key}\": 1}}"),
                &[("", None, "", &form("integer `1`, expected a sequence", key.len() + 6))],
            ),
        ]);
    }
    cases
}

fn assets() -> Vec<Case> {
    let asset = |change: Value| {
        let mut asset = json!({"name": "dmz", "cidr": "10.0.0.0/8", "value": 2});
        for (key, value) in change.as_object().unwrap() {
            asset[key] = value.clone();
        }
        json!({"assets": [asset]}).to_string()
    };
    let bad = |what: &str, change: Value, field: &str, message: &str| {
        refuse(what, "assets_x.json", asset(change), &[("asset \"dmz\"", None, field, message)])
    };
    let no_network = "is not a network or address such as 10.0.0.0/8, 10.0.0.1 or 2001:db8::/32";
    let network = |cidr: &str| bad(cidr, json!({"cidr": cidr}), "cidr", &format!("{cidr:?} {no_network}"));
    vec![
        refuse(
            "no assets",
            "assets_x.json",
            r#"{"assets": []}"#,
            &[("", None, "assets", "is empty: at least one asset is needed, for example your own network")],
        ),
        network("10.0.0.0/33"),
        network("10.0.0"),
        network("10.0.0.0/-1"),
        network("10.0.0.0/"),
        network("10.0.0.300/8"),
        network("2001:db8::/129"),
        network("10.0.0.0/8,192.168.0.0/16"),
        network("\u{0}"),
        bad("no network", json!({"cidr": null}), "cidr", "is missing"),
        bad("value 0", json!({"value": 0}), "value", "0 is too small: it must be 1 or more"),
        bad("value -1", json!({"value": -1}), "value", "-1 is too small: it must be 1 or more"),
        bad("value 2.5", json!({"value": 2.5}), "value", "2.5 is not a whole number up to 18446744073709551615"),
        bad("value in quotes", json!({"value": "2"}), "value", "\"2\" is not a number: write it without quotes"),
        bad("a huge value", json!({"value": 1e300}), "value", "1e+300 is not a whole number up to 18446744073709551615"),
        bad("no value", json!({"value": null}), "value", "is missing"),
        bad("a flag that is none", json!({"whitelisted": "no"}), "whitelisted", "\"no\" is not true or false, without quotes"),
        refuse("no name", "assets_x.json", asset(json!({"name": " "})), &[("entry 1", None, "name", "is empty: it needs a text")]),
        refuse(
            "a value above 5 is only a warning beside an error",
            "assets_x.json",
            json!({"assets": [{"name": "a", "cidr": "x", "value": 6}, {"name": "b", "cidr": "10.1.2.3/8", "value": u64::MAX}, 5]}).to_string(),
            &[
                ("asset \"a\"", None, "cidr", "\"x\" is not a network or address such as 10.0.0.0/8, 10.0.0.1 or 2001:db8::/32"),
                ("asset \"a\"", None, "value", "warning: 6 counts as 5: values are 1 to 5"),
                ("asset \"b\"", None, "cidr", "warning: \"10.1.2.3/8\" has bits behind its prefix: 10.0.0.0/8 is meant"),
                ("asset \"b\"", None, "value", "warning: 18446744073709551615 counts as 5: values are 1 to 5"),
                ("entry 3", None, "", "5 is not an object: write { … }"),
            ],
        ),
    ]
}

fn sources() -> Vec<Case> {
    let source = |name: &str, list: &str, plugin: &str, config: Value| {
        let source = json!({"name": "s", "type": "t", "enabled": true, "plugin": plugin, "config": config});
        (name.to_owned(), json!({ list: [source] }).to_string())
    };
    let intel = |what: &str, config: Value, field: &str, message: &str| {
        let (name, content) = source("intel_x.json", "intel_sources", "Wise", config);
        refuse(what, &name, content, &[("source \"s\"", None, field, message)])
    };
    let vuln = |what: &str, config: Value, problems: &[Told<'_>]| {
        let (name, content) = source("vuln_x.json", "vuln_sources", "Nesd", config);
        refuse(what, &name, content, problems)
    };
    let url = |url: &str| json!(json!({ "url": url }).to_string());
    let no_url = "is no URL: it begins with http:// or https:// and a host";
    vec![
        intel("an object", json!({"url": "http://x/${ip}"}), "config", "an object is not a text"),
        intel(
            "no JSON in the text",
            json!("http://x/${ip}"),
            "config",
            "\"http://x/${ip}\" is not JSON in a text: expected value at line 1 column 1",
        ),
        intel(
            "a list in the text",
            json!("[]"),
            "config",
            "is not an object in a text: write \"{\\\"url\\\": …}\"",
        ),
        intel("no URL", json!("{}"), "url", "is missing"),
        intel(
            "a URL that is a number",
            json!("{\"url\": 5}"),
            "url",
            "5 is not a text: write \"5\", in quotes",
        ),
        intel(
            "a URL without ${ip}",
            url("http://x/"),
            "url",
            "\"http://x/\" lacks ${ip}, which stands for what is asked about",
        ),
        intel(
            "a file",
            url("file:///etc/passwd?${ip}"),
            "url",
            &format!("\"file:///etc/passwd?${{ip}}\" {no_url}"),
        ),
        intel("a URL without a host", url("http:///${ip}"), "url", &format!("\"http:///${{ip}}\" {no_url}")),
        intel(
            "a line in a URL",
            url("http://x/\r\nX: y/${ip}"),
            "url",
            "\"http://x/\\r\\nX: y/${ip}\" holds blanks or control characters",
        ),
        vuln(
            "a URL that lacks both, and a flag that is none",
            json!(r#"{"url": "http://x/", "allow_low_severity": "yes"}"#),
            &[
                (
                    "source \"s\"",
                    None,
                    "url",
                    "\"http://x/\" lacks ${ip}, which stands for what is asked about",
                ),
                (
                    "source \"s\"",
                    None,
                    "url",
                    "\"http://x/\" lacks ${port}, which stands for what is asked about",
                ),
                ("source \"s\"", None, "allow_low_severity", "\"yes\" is not true or false, without quotes"),
            ],
        ),
        vuln("no config", Value::Null, &[("source \"s\"", None, "config", "is missing")]),
    ]
}
