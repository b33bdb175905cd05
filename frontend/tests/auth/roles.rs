//! Every route of accounts, with each role.

use serde_json::{Value, json};

use crate::asker::{Asker, Site};

/// Who asks; a token stands for a program of the analyst's.
const ASKERS: [&str; 5] = ["nobody", "viewer", "analyst", "admin", "token"];

/// Method, path, body, and what each of them gets.
type Route = (&'static str, &'static str, Value, [u16; 5]);

fn routes() -> Vec<Route> {
    let user = json!({"name": "new", "role": "viewer", "password": "long enough, this"});
    let wrong = json!({"name": "nobody", "password": "wrong"});
    let password = json!({"old": "wrong", "new": "long enough, this"});
    let token = json!({"name": "x", "role": "viewer", "expires_in_days": 1});
    let set_up = json!({"token": "x", "name": "x", "password": "long enough, this"});
    vec![
        ("GET", "/login-options", Value::Null, [200; 5]),
        ("POST", "/set-up", set_up, [403; 5]),
        ("GET", "/session", Value::Null, [401, 200, 200, 200, 200]),
        ("POST", "/session", wrong, [401; 5]),
        ("POST", "/session/password", password, [401, 403, 403, 403, 409]),
        ("GET", "/users", Value::Null, [401, 403, 403, 200, 403]),
        ("POST", "/users", user, [401, 403, 403, 201, 403]),
        ("PATCH", "/users/new", json!({"role": "analyst"}), [401, 403, 403, 200, 403]),
        ("DELETE", "/users/new", Value::Null, [401, 403, 403, 204, 403]),
        ("DELETE", "/users/new", Value::Null, [401, 403, 403, 404, 403]),
        ("GET", "/audit", Value::Null, [401, 403, 403, 200, 403]),
        ("GET", "/tokens", Value::Null, [401, 200, 200, 200, 200]),
        ("POST", "/tokens", token, [401, 201, 201, 201, 403]),
        ("DELETE", "/tokens/4711", Value::Null, [401, 404, 404, 404, 404]),
        ("GET", "/views", Value::Null, [401, 200, 200, 200, 200]),
        ("PUT", "/views/mine", json!({"query": "status=Open"}), [401, 204, 204, 204, 204]),
        ("DELETE", "/views/mine", Value::Null, [401, 204, 204, 204, 404]),
        ("GET", "/alarms", Value::Null, [401, 200, 200, 200, 200]),
        (
            "POST",
            "/alarms/delete",
            json!({"targets": [{"alarm_id": "x", "version": null}]}),
            [401, 403, 200, 200, 200],
        ),
        ("GET", "/nothing", Value::Null, [404; 5]),
        ("DELETE", "/session", Value::Null, [401, 204, 204, 204, 409]),
    ]
}

async fn asker<'a>(site: &'a Site, who: &str) -> Asker<'a> {
    match who {
        "nobody" => site.nobody(),
        "token" => {
            let new = json!({"name": "script", "role": "analyst", "expires_in_days": null});
            let analyst = site.signed_in("analyst").await;
            let made = analyst.check("POST", "/tokens", new, 201, "dsiem_").await.json();
            site.nobody().header("authorization", format!("Bearer {}", made["token"].as_str().unwrap()))
        }
        user => site.signed_in(user).await,
    }
}

#[tokio::test]
async fn every_route_asks_for_its_role() {
    let site = Site::new();
    let mut askers = Vec::new();
    for who in ASKERS {
        askers.push((who, asker(&site, who).await));
    }
    for (method, path, body, expected) in routes() {
        for ((who, asker), expected) in askers.iter().zip(expected) {
            let answer = asker.ask(method, path, body.clone()).await;
            assert_eq!(answer.status.as_u16(), expected, "{method} {path} as {who}: {}", answer.body);
            assert_eq!(answer.header("cache-control"), "no-store", "{method} {path} as {who}");
            if expected >= 400 {
                assert_eq!(answer.header("content-type"), "application/problem+json", "{path} as {who}");
            }
        }
    }
}

