//! Who may come in: tokens, what one address may send, and what a browser is told about the page.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Method;
use dsiem_frontend::Config;
use support::{ASSETS, Answer, Asked, EVENT, Sender, event};

const OK: u16 = 200;
const TOKEN: &str = "0123456789abcdef";

fn with_tokens(config: &mut Config) {
    config.doors.events_token = Some(TOKEN.into());
    config.doors.config_token = Some("fedcba9876543210".into());
    config.writable_config = true;
}

fn is_a_challenge(answer: &Answer) {
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"dsiem\"");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["error"].as_str().unwrap().contains("Authorization: Bearer"), "{}", answer.body);
}

#[tokio::test]
async fn events_need_their_token() {
    let mut sender = Sender::with(with_tokens);
    for path in ["/events", "/events/"] {
        is_a_challenge(&sender.check(Asked::post(path, EVENT), 401, "there is none").await);
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer 0123456789abcde",
            "Bearer fedcba9876543210",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "",
        ] {
            let asked = Asked::post(path, EVENT).header("authorization", wrong);
            is_a_challenge(&sender.check(asked, 401, "this is not it").await);
        }
    }
    assert!(sender.published().await.is_empty());
    assert_eq!(sender.metric("dsiem_frontend_unauthorized_requests_total{door=\"events\"}"), 14);
    assert_eq!(sender.metric("dsiem_frontend_events_received_total"), 0, "nothing of it was read");
    for right in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef"] {
        sender.check(Asked::post("/events", EVENT).header("authorization", right), OK, "").await;
    }
    assert_eq!(sender.published().await.len(), 2);
}

#[tokio::test]
async fn a_body_is_not_read_before_its_sender_is_known() {
    let sender = Sender::with(with_tokens);
    let answer = sender.check(Asked::post("/events", "not JSON"), 401, "").await;
    assert_eq!(answer.header("connection"), "close", "the rest of the body is not wanted");
    let large = Asked::post("/events", "").header("content-length", "100000000");
    sender.check(large, 401, "").await;
}

#[tokio::test]
async fn configuration_needs_its_token_for_reading_and_for_writing() {
    let sender = Sender::with(with_tokens);
    sender.put("configs", "assets_a.json", ASSETS);
    let right = "Bearer fedcba9876543210";
    for (method, path, status) in [
        (Method::GET, "/config", OK),
        (Method::GET, "/config/", OK),
        (Method::HEAD, "/config/assets_a.json", OK),
        (Method::GET, "/config/assets_a.json", OK),
        (Method::GET, "/config/assets_missing.json", 404),
        (Method::GET, "/config/..%2fx", 418),
        (Method::POST, "/config/assets_b.json", 201),
        (Method::DELETE, "/config/assets_b.json", OK),
    ] {
        let asked = || Asked::new(method.clone(), path, ASSETS);
        let answer = sender.check(asked(), 401, "").await;
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"dsiem\"", "{path}");
        assert_eq!(answer.header("allow"), "", "{path}");
        let with_the_other = asked().header("authorization", &format!("Bearer {TOKEN}"));
        sender.check(with_the_other, 401, "").await;
        sender.check(asked().header("authorization", right), status, "").await;
    }
    sender.check(Asked::new(Method::PUT, "/config/assets_b.json", ASSETS), 405, "").await;
}

#[tokio::test]
async fn everything_else_needs_none_and_no_secret_is_shown() {
    let sender = Sender::with(|config| {
        with_tokens(config);
        assert!(!format!("{config:?}").contains(TOKEN));
    });
    sender.put("web/dist", "index.html", "page");
    for path in ["/healthz", "/readyz", "/metrics", "/ui/"] {
        let answer = sender.check(Asked::get(path), OK, "").await;
        assert!(!answer.body.contains(TOKEN), "{path}");
    }
}

#[tokio::test]
async fn without_tokens_whatever_is_shown_does_not_matter() {
    let sender = Sender::new();
    sender.check(Asked::post("/events", EVENT).header("authorization", "Bearer x"), OK, "").await;
    sender.check(Asked::get("/config/").header("authorization", "Basic x"), OK, "").await;
}

#[tokio::test(start_paused = true)]
async fn an_address_over_its_rate_is_told_when_to_come_again() {
    let mut sender = Sender::with(|config| config.doors.max_peer_eps = NonZeroU32::new(10));
    let many = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| event(&format!("{n}"))).collect();
        format!("[{}]", all.join(","))
    };
    sender.check(Asked::post("/events", &many(25)), OK, "").await;
    let answer = sender.check(Asked::post("/events", EVENT), 429, "of your address").await;
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(sender.metric("dsiem_frontend_peer_refused_requests_total"), 1);
    assert_eq!(sender.metric("dsiem_frontend_events_received_total"), 25, "the other was not read");
    tokio::time::advance(Duration::from_secs(2)).await;
    sender.check(Asked::post("/events", EVENT), OK, "").await;
    sender.check(Asked::get("/config/"), OK, "").await;
    assert_eq!(sender.published().await.len(), 26);
    assert_eq!(sender.metric("dsiem_frontend_peers"), 1);
}

#[tokio::test]
async fn a_browser_is_told_what_it_may_do_with_everything_below_ui() {
    let sender = Sender::new();
    let told = |answer: &Answer| {
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy").to_owned();
        for part in ["default-src 'self'", "object-src 'none'", "frame-ancestors 'self'", "base-uri 'self'"] {
            assert!(policy.contains(part), "{part} is missing in {policy}");
        }
        policy
    };
    told(&sender.ask(Asked::get("/ui/")).await);
    sender.put("web/dist", "index.html", "page");
    sender.put("web/dist/assets", "index-DiwrgTda.js", "code()");
    for path in ["/ui", "/ui/", "/ui/deep/link", "/ui/assets/index-DiwrgTda.js", "/ui/..%2fx"] {
        let policy = told(&sender.check(Asked::get(path), OK, "").await);
        assert!(policy.contains("script-src 'self';") && policy.contains("connect-src 'self';"), "{policy}");
    }
    let elsewhere = sender.check(Asked::get("/healthz"), OK, "").await;
    assert_eq!(elsewhere.header("content-security-policy"), "");
}

#[tokio::test]
async fn a_browser_is_told_not_to_guess_what_is_in_an_answer_that_has_something_in_it() {
    let sender = Sender::new();
    for asked in
        [Asked::get("/config/"), Asked::get("/metrics"), Asked::get("/nowhere"), Asked::post("/events", "{")]
    {
        assert_eq!(sender.ask(asked).await.header("x-content-type-options"), "nosniff");
    }
    let empty = sender.check(Asked::post("/events", EVENT), OK, "").await;
    assert_eq!((empty.body.as_str(), empty.header("x-content-type-options")), ("", ""));
}

#[tokio::test]
async fn the_pages_of_existing_installations_may_ask_elasticsearch() {
    let sender = Sender::new();
    sender.put("web/dist", "index.html", "page");
    sender.put("web/dist/assets/config", "esconfig.json", "{}");
    let answer = sender.check(Asked::get("/ui/"), OK, "page").await;
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("connect-src 'self' http: https:;"), "{policy}");
    assert!(policy.contains("'wasm-unsafe-eval'") && policy.contains("frame-ancestors 'self'"), "{policy}");
}
