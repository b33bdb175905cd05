//! Events that are handled together come to what they come to one after the other.

use std::collections::BTreeMap;

use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::index::DirectiveSlot;
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::snapshot::DirectiveState;
use dsiem_core::time::ReceiptTime;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::tests::{Setup, setup};
use super::super::{MAILBOX_EVENTS, WakeTime};
use super::*;
use crate::alarm_log::LogRecord;
use crate::backlog::{Fault, Surroundings};
use crate::fixtures;

/// A stage: its sid, how many events it counts, and from where to where, to which port.
type Stage = (u64, u32, &'static str, &'static str, &'static str);

/// Directives that differ in which events concern which backlogs; with `true`, earlier stages go on absorbing.
const DIRECTIVES: [(bool, [Stage; 3]); 7] = [
    // Each stage has events of its own, between the hosts of the first.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (2, 3, ":1", ":1", "ANY"), (3, 2, ":1", ":1", "ANY")]),
    // All stages count the same events, as those of a flood do.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (1, 2, ":1", ":1", "ANY"), (1, 4, ":1", ":1", "ANY")]),
    (true, [(1, 1, "ANY", "ANY", "ANY"), (2, 2, ":1", "ANY", "ANY"), (3, 2, ":1", "ANY", "ANY")]),
    // An event concerns every backlog.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (2, 2, "ANY", "ANY", "ANY"), (3, 2, ":1", "ANY", "ANY")]),
    // One event makes a backlog wait for events that were others' until then.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (2, 1, ":1", "ANY", "ANY"), (2, 5, "ANY", ":1", "ANY")]),
    // The same, where those may open backlogs of their own.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (1, 1, ":1", "ANY", "ANY"), (1, 5, "ANY", ":1", "ANY")]),
    // What may open a backlog is not always for one that is open.
    (false, [(1, 1, "ANY", "ANY", "ANY"), (1, 2, ":1", "ANY", "22"), (1, 4, ":1", "ANY", "22")]),
];

fn directive((always_active, stages): (bool, [Stage; 3])) -> Arc<Directive> {
    let rule = |(n, (sid, occurrence, from, to, port)): (usize, Stage)| {
        json!({
            "name": format!("r{n}"), "stage": n + 1, "type": "PluginRule", "plugin_id": 1, "plugin_sid": [sid],
            "occurrence": occurrence, "from": from, "to": to, "port_to": port, "reliability": 5, "timeout": if n == 0 { 0 } else { 60 },
        })
    };
    let rules: Vec<Value> = stages.into_iter().enumerate().map(rule).collect();
    let file = json!({ "directives": [{
        "id": 1, "name": "d", "priority": 5, "kingdom": "k", "category": "c",
        "all_rules_always_active": always_active, "rules": rules,
    }] });
    let read = check::read("d.json", file.to_string().as_bytes(), Mode::default());
    Arc::new(read.into_result().unwrap().remove(0))
}

/// An event: the number of its id, its sid, its source, how many seconds after the one before it was received, and how
/// many seconds before that it happened.
type Sent = (u8, u64, u8, i64, i64);

fn sent() -> impl Strategy<Value = Sent> {
    let pause = prop_oneof![60 => Just(0), 2 => Just(1), 1 => Just(45)];
    // Of a backlog that was opened 58 seconds late, the next stage can begin 62 seconds late: its deadline has passed.
    let age = prop_oneof![6 => Just(0), 1 => Just(58), 1 => Just(62)];
    (0..60_u8, 1..=3_u64, 1..=5_u8, pause, age)
}

fn events(sent: &[Sent]) -> Vec<Arc<Event>> {
    let mut secs = fixtures::NOW.secs();
    let event = |(id, sid, source, pause, age): &Sent| {
        secs += pause;
        let event = fixtures::event(&id.to_string(), *sid, &format!("10.0.0.{source}"));
        let timestamp = jiff::Timestamp::from_second(secs - age).unwrap();
        let dst_port = if id.is_multiple_of(3) { 80 } else { 22 };
        Arc::new(Event {
            received: ReceiptTime::from_secs(secs),
            timestamp,
            dst_port,
            ..Event::clone(&event)
        })
    };
    sent.iter().map(event).collect()
}

/// What came of events: the lines of each alarm in their order, and the books.
#[derive(Debug, PartialEq)]
struct Came {
    lines: BTreeMap<String, Vec<String>>,
    books: Vec<(&'static str, u64)>,
}

/// A manager, and its mailbox, which takes all that a test has.
fn manager(setup: &Setup, directive: Arc<Directive>) -> (mpsc::Sender<Message>, Manager) {
    let (mailbox, messages) = mpsc::channel(2 * MAILBOX_EVENTS);
    let (wake_time, state) = (WakeTime::default(), DirectiveState::default());
    let shared = setup.shared.clone();
    (mailbox, Manager::new(DirectiveSlot(1), directive, shared, messages, wake_time, state))
}

/// Runs a manager that finds all messages in its mailbox.
async fn run(directive: Arc<Directive>, max_backlogs: usize, events: &[Arc<Event>], together: bool) -> Came {
    let mut setup = setup(max_backlogs, 100_000);
    let (mailbox, manager) = manager(&setup, directive.clone());
    let assets = &setup.shared.surroundings.assets;
    for (number, event) in (1..).zip(events) {
        let opens = directive.rules[0].matches(event, assets, &NoFirstEvents);
        let delivery = Delivery { number, event: event.clone(), arrived: event.received, opens };
        mailbox.try_send(Message::Event(delivery)).unwrap();
        if !together {
            mailbox.try_send(Message::Time(ReceiptTime::default())).unwrap();
        }
    }
    drop(mailbox);
    tokio::spawn(manager.run()).await.unwrap();
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Ok(record) = setup.log.try_recv() {
        let (alarm, line) = match record {
            LogRecord::AlarmEvent { alarm_id, stage, event, .. } => {
                (alarm_id.as_str().to_owned(), format!("{stage} {}", &*event.id))
            }
            LogRecord::Alarm { document, .. } => {
                let document: Value = serde_json::from_slice(&document).unwrap();
                (document["alarm_id"].as_str().unwrap().to_owned(), document.to_string())
            }
            _ => continue,
        };
        lines.entry(alarm).or_default().push(line);
    }
    let counters = setup.counters();
    let books = [
        ("opened", &counters.pairs_opened),
        ("consumed", &counters.pairs_consumed),
        ("not matching", &counters.pairs_not_matching),
        ("duplicate", &counters.discarded_duplicate),
        ("same event", &counters.discarded_same_event),
        ("nothing new", &counters.discarded_nothing_new),
        ("out of order", &counters.discarded_out_of_order),
        ("no room", &counters.discarded_no_room),
        ("failed", &counters.pairs_failed),
        ("completed", &counters.backlogs_completed),
        ("expired", &counters.backlogs_expired),
        ("evicted", &counters.backlogs_evicted),
    ];
    Came { lines, books: books.map(|(what, counter)| (what, counter.get())).to_vec() }
}

fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_comes_to_the_same_as_one_after_the_other(
        kind in 0..DIRECTIVES.len(),
        max_backlogs in prop_oneof![1 => 1..5_usize, 2 => Just(1_000)],
        sent in prop::collection::vec(sent(), 1..150),
    ) {
        let (directive, events) = (directive(DIRECTIVES[kind]), events(&sent));
        let (one_by_one, together) = on_paused_time(async {
            let one_by_one = run(directive.clone(), max_backlogs, &events, false).await;
            (one_by_one, run(directive, max_backlogs, &events, true).await)
        });
        prop_assert_eq!(together, one_by_one);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_put_down_to_the_event_that_made_it() {
    let mut setup = setup(100, 1_000);
    let (failures, mut failed) = mpsc::channel(1);
    let shared = Arc::get_mut(&mut setup.shared).unwrap();
    shared.failures = Some(failures);
    let fault: Fault = Arc::new(|event: &Event| assert!(&*event.id != "c", "a fault for the test"));
    let surroundings = Surroundings { fault: Some(fault), ..Surroundings::clone(&shared.surroundings) };
    shared.surroundings = Arc::new(surroundings);
    let (mailbox, manager) = manager(&setup, directive(DIRECTIVES[0]));
    let hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    let first = hosts.iter().zip(["v", "w", "x", "y", "z"]).map(|(host, id)| (id, 1, host));
    let then = hosts.iter().zip(["a", "b", "c", "d", "e"]).map(|(host, id)| (id, 2, host));
    for (number, (id, sid, host)) in (1..).zip(first.chain(then)) {
        let event = fixtures::event(id, sid, host);
        let delivery = Delivery { number, event, arrived: fixtures::NOW, opens: sid == 1 };
        mailbox.try_send(Message::Event(delivery)).unwrap();
    }
    tokio::spawn(manager.run()).await.unwrap();
    assert_eq!(&*failed.recv().await.unwrap().event.unwrap().id, "c");
    let counters = setup.counters();
    assert_eq!((counters.pairs_opened.get(), counters.pairs_consumed.get()), (5, 2), "those before it");
    assert_eq!(counters.pairs_failed.get(), 3, "it, and those behind it");
}
