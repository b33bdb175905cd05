//! Personal tokens over HTTP.

use serde_json::{Value, json};

use crate::asker::{Asker, Site};

async fn make(asker: &Asker<'_>, role: &str, days: Value) -> (String, u64) {
    let new = json!({"name": "script", "role": role, "expires_in_days": days});
    let made = asker.check("POST", "/tokens", new, 201, "dsiem_").await.json();
    (made["token"].as_str().unwrap().to_owned(), made["id"].as_u64().unwrap())
}

fn with<'a>(site: &'a Site, token: &str) -> Asker<'a> {
    site.nobody().header("authorization", format!("Bearer {token}"))
}

#[tokio::test(start_paused = true)]
async fn a_token_may_what_it_was_made_for_and_is_shown_once() {
    let site = Site::new();
    let analyst = site.signed_in("analyst").await;
    let (token, id) = make(&analyst, "viewer", Value::Null).await;
    let program = with(&site, &token);
    assert_eq!(program.is().await.as_deref(), Some("analyst viewer"));
    program.check("PUT", "/views/x", json!({"query": ""}), 204, "").await;
    let delete = json!({"targets": [{"alarm_id": "x", "version": null}]});
    program.check("POST", "/alarms/delete", delete, 403, "analyst").await;
    program.check("POST", "/tokens", json!({"name": "more", "role": "viewer"}), 403, "sign in").await;
    analyst.check("POST", "/tokens", json!({"name": "x", "role": "admin"}), 422, "analyst").await;

    let listed = analyst.get("/tokens").await;
    assert!(!listed.body.contains(&token) && !listed.body.contains("digest"), "{}", listed.body);
    let about = &listed.json()["tokens"][0];
    assert_eq!(
        (&about["owner"], &about["role"], &about["expires"]),
        (&json!("analyst"), &json!("viewer"), &Value::Null)
    );
    assert!(about["last_used"].is_i64(), "{about}");
    let others = site.signed_in("viewer").await;
    assert_eq!(others.get("/tokens").await.json(), json!({"tokens": []}));
    others.check("DELETE", &format!("/tokens/{id}"), Value::Null, 404, "").await;
    let admin = site.signed_in("admin").await;
    assert_eq!(admin.get("/tokens").await.json()["tokens"].as_array().unwrap().len(), 1);
    admin.check("DELETE", &format!("/tokens/{id}"), Value::Null, 204, "").await;
    program.check("GET", "/alarms", Value::Null, 401, "token").await;
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_time_and_with_its_owner() {
    let site = Site::new();
    let analyst = site.signed_in("analyst").await;
    let (short, _) = make(&analyst, "analyst", json!(1)).await;
    let (long, _) = make(&analyst, "analyst", Value::Null).await;
    let admin = site.signed_in("admin").await;
    admin.check("PATCH", "/users/analyst", json!({"role": "viewer"}), 200, "").await;
    assert_eq!(with(&site, &long).is().await.as_deref(), Some("analyst viewer"), "at once");
    analyst.wait(86_400).await;
    assert_eq!(with(&site, &short).is().await, None);
    assert!(with(&site, &long).is().await.is_some());
    let admin = site.signed_in("admin").await;
    admin.check("PATCH", "/users/analyst", json!({"disabled": true}), 200, "").await;
    assert_eq!(with(&site, &long).is().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_everywhere_and_a_cookie_does_not_help_it() {
    let site = Site::new();
    for wrong in ["x", "dsiem_x", ""] {
        let answer = with(&site, wrong).get("/login-options").await;
        assert_eq!(answer.status.as_u16(), 401, "{wrong:?}");
    }
    let ann = site.signed_in("viewer").await.header("authorization", "Bearer x");
    assert_eq!(ann.is().await, None);
    let basic = site.signed_in("viewer").await.header("authorization", "Basic eDp5");
    assert!(basic.is().await.is_some(), "that is for a proxy");
}
