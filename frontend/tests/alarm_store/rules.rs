//! What updates make of alarms: in any order, twice, closed, deleted, and from files; and a naive model of it.

use std::collections::{BTreeMap, BTreeSet};

use dsiem_core::finding::Finding;
use dsiem_frontend::alarm_store::{
    Action, Alarm, AlarmDocument, AlarmStore, AlarmUpdate, Applied, BODIES_KEPT, Counted, Handled,
    StageCount, StageEvent, WithoutAlarm,
};
use proptest::prelude::*;

use crate::support::{
    ALICE, Place, T0, class_of, close, event, line, on_both_stores, put, update, whichever,
};

on_both_stores!(
    the_highest_revision_counts,
    what_users_did_stays,
    a_closed_alarm_shows_that_it_changed,
    a_false_positive_is_open_again_when_its_class_rises,
    a_deleted_alarm_comes_back_when_its_class_rises,
    lines_of_files_follow_the_rules_of_existing_pipelines,
    a_line_of_a_file_never_replaces_a_revision,
    events_are_counted_once,
    events_may_come_before_their_alarm,
    the_first_and_the_newest_bodies_are_kept,
    any_order_gives_the_same,
    files_give_what_a_naive_reader_of_the_rules_gets,
    a_batch_gives_what_its_parts_give,
    hostile_texts_are_texts,
);

fn alarm(store: &AlarmStore, alarm_id: &str) -> Alarm {
    store.alarm(alarm_id).unwrap().expect("it is there").0
}

fn the_highest_revision_counts(place: &Place) {
    let store = place.open();
    let applied = put(&store, [update("a", 2, 3), update("a", 1, 1), update("a", 2, 3), update("a", 3, 4)]);
    assert_eq!(applied, Applied { created: 1, updated: 1, ignored: 2 });
    drop(store);
    let stored = alarm(&place.open(), "a");
    assert_eq!(
        (stored.document, stored.revision, stored.directive_id),
        (update("a", 3, 4).document, 3, Some(7))
    );
}

fn what_users_did_stays(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let change = dsiem_frontend::alarm_store::Change {
        status: Some("In-Progress".into()),
        tag: Some("Valid Threat".into()),
        assignee: Some("bob".into()),
    };
    store.change(&whichever("a"), &change, &ALICE).unwrap();
    store.comment(&whichever("a"), "looks bad", &ALICE).unwrap();
    put(&store, [update("a", 2, 9)]);
    let handling = alarm(&store, "a").handling;
    assert_eq!(
        (&*handling.status, &*handling.tag, &*handling.assignee),
        ("In-Progress", "Valid Threat", "bob")
    );
    assert!(!handling.changed_since_closed);
    let history = store.history("a").unwrap();
    let actions: Vec<_> = history.iter().map(|entry| (entry.action, entry.after.as_str())).collect();
    assert_eq!(
        actions,
        [
            (Action::Tag, "Valid Threat"),
            (Action::Assignee, "bob"),
            (Action::Status, "In-Progress"),
            (Action::Comment, "looks bad"),
        ]
    );
}

fn a_closed_alarm_shows_that_it_changed(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    close(&store, "a", "Valid Threat");
    put(&store, [update("a", 1, 1)]);
    assert!(!alarm(&store, "a").handling.changed_since_closed, "it was the same again");
    put(&store, [update("a", 2, 9)]);
    let now = alarm(&store, "a");
    assert_eq!(
        (now.document.risk, &*now.handling.status, now.handling.changed_since_closed),
        (9, "Closed", true)
    );
    close(&store, "a", "Security Incident");
    assert!(!alarm(&store, "a").handling.changed_since_closed, "somebody has seen it");
}

fn a_false_positive_is_open_again_when_its_class_rises(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 3, 1)]);
    close(&store, "a", "False Positive");
    put(&store, [update("a", 2, 9), update("a", 4, 2)]);
    let still = alarm(&store, "a").handling;
    assert_eq!((&*still.status, still.changed_since_closed), ("Closed", true));
    put(&store, [update("a", 5, 3)]);
    let now = alarm(&store, "a").handling;
    assert_eq!((&*now.status, &*now.tag, now.changed_since_closed), ("Open", "False Positive", false));
    let last = store.history("a").unwrap().pop().unwrap();
    assert_eq!(
        (last.action, &*last.who, &*last.before, &*last.after),
        (Action::Reopened, "", "Closed", "Open")
    );
}

