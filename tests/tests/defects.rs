//! Section 10 of the contract, item by item and in its order: what existing programs do wrong and ours does not.
//!
//! What can be shown without processes runs on the pipeline in this process; the rest on the real programs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dsiem_backend::args::{Args, Command};
use dsiem_backend::config::ServeConfig;
use dsiem_backend::config_files::Selection;
use dsiem_core::hash::Seed;
use dsiem_core::throttle::Throttle;
use dsiem_tests::engine::{Engine, EngineConfig};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::lookup::LookUp;
use dsiem_tests::nats::{EVENTS, NatsServer, next, publish};
use dsiem_tests::samples::{attack, brute_force, directive, directive_file, event, opening, rule};
use dsiem_tests::wait::wait_until;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directive file with one directive of three stages, the second of which takes `second` events.
fn three_stages(second: u32) -> Value {
    directive_file(&[brute_force(1, second)])
}

/// Stages and ids of the events that were counted, in order.
fn counted(engine: &Engine) -> Vec<(u8, String)> {
    engine.links().into_iter().map(|(_, stage, event)| (stage, event)).collect()
}

/// Without the times, which the engine sets to its own.
fn now(mut event: Value) -> Value {
    event.as_object_mut().expect("an event is an object").remove("timestamp");
    event
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["event_id"].as_str().expect("a text").to_owned()).collect()
}

/// "Task per message reorders events."
#[tokio::test]
async fn events_are_not_reordered() {
    let setup = Setup::new(&three_stages(3_000)).flags("--filter-threads 8");
    let mut node = Node::standalone(setup).await;
    let events = attack("a", "192.168.0.9", 3_000);
    for request in events.chunks(100) {
        node.http.send(request).await;
    }
    node.wait_for_links(events.len()).await;
    let arrived: Vec<_> = node.link_lines().into_iter().map(|(_, _, event)| event).collect();
    assert_eq!(arrived, ids(&events));
    node.stop().await;
}

/// "References lost on reload."
#[tokio::test(start_paused = true)]
async fn references_are_not_lost_on_reload() {
    let home = TempDir::new().unwrap();
    let mut engine = Engine::start(EngineConfig::new(three_stages(1)), Some(home.path()));
    engine.send(now(event("a", 1, "192.168.0.9"))).await;
    engine.stop().await;
    let mut engine = Engine::start(EngineConfig::new(three_stages(1)), Some(home.path()));
    engine.send(now(event("other", 2, "0.0.0.0"))).await;
    engine.send(now(event("b", 2, "192.168.0.9"))).await;
    assert_eq!(counted(&engine), [(2, "b".to_owned())]);
    engine.stop().await;
}

/// "`SRC_IP` directives discarded on reload": their titles differ from their names.
#[tokio::test(start_paused = true)]
async fn directives_with_an_address_in_their_title_survive_a_reload() {
    let home = TempDir::new().unwrap();
    let mut engine = Engine::start(EngineConfig::new(three_stages(1)), Some(home.path()));
    engine.send(now(event("a", 1, "192.168.0.9"))).await;
    let opened = engine.alarms();
    assert_eq!(opened[0]["title"], "Attack 1 from 192.168.0.9");
    engine.stop().await;
    let mut engine = Engine::start(EngineConfig::new(three_stages(1)), Some(home.path()));
    assert_eq!(engine.counters.backlogs_discarded.get(), 0);
    engine.send(now(event("b", 2, "192.168.0.9"))).await;
    assert_eq!(engine.alarms()[0]["alarm_id"], opened[0]["alarm_id"]);
    engine.stop().await;
}

/// "Findings alternate": they come, go and come again with every other document.
#[tokio::test]
async fn findings_never_disappear_from_an_alarm() {
    let service = LookUp::start(Some("known attacker")).await;
    let rules: Vec<_> = (1..=6).map(|stage| rule(stage, stage.into(), 1, "ANY", 5)).collect();
    let setup = Setup::new(&directive_file(&[directive(1, &rules)]))
        .file("intel_test.json", &json!({"intel_sources": [service.wise_source("wise")]}));
    let mut node = Node::standalone(setup).await;
    for stage in 1..=6 {
        node.http.send(&[event(&format!("e{stage}"), stage, &format!("8.8.8.{stage}"))]).await;
        let known =
            |alarm: &Value| alarm["intel_hits"].as_array().is_some_and(|hits| hits.len() == stage as usize);
        node.wait_for_alarm(&format!("{stage} findings"), known).await;
    }
    node.stop().await;
    let mut known: BTreeSet<String> = BTreeSet::new();
    for document in node.documents() {
        let hits = document["intel_hits"].as_array().cloned().unwrap_or_default();
        let hits: BTreeSet<_> = hits.iter().map(|hit| hit["term"].to_string()).collect();
        assert!(hits.is_superset(&known), "{known:?} were known, then {hits:?}");
        known = hits;
    }
    assert_eq!(known.len(), 6);
}

