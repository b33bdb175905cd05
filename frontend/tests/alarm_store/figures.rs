//! Figures, against the list that they are of, also after everything that can happen to an alarm.

use std::collections::BTreeMap;

use dsiem_core::risk::RiskClass;
use dsiem_frontend::alarm_store::{Alarm, AlarmStore, Change, Facet, Filter, Limits, Role};

use crate::support::{ALICE, NEWEST, Place, T0, class_of, ip, on_both_stores, put, update, whichever};

on_both_stores!(
    figures_are_those_of_the_alarms,
    a_part_is_counted_as_if_nothing_was_said_of_it,
    the_first_addresses_are_those_of_the_most_alarms
);

const DAY: i64 = 86_400;

fn figures_are_those_of_the_alarms(place: &Place) {
    let store = place.open();
    for n in 0..40_u64 {
        let mut update = update(&format!("a{n}"), 1, u8::try_from(n % 9 + 1).unwrap());
        update.document.created_time = T0 + n.cast_signed() * 5_000;
        update.document.src_ips = vec![ip(u8::try_from(n % 5).unwrap())];
        put(&store, [update.clone()]);
        // Some change: their risk, their time, their addresses.
        if n % 3 == 0 {
            update.revision = Some(2);
            update.document.risk = 10;
            update.document.risk_class = class_of(10);
            update.document.created_time += 4_000;
            update.document.src_ips.push(ip(77));
            update.document.dst_ips = vec![ip(77)];
            put(&store, [update]);
        }
        if n % 4 == 0 {
            let change = Change { status: Some("Closed".into()), ..Change::default() };
            store.change(&whichever(&format!("a{n}")), &change, &ALICE).unwrap();
        }
        if n % 7 == 0 {
            store.delete(&whichever(&format!("a{n}")), T0).unwrap();
        }
    }
    check(&store);
    let limits = Limits { max_age_secs: Some(T0 + 100_000 - 2), max_bytes: None };
    store.retain(limits, 2 * T0 + 100_000 - 1).unwrap();
    check(&store);
}

/// Says it of an alarm.
type Test = fn(&Alarm) -> bool;

/// Compares all figures with the list itself.
fn check(store: &AlarmStore) {
    let all = store.page(&Filter::default(), NEWEST, None, 1_000).unwrap().alarms;
    let words = Filter { text: Some("scan".into()), ..Filter::default() };
    let network = Filter { network: Some("10.0.0.0/24".parse().unwrap()), ..Filter::default() };
    let of_77 = Filter { network: Some("10.0.0.77/32".parse().unwrap()), ..Filter::default() };
    let closed = Filter { status: vec!["Closed".into()], ..Filter::default() };
    let (from, until) = (T0 + 10_000, T0 + 150_000);
    let tests: [(Filter, Test); 5] = [
        (Filter::default(), |_| true),
        (words, |_| true),
        (network, |_| true),
        (of_77, |alarm| alarm.document.dst_ips.contains(&ip(77))),
        (closed, |alarm| alarm.handling.status == "Closed"),
    ];
    for (filter, test) in tests {
        for (from, until) in [(None, None), (Some(from), Some(until))] {
            let in_time = |alarm: &&Alarm| {
                let created = alarm.document.created_time;
                from.is_none_or(|from| created >= from) && until.is_none_or(|until| created < until)
            };
            let of_filter = |alarm: &&Alarm| in_time(alarm) && test(alarm);
            let filter = Filter { created_from: from, created_until: until, ..filter.clone() };
            let facets = store.facets(&filter).unwrap();
            assert!(facets.is_complete);
            assert_eq!(counted(&facets.risk), tally(all.iter().filter(of_filter).map(|a| a.document.risk)));
            let class = all.iter().filter(of_filter).map(|a| a.document.risk_class.as_str().to_owned());
            assert_eq!(counted(&facets.class), tally(class));
            let directive = all.iter().filter(of_filter).map(|a| a.directive_id.unwrap_or(0));
            assert_eq!(counted(&facets.directive), tally(directive));
        }
        for (days, resolution) in [(14, 3_600), (20, DAY)] {
            let over_time = store.over_time(&filter, T0, T0 + days * DAY).unwrap();
            assert_eq!((over_time.resolution, over_time.is_complete), (resolution, true));
            let class = |class| {
                let of_class = all.iter().filter(|alarm| test(alarm) && alarm.document.risk_class == class);
                tally(of_class.map(|alarm| alarm.document.created_time / resolution * resolution))
            };
            for (class, number) in [
                (class(RiskClass::Low), (|part| part.low) as fn(&dsiem_frontend::alarm_store::Part) -> u64),
                (class(RiskClass::Medium), |part| part.medium),
                (class(RiskClass::High), |part| part.high),
            ] {
                let parts = over_time.parts.iter().map(|part| (part.start, number(part)));
                assert_eq!(parts.filter(|(_, alarms)| *alarms > 0).collect::<BTreeMap<_, _>>(), class);
            }
        }
    }
    for (from, until) in [(T0, T0 + 30 * DAY), (T0 + DAY, T0 + 2 * DAY)] {
        let on_days = all.iter().filter(|alarm| (from..until).contains(&alarm.document.created_time));
        let sources = on_days.flat_map(|alarm| alarm.document.src_ips.iter().copied());
        let top = store.top_addresses(Role::Source, from, until, 100).unwrap();
        assert_eq!(counted(&top), tally(sources));
        assert!(top.is_sorted_by_key(|facet| std::cmp::Reverse(facet.alarms)));
        let first = store.top_addresses(Role::Destination, from, until, 1).unwrap();
        assert_eq!(first.len(), 1);
    }
}

