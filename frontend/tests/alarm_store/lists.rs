//! Pages and counts of filtered, sorted lists, against a list in memory that is filtered and sorted by hand.

use dsiem_core::risk::RiskClass;
use dsiem_frontend::alarm_store::{
    Alarm, AlarmStore, AlarmUpdate, COUNTED_EXACTLY, Change, Count, Filter, Order, SortBy,
};

use crate::support::{ALICE, NEWEST, Place, T0, close, ids, ip, on_both_stores, put, update, whichever};

on_both_stores!(
    each_filter_finds_what_it_says,
    a_list_is_the_same_on_every_way_to_it,
    words_are_found_however_they_came,
    numbers_with_dots_are_one_word,
    numbers_are_found_in_every_order,
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
        ("a word that goes on", Filter { text: Some("host1 floo".into()), ..none() }, |a| {
            a.document.title == "Ping flood on host1"
        }),
        ("a word that says it goes on", Filter { text: Some("floo* host1".into()), ..none() }, |a| {
            a.document.title == "Ping flood on host1"
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

/// Which way leads to a page depends on how many alarms each part of a filter leaves. Where few are many already, all ways
/// are taken.
fn a_list_is_the_same_on_every_way_to_it(place: &Place) {
    let mut store = place.open();
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut updates: Vec<AlarmUpdate> = (0..400).map(|n| any_alarm(n, 1, &mut chance)).collect();
    // What they were before leaves its traces in bounds.
    updates.extend((0..400).step_by(3).map(|n| any_alarm(n, 2, &mut chance)));
    for some in updates.chunks(50) {
        put(&store, some.to_vec());
    }
    for n in (0..400).step_by(5) {
        let change = Change { status: Some("Closed".into()), tag: None, assignee: Some("bob".into()) };
        store.change(&whichever(&format!("alarm{n:03}")), &change, &ALICE).unwrap();
    }
    store.delete(&whichever("alarm007"), T0).unwrap();
    let all = store.page(&Filter::default(), NEWEST, None, 1_000).unwrap().alarms;
    assert_eq!(all.len(), 399);
    for counted in [2, 20, 60, COUNTED_EXACTLY] {
        store = store.counting_lists_to(counted);
        for _ in 0..60 {
            let filter = any_filter(&mut chance);
            let order = orders().nth(chance.below(8)).unwrap();
            let mut expected: Vec<&Alarm> = all.iter().filter(|alarm| fits(&filter, alarm)).collect();
            expected.sort_by_key(|alarm| sort_key(alarm, order.by));
            if order.descending {
                expected.reverse();
            }
            let expected: Vec<&str> = expected.iter().map(|alarm| alarm.document.alarm_id.as_str()).collect();
            let (found, count) = paged(&store, &filter, order);
            assert_eq!(found, expected, "counted to {counted}: {filter:?} {order:?}");
            let length = expected.len() as u64;
            let expected = if length > counted { Count::MoreThan(counted) } else { Count::Exactly(length) };
            assert_eq!(count, expected, "counted to {counted}: {filter:?} {order:?}");
        }
    }
}

/// A search passes over alarms whose directive has other words: whatever words an alarm has, it must not be among these.
fn numbers_with_dots_are_one_word(place: &Place) {
    let store = place.open();
    let titled = |id: &str, title: &str| {
        let mut update = update(id, 1, 1);
        update.document.title = title.into();
        update
    };
    put(
        &store,
        [titled("one", "Scan from 10.0.0.7, to 45.1.2.3:443"), titled("other", "Scan of 10.0.0.70.")],
    );
    put(&store, [titled("none", "7 scans within 10 s by v2.14.1, v100 ... of 2001:db8::7 5..6")]);
    let cases = [
        ("10.0.0.7", vec!["one", "other"]),
        ("10.0.0.7 scan", vec!["one"]),
        ("scan 10.0.0.70", vec!["other"]),
        ("(10.0.0.7),", vec!["one", "other"]),
        ("10.0.0", vec!["one", "other"]),
        ("10.0.0.", vec!["one", "other"]),
        ("10.0* scan", vec!["one", "other"]),
        ("10.", vec!["one", "other"]),
        ("10.* scan", vec!["one", "other"]),
        ("10", vec!["none"]),
        ("10. scans", vec!["none"]),
        ("7 v100.", vec!["none"]),
        ("7.", vec!["none"]),
        ("7 scan", vec!["none"]),
        ("0.0.7", vec![]),
        ("10.0.0.7/32", vec![]),
        ("443", vec!["one"]),
        ("45.1.2.3:443", vec!["one"]),
        ("v2.14", vec!["none"]),
        ("14.1", vec![]),
        ("2001:db8::7", vec!["none"]),
        ("5..6", vec!["none"]),
    ];
    for (words, expected) in cases {
        let filter = Filter { text: Some(words.into()), ..Filter::default() };
        let mut found = ids(&store, &filter, NEWEST);
        found.sort();
        assert_eq!(found, expected, "{words}");
    }
}

fn words_are_found_however_they_came(place: &Place) {
    let mut store = place.open();
    let of_kind = |kind: u64, id: &str, revision: u64, risk: u8, title: &str| {
        let mut update = update(id, revision, risk);
        update.document.title = title.into();
        update.directive_id = Some(kind);
        update
    };
    put(&store, (0..20).map(|n| of_kind(n, &format!("other {n}"), 1, 1, "Ping flood")));
    let comment = |id: &str, text: &str| store.comment(&whichever(id), text, &ALICE).unwrap();
    put(&store, [of_kind(30, "commented, then closed", 1, 1, "Scan")]);
    comment("commented, then closed", "Escalated to the team");
    close(&store, "commented, then closed", "Valid Threat");
    put(&store, [of_kind(31, "closed, then commented", 1, 1, "Scan")]);
    close(&store, "closed, then commented", "Valid Threat");
    comment("closed, then commented", "forensics");
    put(&store, [of_kind(32, "commented, then higher", 1, 1, "Scan")]);
    comment("commented, then higher", "honeypot");
    put(&store, [of_kind(32, "commented, then higher", 2, 9, "Scan")]);
    put(&store, [of_kind(33, "said anew", 1, 1, "Scan"), of_kind(33, "said anew", 2, 1, "Lateral movement")]);
    put(&store, [of_kind(34, "back", 1, 1, "Scan")]);
    store.delete(&whichever("back"), T0).unwrap();
    put(&store, [of_kind(34, "back", 2, 9, "Beacon")]);
    put(&store, [of_kind(35, "mixed", 1, 1, "log4shell by Résumé, o365, ſtream, K2, x")]);
    // What some alarms of a directive have, and others do not.
    put(&store, [of_kind(38, "first of three", 1, 1, "Webshell found by auditor")]);
    put(
        &store,
        [of_kind(38, "second of three", 1, 1, "Webshell found"), of_kind(38, "third of three", 1, 1, "x")],
    );
    put(&store, [of_kind(39, "number", 1, 1, "rootkit7 seen"), of_kind(39, "letters", 1, 1, "rootkit seen")]);
    put(
        &store,
        [of_kind(40, "was the same", 1, 1, "Keylogger"), of_kind(40, "is the same", 1, 1, "Keylogger")],
    );
    put(&store, [of_kind(40, "was the same", 2, 1, "Rubber ducky")]);
    put(&store, [of_kind(41, "without words", 1, 1, "7"), of_kind(41, "with words", 1, 1, "Backdoor")]);
    put(&store, [of_kind(42, "all of a directive", 1, 1, "Cryptominer by bob")]);
    put(&store, [of_kind(43, "and one by comment", 1, 1, "Scan")]);
    put(&store, [of_kind(44, "begins alike", 1, 1, "wiper3 wipers of alice")]);
    comment("and one by comment", "the cryptominers of bob");
    // Letters only, some of them many, and more names than are kept for a directive.
    let letter = |n: u8| char::from(b'a' + n);
    let name = |n: u16| {
        let (first, second) = (u8::try_from(n / 26).unwrap(), u8::try_from(n % 26).unwrap());
        format!("user{}{}", letter(first), letter(second)).repeat(1 + usize::from(n % 4) * 3)
    };
    for part in 0..60 {
        let names: Vec<String> = (0..10).map(|n| name(part * 10 + n)).collect();
        put(&store, [of_kind(36, &format!("names {part}"), 1, 1, &names.join(" "))]);
    }
    let crew = |n: u16| name(n).replace("user", "crew");
    put(&store, [of_kind(37, "the crew", 1, 1, &(0..600).map(crew).collect::<Vec<_>>().join(" "))]);
    let (long, last, last_of_crew) = (name(3), name(599), crew(599));
    let cases = [
        ("escalated", vec!["commented, then closed"]),
        ("team escal* the", vec!["commented, then closed"]),
        ("forensics", vec!["closed, then commented"]),
        ("honeypot scan", vec!["commented, then higher"]),
        ("lateral", vec!["said anew"]),
        ("beacon", vec!["back"]),
        ("log", vec!["mixed"]),
        ("log*", vec!["mixed"]),
        ("log4shell", vec!["mixed"]),
        ("log4 x", vec![]),
        ("rés", vec!["mixed"]),
        ("stream k2", vec!["mixed"]),
        ("o365 x", vec!["mixed"]),
        (long.as_str(), vec!["names 0"]),
        (&long[..26], vec!["names 0"]),
        ("useraa", vec!["names 0"]),
        (last.as_str(), vec!["names 59"]),
        (last_of_crew.as_str(), vec!["the crew"]),
        ("ping honeypot", vec![]),
        ("webshell found", vec!["first of three", "second of three"]),
        ("webshell aud", vec!["first of three"]),
        ("rootkit", vec!["letters", "number"]),
        ("rootkit seen", vec!["letters"]),
        ("seen rootkit", vec!["letters", "number"]),
        ("rootkit7", vec!["number"]),
        ("keylogger", vec!["is the same"]),
        ("rubber ducky", vec!["was the same"]),
        ("backdoor", vec!["with words"]),
        ("cryptominer", vec!["all of a directive", "and one by comment"]),
        ("cryptominer bob", vec!["all of a directive"]),
        ("crypto bob", vec![]),
        ("wiper alice", vec![]),
        ("wipers alice", vec!["begins alike"]),
        ("crypto* bob", vec!["all of a directive", "and one by comment"]),
        ("of cryptominers", vec!["and one by comment"]),
    ];
    // Where few are many already, all alarms are asked for the words that some directives may have.
    for counted in [2, 100] {
        store = store.counting_lists_to(counted);
        for (text, expected) in &cases {
            // With something else that is said of directives, these are looked at before texts.
            for (order, risk) in orders().flat_map(|order| [(order, None), (order, Some(0..=10))]) {
                let filter = Filter { text: Some((*text).into()), risk, ..Filter::default() };
                let mut found = ids(&store, &filter, order);
                found.sort();
                assert_eq!(&found, expected, "counted to {counted}: {text} {order:?}");
            }
        }
    }
}

/// Numbers say nothing of directives, so that nobody knows where they are in an order.
fn numbers_are_found_in_every_order(place: &Place) {
    let mut store = place.open();
    put(
        &store,
        (0..40_u64).map(|n| {
            let mut update = update(&format!("alarm{n:02}"), 1, u8::try_from(n % 10 + 1).unwrap());
            update.document.title = format!("{} tries, kind {}", 100 + n * 7 % 40, 60 + n % 3);
            update.document.update_time = T0 + (n * 13 % 40).cast_signed();
            update.document.src_ips = vec![ip(u8::try_from(n % 4).unwrap())];
            update
        }),
    );
    for (order, network) in orders().flat_map(|order| [(order, None), (order, Some("10.0.0.0/31"))]) {
        let filter = Filter { network: network.map(|network| network.parse().unwrap()), ..Filter::default() };
        let all = store.page(&filter, order, None, 100).unwrap().alarms.into_iter();
        let expected: Vec<String> = all
            .filter(|alarm| alarm.document.title.ends_with("kind 61"))
            .map(|alarm| alarm.document.alarm_id)
            .collect();
        let filter = Filter { text: Some("kind 61".into()), ..filter };
        for counted in [1, 2, 5, 13, 100] {
            store = store.counting_lists_to(counted);
            assert_eq!(ids(&store, &filter, order), expected, "{order:?} counted to {counted}");
            let count = store.page(&filter, order, None, 1).unwrap().count;
            let exactly = u64::try_from(expected.len()).unwrap();
            let is_few = exactly <= counted;
            let expected = if is_few { Count::Exactly(exactly) } else { Count::MoreThan(counted) };
            assert_eq!(count, expected, "{order:?}");
        }
        store = store.counting_lists_to(COUNTED_EXACTLY);
    }
}

/// Numbers that look random and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % limit
    }

    fn is_one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

const WHAT: [&str; 4] = ["Ping flood", "ssh Brute force", "Scan", "SQL injection"];

/// An alarm of one of a few directives, each with titles and risks of its own, from one of eight days. Some are updated
/// days later, and one in twenty has a time of its last event that is before the one of its first.
fn any_alarm(n: usize, revision: u64, chance: &mut Chance) -> AlarmUpdate {
    let directive = n * 7 % 12;
    let mut update = update(&format!("alarm{n:03}"), revision, u8::try_from(directive % 5 * 2 + 1).unwrap());
    let document = &mut update.document;
    let lag = if chance.is_one_in(4) { 300_000 } else { 600 };
    let sign = if chance.is_one_in(20) { -1 } else { 1 };
    document.created_time = T0 + (n % 8 * 86_400 + chance.below(86_400)).cast_signed() as i64;
    document.update_time = document.created_time + sign * chance.below(lag).cast_signed() as i64;
    document.title = format!("{} of kind {directive} from host{}", WHAT[directive % 4], chance.below(9));
    document.kingdom = format!("kingdom {}", directive % 3);
    document.category = format!("category {}", chance.below(4));
    document.src_ips = vec![ip(u8::try_from(chance.below(30)).unwrap())];
    document.dst_ips = vec![ip(u8::try_from(chance.below(6)).unwrap() + 100)];
    update.directive_id = Some(directive as u64 + 1);
    update
}

fn any_filter(chance: &mut Chance) -> Filter {
    let mut filter = Filter::default();
    for _ in 0..=chance.below(3) {
        match chance.below(8) {
            0 => filter.status = vec![["Open", "Closed"][chance.below(2)].into()],
            1 => filter.kingdom = vec![format!("kingdom {}", chance.below(4))],
            2 => filter.category = vec![format!("category {}", chance.below(4))],
            3 => filter.directive = vec![1 + chance.below(12) as u64, 3],
            4 => filter.risk = Some(u8::try_from(chance.below(5)).unwrap()..=7),
            5 => {
                let prefix = ["10.0.0.100/30", "10.0.0.0/24", "10.0.0.7/32"][chance.below(3)];
                filter.network = Some(prefix.parse().unwrap());
            }
            6 => {
                let text = ["flood", "SQL inj", "host3", "of kind", "kind 7", "scan host8"][chance.below(6)];
                filter.text = Some(text.into());
            }
            _ => {
                let from = T0 + (chance.below(9) * 86_400 + chance.below(86_400)).cast_signed() as i64;
                filter.created_from = Some(from);
                if chance.is_one_in(2) {
                    filter.created_until = Some(from + chance.below(400_000).cast_signed() as i64);
                }
            }
        }
    }
    filter
}

/// Whether an alarm fits, by hand.
fn fits(filter: &Filter, alarm: &Alarm) -> bool {
    let document = &alarm.document;
    let is_one_of = |list: &[String], value: &str| list.is_empty() || list.iter().any(|one| one == value);
    let mut addresses = document.src_ips.iter().chain(&document.dst_ips);
    // None of these words is in anything but titles, and only the last one goes on.
    let has_words = |text: &String| {
        let (text, title) = (text.to_lowercase(), document.title.to_lowercase());
        let has = |word: &str, goes_on: bool| {
            title
                .split(' ')
                .any(|other| other == word || (goes_on && word.len() > 2 && other.starts_with(word)))
        };
        let words: Vec<&str> = text.split(' ').collect();
        words.iter().enumerate().all(|(number, word)| has(word, number + 1 == words.len()))
    };
    is_one_of(&filter.status, &alarm.handling.status)
        && is_one_of(&filter.kingdom, &document.kingdom)
        && is_one_of(&filter.category, &document.category)
        && (filter.directive.is_empty() || filter.directive.contains(&alarm.directive_id.unwrap_or(0)))
        && filter.risk.as_ref().is_none_or(|risk| risk.contains(&document.risk))
        && filter.network.is_none_or(|network| addresses.any(|address| network.contains(address)))
        && filter.text.as_ref().is_none_or(has_words)
        && filter.created_from.is_none_or(|from| document.created_time >= from)
        && filter.created_until.is_none_or(|until| document.created_time < until)
}

/// A whole list, a few at a time, and its length as the first page says it.
fn paged(store: &AlarmStore, filter: &Filter, order: Order) -> (Vec<String>, Count) {
    let first = store.page(filter, order, None, 7).unwrap();
    let (count, mut after, mut seen) = (first.count, first.next, first.alarms);
    while let Some(cursor) = after {
        let page = store.page(filter, order, Some(&cursor), 50).unwrap();
        seen.extend(page.alarms);
        after = page.next;
    }
    (seen.into_iter().map(|alarm| alarm.document.alarm_id).collect(), count)
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
