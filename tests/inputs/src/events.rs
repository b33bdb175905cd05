//! Events as JSON: one, an array, and one a line.

use dsiem_core::event::json::{self, CheckedEvent};
use dsiem_core::event::{Event, EventKeys};
use serde_json::value::RawValue;

use crate::choice;

/// One event: what is read can be written and read again, and the filter sees the same in it.
///
/// # Panics
/// If that does not hold.
pub fn event(data: &[u8]) {
    let keys = EventKeys::read(data);
    let Ok(event) = json::decode(data) else { return };
    let keys = keys.expect("an event that can be read has keys that can be read");
    assert_eq!(keys, EventKeys::from(&event), "the index would look for another event");
    let written = wire_of(&event);
    let again = json::decode(&written).expect("what was written can be read");
    assert_eq!(text(&written), text(&wire_of(&again)), "what was written is read as something else");
}

/// Several events: what the quick reader takes is what the careful one makes of each by itself.
///
/// # Panics
/// If that does not hold.
pub fn events(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    let Ok(body) = std::str::from_utf8(rest) else { return };
    let is_ndjson = choice % 2 == 1;
    let mut taken = Vec::new();
    let take = |event: CheckedEvent<'_>| {
        taken.push(wire(&event));
        true
    };
    let is_flawless = if is_ndjson { json::check_lines(body, take) } else { json::check_array(body, take) };
    let carefully: Vec<_> = parts(body, is_ndjson).into_iter().map(json::check).collect();
    if is_flawless {
        let carefully: Vec<_> =
            carefully.iter().map(|event| wire(event.as_ref().expect("the quick reader took it"))).collect();
        assert_eq!(taken, carefully);
    }
}

/// The text of each event; none if the body as a whole is not JSON.
fn parts(body: &str, is_ndjson: bool) -> Vec<&str> {
    if is_ndjson {
        return body.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty()).collect();
    }
    let elements: Vec<&RawValue> = serde_json::from_str(body).unwrap_or_default();
    elements.into_iter().map(RawValue::get).collect()
}

fn wire(event: &CheckedEvent<'_>) -> String {
    let mut out = Vec::new();
    event.encode(&mut out);
    text(&out).to_owned()
}

fn wire_of(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    json::encode(event, &mut out);
    out
}

fn text(wire: &[u8]) -> &str {
    std::str::from_utf8(wire).expect("the wire form is text")
}
