//! One condition of a rule: what is written in the directive, what that means for this alarm, and which values of its
//! events fitted it.

use dsiem_core::directive::Rule;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::alarm_store::Stage;

/// How many different values are shown.
const VALUES_SHOWN: usize = 5;

/// What takes anything.
const ANY: &str = "ANY";

/// What an event has to be, in one part.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Condition {
    /// The rule's field, as in directive files.
    field: &'static str,
    /// The event's field that it looks at.
    event_field: &'static str,
    /// As it stands in the directive; as in the alarm, where the directive is not known.
    written: String,
    /// What it comes to for this alarm: references are replaced by what they stand for.
    resolved: String,
    /// In words.
    meaning: String,
    /// The values of the stage's events, the first five of them.
    values: Vec<String>,
}

/// A condition before anything is known of events.
struct Written<'a> {
    field: &'static str,
    event_field: &'static str,
    written: &'a str,
    resolved: &'a str,
}

/// The conditions of a rule that do not take everything. `written` is the directive's rule, where that is known.
pub(super) fn of_rule(rule: &Stage, written: Option<&Rule>, events: &[Box<RawValue>]) -> Vec<Condition> {
    let events: Vec<Value> =
        events.iter().filter_map(|event| serde_json::from_str(event.get()).ok()).collect();
    let mut conditions = of_kind(rule, &events);
    conditions.extend(
        texts(rule, written)
            .into_iter()
            .filter(|it| ![it.written, it.resolved].iter().any(|text| text.is_empty() || *text == ANY))
            .map(|it| Condition {
                field: it.field,
                event_field: it.event_field,
                meaning: meaning(it.event_field, it.written),
                written: it.written.to_owned(),
                resolved: it.resolved.to_owned(),
                values: values(&events, it.event_field),
            }),
    );
    conditions
}

/// What the key fields of events have to be.
fn of_kind(rule: &Stage, events: &[Value]) -> Vec<Condition> {
    let one_of = |field, event_field, list: Vec<String>| {
        let written = list.join(", ");
        let meaning = if list.len() == 1 { format!("is {written}") } else { format!("is one of {written}") };
        let values = values(events, event_field);
        Condition { field, event_field, resolved: written.clone(), written, meaning, values }
    };
    let numbers = |list: &[u64]| list.iter().map(u64::to_string).collect();
    let mut conditions = Vec::new();
    if rule.plugin_id > 0 {
        conditions.push(one_of("plugin_id", "plugin_id", numbers(&[rule.plugin_id])));
        conditions.push(one_of("plugin_sid", "plugin_sid", numbers(&rule.plugin_sid)));
    }
    if !rule.product.is_empty() {
        conditions.push(one_of("product", "product", rule.product.clone()));
        conditions.push(one_of("category", "category", vec![rule.category.clone()]));
    }
    if !rule.subcategory.is_empty() && !rule.subcategory.iter().any(|text| text == ANY) {
        conditions.push(one_of("subcategory", "subcategory", rule.subcategory.clone()));
    }
    conditions
}

/// The conditions that are texts.
fn texts<'a>(rule: &'a Stage, known: Option<&'a Rule>) -> [Written<'a>; 8] {
    let custom = |place: usize| known.map(|rule| &*rule.custom_data[place].text);
    let of = |field, event_field, resolved: &'a str, known: Option<&'a str>| {
        let written = known.unwrap_or(resolved);
        Written {
            field,
            event_field,
            written,
            resolved: if resolved.is_empty() { written } else { resolved },
        }
    };
    [
        of("from", "src_ip", &rule.from, known.map(|rule| &*rule.from.text)),
        of("to", "dst_ip", &rule.to, known.map(|rule| &*rule.to.text)),
        of("port_from", "src_port", &rule.port_from, known.map(|rule| &*rule.port_from.text)),
        of("port_to", "dst_port", &rule.port_to, known.map(|rule| &*rule.port_to.text)),
        of("protocol", "protocol", &rule.protocol, known.map(|rule| &*rule.protocol.text)),
        of("custom_data1", "custom_data1", &rule.custom_data1, custom(0)),
        of("custom_data2", "custom_data2", &rule.custom_data2, custom(1)),
        of("custom_data3", "custom_data3", &rule.custom_data3, custom(2)),
    ]
}

/// What a condition means, in words that go behind the name of a field.
fn meaning(event_field: &str, written: &str) -> String {
    let parts = written.split(',').map(str::trim).filter(|part| !part.is_empty());
    let (not, is): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with('!'));
    let joined = |parts: &[&str]| {
        let parts: Vec<String> =
            parts.iter().map(|part| one(event_field, part.trim_start_matches('!'))).collect();
        parts.join(" or ")
    };
    match (is.is_empty(), not.is_empty()) {
        (false, true) => format!("is {}", joined(&is)),
        (true, false) => format!("is not {}", joined(&not)),
        (false, false) => format!("is {}, and not {}", joined(&is), joined(&not)),
        (true, true) => "is anything".to_owned(),
    }
}

fn one(event_field: &str, part: &str) -> String {
    let stage = part.strip_prefix(':').and_then(|stage| stage.parse::<u8>().ok());
    match (stage, part) {
        (Some(stage), _) => format!("that of the first event of stage {stage}"),
        (None, "HOME_NET") => "an address of ours".to_owned(),
        (None, ANY) => "anything".to_owned(),
        (None, network) if event_field.ends_with("_ip") && network.contains('/') => {
            format!("in the network {network}")
        }
        (None, other) => other.to_owned(),
    }
}

/// The different values of a field, in the order in which they came.
fn values(events: &[Value], field: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for event in events {
        let value = match &event[field] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if values.len() < VALUES_SHOWN && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}