#[tokio::test]
async fn an_admin_makes_changes_and_deletes_users() {
    let site = Site::new();
    let admin = site.signed_in("admin").await;
    let new = json!({"name": "Ann", "role": "viewer", "password": "long enough, this"});
    let made = admin.check("POST", "/users", new.clone(), 201, "").await.json();
    assert_eq!(
        (&made["name"], &made["role"], &made["disabled"]),
        (&json!("ann"), &json!("viewer"), &json!(false))
    );
    assert!(made.get("password").is_none() && made.get("id").is_none(), "{made}");
    admin.check("POST", "/users", new, 409, "ann").await;
    for (field, value, part) in [
        ("name", json!("two words"), "letters"),
        ("password", json!("short"), "12"),
        ("role", json!("root"), "role"),
        ("nmae", json!("x"), "nmae"),
    ] {
        let mut wrong = json!({"name": "bob", "role": "viewer", "password": "long enough, this"});
        wrong[field] = value;
        admin.check("POST", "/users", wrong, 422, part).await;
    }
    let ann = site.nobody();
    assert_eq!(ann.sign_in("ANN", "long enough, this").await.status, 200);
    assert_eq!(ann.is().await.as_deref(), Some("ann viewer"));
    admin.check("PATCH", "/users/ann", json!({"role": "analyst"}), 200, "analyst").await;
    assert_eq!(ann.is().await.as_deref(), Some("ann analyst"), "at once");
    admin.check("PATCH", "/users/ann", json!({"disabled": true}), 200, "true").await;
    assert_eq!(ann.is().await, None, "at once");
    assert_eq!(ann.sign_in("ann", "long enough, this").await.status, 401);
    admin
        .check("PATCH", "/users/ann", json!({"disabled": false, "password": "another, as long"}), 200, "")
        .await;
    assert_eq!(ann.sign_in("ann", "long enough, this").await.status, 401);
    assert_eq!(ann.sign_in("ann", "another, as long").await.status, 200);
    admin.check("DELETE", "/users/ann", Value::Null, 204, "").await;
    assert_eq!(ann.is().await, None, "at once");
    admin.check("PATCH", "/users/admin", json!({"role": "viewer"}), 409, "last admin").await;
    admin.check("DELETE", "/users/admin", Value::Null, 409, "last admin").await;
    let audit = site.audit();
    for line in [
        "admin 127.0.0.1 login admin",
        "admin 127.0.0.1 user.create ann",
        "admin 127.0.0.1 user.change ann",
        "ann 127.0.0.1 login.failed ann",
        "admin 127.0.0.1 user.delete ann",
    ] {
        assert!(audit.iter().any(|entry| entry == line), "{line}: {audit:#?}");
    }
    let page = admin.get("/audit?limit=2").await.json();
    assert_eq!(page["entries"].as_array().unwrap().len(), 2);
    let rest = admin.get(&format!("/audit?after={}", page["next"])).await.json();
    assert_eq!(rest["entries"].as_array().unwrap().len() + 2, audit.len());
    admin.check("GET", "/audit?limit=0", Value::Null, 400, "500").await;
}

#[tokio::test]
async fn views_are_ones_own() {
    let site = Site::new();
    let (ann, bob) = (site.signed_in("viewer").await, site.signed_in("analyst").await);
    ann.check("PUT", "/views/high%20risk", json!({"query": "risk_min=8"}), 204, "").await;
    let views = ann.get("/views").await.json();
    assert_eq!(views, json!({"views": [{"name": "high risk", "query": "risk_min=8"}]}));
    assert_eq!(bob.get("/views").await.json(), json!({"views": []}));
    bob.check("DELETE", "/views/high%20risk", Value::Null, 404, "").await;
    ann.check("DELETE", "/views/high%20risk", Value::Null, 204, "").await;
}

#[tokio::test]
async fn where_nobody_is_asked_everybody_is_an_admin_but_for_other_sites() {
    use crate::asker::auth;
    use dsiem_frontend::auth::AuthMode;
    let site = Site::empty(auth(|auth| auth.mode = AuthMode::Off));
    let anybody = site.nobody().header("x-csrf-token", "any");
    assert_eq!(anybody.is().await.as_deref(), Some("anybody admin"));
    let options = anybody.get("/login-options").await.json();
    assert_eq!(options, json!({"set_up_needed": false, "password": false, "oidc": null, "auth": "off"}));
    anybody.check("PUT", "/views/mine", json!({"query": ""}), 204, "").await;
    anybody.check("POST", "/tokens", json!({"name": "x", "role": "viewer"}), 409, "off").await;
    let view = || ("PUT", "/views/mine", json!({"query": ""}));
    for (name, value, status) in [
        ("host", "localhost:8080", 204),
        ("host", "127.0.0.1:8080", 204),
        ("host", "[::1]:8080", 204),
        ("host", "10.0.0.7:8080", 204),
        ("host", "evil.example:8080", 403),
        ("host", "localhost.evil.example", 403),
        ("origin", "http://evil.example", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-origin", 204),
    ] {
        let (method, path, body) = view();
        let asker = site.nobody().header("x-csrf-token", "any").header(name, value);
        let answer = asker.ask(method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {value}: {}", answer.body);
    }
    let (method, path, body) = view();
    site.nobody().check(method, path, body, 403, "X-CSRF-Token").await;
    let foreign = site.nobody().header("host", "evil.example");
    foreign.check("GET", "/alarms", Value::Null, 403, "--public-url").await;
}