/// "Fewer directives than filter threads panics."
#[tokio::test]
async fn fewer_directives_than_filter_threads_are_fine() {
    let nats = NatsServer::start().await;
    let setup = Setup::default().with_default_assets().directives_of("be-1", &three_stages(2));
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let flags = Setup::default().env("DSIEM_FILTER_THREADS", "16");
    let mut backend = Node::backend(&nats, &frontend, "be-1", flags).await;
    frontend.http.send(&attack("a", "192.168.0.9", 2)).await;
    backend.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    backend.stop().await;
}

/// "u8 overflow in the risk": 5 × 10 × 255 does not fit a byte.
#[tokio::test(start_paused = true)]
async fn the_risk_does_not_overflow() {
    let mut config = EngineConfig::new(three_stages(1));
    config.assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 255}]});
    let mut engine = Engine::start(config, None);
    for event in attack("a", "192.168.0.9", 1) {
        engine.send(now(event)).await;
    }
    assert_eq!(engine.alarms()[0]["risk"], 10);
    engine.stop().await;
}

/// "Second intel source never asked."
#[tokio::test]
async fn every_source_of_the_same_plugin_is_asked() {
    let (first, second) = (LookUp::start(Some("known here")).await, LookUp::start(Some("known there")).await);
    let sources = json!({"intel_sources": [first.wise_source("first"), second.wise_source("second")]});
    let mut node = Node::standalone(Setup::new(&three_stages(2)).file("intel_test.json", &sources)).await;
    node.http.send(&attack("a", "8.8.8.8", 2)).await;
    let both = |alarm: &Value| alarm["intel_hits"].as_array().is_some_and(|hits| hits.len() == 2);
    let alarm = node.wait_for_alarm("both findings", both).await;
    let results: BTreeSet<_> = (0..2).map(|n| alarm["intel_hits"][n]["result"].as_str().unwrap()).collect();
    assert_eq!(results, BTreeSet::from(["tags: known here", "tags: known there"]));
    assert_eq!((first.hits("8.8.8.8"), second.hits("8.8.8.8")), (1, 1));
    node.stop().await;
}

/// "`--cache` ignored": an answer is kept, and for as long as is said.
#[tokio::test]
async fn answers_are_cached_for_as_long_as_is_said() {
    let service = LookUp::start(Some("known attacker")).await;
    let setup = Setup::new(&three_stages(2))
        .file("intel_test.json", &json!({"intel_sources": [service.wise_source("wise")]}))
        .flags("--cache 1");
    let mut node = Node::standalone(setup).await;
    for name in ["a", "b", "c"] {
        node.http.send(&attack(name, "8.8.8.8", 2)).await;
        let known = |alarm: &Value| alarm["risk"] == 10 && alarm["intel_hits"].is_array();
        wait_until(name, || async {
            node.alarms().iter().filter(|alarm| known(alarm)).count() > name_index(name)
        })
        .await;
    }
    assert_eq!(service.hits("8.8.8.8"), 1, "three alarms, one question");
    node.stop().await;

    for (minutes, secs) in [("1", 60), ("45", 2_700), ("0", 600)] {
        let words = ["dsiem-backend", "serve", "-n", "be-1", "--home", "/", "--cache", minutes];
        let Command::Serve(args) = Args::read(words).unwrap().command;
        let config = ServeConfig::from_args(*args, Seed(1), 1).unwrap();
        assert_eq!(config.engine.enrich.cache_for, Duration::from_secs(secs), "--cache {minutes}");
    }
}

fn name_index(name: &str) -> usize {
    usize::from(name.as_bytes()[0] - b'a')
}

