//! The word of a proxy.

use axum::http::HeaderName;
use dsiem_frontend::auth::AuthMode;
use dsiem_frontend::auth::config::HeaderNames;
use serde_json::{Value, json};

use crate::asker::{Site, auth};

fn behind(proxies: &str) -> Site {
    Site::empty(auth(|auth| {
        let (user, role) = (HeaderName::from_static("remote-user"), HeaderName::from_static("remote-groups"));
        auth.mode = AuthMode::Header(HeaderNames { user, role });
        auth.trusted_proxies = vec![proxies.parse().unwrap()];
    }))
}

#[tokio::test]
async fn a_trusted_proxy_says_who_it_is_and_what_he_may() {
    let site = behind("127.0.0.0/8");
    assert_eq!(site.nobody().is().await, None, "whoever is not named is nobody");
    let named = |name: &str, groups: &str| {
        let asker = site.nobody().header("remote-user", name).header("remote-groups", groups);
        asker.header("x-forwarded-for", "192.0.2.9").header("x-csrf-token", "any")
    };
    assert_eq!(named("Ann", "staff,dsiem-analyst").is().await.as_deref(), Some("ann analyst"));
    assert_eq!(named("ann", "viewer").is().await.as_deref(), Some("ann viewer"), "the proxy decides anew");
    for (name, groups, status) in
        [("ann", "staff", 403), ("ann", "", 403), ("two words", "viewer", 422), ("", "admin", 401)]
    {
        let answer = named(name, groups).get("/session").await;
        assert_eq!(answer.status.as_u16(), status, "{name} {groups}: {}", answer.body);
    }
    let twice = named("ann", "viewer").header("x-unused", "x");
    assert!(twice.is().await.is_some());
    let options = site.nobody().get("/login-options").await.json();
    assert_eq!(options, json!({"set_up_needed": false, "password": false, "oidc": null, "auth": "header"}));
    named("ann", "viewer")
        .check("POST", "/session", json!({"name": "x", "password": "y"}), 409, "--auth")
        .await;

    let forged = site.nobody().header("remote-user", "ann").header("remote-groups", "viewer");
    forged.check("PUT", "/views/x", json!({"query": ""}), 403, "X-CSRF-Token").await;
    let root = named("root", "admin");
    let users = root.get("/users").await.json();
    assert_eq!(users["users"][0]["origin"], "header");
    root.check("PATCH", "/users/ann", json!({"disabled": true}), 200, "").await;
    named("ann", "admin").check("GET", "/session", Value::Null, 403, "admin").await;
    let lines = site.audit();
    assert_eq!(lines[0], "ann 192.0.2.9 user.create ann");
    let made = root.check("POST", "/tokens", json!({"name": "x", "role": "viewer"}), 201, "").await.json();
    let token = format!("Bearer {}", made["token"].as_str().unwrap());
    assert_eq!(site.nobody().header("authorization", token).is().await.as_deref(), Some("root viewer"));
}

#[tokio::test]
async fn nobody_else_does() {
    let site = behind("10.0.0.0/8");
    let forged = site.nobody().header("remote-user", "ann").header("remote-groups", "admin");
    forged.check("GET", "/alarms", Value::Null, 403, "--trusted-proxies").await;
    let forged = forged.header("x-forwarded-for", "10.0.0.1");
    forged.check("GET", "/alarms", Value::Null, 403, "--trusted-proxies").await;
    assert_eq!(site.metric("dsiem_frontend_logins_total{result=\"refused\"}"), 2);
    assert!(site.accounts.users().unwrap().is_empty());
    assert_eq!(site.nobody().is().await, None);
}
