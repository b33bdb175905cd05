//! What is said of alarms in each of their states.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use dsiem_core::directive::check::{Mode, read};
use serde_json::{Value, json};

use super::*;

fn directive() -> Directive {
    let rule = |stage: u8, occurrence: u32, from: &str| {
        json!({"name": format!("stage {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
            "plugin_sid": [2, 3], "occurrence": occurrence, "from": from, "to": "HOME_NET", "port_from": "ANY",
            "port_to": "22", "protocol": "ANY", "reliability": 5, "timeout": 600})
    };
    let file = json!({"directives": [{"id": 7, "name": "Scan", "kingdom": "k", "category": "c", "priority": 3,
        "rules": [rule(1, 1, "!HOME_NET"), rule(2, 5, ":1")]}]});
    read("directives_a.json", file.to_string().as_bytes(), Mode::default()).value.remove(0)
}

/// An alarm whose second stage has this state.
fn document(status: &str, progress: &Value) -> AlarmDocument {
    let rule = |stage: u8, occurrence: u32, from: &str, status: &str| {
        json!({"name": format!("stage {stage}"), "stage": stage, "type": "PluginRule", "plugin_id": 1001,
            "plugin_sid": [2, 3], "occurrence": occurrence, "from": from, "to": "HOME_NET", "port_from": "ANY",
            "port_to": "22", "protocol": "ANY", "reliability": 5, "timeout": 600, "start_time": 100, "status": status})
    };
    serde_json::from_value(json!({"alarm_id": "a", "title": "t", "status": "Open", "tag": "x", "kingdom": "k",
        "category": "c", "created_time": 100, "update_time": 200, "risk": 3, "risk_class": "Medium",
        "rules": [rule(1, 1, "!HOME_NET", "finished"), rule(2, 5, "203.0.113.7", status)], "progress": progress}))
    .unwrap()
}

fn events_of(_: u8) -> Vec<StoredEvent> {
    let event = |number: u64, port: u16| {
        StoredEvent {
        number,
        event_id: format!("e{number}"),
        event: serde_json::value::to_raw_value(
            &json!({"src_ip": "203.0.113.7", "dst_ip": "10.0.0.1", "dst_port": port, "plugin_id": 1001, "plugin_sid": 3}),
        )
        .ok(),
    }
    };
    vec![event(1, 22), event(2, 22)]
}

#[track_caller]
fn check(status: &str, progress: &Value, expected: &str) -> Explanation {
    let counted = |stage: u8| progress["stage_events"][usize::from(stage) - 1].as_u64().unwrap_or(2);
    let explanation = explain(&document(status, progress), Some(&directive()), counted, events_of);
    assert_eq!(explanation.summary, expected);
    explanation
}

#[test]
fn an_open_stage_says_what_is_missing_and_until_when() {
    let progress = &json!({"deadline": 700, "stage_events": [1, 3]});
    let explanation = check("", progress, "1 of 2 stages are complete. Stage 2 waits for 2 events more.");
    assert_eq!((explanation.deadline, explanation.is_over), (Some(700), Some(false)));
    let stage = &explanation.stages[1];
    assert_eq!((stage.state, stage.events, stage.missing), (StageState::Waiting, 3, 2));
    assert_eq!(stage.why, "It waits for 2 events more: it has 3 of 5 events.");
}

#[test]
fn an_alarm_that_is_over_says_how_it_ended() {
    let ended = |ending: &str| json!({"ending": ending, "stage_events": [1, 3]});
    let late = "1 of 2 stages are complete. Stage 2 did not get its events in time.";
    check("timeout", &ended("timed_out"), late);
    let given_up = "1 of 2 stages are complete. Stage 2 was given up: too many backlogs were open.";
    check("", &ended("evicted"), given_up);
    let explanation = check("finished", &ended("completed"), "All 2 stages are complete.");
    assert_eq!((explanation.is_over, explanation.stages[1].missing), (Some(true), 0));
    assert_eq!(explanation.stages[0].why, "It has the 1 event that it needs.");
}

#[test]
fn a_condition_has_what_is_written_what_it_stands_for_and_what_fitted() {
    let explanation = check(
        "",
        &json!({"stage_events": [1, 2]}),
        "1 of 2 stages are complete. Stage 2 waits for 3 events more.",
    );
    let said = serde_json::to_value(&explanation).unwrap();
    let conditions = &said["stages"][1]["conditions"];
    let fields: Vec<_> = conditions.as_array().unwrap().iter().map(|condition| &condition["field"]).collect();
    assert_eq!(
        fields,
        ["plugin_id", "plugin_sid", "from", "to", "port_to"],
        "those that take anything are left out"
    );
    assert_eq!(conditions[1]["meaning"], "is one of 2, 3");
    assert_eq!(
        conditions[2],
        json!({"field": "from", "event_field": "src_ip", "written": ":1", "resolved": "203.0.113.7",
            "meaning": "is that of the first event of stage 1", "values": ["203.0.113.7"]})
    );
    assert_eq!(conditions[3]["meaning"], "is an address of ours");
    assert_eq!(conditions[4]["values"], json!(["22"]), "each value once");
    assert_eq!(said["stages"][0]["conditions"][2]["meaning"], "is not an address of ours");
}

#[test]
fn a_directive_that_has_changed_or_is_not_known_is_not_quoted() {
    let mut changed = directive();
    changed.rules[1].occurrence = 6;
    for (directive, state) in [(Some(&changed), DirectiveState::Changed), (None, DirectiveState::Unknown)] {
        let explanation = explain(&document("", &Value::Null), directive, |_| 2, events_of);
        assert_eq!((explanation.directive, explanation.is_over), (state, None));
        let said = serde_json::to_value(&explanation).unwrap();
        assert_eq!(said["stages"][1]["conditions"][2]["written"], "203.0.113.7");
    }
}
