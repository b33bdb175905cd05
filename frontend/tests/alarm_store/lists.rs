//! Pages and counts of filtered, sorted lists, against a list in memory that is filtered and sorted by hand.

use dsiem_core::risk::RiskClass;
use dsiem_frontend::alarm_store::{
    Alarm, AlarmStore, AlarmUpdate, COUNTED_EXACTLY, Change, Count, Filter, Order, SortBy,
};

use crate::support::{ALICE, NEWEST, Place, T0, ids, ip, on_both_stores, put, update, whichever};

on_both_stores!(
    each_filter_finds_what_it_says,
    pages_follow_each_other,
    long_lists_are_not_counted_to_the_end
);

/// Alarms that differ in everything that lists are filtered and sorted by.
fn some() -> Vec<AlarmUpdate> {
    (0..60_u64)
        .map(|n| {
            let mut update =
                update(&format!("alarm{n:02}"), n * 7 % 40 + 1, u8::try_from(n % 10 + 1).unwrap());
            let document = &mut update.document;
            document.created_time = T0 + (n * 13 % 30).cast_signed() * 3_600;
            document.title =
                format!("{} on host{}", ["Ping flood", "ssh Brute force", "Scan"][n as usize % 3], n % 4);
            document.kingdom = format!("kingdom {}", n % 5);
            document.category = format!("category {}", n % 7);
            document.src_ips = vec![ip(u8::try_from(n % 6).unwrap())];
            document.dst_ips = vec![ip(u8::try_from(n % 4).unwrap() + 100), "2001:db8::1".parse().unwrap()];
            update.directive_id = Some(n % 3);
            update
        })
        .collect()
}

fn filled(place: &Place) -> AlarmStore {
    let store = place.open();
    put(&store, some());
    for n in (0..60).step_by(4) {
        let change = Change {
            status: Some(["Closed", "In-Progress"][n / 4 % 2].into()),
            tag: Some("Valid Threat".into()),
            assignee: Some("bob".into()),
        };
        store.change(&whichever(&format!("alarm{n:02}")), &change, &ALICE).unwrap();
    }
    store
}

/// Says it of an alarm.
type Test = fn(&Alarm) -> bool;

fn each_filter_finds_what_it_says(place: &Place) {
    let store = filled(place);
    let all = store.page(&Filter::default(), NEWEST, None, 1_000).unwrap().alarms;
    assert_eq!(all.len(), 60);
    let none = Filter::default;
    let cases: Vec<(&str, Filter, Test)> = vec![
        ("status", Filter { status: vec!["Closed".into()], ..none() }, |a| a.handling.status == "Closed"),
        ("tag", Filter { tag: vec!["Valid Threat".into()], ..none() }, |a| a.handling.tag == "Valid Threat"),
        ("nobody", Filter { assignee: vec![String::new()], ..none() }, |a| a.handling.assignee.is_empty()),
        ("class", Filter { class: vec![RiskClass::High, RiskClass::Low], ..none() }, |a| {
            a.document.risk_class != RiskClass::Medium
        }),
        ("risk", Filter { risk: Some(4..=5), ..none() }, |a| (4..=5).contains(&a.document.risk)),
        ("kingdom", Filter { kingdom: vec!["kingdom 2".into()], ..none() }, |a| {
            a.document.kingdom == "kingdom 2"
        }),
        ("category", Filter { category: vec!["category 6".into()], ..none() }, |a| {
            a.document.category == "category 6"
        }),
        ("directive", Filter { directive: vec![1, 2], ..none() }, |a| a.directive_id.is_some()),
        ("address", Filter { network: Some("10.0.0.5/32".parse().unwrap()), ..none() }, |a| {
            a.document.src_ips.contains(&ip(5))
        }),
        ("network", Filter { network: Some("10.0.0.100/31".parse().unwrap()), ..none() }, |a| {
            a.document.dst_ips.contains(&ip(100)) || a.document.dst_ips.contains(&ip(101))
        }),
        ("version 6", Filter { network: Some("2001:db8::/32".parse().unwrap()), ..none() }, |_| true),
        ("text", Filter { text: Some("Brute host1".into()), ..none() }, |a| {
            a.document.title == "ssh Brute force on host1"
        }),
        ("no word", Filter { text: Some("***".into()), ..none() }, |_| true),
        (
            "time",
            Filter { created_from: Some(T0 + 3_600), created_until: Some(T0 + 36_000), ..none() },
            |a| (T0 + 3_600..T0 + 36_000).contains(&a.document.created_time),
        ),
        (
            "everything",
            Filter {
                status: vec!["Open".into()],
                network: Some("10.0.0.0/29".parse().unwrap()),
                text: Some("flood".into()),
                created_from: Some(T0),
                risk: Some(2..=9),
                ..none()
            },
            |a| {
                a.handling.status == "Open"
                    && a.document.title.contains("flood")
                    && (2..=9).contains(&a.document.risk)
            },
        ),
        ("nothing", Filter { kingdom: vec!["none".into()], ..none() }, |_| false),
    ];
    for (name, filter, test) in cases {
        for order in orders() {
            let mut expected: Vec<&Alarm> = all.iter().filter(|alarm| test(alarm)).collect();
            expected.sort_by_key(|alarm| sort_key(alarm, order.by));
            if order.descending {
                expected.reverse();
            }
            let expected: Vec<&str> = expected.iter().map(|alarm| alarm.document.alarm_id.as_str()).collect();
            assert!(name == "nothing" || !expected.is_empty(), "{name}");
            assert_eq!(ids(&store, &filter, order), expected, "{name} {order:?}");
            let count = store.page(&filter, order, None, 1).unwrap().count;
            assert_eq!(count, Count::Exactly(expected.len() as u64), "{name}");
        }
    }
}

