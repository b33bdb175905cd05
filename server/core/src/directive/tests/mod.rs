//! Directives as users write them, and events against their rules.

mod lenient;
mod matching;
mod memory;
mod problems;
mod saved;

use serde_json::{Value, json};

use super::check::{self, Loaded, Mode};
use super::{Directive, Rule};
use crate::event::{Event, json::decode};
use crate::matcher::{FirstEvent, FirstEvents};
use crate::problem::Checked;

const STRICT: Mode = Mode { lenient: false, ignore_protocol: false };
const LENIENT: Mode = Mode { lenient: true, ignore_protocol: false };

/// A directive that works, with two plugin rules that match [`event`].
fn directive() -> Value {
    let rule = |stage: u8| {
        json!({"name": "r", "stage": stage, "type": "PluginRule", "plugin_id": 1001, "plugin_sid": [50, 51],
               "occurrence": stage, "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY",
               "protocol": "ANY", "reliability": 5, "timeout": 60})
    };
    json!({"id": 7, "name": "SRC_IP scans", "priority": 3, "kingdom": "k", "category": "c",
           "rules": [rule(1), rule(2)]})
}

/// Puts `value` where `pointer` points, making the field if there is none; `null` stands for a missing one.
fn put(directive: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = directive.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[field.parse::<usize>().unwrap()] = value,
        _ => parent[field] = value,
    }
}

fn directive_with(changes: &[(&str, Value)]) -> Value {
    let mut directive = directive();
    for (pointer, value) in changes {
        put(&mut directive, pointer, value.clone());
    }
    directive
}

fn file_of(directives: &[Value]) -> Vec<u8> {
    json!({"directives": directives}).to_string().into_bytes()
}

fn load(directives: &[Value], mode: Mode) -> Checked<Loaded> {
    check::read_all([("directives_x.json", &*file_of(directives))], mode)
}

/// The one directive, which must have no problem but warnings.
fn compiled(directive: Value, mode: Mode) -> Directive {
    let mut checked = load(&[directive], mode);
    assert!(!checked.has_errors(), "{:?}", checked.problems);
    checked.value.directives.pop().expect("the directive is skipped")
}

/// What was said, one line a problem.
fn said<T>(checked: &Checked<T>) -> Vec<String> {
    checked.problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_says(said: &[String], expected: &[&str]) {
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said:?}\ndoes not say\n{expected:?}");
    }
}

fn event(changes: &Value) -> Event {
    let mut event = json!({
        "event_id": "e", "timestamp": "2024-03-01T10:00:00Z", "sensor": "s", "plugin_id": 1001, "plugin_sid": 50,
        "product": "Firewall", "category": "Packet", "subcategory": "Denied",
        "src_ip": "10.0.0.5", "dst_ip": "10.0.0.9", "src_port": 5000, "dst_port": 80, "protocol": "TCP",
        "custom_data1": "alpha", "custom_data2": "beta",
    });
    for (field, value) in changes.as_object().unwrap() {
        event[field] = value.clone();
    }
    decode(event.to_string().as_bytes()).unwrap()
}

/// The first events of the first stages.
struct Firsts(Vec<FirstEvent>);

impl FirstEvents for Firsts {
    fn first(&self, position: usize) -> Option<&FirstEvent> {
        self.0.get(position)
    }
}

/// The second rule of the directive, after these changes to it.
fn second_rule(changes: &Value, mode: Mode) -> Rule {
    let mut directive = directive();
    for (field, value) in changes.as_object().unwrap() {
        put(&mut directive, &format!("/rules/1/{field}"), value.clone());
    }
    compiled(directive, mode).rules[1].clone()
}
