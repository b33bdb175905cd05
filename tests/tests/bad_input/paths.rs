//! Methods and paths, and the names of configuration files: what there is, what there is not, and no way out.

use crate::case::{Case, raw_path};

/// What is said of a name that is none, behind the name.
const NO_NAME: &str = "is not the name of a configuration file: letters, digits, _ and -, the first a letter or digit, then .json, 200 at most";

pub(crate) fn cases() -> Vec<Case> {
    let unknown = [
        "//events",
        "/events//",
        "/EVENTS",
        "/Events",
        "/event",
        "/events/1",
        "/events;a=b",
        "/events/..;/config",
        "/%65vents",
        "/events%2f",
        "/events%00",
        "/./events",
        "/x/../events",
        "/%2e%2e/events",
        "/..%2fevents",
        "/CONFIG/",
        "/configs/assets_test.json",
        "/config%2fassets_test.json",
        "/logs/siem_alarms.json",
        "/metrics/",
        "/.git/config",
        "/etc/passwd",
        "/debug/pprof/",
    ];
    let mut cases: Vec<_> =
        unknown.map(|path| raw_path("POST", path).gets(404, &format!("there is nothing at {path:?}"))).into();
    let long = format!("/{}", "a".repeat(60_000));
    cases.push(raw_path("GET", &long).gets(404, &format!("there is nothing at \"/{}\"", "a".repeat(199))));
    cases.push(raw_path("GET", "*").gets(404, "there is nothing at \"*\""));
    cases.push(raw_path("OPTIONS", "*").gets(404, "there is nothing at \"*\""));
    cases.extend(methods());
    for path in [
        "/ui/../../etc/passwd",
        "/ui/%2e%2e/%2e%2e/configs/assets_test.json",
        "/ui//etc/passwd",
        "/ui/%00",
        "/ui/%ff",
    ] {
        cases.push(raw_path("GET", path).gets_text(200, "the page"));
    }
    cases
}

fn methods() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, allow, methods) in [
        (
            "/events",
            "POST",
            &["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "FOO", "post", "PROPFIND"][..],
        ),
        ("/events/", "POST", &["GET", "PUT"]),
        ("/config", "GET,HEAD", &["POST", "PUT", "DELETE"]),
        ("/config/", "GET,HEAD", &["POST", "DELETE"]),
        ("/config/assets_test.json", "GET,HEAD,POST,DELETE", &["PUT", "PATCH", "TRACE"]),
        ("/ui/", "GET,HEAD", &["POST", "DELETE"]),
        ("/", "GET,HEAD", &["POST"]),
        ("/healthz", "GET,HEAD", &["POST", "DELETE"]),
        ("/readyz", "GET,HEAD", &["PUT"]),
        ("/metrics", "GET,HEAD", &["POST"]),
    ] {
        for method in methods {
            let case = raw_path(method, path).and_header("allow", allow);
            let says = format!("{method} is not possible on {path:?}; the Allow header says what is");
            // An answer to HEAD has no body.
            cases.push(if *method == "HEAD" { case.gets_empty(405) } else { case.gets(405, &says) });
        }
        cases.push(raw_path("OPTIONS", path).gets_empty(204).and_header("allow", allow));
    }
    cases
}

/// Names of configuration files, for reading, writing and deleting.
pub(crate) fn names() -> Vec<Case> {
    let long = format!("assets_{}.json", "a".repeat(293));
    let no_names = [
        "../x.json",
        "../assets_test.json",
        "..",
        "./assets_test.json",
        "%2e%2e%2fx.json",
        "..%2f..%2fetc%2fpasswd",
        "%252e%252e%252fx.json",
        "..%5cx.json",
        "..\\x.json",
        "/assets_test.json",
        "assets_test.json/",
        "a/b.json",
        "a%2Fb.json",
        "a%2Fjson",
        "axjson",
        ".json",
        "%2ejson",
        ".hidden.json",
        "-rf.json",
        "_x.json",
        "x.JSON",
        "x.Json",
        "x.json.bak",
        "a.json.json",
        "a..json",
        "assets_test.json%00",
        "assets_test%00.json",
        "assets_test.json%0a",
        "assets_test.json%20",
        "assets%20test.json",
        "assets_%C3%A4.json",
        "assets_\u{e4}.json",
        "assets_%ff.json",
        "assets_%zz.json",
        "assets_%.json",
        "assets_~1.json",
        "assets_*.json",
        "con",
        "$HOME.json",
        &long,
    ];
    let mut cases = Vec::new();
    for method in ["GET", "POST", "DELETE"] {
        for name in no_names {
            let shown = &name[..name.floor_char_boundary(200)];
            let says = format!("{shown:?} {NO_NAME}");
            cases.push(raw_path(method, &format!("/config/{name}")).gets(418, &says));
        }
        if method != "GET" {
            for name in [
                "dsiem_config.json",
                "kingdom.json",
                "Assets_x.json",
                "assets.json",
                "directives-x.json",
                "x.json",
            ] {
                let says = format!(
                    "{name:?} is not the name of a configuration file: it must begin with assets_, directives_, intel_ or vuln_"
                );
                cases.push(raw_path(method, &format!("/config/{name}")).gets(418, &says));
            }
        }
    }
    for (method, name) in [
        ("GET", "nope.json"),
        ("GET", "assets_nope.json"),
        ("GET", "nope.json?x=../assets_test.json"),
        ("DELETE", "assets_nope.json"),
    ] {
        let shown = name.split('?').next().unwrap_or_default();
        cases.push(
            raw_path(method, &format!("/config/{name}")).gets(404, &format!("there is no file {shown:?}")),
        );
    }
    cases.push(
        raw_path("GET", "/config/assets_test%2ejson")
            .gets_text(200, r#"{"assets":[{"cidr":"10.0.0.0/8","name":"home","value":5}]}"#),
    );
    cases
}
