//! What an update makes of a stored alarm: the rules, without a database.
//!
//! Updates with a revision may come in any order and any number of times; the highest revision is what counts, and the
//! outcome is the same. (A class does not fall from one revision to the next: that is the engine's promise.) Documents
//! of existing files have no revision and follow the rules that Logstash and Elasticsearch apply to them, which depend
//! on their order in the file. What users did stays.

use dsiem_core::risk::RiskClass;

use super::alarm::{Alarm, Handling, Known};
use super::document::{AlarmDocument, AlarmUpdate};

/// The installation's words that mean something to the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The status of what is to be looked at.
    pub open: String,
    /// The status of what is done.
    pub closed: String,
    /// The tag of what was no attack.
    pub false_positive: String,
}

impl Default for Words {
    fn default() -> Self {
        Self { open: "Open".into(), closed: "Closed".into(), false_positive: "False Positive".into() }
    }
}

/// What becomes of an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It says nothing new.
    Ignored,
    /// The alarm is this now.
    Stored(Box<Alarm>),
    /// The alarm is this now; it was a false positive, had this status, and is open because its class rose.
    Reopened(Box<Alarm>, String),
}

/// Applies an update to the alarm as it is stored, if it is.
pub(super) fn apply(stored: Option<&Alarm>, update: AlarmUpdate, words: &Words) -> Outcome {
    let Some(stored) = stored else { return Outcome::Stored(Box::new(new_alarm(update))) };
    let rises = stored.handling.closed_at.is_some_and(|known| rises_above(known, &update));
    let reopens = rises && words.is_false_positive(&stored.handling);
    let replaces = replaces(stored, &update);
    if !replaces && !reopens {
        return Outcome::Ignored;
    }
    let mut alarm = stored.clone();
    if replaces {
        replace(&mut alarm, update);
        alarm.handling.changed_since_closed |= alarm.handling.closed_at.is_some()
            && (alarm.revision != stored.revision || alarm.document != stored.document);
    }
    if !reopens {
        return Outcome::Stored(Box::new(alarm));
    }
    words.set_status(&mut alarm, words.open.clone());
    alarm.handling.version += 1;
    Outcome::Reopened(Box::new(alarm), stored.handling.status.clone())
}

/// Whether the update's class is above the one that was known, and the update newer.
pub(super) fn rises_above(known: Known, update: &AlarmUpdate) -> bool {
    update.document.risk_class > known.class
        && update.revision.is_none_or(|revision| revision > known.revision)
}

fn new_alarm(update: AlarmUpdate) -> Alarm {
    let handling = Handling {
        status: update.document.status.clone(),
        tag: update.document.tag.clone(),
        assignee: String::new(),
        version: 1,
        changed_since_closed: false,
        closed_at: None,
    };
    Alarm {
        directive_id: update.directive_id,
        revision: update.revision.unwrap_or(0),
        document: update.document,
        handling,
    }
}

/// Whether the update is newer than what is stored.
fn replaces(stored: &Alarm, update: &AlarmUpdate) -> bool {
    let (old, new) = (&stored.document, &update.document);
    match update.revision {
        Some(revision) => revision > stored.revision,
        None if stored.revision > 0 => false,
        None => (new.risk, new.update_time) >= (old.risk, old.update_time),
    }
}

/// Puts the update's document in the place of the stored one.
fn replace(alarm: &mut Alarm, update: AlarmUpdate) {
    match update.revision {
        Some(revision) => {
            alarm.revision = revision;
            alarm.document = update.document;
        }
        None => overwrite_imported(&mut alarm.document, update.document),
    }
    alarm.directive_id = update.directive_id.or(alarm.directive_id);
}

/// A later document of a file leaves what it does not have, and never renames.
fn overwrite_imported(old: &mut AlarmDocument, new: AlarmDocument) {
    old.created_time = new.created_time;
    old.update_time = new.update_time;
    old.risk = new.risk;
    old.risk_class = new.risk_class;
    old.src_ips = new.src_ips;
    old.dst_ips = new.dst_ips;
    old.networks = new.networks;
    old.rules = new.rules;
    for (old, new) in [(&mut old.intel_hits, new.intel_hits), (&mut old.vulnerabilities, new.vulnerabilities)]
    {
        if !new.is_empty() {
            *old = new;
        }
    }
    if !new.custom_data.is_empty() {
        old.custom_data = new.custom_data;
    }
}

impl Words {
    fn is_false_positive(&self, handling: &Handling) -> bool {
        handling.status == self.closed && handling.tag == self.false_positive
    }

    /// Gives an alarm a status, and notes what is known of it when that closes it.
    pub(super) fn set_status(&self, alarm: &mut Alarm, status: String) {
        let known = known(alarm.revision, alarm.document.risk_class);
        alarm.handling.closed_at = (status == self.closed).then_some(known);
        alarm.handling.changed_since_closed = false;
        alarm.handling.status = status;
    }
}

/// What is known of an alarm with this revision and class.
pub(super) fn known(revision: u64, class: RiskClass) -> Known {
    Known { revision, class }
}
