//! Users, sessions, tokens, views and the audit log, which are kept in the same database.

use dsiem_frontend::accounts::password::{PasswordHash, hash};
use dsiem_frontend::accounts::{
    AccountError, Accounts, By, External, MAX_SESSIONS_PER_USER, MAX_TOKENS_PER_USER, MAX_VIEWS_PER_USER,
    NewToken, NewUser, Origin, Role, SESSION_IDLE_SECS, SESSION_LIFETIME_SECS, SecretId, UserChange,
    UserName, View,
};

use crate::support::{Place, T0, on_both_stores};

on_both_stores!(
    the_first_user_is_made_once,
    an_admin_is_always_left,
    a_session_ends_when_it_is_not_used_and_after_a_day,
    sessions_end_with_what_they_rest_on,
    a_user_has_so_many_sessions,
    a_token_may_what_its_owner_may,
    tokens_are_ones_own,
    a_proxy_and_an_identity_provider_vouch,
    views_are_ones_own,
    the_audit_log_is_read_from_its_end,
    nothing_of_the_audit_log_is_changed,
);

fn accounts(place: &Place) -> Accounts {
    Accounts::new(place.open().database())
}

fn by(who: &str) -> By<'_> {
    at(who, T0)
}

fn at(who: &str, now: i64) -> By<'_> {
    By { who, origin: "192.0.2.1", now }
}

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

/// Passwords take their time, so all have the same.
fn password() -> PasswordHash {
    static HASH: std::sync::OnceLock<PasswordHash> = std::sync::OnceLock::new();
    HASH.get_or_init(|| hash("nobody", "a good password").unwrap()).clone()
}

fn make(accounts: &Accounts, who: &str, role: Role) {
    accounts.create_user(&NewUser { name: name(who), role, password: password() }, &by("root")).unwrap();
}

fn to(role: Option<Role>, disabled: Option<bool>) -> UserChange {
    UserChange { role, disabled, password: None }
}

fn actions(accounts: &Accounts) -> Vec<String> {
    let page = accounts.audit_log(None, 500).unwrap();
    page.entries
        .iter()
        .rev()
        .map(|entry| format!("{} {} {}", entry.who, entry.action, entry.object))
        .collect()
}

fn the_first_user_is_made_once(place: &Place) {
    let accounts = accounts(place);
    assert!(!accounts.is_set_up().unwrap());
    let user = accounts.create_first(name("Root"), password(), &by("root")).unwrap();
    assert_eq!((user.name.as_str(), user.role, user.origin), ("root", Role::Admin, Origin::Local));
    assert!(accounts.is_set_up().unwrap());
    let again = accounts.create_first(name("other"), password(), &by("other"));
    assert!(matches!(again, Err(AccountError::SetUp)));
    let new = NewUser { name: name("ROOT"), role: Role::Viewer, password: password() };
    assert!(matches!(accounts.create_user(&new, &by("root")), Err(AccountError::Exists(_))));
    assert_eq!(actions(&accounts), ["root user.create root"]);
}

fn an_admin_is_always_left(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "root", Role::Admin);
    for change in [to(Some(Role::Analyst), None), to(None, Some(true))] {
        let refused = accounts.change_user("root", &change, None, &by("root"));
        assert!(matches!(refused, Err(AccountError::LastAdmin)), "{change:?}");
    }
    assert!(matches!(accounts.delete_user("root", &by("root")), Err(AccountError::LastAdmin)));
    make(&accounts, "other", Role::Admin);
    accounts.change_user("root", &to(None, Some(true)), None, &by("other")).unwrap();
    assert!(matches!(accounts.delete_user("other", &by("root")), Err(AccountError::LastAdmin)));
    accounts.delete_user("root", &by("other")).unwrap();
    assert!(matches!(accounts.delete_user("root", &by("other")), Err(AccountError::Missing(_))));
    assert_eq!(accounts.users().unwrap().len(), 1);
}

fn open(accounts: &Accounts, who: &str, now: i64) -> SecretId {
    accounts.open_session(who, Some(&password()), &at(who, now)).unwrap().0
}