/// "`min_eps` 0 ends the process."
#[tokio::test]
async fn min_eps_0_means_no_limit() {
    let nats = NatsServer::start().await;
    let setup = Setup::default().env("DSIEM_MAXEPS", "1").env("DSIEM_MINEPS", "0");
    let mut frontend = Node::frontend(&nats, "fe-1", setup).await;
    assert_eq!(frontend.http.metric("dsiem_frontend_rate_limit").await, 0);
    for n in 0..50 {
        frontend.http.send(&[event(&format!("e{n}"), 1, "192.168.0.9")]).await;
    }
    frontend.stop().await;
}

/// "Limiter wraps around."
#[test]
fn the_limiter_stays_between_its_bounds() {
    for (min, max) in [(1, 2), (1, 5), (100, 1_000), (7, 7), (1, u32::MAX), (u32::MAX - 5, u32::MAX)] {
        let mut throttle = Throttle::new(min, max).unwrap().unwrap();
        for overloaded in [true, false] {
            for _ in 0..250 {
                let rate = throttle.adjust(overloaded).get();
                assert!((min..=max).contains(&rate), "{rate} is not between {min} and {max}");
            }
            let end = if overloaded { min } else { max };
            assert_eq!(throttle.current().get(), end, "it gets there in the end");
        }
    }
}

/// Senders at the same time.
const SENDERS: usize = 8;

/// Events in a request.
const BATCH: usize = 50;

/// What became of events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Answered {
    accepted: u64,
    refused: u64,
}

/// Several senders post one request after the other until one of them has had `enough`.
async fn flood(node: &Node, enough: fn(Answered) -> bool) -> Answered {
    let over = Arc::new(AtomicBool::new(false));
    let senders = (0..SENDERS).map(|sender| {
        let (http, over) = (node.http.clone(), over.clone());
        tokio::spawn(async move {
            let mut answered = Answered::default();
            for request in 0.. {
                let first = request * BATCH;
                let one =
                    |n| event(&format!("s{sender}-{n}"), 1, &format!("10.{sender}.{}.{}", n / 256, n % 256));
                let answer = http.post_events(&(first..first + BATCH).map(one).collect::<Vec<_>>()).await;
                match answer.status {
                    200 => answered.accepted += BATCH as u64,
                    503 => answered.refused += BATCH as u64,
                    other => panic!("{other}: {}", answer.text()),
                }
                assert_eq!(answer.header("retry-after").is_empty(), answer.status == 200);
                over.fetch_or(enough(answered), Ordering::Relaxed);
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
            answered
        })
    });
    let mut total = Answered::default();
    for sender in senders.collect::<Vec<_>>() {
        let answered = sender.await.expect("the sender's own checks hold");
        total.accepted += answered.accepted;
        total.refused += answered.refused;
    }
    total
}

/// "200 for batches that are then dropped", in one process: what is accepted is correlated, and the rest refused.
#[tokio::test]
async fn a_full_queue_is_felt_at_the_door() {
    let mut node =
        Node::standalone(Setup::new(&directive_file(&[opening(1, 1)])).flags("--maxQueue 10")).await;
    let Answered { accepted, .. } = flood(&node, |answered| answered.refused > 0).await;
    assert!(accepted > 0);
    node.http.wait_for_metric("dsiem_events_received_total", accepted).await;
    node.stop().await;
    assert_eq!(
        node.link_lines().len() as u64,
        accepted,
        "each accepted event opened a backlog, and no other did"
    );
}

/// "200 for batches that are then dropped", over core NATS, which is lossy: every drop is counted.
#[tokio::test]
async fn what_a_full_backend_drops_is_counted() {
    let nats = NatsServer::start().await;
    let setup =
        Setup::default().with_default_assets().directives_of("be-1", &directive_file(&[opening(1, 1)]));
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default().flags("--max_queue 10")).await;
    let Answered { accepted, refused } = flood(&frontend, |answered| answered.accepted >= 1_000).await;
    assert!(accepted >= 1_000 && refused == 0);
    backend.http.wait_for_metric("dsiem_bus_events_received_total", accepted).await;
    let dropped = backend.http.metric(r#"dsiem_bus_events_dropped_total{reason="queue_full"}"#).await;
    assert!(dropped > 0, "a queue of ten was not enough");
    backend.program.wait_for_log("event queue is full").await;
    backend.http.wait_for_metric("dsiem_events_received_total", accepted - dropped).await;
    backend.stop().await;
    assert_eq!(backend.link_lines().len() as u64, accepted - dropped);
}

/// "500 for malformed JSON (senders retry for ever)."
#[tokio::test]
async fn malformed_json_is_400_and_nothing_of_a_senders_is_500() {
    let mut node = Node::standalone(Setup::new(&three_stages(2))).await;
    for (body, status) in
        [("{", 400), ("", 400), ("[{},", 400), ("nonsense", 400), ("{}", 418), ("[]", 418), ("3", 418)]
    {
        let answer = node.http.post("/events", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(
            answer.json()["error"].is_string() || answer.json()["refused"].is_array(),
            "{body}: {}",
            answer.text()
        );
    }
    node.stop().await;
}

/// "A batch refused half-way is half sent": the valid ones go on and the others are named; or none goes on.
#[tokio::test]
async fn a_batch_is_taken_in_where_it_is_valid_and_refused_whole_otherwise() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", Setup::default().flags("-e 5 -i 5")).await;
    let (client, mut bus) = nats.listen(EVENTS).await;

    let mut batch: Vec<_> = (0..20).map(|n| event(&format!("e{n}"), 1, "192.168.0.9")).collect();
    batch[7]["src_ip"] = json!("nowhere");
    let answer = frontend.http.post_events(&batch).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(19)));
    assert_eq!(answer.json()["refused"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer.json()["refused"][0]["index"], 7);
    // The limiter lets no more in; a batch over the limit is refused as a whole.
    let more: Vec<_> = (0..20).map(|n| event(&format!("more{n}"), 1, "192.168.0.9")).collect();
    let answer = frontend.http.post_events(&more).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|secs| secs > 0));

    publish(&client, EVENTS, r#"{"event_id":"end"}"#).await;
    let mut on_the_bus = Vec::new();
    while on_the_bus.last().is_none_or(|id| id != "end") {
        let message: Value = serde_json::from_slice(&next(&mut bus).await).unwrap();
        on_the_bus.push(message["event_id"].as_str().unwrap().to_owned());
    }
    let valid = ids(&batch).into_iter().filter(|id| id != "e7").chain(["end".to_owned()]);
    assert_eq!(on_the_bus, valid.collect::<Vec<_>>());
}

