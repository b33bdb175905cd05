//! What goes on beside alarms: retention, backups, who may open what.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dsiem_frontend::alarm_store::{AlarmStore, Filter, Limits, WithoutAlarm, Words};
use dsiem_frontend::database::DatabaseError;

use crate::support::{NEWEST, Place, T0, event, ids, on_both_stores, put, update};

on_both_stores!(what_is_too_old_goes, what_is_too_much_goes, readers_and_a_writer_work_at_once);

fn what_is_too_old_goes(place: &Place) {
    let store = place.open();
    put(&store, [update("old", 10, 1), update("new", 300, 1)]);
    store.count(&[event("waits", 1, "x"), event("old", 1, "x")], WithoutAlarm::Keep, T0 + 10).unwrap();
    let limits = Limits { max_age_secs: Some(100), max_bytes: None };
    assert_eq!(store.retain(limits, T0 + 200).unwrap().alarms, 1);
    assert!(!store.retain(limits, T0 + 200).unwrap().has_more);
    assert_eq!(ids(&store, &Filter::default(), NEWEST), ["new"]);
    // Nothing is left of either: it may come again, from the beginning.
    let counted =
        store.count(&[event("waits", 1, "x"), event("old", 1, "x")], WithoutAlarm::Keep, T0).unwrap();
    assert_eq!(counted.counted, 2);
}

fn what_is_too_much_goes(place: &Place) {
    let store = place.open();
    for n in 0..2_000 {
        put(&store, [update(&format!("a{n}"), n + 1, 1)]);
    }
    if let Place::Server(url) = place {
        // Its own statistics come now and then.
        postgres::Client::connect(url, postgres::NoTls).unwrap().batch_execute("ANALYZE").unwrap();
    }
    let used = store.used_bytes().unwrap();
    assert!(used > 500_000, "{used}");
    let limits = Limits { max_age_secs: None, max_bytes: Some(used / 2) };
    assert_eq!(store.retain(limits, T0).unwrap().alarms, 200);
    assert!(
        store.alarm("a199").unwrap().is_none() && store.alarm("a200").unwrap().is_some(),
        "the oldest go"
    );
    assert_eq!(store.retain(Limits { max_bytes: Some(1 << 40), ..limits }, T0).unwrap().alarms, 0);
    if matches!(place, Place::File(_)) {
        while store.retain(limits, T0).unwrap().has_more {}
        assert!(store.used_bytes().unwrap() <= used / 2);
        assert!(store.alarm("a1999").unwrap().is_some(), "not more than has to");
    }
}

fn readers_and_a_writer_work_at_once(place: &Place) {
    let store = place.open();
    let ended = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..6 {
            threads.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let facets = store.facets(&Filter::default()).unwrap();
                    // A transaction puts in two at once: nobody sees one of them.
                    assert_eq!(facets.risk.iter().map(|facet| facet.alarms).sum::<u64>() % 2, 0);
                }
            });
        }
        for n in 0..50 {
            put(&store, [update(&format!("a{n}"), 1, 1), update(&format!("b{n}"), 1, 2)]);
        }
        ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(ids(&store, &Filter::default(), NEWEST).len(), 100);
}

#[test]
fn a_second_process_on_one_file_is_refused() {
    let place = Place::file();
    let store = place.open();
    let path = place.path().unwrap();
    let refused = AlarmStore::open_file(&path, Words::default()).unwrap_err();
    assert!(matches!(refused, DatabaseError::InUse(_)));
    assert!(refused.to_string().contains("used by another process"), "{refused}");
    drop(store);
    AlarmStore::open_file(&path, Words::default()).unwrap();
}

#[test]
fn several_frontends_share_a_server() {
    let Some(place) = Place::server() else { return };
    let (one, other) = (place.open(), place.open());
    put(&one, [update("a", 1, 1)]);
    put(&other, [update("a", 2, 2), update("b", 1, 1)]);
    put(&one, [update("b", 2, 5)]);
    assert_eq!(ids(&one, &Filter::default(), NEWEST), ids(&other, &Filter::default(), NEWEST));
    assert_eq!(one.facets(&Filter::default()).unwrap(), other.facets(&Filter::default()).unwrap());
}

#[test]
fn a_lost_connection_is_made_again() {
    let Some(place) = Place::server() else { return };
    let Place::Server(url) = &place else { return };
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let ended = postgres::Client::connect(url, postgres::NoTls)
        .unwrap()
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
            &[],
        )
        .unwrap();
    assert!(ended >= 2, "a writer and readers were connected");
    put(&store, [update("a", 2, 1)]);
    for _ in 0..10 {
        assert_eq!(ids(&store, &Filter::default(), NEWEST), ["a"]);
    }
}

#[test]
fn a_copy_is_made_while_the_store_is_used() {
    let place = Place::file();
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let copy = place.path().unwrap().with_file_name("copy.sqlite");
    store.copy_to(&copy).unwrap();
    put(&store, [update("b", 1, 1)]);
    let refused = store.copy_to(&copy).unwrap_err();
    assert!(matches!(refused, DatabaseError::CopyExists(_)), "{refused}");
    let copied = AlarmStore::open_file(&copy, Words::default()).unwrap();
    assert_eq!(ids(&copied, &Filter::default(), NEWEST), ["a"]);
}

#[test]
fn the_file_is_brought_up_to_date_while_it_is_used() {
    let place = Place::file();
    let store = place.open();
    let length = || place.path().unwrap().metadata().unwrap().len();
    let before = length();
    for n in 0..20 {
        put(&store, (0..50).map(|m| update(&format!("a{n}-{m}"), 1, 1)));
    }
    let until = Instant::now() + Duration::from_secs(30);
    while length() < before + 500_000 {
        assert!(Instant::now() < until, "{} bytes are in the file", length());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_file_of_a_later_release_is_left_alone() {
    let place = Place::file();
    drop(place.open());
    let connection = rusqlite::Connection::open(place.path().unwrap()).unwrap();
    connection.execute("INSERT INTO migrations VALUES (99)", []).unwrap();
    let refused = AlarmStore::open_file(&place.path().unwrap(), Words::default()).unwrap_err();
    assert!(refused.to_string().contains("later release"), "{refused}");
}

#[test]
fn what_is_no_database_is_said_to_be_damaged() {
    let place = Place::file();
    std::fs::write(place.path().unwrap(), "not a database, whatever its name says".repeat(100)).unwrap();
    let refused = AlarmStore::open_file(&place.path().unwrap(), Words::default()).unwrap_err();
    assert!(matches!(refused, DatabaseError::Damaged(_)), "{refused}");
}
