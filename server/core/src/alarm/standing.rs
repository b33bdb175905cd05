//! What is known of an alarm beside its document: what orders documents, and how far the alarm is.
//!
//! The files of alarms stay as existing pipelines read them. Whoever takes alarms from the bus gets this as well, in the
//! same JSON object, behind the document's own keys.

use serde::Serialize;

use crate::backlog::{Backlog, Ending, Settings, Stage};

/// How far an alarm is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Of two documents of an alarm, the one with the higher number is the later one; see [`Backlog::revision`].
    revision: u64,
    /// The directive that raised it.
    directive_id: u64,
    progress: Progress,
}

/// How far its directive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Progress {
    /// The last second in which its current stage can be completed, in seconds since 1970; absent once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<i64>,
    /// Why it is over; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<&'static str>,
    /// How many events each stage has that was reached, from the first.
    stage_events: Vec<u64>,
}

impl Standing {
    /// That of a backlog as it stands.
    #[must_use]
    pub fn of(backlog: &Backlog, settings: &Settings) -> Self {
        let ending = backlog.ending();
        Self {
            revision: backlog.revision(),
            directive_id: backlog.directive().id,
            progress: Progress {
                deadline: ending.is_none().then(|| backlog.deadline_secs(settings)),
                ending: ending.map(|ending| match ending {
                    Ending::Completed => "completed",
                    Ending::TimedOut => "timed_out",
                    Ending::Evicted => "evicted",
                }),
                stage_events: backlog.stages().iter().map(Stage::events).collect(),
            },
        }
    }

    /// The document with this behind its own keys.
    #[must_use]
    pub fn added_to(&self, document: &[u8]) -> Vec<u8> {
        const WRITTEN: &str = "numbers and texts have a JSON form";
        let document = document.strip_suffix(b"}").unwrap_or(document);
        let mut update = Vec::with_capacity(document.len() + 160);
        update.extend_from_slice(document);
        let start = update.len();
        serde_json::to_writer(&mut update, self).expect(WRITTEN);
        // An object of its own begins with a brace; a part of one, with a comma.
        update[start] = b',';
        update
    }
}
