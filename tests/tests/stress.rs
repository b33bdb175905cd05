//! The pipeline as it runs in production, on several threads and with filter threads, against the same events on one
//! thread: what comes out must not depend on who was faster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use dsiem_backend::filter::FilterMode;
use dsiem_backend::workers::WorkerMode;
use dsiem_tests::engine::{EPOCH_SECS, Engine, EngineConfig, timestamp};
use serde_json::{Value, json};

const DIRECTIVES: u64 = 200;
const EVENTS: u64 = 200_000;

/// One event in so many concerns a directive.
const CONCERNED: u64 = 5;

/// Sources that attack the same directive; each opens backlogs of its own.
const SOURCES: u64 = 8;

/// Events a second of simulated receipt time, so that stages time out on the way.
const PER_SECOND: u64 = 400;

/// How many events are put on the bus at a time.
const BATCH: usize = 1_000;

/// What came out: links of events to alarms, the last document of each alarm, and the books.
#[derive(PartialEq)]
struct Correlated {
    links: BTreeSet<(String, u8, String)>,
    documents: BTreeMap<String, Value>,
    books: BTreeMap<&'static str, u64>,
}

/// Stage 1 wants one event; stage 2 three of the same source, stage 3 two. Every fourth directive lets events join
/// earlier stages, every third asks each backlog about each event, as nothing is fixed by a reference.
fn directives() -> Value {
    let directive = |id: u64| {
        let address = if id.is_multiple_of(3) { "ANY" } else { ":1" };
        let rule = |stage: u8, occurrence: u32, from: &str, timeout: u32| {
            json!({"name": format!("rule {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1000 + id,
                   "plugin_sid": [stage], "occurrence": occurrence, "from": from, "to": "ANY",
                   "reliability": stage * 3, "timeout": timeout})
        };
        json!({"id": id, "name": "Stress from SRC_IP", "priority": 5, "kingdom": "k", "category": "c",
               "all_rules_always_active": id.is_multiple_of(4),
               "rules": [rule(1, 1, "ANY", 0), rule(2, 3, address, 20), rule(3, 2, address, 30)]})
    };
    json!({"directives": (1..=DIRECTIVES).map(directive).collect::<Vec<_>>()})
}

/// The same numbers in every run.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn event(n: u64) -> Bytes {
    // Some come again a little later, as after a retry.
    let n = if mixed(n).is_multiple_of(97) { n.saturating_sub(10 * CONCERNED) } else { n };
    let chance = mixed(n);
    let concerned = n.is_multiple_of(CONCERNED);
    let directive = 1 + (chance >> 8) % DIRECTIVES;
    let plugin = if concerned { 1_000 + directive } else { 1 };
    let sid = [1, 1, 2, 2, 2, 3, 3, 9][((chance >> 32) % 8) as usize];
    let source = (chance >> 40) % SOURCES;
    let secs = EPOCH_SECS + (n / PER_SECOND).cast_signed();
    let event = format!(
        r#"{{"event_id":"e{n}","timestamp":"{}","sensor":"s","plugin_id":{plugin},"plugin_sid":{sid},
        "src_ip":"192.168.1.{source}","dst_ip":"10.0.0.{source}","src_port":{},"dst_port":22,"rcvd_time":{}}}"#,
        timestamp(secs),
        1 + chance % 60_000,
        secs * 1_000_000_000
    );
    Bytes::from(event)
}

/// Runs all events through an engine until it has had them all, and stops it.
async fn run(filter: FilterMode, workers: WorkerMode) -> Correlated {
    let mut config = EngineConfig::new(directives());
    config.pipeline.filter = filter;
    config.pipeline.workers = workers;
    let mut engine = Engine::start(config, None);
    let events: Vec<_> = (0..EVENTS).map(event).collect();
    for batch in events.chunks(BATCH) {
        engine.publish(batch.to_vec()).await;
    }
    let counters = engine.counters.clone();
    let done = || {
        counters.events_received.get() == EVENTS
            && counters.pairs_offered.get() == booked(&counters)
            && (counters.events_in_flight.get(), counters.pairs_in_flight.get()) == (0, 0)
    };
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            engine.settle().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("every event is handled in time");
    engine.stop().await;
    result(&engine)
}

fn booked(c: &dsiem_backend::counters::Counters) -> u64 {
    let discarded = [
        &c.discarded_duplicate,
        &c.discarded_same_event,
        &c.discarded_nothing_new,
        &c.discarded_out_of_order,
        &c.discarded_no_room,
    ];
    let discarded: u64 = discarded.iter().map(|counter| counter.get()).sum();
    c.pairs_consumed.get()
        + c.pairs_opened.get()
        + discarded
        + c.pairs_not_matching.get()
        + c.pairs_failed.get()
}

fn result(engine: &Engine) -> Correlated {
    let c = &engine.counters;
    let links = engine.links();
    let unique: BTreeSet<_> = links.iter().cloned().collect();
    assert_eq!(links.len(), unique.len(), "an event joins a stage of an alarm once");
    let documents = engine
        .documents()
        .into_iter()
        .map(|document| (document["alarm_id"].as_str().expect("an id").to_owned(), document));
    let books = [
        ("unconcerned", &c.events_unconcerned),
        ("dispatched", &c.events_dispatched),
        ("consumed", &c.pairs_consumed),
        ("opened", &c.pairs_opened),
        ("duplicate", &c.discarded_duplicate),
        ("not matching", &c.pairs_not_matching),
        ("completed", &c.backlogs_completed),
        ("expired", &c.backlogs_expired),
        ("failed", &c.backlogs_failed),
    ];
    let books = books.into_iter().map(|(name, counter)| (name, counter.get())).collect();
    Correlated { links: unique, documents: documents.collect(), books }
}

fn on_threads() -> Correlated {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(run(FilterMode::Threads(3), WorkerMode::Threads(3)))
}

fn on_one_thread() -> Correlated {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(FilterMode::Inline, WorkerMode::Inline))
}

#[test]
fn many_threads_give_what_one_gives() {
    let expected = on_one_thread();
    assert!(expected.books["opened"] > 5_000 && expected.books["completed"] > 1_000, "{:?}", expected.books);
    assert!(expected.books["expired"] > 1_000 && expected.books["duplicate"] > 100, "{:?}", expected.books);
    assert_eq!(expected.books["failed"], 0);
    let got = on_threads();
    assert_eq!(got.books, expected.books);
    let difference: Vec<_> = got.links.symmetric_difference(&expected.links).take(5).collect();
    assert!(difference.is_empty(), "links differ: {difference:?}");
    for (id, document) in &expected.documents {
        assert_eq!(got.documents.get(id), Some(document));
    }
    assert!(got == expected);
}