fn a_deleted_alarm_comes_back_when_its_class_rises(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 3, 1)]);
    store.count(&[event("a", 1, "e")], WithoutAlarm::Keep, T0).unwrap();
    store.comment(&whichever("a"), "noise", &ALICE).unwrap();
    assert_eq!(store.delete(&whichever("a"), T0).unwrap(), [Handled::Done(1)]);
    assert_eq!(store.delete(&whichever("a"), T0).unwrap(), [Handled::Missing]);
    put(&store, [update("a", 3, 1), update("a", 2, 9), update("a", 4, 2)]);
    let counted = store.count(&[event("a", 1, "f")], WithoutAlarm::Keep, T0).unwrap();
    assert_eq!((counted.counted, counted.ignored), (0, 1));
    assert!(store.alarm("a").unwrap().is_none());
    put(&store, [update("a", 5, 3)]);
    let (alarm, counts) = store.alarm("a").unwrap().unwrap();
    assert_eq!((alarm.revision, &*alarm.handling.status, counts.len()), (5, "Open", 0));
    assert!(store.history("a").unwrap().is_empty());
}

fn lines_of_files_follow_the_rules_of_existing_pipelines(place: &Place) {
    let store = place.open();
    let mut first = line("a", 5, 3);
    first.document.intel_hits =
        vec![Finding { provider: "Wise".into(), result: "bad".into(), term: "10.0.0.1".into() }];
    let mut higher = line("a", 4, 4);
    higher.document.title = "another title".into();
    higher.document.custom_data =
        serde_json::from_value(serde_json::json!([{ "label": "user", "content": "root" }])).unwrap();
    put(&store, [first.clone(), line("a", 9, 2), line("a", 4, 3), higher.clone(), line("a", 3, 4)]);
    let stored = alarm(&store, "a").document;
    assert_eq!((stored.risk, stored.update_time), (4, T0 + 4), "higher risk wins although it is older");
    assert_eq!(stored.title, first.document.title, "an alarm is never renamed");
    assert_eq!(stored.intel_hits, first.document.intel_hits, "what a later line does not have stays");
    assert_eq!(stored.custom_data, higher.document.custom_data);
}

fn a_line_of_a_file_never_replaces_a_revision(place: &Place) {
    let store = place.open();
    put(&store, [line("a", 9, 9), update("a", 1, 1), line("a", 9, 9)]);
    assert_eq!(alarm(&store, "a").document, update("a", 1, 1).document);
}

fn events_are_counted_once(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let events = [event("a", 1, "x"), event("a", 2, "x"), event("a", 1, "y"), event("a", 1, "x")];
    let counted = store.count(&events, WithoutAlarm::LeaveOut, T0).unwrap();
    assert_eq!((counted.counted, counted.repeated), (3, 1));
    assert_eq!(store.count(&events, WithoutAlarm::Keep, T0).unwrap().repeated, 4);
    let counts = store.alarm("a").unwrap().unwrap().1;
    assert_eq!(counts, [StageCount { stage: 1, events: 2 }, StageCount { stage: 2, events: 1 }]);
    let page = store.events("a", 1, 0, 1).unwrap();
    assert_eq!((&*page.events[0].event_id, page.next), ("x", Some(1)));
    let page = store.events("a", 1, 1, 1).unwrap();
    assert_eq!((&*page.events[0].event_id, page.next), ("y", None));
    assert_eq!(page.events[0].event.as_ref().unwrap().get(), r#"{"event_id":"y"}"#);
}

fn events_may_come_before_their_alarm(place: &Place) {
    let store = place.open();
    let left_out = store.count(&[event("a", 1, "x")], WithoutAlarm::LeaveOut, T0).unwrap();
    assert_eq!(left_out.ignored, 1);
    store.count(&[event("a", 1, "x")], WithoutAlarm::Keep, T0).unwrap();
    assert!(store.alarm("a").unwrap().is_none());
    put(&store, [update("a", 1, 1)]);
    assert_eq!(store.alarm("a").unwrap().unwrap().1, [StageCount { stage: 1, events: 1 }]);
}

fn the_first_and_the_newest_bodies_are_kept(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1)]);
    let total = 2 * BODIES_KEPT + 300;
    // In pieces of different sizes, so that some are on either side of each limit.
    let events: Vec<StageEvent> = (1..=total).map(|n| event("a", 1, &n.to_string())).collect();
    let (mut rest, mut size) = (&events[..], 1);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        store.count(piece, WithoutAlarm::Keep, T0).unwrap();
        (rest, size) = (after, size * 2);
    }
    assert_eq!(store.alarm("a").unwrap().unwrap().1[0].events, total);
    let mut seen = Vec::new();
    let mut after = Some(0);
    while let Some(number) = after {
        let page = store.events("a", 1, number, 1_000).unwrap();
        after = page.next;
        seen.extend(page.events);
    }
    assert!(seen.iter().map(|event| event.number).eq(1..=total), "all ids are there, in order");
    let kept = |number| number <= BODIES_KEPT || number > total - BODIES_KEPT;
    let wrong: Vec<u64> = seen
        .iter()
        .filter(|event| event.event.is_some() != kept(event.number))
        .map(|event| event.number)
        .collect();
    assert_eq!(wrong, Vec::<u64>::new());
}

