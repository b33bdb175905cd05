//! One attack, and a life that ends before each write of the alarm log in turn: before any line, and at both syncs of each
//! checkpoint.

use dsiem_core::event::{Event, json};
use serde_json::json;

use crate::cases::Definition;
use crate::plan::{End, How, Plan, Sent, When};

/// More than one life makes.
const WRITES: u32 = 40;

/// Two hosts attack; the first goes through all stages, with an event that belongs to an earlier one.
fn plan() -> Plan {
    let rule = |stage: u8, occurrence: u32, address: &str, timeout: u32| {
        json!({"name": format!("rule {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1,
               "plugin_sid": [stage], "occurrence": occurrence, "from": address, "to": address,
               "reliability": 5, "timeout": timeout})
    };
    let directive = json!({"id": 1, "name": "d", "priority": 5, "kingdom": "k", "category": "c",
        "all_rules_always_active": true,
        "rules": [rule(1, 1, "ANY", 0), rule(2, 2, ":1", 9), rule(3, 1, ":1", 9)]});
    let sent = [
        (0, "a", 1, "8.8.8.8"),
        (1, "b", 2, "8.8.8.8"),
        (300, "c", 1, "fd00::1"),
        (0, "d", 1, "8.8.8.8"),
        (400, "e", 2, "8.8.8.8"),
        (0, "f", 2, "fd00::1"),
        (10, "g", 2, "8.8.8.8"),
        (900, "h", 3, "8.8.8.8"),
    ];
    Plan {
        definitions: vec![Definition(directive)],
        sent: sent
            .map(|(gap_millis, id, sid, source)| Sent::after(gap_millis, event(id, sid, source)))
            .to_vec(),
        checkpoint_millis: 250,
        batch_events: 256,
        pause_millis: 0,
        ends: Vec::new(),
    }
}

fn event(id: &str, sid: u32, source: &str) -> Event {
    let text = json!({"event_id": id, "timestamp": "2026-01-01T00:00:00Z", "sensor": "s", "plugin_id": 1,
        "plugin_sid": sid, "src_ip": source, "dst_ip": "10.0.0.1"});
    json::decode(text.to_string().as_bytes()).unwrap()
}

#[test]
fn a_life_can_end_before_any_write() {
    let (links, alarms) = crate::run(&plan()).unwrap();
    assert_eq!((links, alarms), (8, 2), "each event joins a stage");
    for writes in 0..WRITES {
        for torn in [false, true] {
            let end =
                End { when: When::Writes(writes), how: How::Killed { turns: 0, torn }, down_millis: 500 };
            // Once, and again in the life that goes on from there.
            for lives in 1..=2 {
                let plan = Plan { ends: vec![end; lives], ..plan() };
                if let Err(error) = crate::run(&plan) {
                    panic!("before write {writes}, in {lives} lives, torn {torn}: {error:#}");
                }
            }
        }
    }
}