fn goes_on(accounts: &Accounts, id: &SecretId, now: i64) -> bool {
    accounts.session(id, now).unwrap().is_some()
}

fn a_session_ends_when_it_is_not_used_and_after_a_day(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "ann", Role::Viewer);
    let (unused, used) = (open(&accounts, "ann", T0), open(&accounts, "ann", T0));
    let late = T0 + SESSION_IDLE_SECS - 1;
    assert!(goes_on(&accounts, &used, late) && goes_on(&accounts, &used, late + 10));
    assert!(!goes_on(&accounts, &unused, late + 1));
    let end = T0 + SESSION_LIFETIME_SECS;
    for now in (late..end).step_by(3_600) {
        assert!(goes_on(&accounts, &used, now), "{now}");
    }
    assert!(goes_on(&accounts, &used, end - 1));
    assert!(!goes_on(&accounts, &used, end));
    assert!(!goes_on(&accounts, &SecretId::random().unwrap(), T0));
}

fn sessions_end_with_what_they_rest_on(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "root", Role::Admin);
    make(&accounts, "ann", Role::Viewer);
    let left = open(&accounts, "ann", T0);
    let digest = accounts.session(&left, T0).unwrap().unwrap().digest;
    accounts.close_session(&digest, &by("ann")).unwrap();
    assert!(!goes_on(&accounts, &left, T0));

    let (kept, other) = (open(&accounts, "ann", T0), open(&accounts, "ann", T0));
    let digest = accounts.session(&kept, T0).unwrap().unwrap().digest;
    let another = hash("ann", "another password").unwrap();
    let change = UserChange { password: Some(another.clone()), ..UserChange::default() };
    accounts.change_user("ann", &change, Some(&digest), &by("ann")).unwrap();
    assert!(goes_on(&accounts, &kept, T0) && !goes_on(&accounts, &other, T0));
    let stale = accounts.open_session("ann", Some(&password()), &by("ann"));
    assert!(matches!(stale, Err(AccountError::Disabled)), "that was his password a moment ago");

    accounts.change_user("ann", &to(None, Some(true)), None, &by("root")).unwrap();
    assert!(!goes_on(&accounts, &kept, T0));
    assert!(matches!(accounts.open_session("ann", Some(&another), &by("ann")), Err(AccountError::Disabled)));
    accounts.change_user("ann", &to(Some(Role::Analyst), Some(false)), None, &by("root")).unwrap();
    assert!(!goes_on(&accounts, &kept, T0), "it does not come back");
    let (id, user) = accounts.open_session("ann", Some(&another), &by("ann")).unwrap();
    assert_eq!(user.role, Role::Analyst);
    accounts.delete_user("ann", &by("root")).unwrap();
    make(&accounts, "ann", Role::Admin);
    assert!(!goes_on(&accounts, &id, T0), "another one of the same name");
}

fn a_user_has_so_many_sessions(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "ann", Role::Viewer);
    make(&accounts, "bob", Role::Viewer);
    let bobs = open(&accounts, "bob", T0);
    let first = open(&accounts, "ann", T0);
    let rest: Vec<_> = (1..).take(MAX_SESSIONS_PER_USER).map(|n| open(&accounts, "ann", T0 + n)).collect();
    assert!(!goes_on(&accounts, &first, T0 + 100));
    assert!(rest.iter().all(|id| goes_on(&accounts, id, T0 + 100)));
    assert!(goes_on(&accounts, &bobs, T0 + 100));
}

fn token(
    accounts: &Accounts,
    owner: &str,
    role: Role,
    days: Option<u32>,
) -> Result<(String, u64), AccountError> {
    let made = accounts.create_token(&NewToken { owner, name: "script", role, days }, &by(owner));
    made.map(|(shown, token)| (shown, token.id))
}

fn role_of(accounts: &Accounts, shown: &str, now: i64) -> Option<Role> {
    accounts.token(shown, now).unwrap().map(|used| used.role)
}