fn hostile_texts_are_texts(place: &Place) {
    let store = place.open();
    let mut update = update("a'; DROP TABLE alarms; --", 1, 1);
    update.document.title = format!("<script>\u{202e}\u{0}'\"?1 $1 {}", "x".repeat(10_000));
    update.document.kingdom = "\u{0}".into();
    let change =
        dsiem_frontend::alarm_store::Change { assignee: Some("O'Neil\u{0}".into()), ..Default::default() };
    let id = update.document.alarm_id.clone();
    put(&store, [update.clone()]);
    store.change(&whichever(&id), &change, &ALICE).unwrap();
    put(&store, [AlarmUpdate { revision: Some(2), ..update.clone() }]);
    assert_eq!(alarm(&store, &id).document, update.document);
    let filter = dsiem_frontend::alarm_store::Filter {
        text: Some("script \" OR NEAR( *:' & | ! <-> \u{0} \\".into()),
        ..Default::default()
    };
    // "or" and "near" are words like any other.
    assert_eq!(crate::support::ids(&store, &filter, crate::support::NEWEST), Vec::<String>::new());
    let filter = dsiem_frontend::alarm_store::Filter { text: Some("<SCRIPT> '".into()), ..filter };
    assert_eq!(crate::support::ids(&store, &filter, crate::support::NEWEST), [id]);
}

/// One thing that happens, in a life of two alarms.
#[derive(Debug, Clone)]
enum Happening {
    Update(u8, u64),
    Event(u8, u8, u8),
}

/// The risk of a revision: it does not fall.
fn risk_of(revision: u64) -> u8 {
    u8::try_from(revision + 1).unwrap()
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        (0..2_u8, 1..9_u64).prop_map(|(alarm, revision)| Happening::Update(alarm, revision)),
        (0..2_u8, 1..3_u8, 0..5_u8).prop_map(|(alarm, stage, event)| Happening::Event(alarm, stage, event)),
    ];
    proptest::collection::vec(one, 1..30)
}

fn happen(store: &AlarmStore, life: &[Happening]) {
    for happening in life {
        match happening {
            Happening::Update(alarm, revision) => {
                put(store, [update(&format!("a{alarm}"), *revision, risk_of(*revision))]);
            }
            Happening::Event(alarm, stage, number) => {
                let event = event(&format!("a{alarm}"), *stage, &number.to_string());
                store.count(&[event], WithoutAlarm::Keep, T0).unwrap();
            }
        }
    }
}

/// A few cases: each takes a database of its own.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() }
}

