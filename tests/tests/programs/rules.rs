//! Directives that existing engines stumble over, over the real program: kinds mixed, stages out of order and with
//! gaps, IPv6, and more filter threads than directives.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{attack, brute_force, directive, directive_file, event, rule};
use serde_json::{Value, json};

/// A directive, events, and the stage at which each of them counts.
struct Case {
    name: &'static str,
    directive: Value,
    events: Vec<(Value, Option<u64>)>,
}

fn changed(mut value: Value, changes: &Value) -> Value {
    for (key, change) in changes.as_object().expect("changes by key") {
        value[key] = change.clone();
    }
    value
}

fn taxonomy_rule(stage: u8, changes: &Value) -> Value {
    let rule = json!({"name": "taxonomy", "stage": stage, "type": "TaxonomyRule", "product": ["Firewall", "Router"],
                      "category": "Drop", "occurrence": 1, "from": ":1", "to": "ANY", "port_from": "ANY",
                      "port_to": "ANY", "protocol": "ANY", "reliability": 5, "timeout": 3600});
    changed(rule, changes)
}

fn taxonomy_event(id: &str, source: &str, changes: &Value) -> Value {
    let keys = json!({"plugin_id": 0, "plugin_sid": 0, "product": "Router", "category": "Drop"});
    changed(changed(event(id, 0, source), &keys), changes)
}

fn cases() -> Vec<Case> {
    let v6 = "2001:db8::9";
    vec![
        Case {
            name: "plugin and taxonomy rules mixed",
            directive: directive(
                1,
                &[
                    rule(1, 11, 1, "ANY", 1),
                    taxonomy_rule(2, &json!({"subcategory": ["TCP"]})),
                    rule(3, 13, 1, ":1", 10),
                ],
            ),
            events: vec![
                (event("m1", 11, "192.168.1.1"), Some(1)),
                (taxonomy_event("m2", "192.168.1.1", &json!({"subcategory": "UDP"})), None),
                (taxonomy_event("m3", "192.168.1.2", &json!({"subcategory": "TCP"})), None),
                (taxonomy_event("m4", "192.168.1.1", &json!({"subcategory": "TCP"})), Some(2)),
                (event("m5", 13, "192.168.1.1"), Some(3)),
            ],
        },
        Case {
            name: "rules out of stage order, and stages with gaps",
            directive: directive(
                2,
                &[rule(200, 23, 1, ":7", 10), rule(3, 21, 1, "ANY", 1), rule(7, 22, 2, ":3", 5)],
            ),
            events: vec![
                (event("g1", 23, "192.168.1.1"), None),
                (event("g2", 21, "192.168.1.1"), Some(3)),
                (event("g3", 22, "192.168.1.1"), Some(7)),
                (event("g4", 22, "192.168.1.1"), Some(7)),
                (event("g5", 23, "192.168.1.1"), Some(200)),
            ],
        },
        Case {
            name: "IPv6 literals",
            directive: directive(
                3,
                &[
                    changed(rule(1, 31, 1, "ANY", 1), &json!({"from": "2001:db8::1,2001:db8::/64"})),
                    changed(rule(2, 32, 1, ":1", 5), &json!({"to": "fd00::1,::1"})),
                    changed(rule(3, 33, 1, ":1", 10), &json!({"to": "!fd00::1"})),
                ],
            ),
            events: vec![
                (event("v0", 31, "2001:db8:1::9"), None),
                (changed(event("v1", 31, v6), &json!({"dst_ip": "10.0.0.1"})), Some(1)),
                (changed(event("v2", 32, v6), &json!({"dst_ip": "fd00::2"})), None),
                (changed(event("v3", 32, "2001:DB8:0:0::9"), &json!({"dst_ip": "fd00:0::1"})), Some(2)),
                (changed(event("v4", 33, v6), &json!({"dst_ip": "fd00::1"})), None),
                (changed(event("v5", 33, v6), &json!({"dst_ip": "10.0.0.2"})), Some(3)),
            ],
        },
    ]
}

#[tokio::test]
async fn directives_of_every_kind_count_the_events_that_they_should() {
    let directives: Vec<_> = cases().into_iter().map(|case| case.directive).collect();
    let mut node =
        Node::standalone(Setup::new(&directive_file(&directives)).flags("--filter-threads 4")).await;
    for case in cases() {
        let before = node.link_lines().len();
        let (events, stages): (Vec<_>, Vec<_>) = case.events.into_iter().unzip();
        node.http.send(&events).await;
        let ids = events.iter().map(|event| event["event_id"].as_str().expect("a text").to_owned());
        let expected: Vec<_> = ids.zip(stages).filter_map(|(id, stage)| Some((stage?, id))).collect();
        node.wait_for_links(before + expected.len()).await;
        let counted: Vec<_> = node.link_lines()[before..].iter().map(|(_, s, e)| (*s, e.clone())).collect();
        assert_eq!(counted, expected, "{}", case.name);
        let title = format!("Attack {}", case.directive["id"]);
        let complete =
            |a: &Value| a["risk"] == 10 && a["title"].as_str().is_some_and(|t| t.starts_with(&title));
        node.wait_for_alarm(case.name, complete).await;
    }
    node.stop().await;
}

#[tokio::test]
async fn one_directive_is_enough_for_any_number_of_filter_threads() {
    let setup = Setup::new(&directive_file(&[brute_force(1, 50)])).env("DSIEM_FILTER_THREADS", "32");
    let mut node = Node::standalone(setup).await;
    let events = attack("a", "192.168.0.9", 50);
    node.http.send(&events).await;
    node.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    let counted: Vec<_> = node.link_lines().into_iter().map(|(_, _, event)| event).collect();
    let sent: Vec<_> =
        events.iter().map(|event| event["event_id"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(counted, sent, "in the order in which they came");
    node.stop().await;
}
