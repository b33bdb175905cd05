//! The way of an event through the whole pipeline, as the contract says it: sections 2, 8 and 9. What section 10 says
//! is in `defects.rs`.

use dsiem_tests::engine::{EPOCH_SECS, Engine, EngineConfig, timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directive of three stages: one event, then `second` from and to the same hosts, then one more.
fn brute_force(second: u32) -> Value {
    json!({"directives": [{
        "id": 1, "name": "Brute force from SRC_IP", "priority": 5, "kingdom": "k", "category": "c",
        "rules": [
            rule(1, 1, 1, "ANY", 1, 0),
            rule(2, 2, second, ":1", 5, 60),
            rule(3, 3, 1, ":1", 10, 60),
        ]
    }]})
}

/// A plugin rule on sid `sid`; `address` is asked for on both sides.
fn rule(stage: u8, sid: u32, occurrence: u32, address: &str, reliability: u8, timeout: u32) -> Value {
    json!({"name": format!("rule {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
           "plugin_sid": [sid], "occurrence": occurrence, "from": address, "to": address, "port_from": "ANY",
           "port_to": "ANY", "protocol": "ANY", "reliability": reliability, "timeout": timeout})
}

fn event(id: &str, sid: u32, source: &str) -> Value {
    json!({"event_id": id, "plugin_id": 1001, "plugin_sid": sid, "src_ip": source, "dst_ip": "10.0.0.1"})
}

fn changed(mut value: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut value);
    value
}

fn links(engine: &Engine) -> Vec<(u8, String)> {
    engine.links().into_iter().map(|(_, stage, event)| (stage, event)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_attack_in_three_stages_is_one_alarm() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(2)), None);
    for (id, sid) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        engine.send(event(id, sid, "192.168.0.9")).await;
    }
    let alarms = engine.alarms();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0]["title"], "Brute force from 192.168.0.9");
    assert_eq!(alarms[0]["risk"], 10);
    assert_eq!(alarms[0]["alarm_id"], dsiem_core::backlog::AlarmId::of(1, "a").as_str());
    let expected = [(1, "a"), (2, "b"), (2, "c"), (3, "d")].map(|(stage, id)| (stage, id.to_owned()));
    assert_eq!(links(&engine), expected);
    // One document for each completed stage with a risk of at least 1.
    assert_eq!(
        engine.documents().iter().map(|d| d["risk"].as_u64()).collect::<Vec<_>>(),
        [Some(1), Some(5), Some(10)]
    );
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_opens_only_if_no_open_one_consumed_the_event() {
    // Stage 2 asks for the same events as stage 1.
    let directives = changed(brute_force(3), |d| d["directives"][0]["rules"][1]["plugin_sid"] = json!([1]));
    let mut engine = Engine::start(EngineConfig::new(directives), None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.send(event("b", 1, "192.168.0.9")).await;
    assert_eq!(engine.counters.backlogs_open.get(), 1);
    engine.send(event("c", 1, "192.168.0.7")).await;
    assert_eq!(
        engine.counters.backlogs_open.get(),
        2,
        "another source is not what the open backlog waits for"
    );
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_id_counts_once_within_the_window_even_after_its_backlog_has_ended() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), None);
    for (id, sid) in [("a", 1), ("b", 2), ("c", 3)] {
        engine.send(event(id, sid, "192.168.0.9")).await;
    }
    assert_eq!(engine.counters.backlogs_completed.get(), 1);
    engine.send(event("a", 1, "192.168.0.9")).await;
    assert_eq!(engine.counters.discarded_duplicate.get(), 1);
    assert_eq!(engine.counters.pairs_opened.get(), 1);
    engine.pass(601).await;
    engine.send(event("a", 1, "192.168.0.9")).await;
    assert_eq!(engine.counters.pairs_opened.get(), 2, "beyond the window it is an event like any other");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_window_an_open_backlog_of_the_same_id_stays_the_only_one() {
    let directives = changed(brute_force(1), |d| d["directives"][0]["rules"][1]["timeout"] = json!(900));
    let mut engine = Engine::start(EngineConfig::new(directives), None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.pass(700).await;
    engine.send(event("a", 1, "192.168.0.9")).await;
    assert_eq!(engine.counters.backlogs_open.get(), 1);
    assert_eq!(engine.counters.discarded_duplicate.get(), 1);
    engine.pass(300).await;
    assert_eq!(engine.counters.backlogs_expired.get(), 1);
    engine.send(event("a", 1, "192.168.0.9")).await;
    assert_eq!(
        engine.counters.pairs_opened.get(),
        2,
        "what opened nothing the second time is not remembered"
    );
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_whitelisted_source_is_dropped_before_correlation_and_a_whitelisted_destination_is_not() {
    let mut config = EngineConfig::new(brute_force(1));
    config.assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5},
                                      {"name": "scanner", "cidr": "10.9.9.9", "value": 1, "whitelisted": true}]});
    let mut engine = Engine::start(config, None);
    engine.send(event("a", 1, "10.9.9.9")).await;
    assert_eq!(engine.counters.events_whitelisted.get(), 1);
    assert_eq!(engine.counters.backlogs_open.get(), 0);
    engine.send(changed(event("b", 1, "10.1.1.1"), |e| e["dst_ip"] = json!("10.9.9.9"))).await;
    assert_eq!(engine.counters.backlogs_open.get(), 1);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_clock_ends_a_backlog_within_a_second_of_its_deadline() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.pass_until(60).await;
    assert_eq!(engine.counters.backlogs_open.get(), 1, "60 seconds are allowed");
    engine.pass_until(62).await;
    assert_eq!(engine.counters.backlogs_expired.get(), 1);
    let last = engine.documents().pop().unwrap();
    assert_eq!(last["rules"][1]["status"], "timeout");
    assert_eq!(last["update_time"], EPOCH_SECS, "update_time stays");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_received_after_the_deadline_finds_the_backlog_expired() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    // Caught up after an outage: both events are handled at the same moment, but were received a minute apart.
    let late = changed(event("b", 2, "192.168.0.9"), |e| {
        e["rcvd_time"] = json!((EPOCH_SECS + 61) * 1_000_000_000);
        e["timestamp"] = json!(timestamp(EPOCH_SECS + 59));
    });
    engine.send(late).await;
    assert_eq!(engine.counters.backlogs_expired.get(), 1);
    assert_eq!(links(&engine), [(1, "a".to_owned())]);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_without_receipt_time_takes_the_time_it_came_from_the_bus() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), None);
    engine.pass_until(30).await;
    engine.send(changed(event("a", 1, "192.168.0.9"), |e| e["rcvd_time"] = json!(0))).await;
    assert_eq!(engine.documents()[0]["update_time"], EPOCH_SECS + 30);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_timestamp_far_in_the_future_counts_as_receipt_and_is_counted() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), None);
    engine
        .send(changed(event("a", 1, "192.168.0.9"), |e| e["timestamp"] = json!("2030-01-01T00:00:00Z")))
        .await;
    assert_eq!(engine.counters.events_from_the_future.get(), 1);
    assert_eq!(engine.documents()[0]["rules"][0]["start_time"], EPOCH_SECS);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_books_balance() {
    let mut engine = Engine::start(EngineConfig::new(brute_force(2)), None);
    let events = [
        event("a", 1, "192.168.0.9"),
        event("a", 1, "192.168.0.9"),
        event("b", 2, "192.168.0.9"),
        event("b2", 2, "192.168.0.1"),
        event("c", 99, "192.168.0.9"),
        event("d", 3, "192.168.0.9"),
        changed(event("e", 1, "192.168.0.9"), |e| e["src_ip"] = json!("nowhere")),
    ];
    for event in events {
        engine.send(event).await;
    }
    let c = &engine.counters;
    let (received, invalid, whitelisted) =
        (c.events_received.get(), c.events_invalid.get(), c.events_whitelisted.get());
    assert_eq!(received, 7);
    assert_eq!(received, invalid + whitelisted + c.events_unconcerned.get() + c.events_dispatched.get());
    let discarded = c.discarded_duplicate.get()
        + c.discarded_same_event.get()
        + c.discarded_nothing_new.get()
        + c.discarded_out_of_order.get()
        + c.discarded_no_room.get();
    assert_eq!(
        c.pairs_offered.get(),
        c.pairs_consumed.get() + c.pairs_opened.get() + discarded + c.pairs_not_matching.get()
    );
    assert_eq!((c.pairs_opened.get(), c.pairs_consumed.get(), discarded), (1, 1, 1));
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn full_the_oldest_backlog_that_has_not_passed_its_second_stage_goes() {
    let mut config = EngineConfig::new(brute_force(1));
    config.pipeline.max_backlogs = 2;
    let mut engine = Engine::start(config, None);
    engine.send(event("a", 1, "192.168.0.1")).await;
    engine.send(event("a2", 2, "192.168.0.1")).await; // passes its second stage
    engine.send(event("b", 1, "192.168.0.2")).await;
    engine.send(event("c", 1, "192.168.0.3")).await;
    engine.settle().await;
    assert_eq!(engine.counters.backlogs_evicted.get(), 1);
    assert_eq!(engine.counters.backlogs_open.get(), 2);
    engine.send(event("b2", 2, "192.168.0.2")).await;
    engine.send(event("a3", 3, "192.168.0.1")).await;
    engine.send(event("c2", 2, "192.168.0.3")).await;
    let expected = [(1, "a"), (2, "a2"), (1, "b"), (1, "c"), (3, "a3"), (2, "c2")];
    assert_eq!(links(&engine), expected.map(|(stage, id)| (stage, id.to_owned())), "b went, a and c stayed");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_directive_sleeps_and_no_event_is_lost_between_waking_and_retiring() {
    let mut config = EngineConfig::new(brute_force(1));
    config.pipeline.idle_timeout = std::time::Duration::from_secs(300);
    let mut engine = Engine::start(config, None);
    engine.send(event("x", 2, "192.168.0.9")).await;
    assert_eq!(engine.counters.directives_active.get(), 0, "it is not woken for what cannot open a backlog");
    for round in 0..3 {
        for (n, sid) in [1, 2, 3].into_iter().enumerate() {
            engine.send(event(&format!("r{round}e{n}"), sid, "192.168.0.9")).await;
        }
        assert_eq!(engine.counters.directives_active.get(), 1);
        engine.pass(1_300).await;
        assert_eq!(engine.counters.directives_active.get(), 0);
        assert_eq!(engine.counters.backlogs_completed.get(), round + 1);
    }
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn preloaded_directives_are_awake_from_the_start_and_stay_so() {
    let mut config = EngineConfig::new(brute_force(1));
    config.pipeline.preload = true;
    let mut engine = Engine::start(config, None);
    engine.settle().await;
    assert_eq!(engine.counters.directives_active.get(), 1);
    engine.pass(7_200).await;
    assert_eq!(engine.counters.directives_active.get(), 1);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn references_and_titles_go_on_after_a_restart() {
    let home = TempDir::new().unwrap();
    let mut engine = Engine::start(EngineConfig::new(brute_force(2)), Some(home.path()));
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.send(event("b", 2, "192.168.0.9")).await;
    engine.stop().await;
    let id = engine.alarms()[0]["alarm_id"].clone();
    assert!(home.path().join("backlogs/1.json").exists());

    let mut config = EngineConfig::new(brute_force(2));
    config.start_secs = 10;
    let mut engine = Engine::start(config, Some(home.path()));
    engine.send(event("b", 2, "192.168.0.9")).await; // a redelivery
    engine.send(event("x", 2, "192.168.0.8")).await; // another source is not what :1 means
    engine.send(event("c", 2, "192.168.0.9")).await;
    engine.send(event("d", 3, "192.168.0.9")).await;
    assert_eq!(links(&engine), [(2, "c".to_owned()), (3, "d".to_owned())]);
    let last = engine.documents().pop().unwrap();
    assert_eq!((&last["alarm_id"], &last["title"]), (&id, &json!("Brute force from 192.168.0.9")));
    assert_eq!(last["rules"][1]["from"], "192.168.0.9");
    engine.stop().await;

    let mut config = EngineConfig::new(brute_force(2));
    config.start_secs = 20;
    let mut engine = Engine::start(config, Some(home.path()));
    engine.send(event("d", 3, "192.168.0.9")).await;
    engine.send(event("a", 1, "192.168.0.9")).await;
    assert_eq!(engine.counters.backlogs_open.get(), 0, "the ids of ended backlogs are remembered as well");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reloaded_backlog_goes_on_with_its_old_rules_even_under_other_keys() {
    let home = TempDir::new().unwrap();
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), Some(home.path()));
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.stop().await;

    let today = changed(brute_force(1), |d| {
        for rule in d["directives"][0]["rules"].as_array_mut().unwrap() {
            rule["plugin_id"] = json!(2002);
        }
    });
    let mut engine = Engine::start(EngineConfig::new(today), Some(home.path()));
    engine.send(event("b", 2, "192.168.0.9")).await;
    assert_eq!(links(&engine), [(2, "b".to_owned())]);
    engine.send(event("c", 1, "192.168.0.5")).await;
    assert_eq!(engine.counters.backlogs_open.get(), 1, "new backlogs use today's rules");
    engine.send(changed(event("d", 1, "192.168.0.5"), |e| e["plugin_id"] = json!(2002))).await;
    assert_eq!(engine.counters.backlogs_open.get(), 2);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_of_a_renamed_or_missing_directive_is_discarded_and_counted() {
    for rename in [true, false] {
        let home = TempDir::new().unwrap();
        let mut engine = Engine::start(EngineConfig::new(brute_force(1)), Some(home.path()));
        engine.send(event("a", 1, "192.168.0.9")).await;
        engine.stop().await;
        let today = changed(brute_force(1), |d| {
            let key = if rename { "name" } else { "id" };
            d["directives"][0][key] = if rename { json!("Another name") } else { json!(2) };
        });
        let mut engine = Engine::start(EngineConfig::new(today), Some(home.path()));
        assert_eq!(engine.counters.backlogs_discarded.get(), 1);
        assert_eq!(engine.counters.backlogs_open.get(), 0);
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_moved_aside_and_that_of_another_node_left_alone() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("backlogs");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("7.json"), "{ torn").unwrap();
    let other = r#"{"format":"dsiem-backlogs","version":1,"node":"node-2","saved_at":0,"directive_id":1,"directives":[],"backlogs":[],"remembered":[]}"#;
    std::fs::write(folder.join("1.json"), other).unwrap();
    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), Some(home.path()));
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.stop().await;
    assert_eq!(std::fs::read_to_string(folder.join("7.json.rejected")).unwrap(), "{ torn");
    assert!(!folder.join("7.json").exists());
    assert_eq!(std::fs::read_to_string(folder.join("1.json")).unwrap(), other);
    assert!(folder.join("1.node-1.json").exists(), "ours is saved beside it");

    let mut engine = Engine::start(EngineConfig::new(brute_force(1)), Some(home.path()));
    engine.send(event("b", 2, "192.168.0.9")).await;
    assert_eq!(links(&engine), [(2, "b".to_owned())]);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_saved_file_is_gone_once_its_backlogs_have_ended() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("backlogs/1.json");
    let short = |mut config: EngineConfig| {
        config.pipeline.duplicate_window_secs = 0;
        config
    };
    let mut engine = Engine::start(short(EngineConfig::new(brute_force(1))), Some(home.path()));
    engine.send(event("a", 1, "192.168.0.9")).await;
    engine.stop().await;
    assert!(file.exists());
    let mut engine = Engine::start(short(EngineConfig::new(brute_force(1))), Some(home.path()));
    assert!(file.exists(), "what was taken over stays until it is safe elsewhere");
    engine.send(event("b", 2, "192.168.0.9")).await;
    engine.send(event("c", 3, "192.168.0.9")).await;
    engine.stop().await;
    assert!(!file.exists());
}

#[tokio::test(start_paused = true)]
async fn a_document_held_back_for_a_second_is_written_before_the_end() {
    let directives = changed(brute_force(9), |d| d["directives"][0]["all_rules_always_active"] = json!(true));
    let mut engine = Engine::start(EngineConfig::new(directives), None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    for n in 0..20 {
        engine.send(event(&format!("b{n}"), 1, "192.168.0.9")).await;
    }
    assert_eq!(engine.documents().len(), 1, "at most once a second");
    engine.pass(2).await;
    assert_eq!(engine.documents().len(), 2);
    engine.send(event("last", 1, "192.168.0.9")).await;
    engine.stop().await;
    assert_eq!(engine.documents().len(), 3, "the last one always");
}

#[tokio::test(start_paused = true)]
async fn events_that_match_nothing_do_not_keep_a_directive_awake() {
    let mut config = EngineConfig::new(brute_force(1));
    config.pipeline.idle_timeout = std::time::Duration::from_secs(300);
    let mut engine = Engine::start(config, None);
    engine.send(event("a", 1, "192.168.0.9")).await;
    for n in 0..130 {
        engine.send(event(&format!("x{n}"), 2, "192.168.0.8")).await;
        engine.pass(10).await;
    }
    assert_eq!(engine.counters.pairs_not_matching.get(), 130);
    assert_eq!(engine.counters.directives_active.get(), 0);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_refused_for_want_of_room_may_come_again() {
    let mut config = EngineConfig::new(brute_force(1));
    config.pipeline.max_backlogs = 1;
    let mut engine = Engine::start(config, None);
    engine.send(event("a", 1, "192.168.0.1")).await;
    engine.send(event("a2", 2, "192.168.0.1")).await; // passes its second stage
    engine.send(event("b", 1, "192.168.0.2")).await;
    assert_eq!(engine.counters.discarded_no_room.get(), 1);
    engine.send(event("a3", 3, "192.168.0.1")).await;
    engine.send(event("b", 1, "192.168.0.2")).await;
    assert_eq!(engine.counters.pairs_opened.get(), 2, "it was neither consumed nor opened anything before");
    engine.stop().await;
}
