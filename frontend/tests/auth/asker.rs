//! A frontend with a store, and somebody who asks it, with the cookies of a browser.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::Method;
use dsiem_frontend::Config;
use dsiem_frontend::accounts::{Accounts, By, NewUser, Role, password};
use serde_json::{Value, json};

use crate::support::{Answer, Asked, Bus, NOW, Sender};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "a good password";

/// A frontend.
pub(crate) struct Site {
    sender: Sender,
    pub(crate) accounts: Accounts,
}

/// A browser, or a program.
pub(crate) struct Asker<'a> {
    site: &'a Site,
    cookies: Mutex<BTreeMap<String, String>>,
    csrf_token: Mutex<Option<String>>,
    headers: Vec<(&'static str, String)>,
}

impl Site {
    /// With the users viewer, analyst and admin.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with its configuration changed.
    pub(crate) fn with<T>(change: impl FnOnce(&mut Config) -> T) -> Self {
        let site = Self::empty(change);
        for role in [Role::Viewer, Role::Analyst, Role::Admin] {
            site.make(role.as_str(), role);
        }
        site
    }

    /// Without a user.
    pub(crate) fn empty<T>(change: impl FnOnce(&mut Config) -> T) -> Self {
        let sender = Sender::with_alarms(Bus::with_room_for(10), change);
        let accounts = Accounts::new(sender.alarms.as_ref().unwrap().database.clone());
        Self { sender, accounts }
    }

    pub(crate) fn make(&self, name: &str, role: Role) {
        // Passwords take their time, so all have the same.
        static HASH: std::sync::OnceLock<password::PasswordHash> = std::sync::OnceLock::new();
        let password = HASH.get_or_init(|| password::hash("nobody", PASSWORD).unwrap()).clone();
        let new = NewUser { name: name.parse().unwrap(), role, password };
        self.accounts.create_user(&new, &self.by()).unwrap();
    }

    pub(crate) fn by(&self) -> By<'static> {
        By { who: "test", origin: "test", now: NOW.secs() }
    }

    /// Somebody who has shown nothing yet.
    pub(crate) fn nobody(&self) -> Asker<'_> {
        Asker { site: self, cookies: Mutex::default(), csrf_token: Mutex::default(), headers: Vec::new() }
    }

    /// Somebody who has signed in.
    pub(crate) async fn signed_in(&self, name: &str) -> Asker<'_> {
        let asker = self.nobody();
        let answer = asker.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        asker
    }

    /// The newest lines of the audit log, the newest last.
    pub(crate) fn audit(&self) -> Vec<String> {
        let page = self.accounts.audit_log(None, 100).unwrap();
        let line = |entry: &dsiem_frontend::accounts::AuditEntry| {
            format!("{} {} {} {}", entry.who, entry.origin, entry.action, entry.object)
        };
        page.entries.iter().rev().map(line).collect()
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.sender.metric(name)
    }
}

impl Asker<'_> {
    /// The same with one more header on each request.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn forget_csrf_token(&self) {
        *self.csrf_token.lock().unwrap() = None;
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().unwrap().clone()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Asks below `/api/v1`.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let method: Method = method.parse().unwrap();
        let mut asked =
            Asked::new(method, &format!("/api/v1{path}"), text).header("content-type", "application/json");
        for (name, value) in &self.headers {
            asked = asked.header(name, value);
        }
        let pairs: Vec<_> = self.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
            asked = asked.header("cookie", &pairs.join("; "));
        }
        let token = self.csrf_token.lock().unwrap().clone();
        if let Some(token) = token {
            asked = asked.header("x-csrf-token", &token);
        }
        let answer = self.site.sender.ask(asked).await;
        self.keep(&answer);
        answer
    }

    /// Does with cookies what a browser does.
    fn keep(&self, answer: &Answer) {
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (pair, attributes) = set.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            match attributes.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        if let Ok(Value::Object(body)) = serde_json::from_str(&answer.body)
            && let Some(token) = body.get("csrf_token").and_then(Value::as_str)
        {
            *self.csrf_token.lock().unwrap() = Some(token.to_owned());
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null).await
    }

    /// Asks, and holds the answer against a status and a part of the body.
    pub(crate) async fn check(
        &self,
        method: &str,
        path: &str,
        body: Value,
        status: u16,
        part: &str,
    ) -> Answer {
        let answer = self.ask(method, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.body);
        assert!(answer.body.contains(part), "{method} {path}: {part:?} is not in {}", answer.body);
        answer
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.ask("POST", "/session", json!({"name": name, "password": password})).await
    }

    /// Who it is to the API.
    pub(crate) async fn is(&self) -> Option<String> {
        let answer = self.get("/session").await;
        match answer.status.as_u16() {
            200 => {
                let user = answer.json()["user"].clone();
                Some(format!("{} {}", user["name"].as_str().unwrap(), user["role"].as_str().unwrap()))
            }
            401 => None,
            other => panic!("{other}: {}", answer.body),
        }
    }

    /// Lets time go by, in a test whose time stands still otherwise.
    pub(crate) async fn wait(&self, secs: u64) {
        tokio::time::advance(std::time::Duration::from_secs(secs)).await;
    }
}

/// A change of the configuration's part that says who may.
pub(crate) fn auth(change: impl FnOnce(&mut dsiem_frontend::auth::AuthConfig)) -> impl FnOnce(&mut Config) {
    |config| change(&mut config.auth)
}
