//! Cases and alarms as text for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dsiem_core::example::Case;
use serde_json::Value;

/// How many addresses of one side are shown.
const MAX_ADDRESSES: usize = 5;

/// One line for each case.
pub(super) fn list(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let raises = if case.expect.alarms.is_empty() { "no alarm" } else { "alarm   " };
        // Writing to a `String` cannot fail, here and below.
        writeln!(text, "  {raises}  directive {}  {}", case.directive, case.name).ok();
    }
    text
}

/// The last state of each alarm in `documents`, in the order in which they were raised.
pub(super) fn alarms(documents: &[Value]) -> String {
    let mut order = Vec::new();
    let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
    for document in documents {
        let id = text_of(document, "alarm_id");
        if last.insert(id, document).is_none() {
            order.push(id);
        }
    }
    order.iter().filter_map(|id| last.get(id)).map(|document| alarm(document)).collect()
}

fn alarm(document: &Value) -> String {
    let mut text = String::new();
    writeln!(text, "\nALARM  {}", text_of(document, "title")).ok();
    let mut line = |name: &str, value: &str| writeln!(text, "  {name:<8} {value}").ok();
    line("risk", &format!("{} of 10, {}", document["risk"], text_of(document, "risk_class")));
    line("attack", &format!("{} -> {}", addresses(document, "src_ips"), addresses(document, "dst_ips")));
    line("kind", &format!("{}, {}", text_of(document, "kingdom"), text_of(document, "category")));
    line("status", &format!("{}, {}", text_of(document, "status"), text_of(document, "tag")));
    line("id", text_of(document, "alarm_id"));
    for rule in document["rules"].as_array().into_iter().flatten() {
        line(&format!("stage {}", rule["stage"]), &stage(rule));
    }
    text
}

fn stage(rule: &Value) -> String {
    let status = match rule["status"].as_str() {
        Some("timeout") => "timed out",
        Some(status) if !status.is_empty() => status,
        _ if rule["start_time"].as_i64().unwrap_or(0) > 0 => "waiting",
        _ => "not reached",
    };
    let count = rule["occurrence"].as_u64().unwrap_or(0);
    let events = if count == 1 { "event" } else { "events" };
    format!("{status:<11}  {count:>3} {events:<6}  {}", text_of(rule, "name"))
}

fn addresses(document: &Value, side: &str) -> String {
    let all: Vec<_> = document[side].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let shown = all.iter().take(MAX_ADDRESSES).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MAX_ADDRESSES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn text_of<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(id: &str, risk: u8) -> Value {
        json!({
            "alarm_id": id, "title": "SSH brute force by 198.51.100.23 against jump01", "risk": risk, "risk_class": "High",
            "src_ips": ["198.51.100.23"], "dst_ips": ["10.30.0.20"], "kingdom": "Delivery & Attack",
            "category": "Bruteforce", "status": "Open", "tag": "Identified Threat",
            "rules": [
                {"stage": 1, "name": "A failed login", "occurrence": 1, "status": "finished", "start_time": 1},
                {"stage": 2, "name": "More", "occurrence": 10, "status": "timeout", "start_time": 1},
                {"stage": 3, "name": "In", "occurrence": 1, "start_time": 2},
                {"stage": 4, "name": "Gone", "occurrence": 1}
            ]
        })
    }

    #[test]
    fn an_alarm_is_shown_once_in_its_last_state() {
        let text = alarms(&[document("a", 3), document("b", 4), document("a", 10)]);
        let expected = "
ALARM  SSH brute force by 198.51.100.23 against jump01
  risk     10 of 10, High
  attack   198.51.100.23 -> 10.30.0.20
  kind     Delivery & Attack, Bruteforce
  status   Open, Identified Threat
  id       a
  stage 1  finished       1 event   A failed login
  stage 2  timed out     10 events  More
  stage 3  waiting        1 event   In
  stage 4  not reached    1 event   Gone
";
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(text.matches("ALARM").count(), 2, "{text}");
    }

    #[test]
    fn many_addresses_are_counted_instead_of_shown() {
        let document = json!({"src_ips": ["1", "2", "3", "4", "5", "6", "7"]});
        assert_eq!(addresses(&document, "src_ips"), "1, 2, 3, 4, 5 and 2 more");
        assert_eq!(addresses(&document, "dst_ips"), "");
    }
}
