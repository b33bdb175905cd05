//! What the routes of notifications answer, to whom.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::api::tests::Asker;

const CHANNELS: &str = "/notifications/channels";
const RULES: &str = "/notifications/rules";

fn channel(name: &str) -> Value {
    // Nothing listens there, and nothing has to.
    json!({"name": name, "webhook": {"url": "http://127.0.0.1:9/s3cret", "format": "json", "signing_key": "s3cret"}})
}

fn rule(name: &str) -> Value {
    json!({"name": name, "when": "first", "channels": [1], "condition": {"class": ["High"]}})
}

#[tokio::test]
async fn every_route_is_for_admins() {
    let asker = Asker::new();
    // In an order in which each finds what it needs.
    for (method, path, body, status) in [
        ("POST", CHANNELS, channel("a"), 201),
        ("GET", CHANNELS, Value::Null, 200),
        ("PUT", "/notifications/channels/1", channel("b"), 200),
        ("POST", "/notifications/channels/1/test", Value::Null, 200),
        ("POST", RULES, rule("a"), 201),
        ("GET", RULES, Value::Null, 200),
        ("PUT", "/notifications/rules/1", rule("b"), 200),
        ("DELETE", "/notifications/rules/1", Value::Null, 204),
        ("DELETE", "/notifications/channels/1", Value::Null, 204),
        ("GET", "/notifications/deliveries?state=dead&limit=5", Value::Null, 200),
        ("POST", "/notifications/deliveries/1/retry", Value::Null, 404),
    ] {
        for (who, expected) in [("nobody", 401), ("viewer", 403), ("analyst", 403), ("admin", status)] {
            let (answered, answer) = asker.ask(who, method, path, body.clone()).await;
            assert_eq!(answered.as_u16(), expected, "{method} {path} as {who}: {answer}");
            assert!(!answer.to_string().contains("s3cret"), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_and_in_the_audit_log() {
    let asker = Asker::new();
    let (status, made) = asker.ask("admin", "POST", CHANNELS, channel("ops")).await;
    assert_eq!((status, &made["id"]), (StatusCode::CREATED, &json!(1)));
    let (_, made) = asker.ask("admin", "POST", RULES, rule("high")).await;
    assert_eq!((&made["max_per_hour"], &made["condition"]["class"]), (&json!(60), &json!(["High"])));
    let (_, channels) = asker.ask("admin", "GET", CHANNELS, Value::Null).await;
    assert_eq!(channels["channels"][0]["webhook"]["server"], "http://127.0.0.1:9");
    let (_, rules) = asker.ask("admin", "GET", RULES, Value::Null).await;
    assert_eq!(rules["rules"], json!([made]));
    let (_, tested) = asker.ask("admin", "POST", "/notifications/channels/1/test", Value::Null).await;
    assert_eq!(tested["ok"], false, "{tested}");
    assert!(!tested["detail"].as_str().unwrap().is_empty());
    let (_, deliveries) = asker.ask("admin", "GET", "/notifications/deliveries", Value::Null).await;
    assert_eq!(deliveries, json!({"deliveries": [], "next": null, "waiting": 0, "dead": 0}));
    let (_, audit) = asker.ask("admin", "GET", "/audit", Value::Null).await;
    let lines: Vec<_> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["object"].as_str().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [
            ("notifications.channel.test", "1"),
            ("notifications.rule.create", "high"),
            ("notifications.channel.create", "ops")
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_is_a_problem_document() {
    let asker = Asker::new();
    asker.ask("admin", "POST", CHANNELS, channel("a")).await;
    asker.ask("admin", "POST", RULES, rule("a")).await;
    let mut unknown = rule("b");
    unknown["condition"] = json!({"classes": ["High"]});
    for (method, path, body, status, part) in [
        ("POST", CHANNELS, channel("a"), 409, "name"),
        ("POST", CHANNELS, json!({"name": "b"}), 422, "either webhook or mail"),
        ("PUT", "/notifications/channels/9", channel("b"), 404, "no channel 9"),
        ("DELETE", "/notifications/channels/1", Value::Null, 409, "rules a"),
        ("POST", "/notifications/channels/9/test", Value::Null, 404, "no channel 9"),
        ("POST", RULES, unknown, 422, "classes"),
        ("PUT", "/notifications/rules/9", rule("b"), 404, "no rule 9"),
        ("GET", "/notifications/deliveries?state=lost", Value::Null, 400, "lost"),
        ("GET", "/notifications/deliveries?limit=0", Value::Null, 400, "1 to 500"),
    ] {
        let (answered, media_type, text) = asker.ask_text("admin", method, path, body).await;
        assert_eq!(
            (answered.as_u16(), media_type.as_str()),
            (status, "application/problem+json"),
            "{path}: {text}"
        );
        assert!(text.contains(part), "{method} {path}: {text}");
    }
}
