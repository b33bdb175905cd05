//! Signing in, staying so, and what ends it.

use dsiem_frontend::accounts::Role;
use serde_json::{Value, json};

use crate::asker::{PASSWORD, Site, auth};

#[tokio::test(start_paused = true)]
async fn a_session_is_a_cookie_for_us_alone_and_nobody_else_reads_it() {
    let site = Site::new();
    let ann = site.nobody();
    let answer = ann.sign_in("viewer", PASSWORD).await;
    assert_eq!(answer.json()["user"], json!({"name": "viewer", "role": "viewer"}));
    let cookie = answer.header("set-cookie");
    for part in ["dsiem_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("Secure"), "it would never come back over HTTP: {cookie}");
    let id = ann.cookies()["dsiem_session"].clone();
    assert!(!answer.body.contains(&id), "{}", answer.body);
    assert_eq!(ann.is().await.as_deref(), Some("viewer viewer"));
    let other = site.nobody();
    other.set_cookie("dsiem_session", &id.to_uppercase());
    assert_eq!(other.is().await, None);

    let secure = Site::with(auth(|auth| auth.public_url = Some("https://siem.example".parse().unwrap())));
    let ann = secure.nobody();
    let answer = ann.sign_in("viewer", PASSWORD).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-dsiem_session=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(ann.is().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_needs_the_csrf_token_and_comes_from_our_own_page() {
    let site = Site::new();
    let view = || json!({"query": ""});
    let ann = site.signed_in("viewer").await;
    ann.check("PUT", "/views/mine", view(), 204, "").await;
    ann.forget_csrf_token();
    ann.check("PUT", "/views/mine", view(), 403, "X-CSRF-Token").await;
    ann.check("DELETE", "/session", Value::Null, 403, "X-CSRF-Token").await;
    assert!(ann.is().await.is_some(), "reading needs none, and gives it");
    ann.check("PUT", "/views/mine", view(), 204, "").await;

    let bob = site.signed_in("analyst").await;
    bob.forget_csrf_token();
    let bob = bob.header("x-csrf-token", ann.get("/session").await.json()["csrf_token"].as_str().unwrap());
    bob.check("PUT", "/views/mine", view(), 403, "X-CSRF-Token").await;

    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 204),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
    ] {
        let ann = site.signed_in("viewer").await.header(name, value);
        let answer = ann.ask("PUT", "/views/mine", view()).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}: {}", answer.body);
    }
    let forged = site.nobody().header("origin", "https://evil.example");
    assert_eq!(forged.sign_in("viewer", PASSWORD).await.status, 403, "signing somebody in as another");
    // A form of another site cannot say that it is JSON.
    let form = site.nobody().header("content-type", "text/plain");
    assert!(form.sign_in("viewer", PASSWORD).await.status.is_client_error());
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_it_is_not_used_and_after_a_day() {
    let site = Site::new();
    let (used, unused) = (site.signed_in("viewer").await, site.signed_in("viewer").await);
    for hour in 1..24 {
        used.wait(3_600).await;
        assert!(used.is().await.is_some(), "{hour}");
        assert!(hour != 9 || unused.is().await.is_none());
    }
    used.wait(3_600).await;
    assert_eq!(used.is().await, None);
    assert_eq!(used.sign_in("viewer", PASSWORD).await.status, 200, "an old cookie is in nobody's way");
    assert!(used.is().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_signs_out_or_changes_the_password_ends_sessions() {
    let site = Site::new();
    let (here, there) = (site.signed_in("viewer").await, site.signed_in("viewer").await);
    let kept = here.cookies();
    let change = |old: &str, new: &str| json!({"old": old, "new": new});
    here.check("POST", "/session/password", change("wrong", "another password"), 403, "").await;
    here.check("POST", "/session/password", change(PASSWORD, "short"), 422, "12").await;
    here.check("POST", "/session/password", change(PASSWORD, "another password"), 204, "").await;
    assert!(here.is().await.is_some());
    assert_eq!(there.is().await, None);
    assert_eq!(there.sign_in("viewer", PASSWORD).await.status, 401);
    assert_eq!(there.sign_in("viewer", "another password").await.status, 200);
    let answer = here.check("DELETE", "/session", Value::Null, 204, "").await;
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{}", answer.header("set-cookie"));
    here.set_cookie("dsiem_session", &kept["dsiem_session"]);
    assert_eq!(here.is().await, None, "whoever has kept the cookie has nothing");
    assert!(there.is().await.is_some());
    let audit = site.audit();
    for line in [
        "viewer 127.0.0.1 password.failed viewer",
        "viewer 127.0.0.1 user.change viewer",
        "viewer 127.0.0.1 logout viewer",
    ] {
        assert!(audit.iter().any(|entry| entry == line), "{line}: {audit:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slow_and_tells_nobody_which_names_exist() {
    let site = Site::new();
    let guesser = site.nobody();
    let mut answers = Vec::new();
    for name in ["viewer", "nobody-of-that-name", "not a name"] {
        let answer = guesser.sign_in(name, "a guess, and wrong").await;
        answers.push((answer.status.as_u16(), answer.body));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    for _ in 0..9 {
        assert_eq!(guesser.sign_in("viewer", "a guess, and wrong").await.status, 401);
    }
    let refused = guesser.sign_in("viewer", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "30"), "{}", refused.body);
    assert_eq!(guesser.sign_in("VIEWER", PASSWORD).await.status, 429);
    assert_eq!(guesser.sign_in("analyst", PASSWORD).await.status, 200, "others come in");
    guesser.wait(30).await;
    assert_eq!(guesser.sign_in("viewer", PASSWORD).await.status, 200);
    let audit = site.audit();
    assert_eq!(audit.iter().filter(|line| line.contains("login.failed viewer")).count(), 10, "{audit:#?}");
    assert_eq!(audit.iter().filter(|line| line.contains("login.limited viewer")).count(), 1, "{audit:#?}");
    assert!(!audit.iter().any(|line| line.contains("not a name ")), "it may have been a password");
    assert_eq!(site.metric("dsiem_frontend_logins_total{result=\"failed\"}"), 12);
    assert_eq!(site.metric("dsiem_frontend_logins_total{result=\"limited\"}"), 2);
}

#[tokio::test(start_paused = true)]
async fn one_address_guesses_at_few_and_others_are_told_apart_behind_a_proxy() {
    let site = Site::with(auth(|auth| auth.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]));
    let from = |address: &str| site.nobody().header("x-forwarded-for", address);
    let mut statuses = Vec::new();
    for n in 0..21 {
        statuses.push(from("192.0.2.1").sign_in(&format!("user{n}"), "a guess").await.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20, "{statuses:?}");
    assert_eq!(from("192.0.2.1").sign_in("viewer", PASSWORD).await.status, 429);
    assert_eq!(
        from("6.6.6.6, 192.0.2.1").sign_in("viewer", PASSWORD).await.status,
        429,
        "that is what he says"
    );
    assert_eq!(from("192.0.2.2").sign_in("viewer", PASSWORD).await.status, 200);
    assert!(site.audit().iter().any(|line| line == "viewer 192.0.2.2 login viewer"), "{:#?}", site.audit());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_start_nobody_comes_in() {
    let site = Site::empty(|_| {});
    let options = site.nobody().get("/login-options").await.json();
    assert_eq!(options, json!({"set_up_needed": true, "password": true, "oidc": null, "auth": "on"}));
    let set_up =
        json!({"token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "name": "me", "password": PASSWORD});
    site.nobody().check("POST", "/set-up", set_up, 403, "log").await;
    assert_eq!(site.nobody().sign_in("admin", "admin").await.status, 401);
    site.make("me", Role::Admin);
    assert_eq!(site.nobody().get("/login-options").await.json()["set_up_needed"], false);
}