fn orders() -> impl Iterator<Item = Order> {
    [SortBy::Created, SortBy::Updated, SortBy::Risk, SortBy::Title]
        .into_iter()
        .flat_map(|by| [true, false].map(|descending| Order { by, descending }))
}

/// What an alarm is sorted by; then by how it came, which here is its id.
fn sort_key(alarm: &Alarm, by: SortBy) -> (i64, i64, String, String) {
    let document = &alarm.document;
    let (number, second, text) = match by {
        SortBy::Created => (document.created_time, 0, String::new()),
        SortBy::Updated => (document.update_time, 0, String::new()),
        SortBy::Risk => (document.risk.into(), document.update_time, String::new()),
        SortBy::Title => (0, 0, document.title.to_lowercase()),
    };
    (number, second, text, document.alarm_id.clone())
}

fn pages_follow_each_other(place: &Place) {
    let store = filled(place);
    let filters = [
        Filter::default(),
        Filter { status: vec!["Open".into()], ..Filter::default() },
        Filter { text: Some("host".into()), ..Filter::default() },
        Filter { network: Some("10.0.0.0/24".parse().unwrap()), ..Filter::default() },
        Filter { created_from: Some(T0 + 1), ..Filter::default() },
    ];
    for filter in filters {
        for order in orders() {
            let whole = ids(&store, &filter, order);
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = store.page(&filter, order, after.as_ref(), 7).unwrap();
                seen.extend(page.alarms.into_iter().map(|alarm| alarm.document.alarm_id));
                // As it comes back from a browser.
                let text = serde_json::to_string(&page.next).unwrap();
                after = serde_json::from_str(&text).unwrap();
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, whole, "{filter:?} {order:?}");
        }
    }
}

fn long_lists_are_not_counted_to_the_end(place: &Place) {
    let store = place.open();
    let total = COUNTED_EXACTLY + 1;
    let updates = (0..total).map(|n| {
        let mut update = update(&n.to_string(), 1, 1);
        update.document.dst_ips.truncate(1);
        if n % 2 == 0 {
            update.document.kingdom = "even".into();
        }
        if n == 5 {
            update.document.title = "needle".into();
        }
        update
    });
    put(&store, updates);
    let count = |filter: Filter| store.page(&filter, NEWEST, None, 10).unwrap().count;
    let none = Filter::default;
    let everywhere = || Some("10.0.0.0/8".parse().unwrap());
    let more = Count::MoreThan(COUNTED_EXACTLY);
    assert_eq!(count(none()), more);
    assert_eq!(count(Filter { status: vec!["Open".into()], ..none() }), more);
    assert_eq!(count(Filter { network: everywhere(), ..none() }), more);
    assert_eq!(count(Filter { created_from: Some(T0), ..none() }), more);
    assert_eq!(count(Filter { text: Some("revision".into()), ..none() }), more);
    assert_eq!(count(Filter { text: Some("revision".into()), network: everywhere(), ..none() }), more);
    let half = Count::Exactly(total.div_ceil(2));
    let even = || Filter { kingdom: vec!["even".into()], ..none() };
    assert_eq!(count(even()), half);
    assert_eq!(count(Filter { network: everywhere(), text: Some("revision".into()), ..even() }), half);
    assert_eq!(
        count(Filter { text: Some("needle".into()), network: everywhere(), ..none() }),
        Count::Exactly(1)
    );
    let exactly = Count::Exactly(COUNTED_EXACTLY);
    assert_eq!(count(Filter { text: Some("scan".into()), ..none() }), exactly);
    let text =
        || Filter { text: Some("revision".into()), network: everywhere(), created_from: Some(T0), ..none() };
    let page = store.page(&text(), NEWEST, None, 10).unwrap();
    assert_eq!((page.alarms.len(), page.count), (10, more));
}
