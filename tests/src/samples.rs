//! Small directives and events that many tests use.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::engine::timestamp;

/// A directive file with these directives.
#[must_use]
pub fn directive_file(directives: &[Value]) -> Value {
    json!({ "directives": directives })
}

/// A directive with these rules, priority 5, named after the source address.
#[must_use]
pub fn directive(id: u64, rules: &[Value]) -> Value {
    json!({"id": id, "name": format!("Attack {id} from SRC_IP"), "priority": 5, "kingdom": "Reconnaissance & Probing",
           "category": "Misc", "rules": rules})
}

/// A plugin rule on `plugin_id` 1001: `occurrence` events of `sid` within an hour, `address` on both sides.
#[must_use]
pub fn rule(stage: u8, sid: u32, occurrence: u32, address: &str, reliability: u8) -> Value {
    json!({"name": format!("rule {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
           "plugin_sid": [sid], "occurrence": occurrence, "from": address, "to": address, "port_from": "ANY",
           "port_to": "ANY", "protocol": "ANY", "reliability": reliability, "timeout": 3600})
}

/// Three stages on sids 1, 2 (`second` times) and 3, the later ones between the hosts of the first event.
#[must_use]
pub fn brute_force(id: u64, second: u32) -> Value {
    directive(id, &[rule(1, 1, 1, "ANY", 1), rule(2, 2, second, ":1", 5), rule(3, 3, 1, ":1", 10)])
}

/// Each event of sid 1 from a source of its own opens a backlog, which takes `second` events of sid 2 from anywhere.
#[must_use]
pub fn opening(id: u64, second: u32) -> Value {
    directive(id, &[rule(1, 1, 1, "ANY", 1), rule(2, 2, second, "ANY", 1)])
}

/// Directives 1 to `count` like [`brute_force`], each on a plugin of its own: 1000 and its id.
#[must_use]
pub fn many_directives(count: u32) -> Vec<Value> {
    let on_plugin = |id: u32| {
        let mut directive = brute_force(id.into(), 10);
        for rule in directive["rules"].as_array_mut().into_iter().flatten() {
            rule["plugin_id"] = json!(1_000 + id);
        }
        directive
    };
    (1..=count).map(on_plugin).collect()
}

/// The events that complete [`brute_force`]: `<name>-1`, `<name>-2.0` and so on, `<name>-3`.
#[must_use]
pub fn attack(name: &str, source: &str, second: u32) -> Vec<Value> {
    let middle = (0..second).map(|n| event(&format!("{name}-2.{n}"), 2, source));
    let first = std::iter::once(event(&format!("{name}-1"), 1, source));
    first.chain(middle).chain([event(&format!("{name}-3"), 3, source)]).collect()
}

/// An event of `plugin_id` 1001 from `source` to 10.0.0.1, which happens now.
#[must_use]
pub fn event(id: &str, sid: u32, source: &str) -> Value {
    json!({"event_id": id, "timestamp": now(), "title": format!("event {sid}"), "sensor": "sensor-1",
           "plugin_id": 1001, "plugin_sid": sid, "src_ip": source, "src_port": 40_000, "dst_ip": "10.0.0.1",
           "dst_port": 443, "protocol": "TCP"})
}

/// The time as events carry it.
///
/// # Panics
/// When the clock of this machine is before 1970.
#[must_use]
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    timestamp(i64::try_from(since.as_secs()).expect("the clock is right"))
}
