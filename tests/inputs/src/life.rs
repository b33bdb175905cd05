//! What becomes of a directive or a backlog that was read: nothing that is accepted may fail later.

use std::sync::Arc;

use dsiem_core::alarm::AlarmDocument;
use dsiem_core::backlog::{Backlog, Context};
use dsiem_core::directive::{Directive, file};
use dsiem_core::event::{Event, json};
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::time::ReceiptTime;
use serde_json::{Value, json};

use crate::{home, settings};

/// When all of it happens: 2024-03-01, in seconds.
const NOW: i64 = 1_709_283_700;

/// Events of one stage.
const TRIES: usize = 3;

/// The most stages that are tried; more only take time.
const MAX_STAGES: usize = 8;

/// Opens a backlog of `directive`, if an event can, and lets it live.
pub(crate) fn live(directive: &Arc<Directive>) {
    let written = file::to_value(directive);
    let rules = written["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = rules.first().and_then(|rule| event_for(rule, "first")) else { return };
    let opens = directive.rules.first().is_some_and(|rule| rule.matches(&first, home(), &NoFirstEvents));
    if !opens {
        return;
    }
    let context = Context { settings: settings(), assets: home() };
    let (mut backlog, _) = Backlog::open(directive.clone(), &first, context);
    go_on(&mut backlog, rules);
}

/// Lets a backlog take events that its stages may wait for, and come to its end.
pub(crate) fn go_on(backlog: &mut Backlog, rules: &[Value]) {
    let context = Context { settings: settings(), assets: home() };
    look_at(backlog);
    for (stage, rule) in rules.iter().take(MAX_STAGES).enumerate() {
        for attempt in 0..TRIES {
            let Some(event) = event_for(rule, &format!("{stage}.{attempt}")) else { break };
            backlog.on_event(&event, context);
            look_at(backlog);
        }
    }
    backlog.on_deadline(ReceiptTime::from_secs(i64::MAX / 1_000_000_000), context);
    look_at(backlog);
}

/// Asks for everything that managers ask for.
fn look_at(backlog: &Backlog) {
    let settings = settings();
    // That it can be told is enough.
    _ = backlog.deadline_secs(settings);
    drop(backlog.interests(settings));
    let document = AlarmDocument::of(backlog, settings).to_json();
    drop(serde_json::from_slice::<Value>(&document).expect("a document is JSON"));
}

/// An event of the kind that the rule names, between two addresses of which one is home.
fn event_for(rule: &Value, id: &str) -> Option<Event> {
    let first = |name: &str| rule[name].get(0).cloned().unwrap_or(Value::Null);
    let event = json!({
        "event_id": id, "timestamp": "2024-03-01T09:01:40Z", "rcvd_time": NOW * 1_000_000_000, "sensor": "s",
        "plugin_id": rule["plugin_id"], "plugin_sid": first("plugin_sid"),
        "product": first("product"), "category": rule["category"], "subcategory": first("subcategory"),
        "src_ip": "192.168.0.9", "dst_ip": "10.0.0.1", "src_port": 40_000, "dst_port": 22, "protocol": "TCP",
    });
    json::decode(event.to_string().as_bytes()).ok()
}