fn a_token_may_what_its_owner_may(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "root", Role::Admin);
    make(&accounts, "ann", Role::Analyst);
    assert!(matches!(token(&accounts, "ann", Role::Admin, None), Err(AccountError::Invalid(_))));
    let (shown, _) = token(&accounts, "ann", Role::Analyst, Some(1)).unwrap();
    assert!(shown.starts_with("dsiem_") && shown.len() == 49, "{}", shown.len());
    assert_eq!(role_of(&accounts, &shown, T0), Some(Role::Analyst));
    assert_eq!(accounts.tokens(Some("ann")).unwrap()[0].last_used, Some(T0));
    accounts.change_user("ann", &to(Some(Role::Viewer), None), None, &by("root")).unwrap();
    assert_eq!(role_of(&accounts, &shown, T0), Some(Role::Viewer));
    accounts.change_user("ann", &to(Some(Role::Admin), Some(true)), None, &by("root")).unwrap();
    assert_eq!(role_of(&accounts, &shown, T0), None);
    accounts.change_user("ann", &to(None, Some(false)), None, &by("root")).unwrap();
    assert_eq!(role_of(&accounts, &shown, T0), Some(Role::Analyst), "not more than it was made for");
    assert_eq!(role_of(&accounts, &shown, T0 + 86_399), Some(Role::Analyst));
    assert_eq!(role_of(&accounts, &shown, T0 + 86_400), None);
    for wrong in ["", "dsiem_", &shown[6..], &shown.to_uppercase(), &format!("{shown}A")] {
        assert_eq!(role_of(&accounts, wrong, T0), None, "{wrong}");
    }
}

fn tokens_are_ones_own(place: &Place) {
    let accounts = accounts(place);
    for who in ["ann", "bob"] {
        make(&accounts, who, Role::Viewer);
    }
    let (shown, anns) = token(&accounts, "ann", Role::Viewer, None).unwrap();
    let (_, bobs) = token(&accounts, "bob", Role::Viewer, None).unwrap();
    assert_eq!(accounts.tokens(Some("bob")).unwrap().len(), 1);
    assert_eq!(accounts.tokens(None).unwrap().len(), 2);
    assert!(matches!(accounts.delete_token(anns, Some("bob"), &by("bob")), Err(AccountError::Missing(_))));
    accounts.delete_token(anns, Some("ann"), &by("ann")).unwrap();
    assert_eq!(role_of(&accounts, &shown, T0), None);
    accounts.delete_token(bobs, None, &by("root")).unwrap();
    for _ in 0..MAX_TOKENS_PER_USER {
        token(&accounts, "ann", Role::Viewer, None).unwrap();
    }
    assert!(matches!(token(&accounts, "ann", Role::Viewer, None), Err(AccountError::TooMany(..))));
    for (name, days) in [("", None), ("a\nb", None), ("x", Some(0)), ("x", Some(3_651))] {
        let new = NewToken { owner: "bob", name, role: Role::Viewer, days };
        assert!(matches!(accounts.create_token(&new, &by("bob")), Err(AccountError::Invalid(_))), "{new:?}");
    }
}

fn a_proxy_and_an_identity_provider_vouch(place: &Place) {
    let accounts = accounts(place);
    make(&accounts, "root", Role::Admin);
    let (ann, bob, root) = (name("ann"), name("bob"), name("root"));
    let oidc = |name, subject, role, default_role| {
        let external = External { origin: Origin::Oidc, subject: Some(subject), name, role, default_role };
        accounts.external_user(&external, &by("oidc"))
    };
    assert!(
        matches!(oidc(&ann, "id 1", None, None), Err(AccountError::Invalid(_))),
        "nobody says what he may"
    );
    assert_eq!(oidc(&ann, "id 1", None, Some(Role::Viewer)).unwrap().role, Role::Viewer);
    assert_eq!(oidc(&ann, "id 1", Some(Role::Analyst), None).unwrap().role, Role::Analyst);
    assert_eq!(oidc(&ann, "id 1", None, None).unwrap().role, Role::Analyst, "it stays as it was");
    assert!(
        matches!(oidc(&root, "id 2", Some(Role::Admin), None), Err(AccountError::Exists(_))),
        "root is another"
    );
    assert_eq!(oidc(&root, "id 1", None, None).unwrap().name, "ann", "he is known by his id");
    let change = UserChange { password: Some(password()), ..UserChange::default() };
    assert!(matches!(accounts.change_user("ann", &change, None, &by("root")), Err(AccountError::Invalid(_))));
    accounts.change_user("ann", &to(None, Some(true)), None, &by("root")).unwrap();
    assert!(matches!(oidc(&ann, "id 1", Some(Role::Admin), None), Err(AccountError::Disabled)));

    let header = |name, role| {
        let external = External { origin: Origin::Header, subject: None, name, role, default_role: None };
        accounts.external_user(&external, &by("proxy"))
    };
    assert_eq!(header(&root, Some(Role::Viewer)).unwrap().role, Role::Viewer, "the proxy decides");
    assert_eq!(header(&bob, Some(Role::Admin)).unwrap().origin, Origin::Header);
    assert!(matches!(header(&ann, Some(Role::Admin)), Err(AccountError::Disabled)));
}