/// "One open backlog too many makes every event of the directive slower."
#[tokio::test(start_paused = true)]
async fn an_event_asks_only_the_backlogs_that_wait_for_its_addresses() {
    let mut engine = Engine::start(EngineConfig::new(three_stages(5)), None);
    for n in 0..200 {
        engine.send(now(event(&format!("open{n}"), 1, &format!("192.168.1.{n}")))).await;
    }
    let before = engine.counters.pairs_consumed.get();
    engine.send(now(event("one", 2, "192.168.1.7"))).await;
    assert_eq!(engine.counters.pairs_consumed.get() - before, 1);
    assert_eq!(counted(&engine).into_iter().filter(|(stage, _)| *stage == 2).count(), 1);
    engine.stop().await;
}

/// "Node `be-1` also loads the directives of `be-10`."
#[tokio::test]
async fn a_node_loads_the_directives_of_its_own_name_only() {
    let selection = Selection::OfNode("be-1".to_owned());
    for (name, ours) in [
        ("directives_be-1.json", true),
        ("directives_be-1_more.json", true),
        ("directives_be-10.json", false),
        ("directives_be-10_more.json", false),
        ("directives_be-1-2.json", false),
        ("directives_be.json", false),
    ] {
        assert_eq!(selection.has(name), ours, "{name}");
    }
    let nats = NatsServer::start().await;
    let setup = Setup::default().with_default_assets();
    let setup = setup
        .directives_of("be-1", &three_stages(2))
        .directives_of("be-10_a", &directive_file(&[brute_force(10, 2)]));
    let frontend = Node::frontend(&nats, "fe-1", setup).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    frontend.http.send(&attack("a", "192.168.0.9", 2)).await;
    let alarms = backend.wait_for_alarms(1).await;
    backend.stop().await;
    assert_eq!(alarms[0]["title"], "Attack 1 from 192.168.0.9");
    assert_eq!(backend.alarms().len(), 1);
}
