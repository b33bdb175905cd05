//! Examples of directives: events that must raise an alarm, and near misses that must not.
//!
//! A directive without examples is a guess. An examples file lies beside a directive file and says, case by case, what
//! happens and what must come of it; whoever changes a directive learns at once what else changed. [`read`] turns such
//! a file into [`Case`]s: the events of each with the second at which they are received, and an [`Expectation`] that
//! explains in words how the alarms differ from it. Running the events is left to whoever has an engine. The format is
//! described in `docs/directives.md`.

mod compare;
mod expect;
mod read;
mod steps;

pub use expect::{Expectation, ExpectedAlarm, Outcome};
pub use read::read;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::backlog::AlarmId;

/// The most events that one case may expand to.
pub const MAX_EVENTS_PER_CASE: usize = 100_000;

/// The longest that one case may last, in seconds: 366 days.
pub const MAX_CASE_SECS: u64 = 366 * 86_400;

/// One example: what happens, and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The examples file that it stands in.
    pub file: String,
    /// A sentence: what happens, and why it must or must not raise an alarm. Unique within the file.
    pub name: String,
    /// The id of the directive that it is about.
    pub directive: u64,
    /// How long nothing happens after the last event, in seconds: what is due by then has expired.
    pub wait_secs: u64,
    /// What must have come of it then.
    pub expect: Expectation,
    events: Vec<Draft>,
}

/// An event of a case, ready to be received.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedEvent {
    /// When it is received, in seconds after the start of the case.
    pub offset_secs: u64,
    /// A normalized event with all it needs: a JSON object.
    pub event: Value,
}

/// An event whose timestamp waits for the start of the case.
#[derive(Debug, Clone, PartialEq)]
struct Draft {
    /// When it is received, in seconds after the start.
    received_secs: u64,
    /// How much later it is received than it happened, in seconds; negative when the sender's clock is ahead.
    late_secs: i64,
    fields: Map<String, Value>,
}

impl Draft {
    fn at(&self, start: Timestamp) -> TimedEvent {
        let happened = i64::try_from(self.received_secs).unwrap_or(i64::MAX).saturating_sub(self.late_secs);
        // A start at the very end of the calendar stays there; both ends of a case move alike.
        let timestamp = start.saturating_add(SignedDuration::from_secs(happened)).unwrap_or(start);
        let mut event = self.fields.clone();
        event.insert("timestamp".to_owned(), Value::String(timestamp.to_string()));
        TimedEvent { offset_secs: self.received_secs, event: Value::Object(event) }
    }
}

impl Case {
    /// The events in the order in which they are received, when the case starts at `start`. Their ids depend on the
    /// file, the case and their place in it only, and are unique over all cases of all files of different names.
    pub fn events(&self, start: Timestamp) -> impl Iterator<Item = TimedEvent> + '_ {
        self.events.iter().map(move |draft| draft.at(start))
    }

    /// How long the case lasts, in seconds: from its start to the last event, and the silence after it.
    #[must_use]
    pub fn duration_secs(&self) -> u64 {
        self.events.last().map_or(0, |event| event.received_secs).saturating_add(self.wait_secs)
    }

    /// The ids of the events, in the order in which they are received.
    pub fn event_ids(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|draft| draft.fields.get("event_id")?.as_str())
    }

    /// Holds the expectation against `documents`: alarm documents in the order in which they were written, whether of
    /// this case alone or of many cases and directives run together. Those of others are left aside: an alarm's id
    /// says which directive and which event it comes from.
    ///
    /// # Errors
    /// How they differ, in words.
    pub fn check(&self, documents: &[Value]) -> Result<(), String> {
        let ids: BTreeSet<AlarmId> = self.event_ids().map(|id| AlarmId::of(self.directive, id)).collect();
        let is_own = |document: &&Value| {
            document["alarm_id"].as_str().is_some_and(|id| ids.contains(&AlarmId::saved(id)))
        };
        let own: Vec<Value> = documents.iter().filter(is_own).cloned().collect();
        self.expect.check(&own)
    }

    /// `examples_x.json: "Nine failures are one too few"`, for reports.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}: \"{}\"", self.file, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Case;
    use crate::backlog::AlarmId;

    fn case(expect: &Value) -> Case {
        let file = json!({"cases": [{
            "name": "Two events", "directive": 7, "expect": expect,
            "events": [{"sensor": "s", "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "plugin_id": 1, "plugin_sid": 2, "repeat": 2}]
        }]});
        super::read("examples_x.json", file.to_string().as_bytes()).into_result().unwrap().remove(0)
    }

    fn alarm(directive: u64, event_id: &str) -> Value {
        json!({"alarm_id": AlarmId::of(directive, event_id), "rules": [{"stage": 1, "status": "finished"}]})
    }

    #[test]
    fn alarms_of_other_directives_and_other_cases_are_left_aside() {
        let others = [alarm(8, "examples_x/1/00001"), alarm(7, "examples_x/2/00001"), json!({"alarm_id": 7})];
        assert_eq!(case(&json!("no alarm")).check(&others), Ok(()));
        assert!(case(&json!({"stage": 1})).check(&others).is_err());
    }

    #[test]
    fn an_alarm_that_any_event_of_the_case_opened_is_its_own() {
        let own = [alarm(7, "examples_x/1/00002")];
        assert_eq!(case(&json!({"stage": 1})).check(&own), Ok(()));
        assert!(case(&json!("no alarm")).check(&own).is_err());
    }
}