fn views_are_ones_own(place: &Place) {
    let accounts = accounts(place);
    let view = |name: &str, query: &str| View { name: name.into(), query: query.into() };
    accounts.save_view("ann", &view("mine", "status=Open")).unwrap();
    accounts.save_view("ann", &view("mine", "status=Closed")).unwrap();
    accounts.save_view("bob", &view("mine", "")).unwrap();
    assert_eq!(accounts.views("ann").unwrap(), [view("mine", "status=Closed")]);
    accounts.delete_view("bob", "mine").unwrap();
    assert!(matches!(accounts.delete_view("bob", "mine"), Err(AccountError::Missing(_))));
    for n in 1..MAX_VIEWS_PER_USER {
        accounts.save_view("ann", &view(&n.to_string(), "")).unwrap();
    }
    assert!(matches!(accounts.save_view("ann", &view("more", "")), Err(AccountError::TooMany(..))));
    accounts.save_view("ann", &view("mine", "again")).unwrap();
    for wrong in [view("", ""), view("a\0b", ""), view(&"x".repeat(101), ""), view("q", &"x".repeat(8_193))] {
        assert!(matches!(accounts.save_view("bob", &wrong), Err(AccountError::Invalid(_))));
    }
}

fn the_audit_log_is_read_from_its_end(place: &Place) {
    let accounts = accounts(place);
    for n in 1..=5 {
        accounts.audit(&at("ann", T0 + n), "test", &format!("object {n}"), "detail").unwrap();
    }
    let page = accounts.audit_log(None, 2).unwrap();
    let objects = |page: &dsiem_frontend::accounts::AuditPage| {
        page.entries.iter().map(|entry| entry.object.clone()).collect::<Vec<_>>()
    };
    assert_eq!(objects(&page), ["object 5", "object 4"]);
    let entry = &page.entries[0];
    assert_eq!(
        (entry.at, &*entry.who, &*entry.origin, &*entry.detail),
        (T0 + 5, "ann", "192.0.2.1", "detail")
    );
    let page = accounts.audit_log(page.next, 3).unwrap();
    assert_eq!((objects(&page).len(), page.next), (3, None));
    accounts.audit(&by("ann"), "test", &"ä".repeat(5_000), "").unwrap();
    assert_eq!(accounts.audit_log(None, 1).unwrap().entries[0].object.len(), 2_000);
}

/// Runs a statement as somebody who has the database himself.
fn run(place: &Place, statement: &str) -> Result<(), String> {
    match place {
        Place::File(_) => {
            let connection = rusqlite::Connection::open(place.path().unwrap()).unwrap();
            connection.execute_batch(statement).map_err(|error| error.to_string())
        }
        Place::Server(url) => {
            let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
            client.batch_execute(statement).map_err(|error| error.as_db_error().unwrap().to_string())
        }
    }
}

fn nothing_of_the_audit_log_is_changed(place: &Place) {
    let accounts = accounts(place);
    accounts.audit(&by("ann"), "test", "kept", "").unwrap();
    for statement in ["UPDATE audit_log SET who = 'bob'", "DELETE FROM audit_log"] {
        let refused = run(place, statement).unwrap_err();
        assert!(refused.contains("never changed"), "{statement}: {refused}");
    }
    assert_eq!(actions(&accounts), ["ann test kept"]);
}