/// Those that are often in several alarms of a day are summed up first; who is in one alarm on each of many days may be
/// among the first of all nevertheless.
fn the_first_addresses_are_those_of_the_most_alarms(place: &Place) {
    let store = place.open();
    let mut alarms = Vec::new();
    let mut add = |address: u8, day: i64| {
        let mut update = update(&alarms.len().to_string(), 1, 1);
        update.document.created_time = T0 + day * DAY;
        (update.document.src_ips, update.document.dst_ips) = (vec![ip(address)], Vec::new());
        alarms.push(update);
    };
    for address in 1..=30 {
        (0..address).for_each(|_| add(address, i64::from(address) % 5));
    }
    (0..29).for_each(|day| add(40, day));
    // On a day apart.
    (0..50).for_each(|_| add(50, 100));
    put(&store, alarms);
    let top = |days, limit| {
        let facets = store.top_addresses(Role::Source, T0, T0 + days * DAY, limit).unwrap();
        facets.into_iter().map(|facet| (facet.value, facet.alarms)).collect::<Vec<_>>()
    };
    assert_eq!(top(5, 3), [(ip(30), 30), (ip(29), 29), (ip(28), 28)], "told by the days alone");
    assert_eq!(top(29, 3), [(ip(30), 30), (ip(29), 29), (ip(40), 29)], "there may be others");
    assert_eq!(top(101, 1), [(ip(50), 50)]);
    assert_eq!(top(5, 100).len(), 31, "all there are");
}

fn tally<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut tally = BTreeMap::new();
    values.for_each(|value| *tally.entry(value).or_default() += 1);
    tally
}

fn counted<T: Ord + Clone>(facets: &[Facet<T>]) -> BTreeMap<T, u64> {
    facets.iter().map(|facet| (facet.value.clone(), facet.alarms)).collect()
}

fn a_part_is_counted_as_if_nothing_was_said_of_it(place: &Place) {
    let store = place.open();
    put(&store, [update("a", 1, 1), update("b", 1, 5), update("c", 1, 5)]);
    let change = Change { status: Some("Closed".into()), ..Change::default() };
    store.change(&whichever("c"), &change, &ALICE).unwrap();
    let filter = Filter { status: vec!["Open".into()], class: vec![RiskClass::Medium], ..Filter::default() };
    let facets = store.facets(&filter).unwrap();
    let facet = |value: &str, alarms| Facet { value: value.to_owned(), alarms };
    assert_eq!(counted(&facets.status), counted(&[facet("Open", 1), facet("Closed", 1)]));
    assert_eq!(counted(&facets.class), counted(&[facet("Low", 1), facet("Medium", 1)]));
    assert_eq!(facets.kingdom, [facet("Reconnaissance & Probing", 1)]);
}