/// In any order and doubled, and after being closed or deleted, updates give what the highest of them gives.
fn any_order_gives_the_same(place: &Place) {
    let store = place.open();
    let lives = (happenings(), happenings().prop_shuffle(), 0..3_u8, any::<bool>());
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let result = runner.run(&lives, |(before, after, act, is_false_positive)| {
        store_is_empty(&store);
        happen(&store, &before);
        let tag = if is_false_positive { "False Positive" } else { "Valid Threat" };
        let known = store.alarm("a0").unwrap();
        if known.is_some() {
            match act {
                0 => {}
                1 => close(&store, "a0", tag),
                _ => drop(store.delete(&whichever("a0"), T0).unwrap()),
            }
        }
        let mut twice = after.clone();
        twice.extend(after.iter().rev().cloned());
        happen(&store, &twice);
        for alarm in 0..2 {
            let handled =
                (alarm == 0 && act > 0).then_some(()).and(known.as_ref().map(|(alarm, _)| alarm.revision));
            let expected = expected(alarm, &before, &after, handled, act == 2, is_false_positive);
            let stored = store.alarm(&format!("a{alarm}")).unwrap().map(|(alarm, counts)| {
                let handling = alarm.handling;
                (alarm.revision, alarm.document, handling.status, handling.changed_since_closed, counts)
            });
            let stored = stored.map(|(revision, document, status, changed, counts)| {
                assert_eq!(document, update(&format!("a{alarm}"), revision, risk_of(revision)).document);
                (revision, status, changed, counts)
            });
            // Which events came after an alarm that came back is a matter of order.
            let comes_back = alarm == 0 && act == 2 && handled.is_some();
            let forget = |(revision, status, changed, counts): (u64, String, bool, Vec<StageCount>)| {
                (revision, status, changed, if comes_back { Vec::new() } else { counts })
            };
            prop_assert_eq!(stored.map(forget), expected.map(forget));
        }
        Ok(())
    });
    result.unwrap();
}

fn store_is_empty(store: &AlarmStore) {
    let limits = dsiem_frontend::alarm_store::Limits { max_age_secs: Some(0), max_bytes: None };
    while store.retain(limits, i64::MAX / 2).unwrap().has_more {}
}

/// What the rules say in words, of one alarm.
fn expected(
    alarm: u8,
    before: &[Happening],
    after: &[Happening],
    handled: Option<u64>,
    is_deleted: bool,
    is_false_positive: bool,
) -> Option<(u64, String, bool, Vec<StageCount>)> {
    let revisions: BTreeSet<u64> = before
        .iter()
        .chain(after)
        .filter_map(|happening| match happening {
            Happening::Update(of, revision) if *of == alarm => Some(*revision),
            _ => None,
        })
        .collect();
    let newest = *revisions.last()?;
    let mut events: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
    for happening in before.iter().chain(after) {
        if let Happening::Event(of, stage, number) = happening
            && *of == alarm
        {
            events.entry(*stage).or_default().insert(*number);
        }
    }
    let counts: Vec<StageCount> =
        events.into_iter().map(|(stage, ids)| StageCount { stage, events: ids.len() as u64 }).collect();
    let Some(known) = handled else { return Some((newest, "Open".into(), false, counts)) };
    let rose = newest > known && class_of(risk_of(newest)) > class_of(risk_of(known));
    match (is_deleted, rose) {
        (true, false) => None,
        (true, true) => Some((newest, "Open".into(), false, counts)),
        (false, true) if is_false_positive => {
            // Open again, and nobody has closed it since.
            Some((newest, "Open".into(), false, counts))
        }
        (false, _) => Some((newest, "Closed".into(), newest > known, counts)),
    }
}

/// The table of the existing pipeline, word for word.
fn naive(lines: &[AlarmUpdate]) -> AlarmDocument {
    let mut stored = lines[0].document.clone();
    for line in &lines[1..] {
        let new = &line.document;
        if new.risk < stored.risk || (new.risk == stored.risk && new.update_time < stored.update_time) {
            continue;
        }
        let kept = stored.clone();
        stored = new.clone();
        (stored.title, stored.kingdom, stored.category) = (kept.title, kept.kingdom, kept.category);
        (stored.status, stored.tag) = (kept.status, kept.tag);
        if stored.intel_hits.is_empty() {
            stored.intel_hits = kept.intel_hits;
        }
    }
    stored
}

fn files_give_what_a_naive_reader_of_the_rules_gets(place: &Place) {
    let store = place.open();
    let lines = proptest::collection::vec((1..6_u64, 1..6_u8, any::<bool>()), 1..12);
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let result = runner.run(&lines, |lines| {
        store_is_empty(&store);
        let lines: Vec<AlarmUpdate> = lines
            .into_iter()
            .enumerate()
            .map(|(n, (time, risk, has_finding))| {
                let mut line = line("a", time, risk);
                line.document.title = format!("title {n}");
                if has_finding {
                    let (provider, term) = ("Wise".to_owned(), n.to_string());
                    line.document.intel_hits = vec![Finding { provider, result: String::new(), term }];
                }
                line
            })
            .collect();
        put(&store, lines.clone());
        prop_assert_eq!(&alarm(&store, "a").document, &naive(&lines));
        Ok(())
    });
    result.unwrap();
}

