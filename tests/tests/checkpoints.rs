//! A process that ends without a word goes on from its last checkpoint.
//!
//! A life is a runtime of its own with the whole pipeline in it; dropped, everything in it is gone at once, as with
//! `kill -9`. Over a bus that keeps nothing, what came after the last checkpoint is lost with it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use dsiem_backend::backlog::Fault;
use dsiem_core::event::Event;
use dsiem_tests::engine::{Engine, EngineConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Two events of sid 1, then `second` of sid 2 between the same hosts within ten minutes, then one of sid 3.
fn directives(second: u32) -> Value {
    let rule = |stage: u8, occurrence: u32, address: &str, timeout: u32| {
        json!({"name": format!("rule {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
               "plugin_sid": [stage], "occurrence": occurrence, "from": address, "to": address,
               "reliability": 5, "timeout": timeout})
    };
    json!({"directives": [{"id": 1, "name": "d", "priority": 5, "kingdom": "k", "category": "c",
        "rules": [rule(1, 1, "ANY", 0), rule(2, second, ":1", 600), rule(3, 1, ":1", 600)]}]})
}

fn event(id: &str, sid: u32, source: &str) -> Value {
    json!({"event_id": id, "plugin_id": 1001, "plugin_sid": sid, "src_ip": source, "dst_ip": "10.0.0.1"})
}

struct Node {
    home: TempDir,
    secs: i64,
}

impl Node {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder"), secs: 0 }
    }

    /// One life of the process, which ends without a word unless `live` stops it.
    fn life<T>(&mut self, second: u32, live: impl AsyncFnOnce(&mut Engine) -> T) -> T {
        self.life_with(second, None, live)
    }

    /// The same with a fault.
    fn life_with<T>(
        &mut self,
        second: u32,
        fault: Option<Fault>,
        live: impl AsyncFnOnce(&mut Engine) -> T,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let config = EngineConfig {
            checkpoints: true,
            fault,
            start_secs: self.secs,
            ..EngineConfig::new(directives(second))
        };
        self.secs += 60;
        runtime.expect("a runtime").block_on(async {
            let mut engine = Engine::start(config, Some(self.home.path()));
            engine.settle().await;
            live(&mut engine).await
        })
    }
}

/// As if it had been written before everything else.
fn make_old(file: &Path) {
    let file = std::fs::File::options().write(true).open(file).expect("a file of the test's own");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("a file of the test's own");
}

fn ids(engine: &Engine) -> Vec<String> {
    engine.links().into_iter().map(|(_, _, event)| event).collect()
}

#[test]
fn a_killed_process_goes_on_with_what_the_last_checkpoint_had() {
    let mut node = Node::new();
    let first = node.life(2, async |engine| {
        engine.send(event("a", 1, "192.168.0.9")).await;
        engine.send(event("b", 2, "192.168.0.9")).await;
        engine.pass(3).await;
        // Behind the checkpoint: lost with the process, since this bus keeps nothing.
        engine.send(event("lost", 2, "192.168.0.9")).await;
        engine.alarms()
    });
    let second = node.life(2, async |engine| {
        assert_eq!(engine.counters.backlogs_open.get(), 1);
        engine.send(event("b", 2, "192.168.0.9")).await;
        assert_eq!(engine.counters.discarded_duplicate.get(), 1, "ids are remembered too");
        engine.send(event("c", 2, "192.168.0.9")).await;
        engine.send(event("d", 3, "192.168.0.9")).await;
        assert_eq!(ids(engine), ["c", "d"]);
        engine.alarms()
    });
    assert_eq!(first[0]["alarm_id"], second[0]["alarm_id"]);
    assert_eq!(second[0]["risk"], 5);
}

#[test]
fn what_has_ended_does_not_come_back_and_what_has_not_changed_stays() {
    let mut node = Node::new();
    node.life(1, async |engine| {
        for (n, source) in ["192.168.0.1", "192.168.0.2", "192.168.0.3"].into_iter().enumerate() {
            engine.send(event(&format!("open {n}"), 1, source)).await;
        }
        engine.pass(3).await;
        engine.send(event("b", 2, "192.168.0.1")).await;
        engine.send(event("c", 3, "192.168.0.1")).await;
        engine.send(event("d", 2, "192.168.0.2")).await;
        assert_eq!(engine.counters.backlogs_completed.get(), 1);
        engine.pass(3).await;
    });
    node.life(1, async |engine| {
        assert_eq!(engine.counters.backlogs_open.get(), 2);
        engine.send(event("e", 3, "192.168.0.1")).await;
        assert_eq!(ids(engine), [] as [&str; 0], "that one is over");
        engine.send(event("f", 3, "192.168.0.2")).await;
        engine.send(event("g", 2, "192.168.0.3")).await;
        assert_eq!(ids(engine), ["f", "g"], "one in its third stage, one in its second");
    });
}

#[test]
fn a_backlog_that_expired_is_over_for_good() {
    let mut node = Node::new();
    node.life(1, async |engine| {
        engine.send(event("a", 1, "192.168.0.1")).await;
        engine.pass(3).await;
        engine.pass(700).await;
        assert_eq!(engine.counters.backlogs_expired.get(), 1);
    });
    node.life(1, async |engine| assert_eq!(engine.counters.backlogs_open.get(), 0));
}

#[test]
fn an_orderly_stop_is_a_checkpoint_and_writes_the_files_too() {
    let mut node = Node::new();
    node.life(1, async |engine| {
        engine.send(event("a", 1, "192.168.0.1")).await;
        engine.stop().await;
    });
    let file = node.home.path().join("backlogs/1.json");
    assert!(file.exists());
    // Older than the checkpoint, so that what is in it does not count.
    std::fs::write(&file, "nonsense").unwrap();
    make_old(&file);
    node.life(1, async |engine| {
        assert_eq!(engine.counters.backlogs_open.get(), 1);
        engine.send(event("b", 2, "192.168.0.1")).await;
        assert_eq!(ids(engine), ["b"]);
    });
}

#[test]
fn a_file_that_is_newer_than_the_checkpoint_counts() {
    let (mut node, mut other) = (Node::new(), Node::new());
    for (node, source) in [(&mut node, "192.168.0.1"), (&mut other, "192.168.0.2")] {
        node.life(1, async |engine| {
            engine.send(event("a", 1, source)).await;
            engine.stop().await;
        });
    }
    let file = "backlogs/1.json";
    std::fs::copy(other.home.path().join(file), node.home.path().join(file)).unwrap();
    node.life(1, async |engine| {
        assert_eq!(engine.counters.backlogs_open.get(), 1);
        engine.send(event("b", 2, "192.168.0.2")).await;
        assert_eq!(ids(engine), ["b"]);
        engine.pass(3).await;
    });
    // Simulated time lies in the past of the machine: the clock does not say what is newer.
    node.life(1, async |engine| {
        engine.send(event("c", 3, "192.168.0.2")).await;
        assert_eq!(ids(engine), ["c"], "the next checkpoint has it");
    });
}

#[test]
fn a_damaged_checkpoint_is_moved_aside() {
    let mut node = Node::new();
    node.life(1, async |engine| {
        engine.send(event("a", 1, "192.168.0.1")).await;
        engine.pass(3).await;
    });
    let folder = node.home.path().join("state");
    let file = folder.join("node-1.sqlite");
    std::fs::write(&file, "nonsense ".repeat(10_000)).unwrap();
    node.life(1, async |engine| {
        assert_eq!(engine.counters.backlogs_open.get(), 0);
        engine.send(event("b", 1, "192.168.0.1")).await;
        engine.pass(3).await;
    });
    assert!(folder.join("node-1.sqlite.rejected").exists());
    node.life(1, async |engine| assert_eq!(engine.counters.backlogs_open.get(), 1));
}

/// Panics with the event of this id, so many times.
fn panics_with(id: &'static str, times: usize) -> Option<Fault> {
    let left = AtomicUsize::new(times);
    Some(Arc::new(move |event: &Event| {
        let fails = &*event.id == id && left.try_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        assert!(!fails, "on purpose");
    }))
}

/// An attack with an event amid it that makes a backlog fail so many times.
async fn attack(engine: &mut Engine) {
    engine.send(event("before", 1, "192.168.0.1")).await;
    engine.pass(3).await;
    for (id, sid) in [("a", 1), ("b", 2), ("c", 2), ("boom", 2), ("d", 2), ("e", 3)] {
        engine.send(event(id, sid, "192.168.0.9")).await;
    }
    engine.send(event("after", 2, "192.168.0.1")).await;
    engine.pass(3).await;
}

#[test]
fn a_directive_that_fails_goes_on_from_the_checkpoint_as_if_nothing_had_been() {
    let undisturbed = Node::new().life(4, async |engine| {
        attack(engine).await;
        (ids(engine), engine.alarms())
    });
    let disturbed = Node::new().life_with(4, panics_with("boom", 1), async |engine| {
        attack(engine).await;
        assert_eq!(engine.counters.backlogs_open.get(), 1);
        assert_eq!(engine.counters.pairs_in_flight.get(), 0);
        let mut ids = ids(engine);
        // The files would not have them twice: the log of this harness has no memory.
        ids.sort();
        ids.dedup();
        (ids, engine.alarms())
    });
    let mut expected = undisturbed.0;
    expected.sort();
    assert_eq!(disturbed, (expected, undisturbed.1));
}

#[test]
fn an_event_that_makes_it_fail_twice_is_set_aside() {
    let mut node = Node::new();
    node.life_with(3, panics_with("boom", usize::MAX), async |engine| {
        attack(engine).await;
        assert_eq!(engine.counters.backlogs_completed.get(), 1, "b, c and d are enough");
        assert!(!ids(engine).contains(&"boom".to_owned()));
        let told = engine.readiness.report().degraded["poison"].clone();
        assert!(told.contains("\"boom\"") && told.contains("directive 1"), "{told}");
        assert_eq!((engine.counters.pairs_poisoned.get(), engine.counters.pairs_in_flight.get()), (1, 0));
        engine.pass(3).await;
    });
    let poison = std::fs::read_to_string(node.home.path().join("poison_events.json")).unwrap();
    let line: Value = serde_json::from_str(poison.trim_end()).unwrap();
    assert_eq!((&line["directive"], &line["event"]["event_id"]), (&json!(1), &json!("boom")));
}
