//! The events of a case: from the compact form that people write to one JSON object per event.
//!
//! A step is one event or, with `repeat` or a list of values, several. Its fields are those of the file's `base`, the
//! case's `base`, its `kind` and its own, where the later one wins.

use serde_json::{Map, Value};

use super::read::Notes;
use super::{Draft, MAX_CASE_SECS, MAX_EVENTS_PER_CASE};
use crate::event::json;

/// Fields of an event that an example may set and that hold text.
const TEXT_FIELDS: [&str; 15] = [
    "event_id",
    "title",
    "sensor",
    "product",
    "category",
    "subcategory",
    "src_ip",
    "dst_ip",
    "protocol",
    "custom_data1",
    "custom_data2",
    "custom_data3",
    "custom_label1",
    "custom_label2",
    "custom_label3",
];

/// Fields of an event that an example may set and that hold a number.
const NUMBER_FIELDS: [&str; 4] = ["plugin_id", "plugin_sid", "src_port", "dst_port"];

/// What a step has beside fields.
const STEP_KEYS: [&str; 6] = ["kind", "at", "after", "late", "repeat", "note"];

/// What `repeat` may have.
const REPEAT_KEYS: [&str; 3] = ["count", "every", "first"];

/// What a step's fields rest upon.
pub(super) struct Surroundings<'a> {
    /// The file's `base`, then the case's.
    pub bases: [&'a Map<String, Value>; 2],
    /// The file's `kinds` by name.
    pub kinds: &'a Map<String, Value>,
    /// What the case's event ids begin with.
    pub id_prefix: &'a str,
}

/// When and how often a step happens.
struct Schedule {
    first_at: u64,
    late_secs: i64,
    count: u64,
    every_secs: u64,
    first_n: i64,
}

/// Names every field of `fields` that an event does not have.
pub(super) fn check_fields(fields: &Map<String, Value>, place: &str, notes: &mut Notes<'_>) {
    for name in fields.keys().filter(|name| !is_field(name)) {
        notes.error(place, not_a_field(name));
    }
}

fn is_field(name: &str) -> bool {
    TEXT_FIELDS.contains(&name) || NUMBER_FIELDS.contains(&name)
}

fn not_a_field(name: &str) -> String {
    match name {
        "timestamp" => {
            "`timestamp` follows from `at`; say with `late` how many seconds an event is late".to_owned()
        }
        "conn_id" | "rcvd_time" | "carrier" => format!("`{name}` is set on receipt and cannot be given"),
        _ => format!("an event has no field `{name}`"),
    }
}

/// All events of `steps` in the order in which they are received; problems go to `notes`.
pub(super) fn expand(steps: &[Value], around: &Surroundings<'_>, notes: &mut Notes<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut last_at = None;
    for (n, step) in steps.iter().enumerate() {
        let place = format!("event {}", n + 1);
        let Some(step) = step.as_object() else {
            notes.error(&place, format!("`{step}` is not an object with fields of an event"));
            continue;
        };
        let Some(fields) = fields_of(step, around, &place, notes) else { continue };
        let Some(schedule) = schedule_of(step, &fields, last_at, &place, notes) else { continue };
        let room = MAX_EVENTS_PER_CASE - drafts.len();
        if usize::try_from(schedule.count).map_or(true, |count| count > room) {
            notes.error(&place, format!("one case may have {MAX_EVENTS_PER_CASE} events at most"));
            break;
        }
        last_at = Some(schedule.last_at());
        if schedule.last_at() > MAX_CASE_SECS {
            notes.error(&place, format!("one case may last {MAX_CASE_SECS} seconds at most"));
            break;
        }
        drafts.extend((0..schedule.count).map(|turn| schedule.draft(&fields, turn)));
    }
    // Steps may overlap; events of the same second keep the order in which they are written.
    drafts.sort_by_key(|draft| draft.received_secs);
    for (n, draft) in drafts.iter_mut().enumerate() {
        name_event(draft, n, around.id_prefix);
    }
    check_events(&drafts, notes);
    drafts
}

