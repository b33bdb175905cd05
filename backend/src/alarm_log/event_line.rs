//! Lines that say which event belongs to which stage of which alarm, their keys in the order of existing files.
//!
//! An event that a thousand backlogs count is a thousand of them, one behind the other, which differ in the alarm's id.

use std::sync::Arc;

use dsiem_core::backlog::AlarmId;
use dsiem_core::event::Event;
use serde::Serialize;

const WRITTEN: &str = "text and numbers always become JSON";

/// Writes such lines.
#[derive(Debug, Default)]
pub(super) struct EventLine {
    /// The event and the stage of the last line.
    last: Option<(Arc<Event>, u8)>,
    /// What they are in it: everything behind the alarm's id.
    rest: Vec<u8>,
}

#[derive(Serialize)]
struct Rest<'a> {
    stage: u8,
    event_id: &'a str,
}

impl EventLine {
    /// Appends a line without its end.
    pub(super) fn write(&mut self, alarm_id: &AlarmId, stage: u8, event: &Arc<Event>, line: &mut Vec<u8>) {
        if !self.is_last(event, stage) {
            self.rest.clear();
            let rest = Rest { stage, event_id: &event.id };
            serde_json::to_writer(&mut self.rest, &rest).expect(WRITTEN);
            // It goes on where it would begin.
            self.rest[0] = b',';
            self.last = Some((event.clone(), stage));
        }
        line.extend_from_slice(b"{\"alarm_id\":");
        serde_json::to_writer(&mut *line, alarm_id.as_str()).expect(WRITTEN);
        line.extend_from_slice(&self.rest);
    }

    fn is_last(&self, event: &Arc<Event>, stage: u8) -> bool {
        self.last.as_ref().is_some_and(|(last, its)| *its == stage && Arc::ptr_eq(last, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::event;

    #[test]
    fn lines_are_those_of_existing_files() {
        let mut lines = EventLine::default();
        let (one, other) = (event("e-1", 1, "10.0.0.9"), event(r#"e \"2\""#, 1, "10.0.0.9"));
        for (alarm, stage, event, expected) in [
            ("a", 1, &one, r#"{"alarm_id":"a","stage":1,"event_id":"e-1"}"#),
            ("b", 1, &one, r#"{"alarm_id":"b","stage":1,"event_id":"e-1"}"#),
            ("b", 2, &one, r#"{"alarm_id":"b","stage":2,"event_id":"e-1"}"#),
            ("\"c\"", 2, &other, r#"{"alarm_id":"\"c\"","stage":2,"event_id":"e \"2\""}"#),
            ("a", 1, &one, r#"{"alarm_id":"a","stage":1,"event_id":"e-1"}"#),
        ] {
            let mut line = Vec::new();
            lines.write(&AlarmId::saved(alarm), stage, event, &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }
}