/// Updates and events at once give what the same ones give one by one: what is stored, what is counted and what is told.
fn a_batch_gives_what_its_parts_give(place: &Place) {
    let batches = proptest::collection::vec((happenings(), 0..4_u8), 1..4);
    let (at_once, one_by_one) = (place.open(), Place::file().open());
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let result = runner.run(&batches, |batches| {
        store_is_empty(&at_once);
        store_is_empty(&one_by_one);
        for (batch, act) in &batches {
            prop_assert_eq!(happen_at_once(&at_once, batch), happen_one_by_one(&one_by_one, batch));
            for store in [&at_once, &one_by_one] {
                match act {
                    0 if store.alarm("a0").unwrap().is_some() => close(store, "a0", "False Positive"),
                    1 => drop(store.delete(&whichever("a0"), T0).unwrap()),
                    2 => drop(store.comment(&whichever("a1"), "seen", &ALICE).unwrap()),
                    _ => {}
                }
            }
            prop_assert_eq!(whole(&at_once), whole(&one_by_one));
        }
        Ok(())
    });
    result.unwrap();
}

fn split(batch: &[Happening]) -> (Vec<AlarmUpdate>, Vec<StageEvent>) {
    let (mut updates, mut events) = (Vec::new(), Vec::new());
    for happening in batch {
        match happening {
            // Addresses, words and times differ, so that everything that is derived has to follow.
            Happening::Update(alarm, revision) => {
                let mut update = update(&format!("a{alarm}"), *revision, risk_of(*revision));
                update.document.src_ips.push(crate::support::ip(u8::try_from(*revision).unwrap()));
                update.document.created_time -= (86_400 * (*revision % 3)).cast_signed();
                updates.push(update);
            }
            Happening::Event(alarm, stage, number) => {
                events.push(event(&format!("a{alarm}"), *stage, &number.to_string()));
            }
        }
    }
    (updates, events)
}

fn happen_at_once(store: &AlarmStore, batch: &[Happening]) -> (Applied, Counted) {
    let (updates, events) = split(batch);
    (put(store, updates), store.count(&events, WithoutAlarm::Keep, T0).unwrap())
}

fn happen_one_by_one(store: &AlarmStore, batch: &[Happening]) -> (Applied, Counted) {
    let (updates, events) = split(batch);
    let (mut applied, mut counted) = (Applied::default(), Counted::default());
    for update in updates {
        let one = put(store, [update]);
        applied.created += one.created;
        applied.updated += one.updated;
        applied.ignored += one.ignored;
    }
    for event in events {
        let one = store.count(&[event], WithoutAlarm::Keep, T0).unwrap();
        counted.counted += one.counted;
        counted.repeated += one.repeated;
        counted.ignored += one.ignored;
    }
    (applied, counted)
}

/// Everything that can be asked of the two alarms.
fn whole(store: &AlarmStore) -> String {
    let none = dsiem_frontend::alarm_store::Filter::default;
    let alarms: Vec<_> = ["a0", "a1"]
        .iter()
        .map(|id| {
            let events = (1..3).map(|stage| format!("{:?}", store.events(id, stage, 0, 100).unwrap()));
            (store.alarm(id).unwrap(), store.history(id).unwrap(), events.collect::<Vec<_>>())
        })
        .collect();
    let found = ["revision 3", "seen", "scan"].map(|text| {
        let filter = dsiem_frontend::alarm_store::Filter { text: Some(text.into()), ..none() };
        let mut ids = crate::support::ids(store, &filter, crate::support::NEWEST);
        ids.sort();
        ids
    });
    let at = (1..9).map(|n| {
        let network = Some(crate::support::ip(n).into());
        let filter = dsiem_frontend::alarm_store::Filter { network, ..none() };
        let mut ids = crate::support::ids(store, &filter, crate::support::NEWEST);
        ids.sort();
        ids
    });
    let day = 86_400;
    let charts = store.over_time(&none(), T0 - 3 * day, T0 + day).unwrap();
    let role = dsiem_frontend::alarm_store::Role::Source;
    let top = store.top_addresses(role, T0 - 3 * day, T0 + day, 20).unwrap();
    let facets = store.facets(&none()).unwrap();
    format!("{alarms:#?} {found:?} {:?} {charts:?} {top:?} {facets:?}", at.collect::<Vec<_>>())
}