/// The fields of a step's events, placeholders and lists still in them.
fn fields_of(
    step: &Map<String, Value>,
    around: &Surroundings<'_>,
    place: &str,
    notes: &mut Notes<'_>,
) -> Option<Map<String, Value>> {
    let own: Map<String, Value> = step
        .iter()
        .filter(|(name, _)| !STEP_KEYS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    check_fields(&own, place, notes);
    let empty = Map::new();
    let kind = match step.get("kind") {
        None => &empty,
        Some(name) => match name.as_str().and_then(|name| around.kinds.get(name)) {
            Some(kind) => kind.as_object().unwrap_or(&empty),
            None => {
                let known: Vec<_> = around.kinds.keys().map(String::as_str).collect();
                notes.error(place, format!("`kinds` has no {name}; it has: {}", known.join(", ")));
                return None;
            }
        },
    };
    let mut fields = Map::new();
    for layer in [around.bases[0], around.bases[1], kind, &own] {
        fields.extend(layer.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    let mut values = fields.iter();
    if let Some((name, _)) = values.find(|(_, value)| value.as_array().is_some_and(Vec::is_empty)) {
        notes.error(place, format!("`{name}` is an empty list"));
        return None;
    }
    Some(fields)
}

fn schedule_of(
    step: &Map<String, Value>,
    fields: &Map<String, Value>,
    last_at: Option<u64>,
    place: &str,
    notes: &mut Notes<'_>,
) -> Option<Schedule> {
    let at = notes.whole(step, "at", place);
    let after = notes.whole(step, "after", place);
    if at.is_some() && after.is_some() {
        notes.error(
            place,
            "has both `at` and `after`; `at` counts from the start, `after` from the step before",
        );
    }
    let first_at = at.unwrap_or_else(|| last_at.map_or(0, |last| last.saturating_add(after.unwrap_or(1))));
    let mut schedule =
        Schedule { first_at, late_secs: 0, count: longest_list(fields), every_secs: 1, first_n: 1 };
    if let Some(late) = step.get("late") {
        match late.as_i64().filter(|late| late.unsigned_abs() <= MAX_CASE_SECS) {
            Some(late) => schedule.late_secs = late,
            None => notes.error(place, format!("`late` is {late} and must be a whole number of seconds")),
        }
    }
    match step.get("repeat") {
        None => {}
        Some(Value::Object(repeat)) => {
            for name in repeat.keys().filter(|name| !REPEAT_KEYS.contains(&name.as_str())) {
                notes.error(place, format!("`repeat` has no `{name}`; it has: {}", REPEAT_KEYS.join(", ")));
            }
            schedule.count = notes.whole(repeat, "count", place).unwrap_or(schedule.count);
            schedule.every_secs = notes.whole(repeat, "every", place).unwrap_or(1);
            schedule.first_n =
                notes.whole(repeat, "first", place).map_or(1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        }
        Some(_) => schedule.count = notes.whole(step, "repeat", place)?,
    }
    if schedule.count == 0 {
        notes.error(place, "`repeat` must be at least 1");
        return None;
    }
    Some(schedule)
}

fn longest_list(fields: &Map<String, Value>) -> u64 {
    fields.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(1) as u64
}

impl Schedule {
    fn last_at(&self) -> u64 {
        self.first_at.saturating_add((self.count - 1).saturating_mul(self.every_secs))
    }

    fn draft(&self, fields: &Map<String, Value>, turn: u64) -> Draft {
        let n = self.first_n.saturating_add(i64::try_from(turn).unwrap_or(i64::MAX));
        Draft {
            received_secs: self.first_at.saturating_add(turn.saturating_mul(self.every_secs)),
            late_secs: self.late_secs,
            fields: fields
                .iter()
                .map(|(name, value)| (name.clone(), value_of(name, value, turn, n)))
                .collect(),
        }
    }
}

/// The value of one field in turn `turn` (from 0), where `{n}` is `n`.
fn value_of(name: &str, value: &Value, turn: u64, n: i64) -> Value {
    let value = match value.as_array() {
        Some(list) => &list[usize::try_from(turn % list.len() as u64).unwrap_or(0)],
        None => value,
    };
    let Some(text) = value.as_str() else { return value.clone() };
    let text = fill_in(text, n);
    match text.parse::<u64>() {
        Ok(number) if NUMBER_FIELDS.contains(&name) => Value::from(number),
        _ => Value::String(text),
    }
}

/// `text` with `{n}`, `{n+5}` and `{n-5}` replaced; other braces stay as they are.
fn fill_in(text: &str, n: i64) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{n") {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let placeholder = from.find('}').map(|end| from.split_at(end + 1));
        match placeholder.and_then(|(inside, after)| Some((shift_of(&inside[2..inside.len() - 1])?, after))) {
            Some((shift, after)) => {
                filled.push_str(&n.saturating_add(shift).to_string());
                rest = after;
            }
            None => {
                filled.push_str("{n");
                rest = &from[2..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn shift_of(text: &str) -> Option<i64> {
    if text.is_empty() {
        Some(0)
    } else {
        text.strip_prefix(['+', '-'])?.parse::<u32>().ok()?;
        text.parse().ok()
    }
}

/// Gives an event an id that no other case has. An id that was given is kept apart from other cases', so that an
/// example can send the same event twice.
fn name_event(draft: &mut Draft, place: usize, prefix: &str) {
    let own = match draft.fields.get("event_id").and_then(Value::as_str) {
        Some(given) if !given.is_empty() => given.to_owned(),
        _ => format!("{:05}", place + 1),
    };
    draft.fields.insert("event_id".to_owned(), Value::String(format!("{prefix}{own}")));
}

/// Reads each event as the frontend would; equal problems of many events are told once.
fn check_events(drafts: &[Draft], notes: &mut Notes<'_>) {
    let mut told: Vec<String> = Vec::new();
    for draft in drafts {
        let event = draft.at(jiff::Timestamp::UNIX_EPOCH).event;
        if let Err(error) = json::decode(event.to_string().as_bytes()) {
            let message = error.to_string();
            if !told.contains(&message) {
                notes.error("events", format!("at second {} no valid event: {message}", draft.received_secs));
                told.push(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fill_in;

    #[test]
    fn placeholders_count_and_other_braces_stay() {
        assert_eq!(fill_in("10.0.{n-1}.{n+10}", 3), "10.0.2.13");
        assert_eq!(fill_in("{n}", -1), "-1");
        assert_eq!(fill_in("${jndi:{n}} {name} {n*2} {n", 7), "${jndi:7} {name} {n*2} {n");
    }
}
