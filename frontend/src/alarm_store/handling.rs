//! What users do with alarms: status, tag, assignee, comments, deleting; and what they see of what was done.

use serde::Deserialize;
use utoipa::ToSchema;

use super::alarm::{Action, Alarm, HistoryEntry};
use super::changes::{AlarmChange, ChangeKind};
use super::filing;
use super::rules;
use super::writing::Writing;
use crate::database::DatabaseError;
use crate::database::sql::Connection;

/// An alarm that somebody wants to change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Which one.
    pub alarm_id: String,
    /// The version of its handling that he has seen; `None` if it does not matter to him.
    pub version: Option<u64>,
}

/// What is to be changed; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Another status.
    pub status: Option<String>,
    /// Another tag.
    pub tag: Option<String>,
    /// Somebody else who handles it; empty is nobody.
    pub assignee: Option<String>,
}

/// Who does it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act<'a> {
    /// The user.
    pub who: &'a str,
    /// In seconds since 1970.
    pub now: i64,
}

/// What became of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done, and this is the version now.
    Done(u64),
    /// There is no such alarm.
    Missing,
    /// Somebody else has changed it; this is the version now.
    Conflict(u64),
}

impl Writing<'_> {
    /// Changes each target as it is asked, or says why not.
    pub(super) fn change(
        &mut self,
        targets: &[Target],
        change: &Change,
        act: &Act<'_>,
    ) -> Result<Vec<Handled>, DatabaseError> {
        self.each(targets, ChangeKind::Handled, |writing, seq, old| {
            let mut new = old.clone();
            let changes = writing.words.change(&mut new, change);
            if changes.is_empty() {
                return Ok(old.handling.version);
            }
            new.handling.version += 1;
            writing.store(&[(seq, Some(old), &new)])?;
            for (action, before, after) in changes {
                let entry = HistoryEntry { at: act.now, who: act.who.to_owned(), action, before, after };
                writing.note(seq, &entry)?;
            }
            Ok(new.handling.version)
        })
    }

    /// Adds a comment to each target. Comments do not conflict.
    pub(super) fn comment(
        &mut self,
        targets: &[Target],
        text: &str,
        act: &Act<'_>,
    ) -> Result<Vec<Handled>, DatabaseError> {
        self.each(targets, ChangeKind::Handled, |writing, seq, alarm| {
            let entry = HistoryEntry {
                at: act.now,
                who: act.who.to_owned(),
                action: Action::Comment,
                before: String::new(),
                after: text.to_owned(),
            };
            writing.note(seq, &entry)?;
            filing::refile_words(writing.db, writing.combinations, seq, alarm)?;
            Ok(alarm.handling.version)
        })
    }

    /// Removes each target, with its events, comments and history.
    pub(super) fn delete(&mut self, targets: &[Target]) -> Result<Vec<Handled>, DatabaseError> {
        self.each(targets, ChangeKind::Deleted, |writing, seq, alarm| {
            let known = rules::known(alarm.revision, alarm.document.risk_class);
            writing.remove(seq, alarm, Some(known))?;
            Ok(alarm.handling.version)
        })
    }

    fn each(
        &mut self,
        targets: &[Target],
        kind: ChangeKind,
        mut act: impl FnMut(&mut Self, i64, &Alarm) -> Result<u64, DatabaseError>,
    ) -> Result<Vec<Handled>, DatabaseError> {
        let mut handled = Vec::with_capacity(targets.len());
        for target in targets {
            handled.push(match self.find(&target.alarm_id)? {
                None => Handled::Missing,
                Some((_, alarm)) if target.version.is_some_and(|seen| seen != alarm.handling.version) => {
                    Handled::Conflict(alarm.handling.version)
                }
                Some((seq, alarm)) => {
                    let version = act(self, seq, &alarm)?;
                    self.changes.push(AlarmChange::new(&target.alarm_id, kind));
                    Handled::Done(version)
                }
            });
        }
        Ok(handled)
    }
}

impl rules::Words {
    /// Changes the users' part; what was changed, from what, to what.
    fn change(&self, alarm: &mut Alarm, change: &Change) -> Vec<(Action, String, String)> {
        let mut changes = Vec::new();
        let handling = &mut alarm.handling;
        for (action, value, wanted) in [
            (Action::Tag, &mut handling.tag, &change.tag),
            (Action::Assignee, &mut handling.assignee, &change.assignee),
        ] {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != value) {
                changes.push((action, std::mem::replace(value, wanted.clone()), wanted.clone()));
            }
        }
        // A closed alarm whose tag changes was looked at again: what is known now counts from here on.
        let status = change.status.clone().unwrap_or_else(|| handling.status.clone());
        if status != handling.status {
            changes.push((Action::Status, handling.status.clone(), status.clone()));
        }
        if change.status.is_some() || change.tag.is_some() {
            self.set_status(alarm, status);
        }
        changes
    }
}

/// What was done with an alarm, from the first.
pub(super) fn history(db: &mut dyn Connection, alarm_id: &str) -> Result<Vec<HistoryEntry>, DatabaseError> {
    let rows = db.query(
        "SELECT h.at, h.who, h.action, h.before, h.after FROM history h JOIN identities i ON i.seq = h.alarm
         WHERE i.alarm_id = ?1 ORDER BY h.number",
        &[alarm_id.into()],
    )?;
    rows.iter()
        .map(|row| {
            let action = Action::from_str(row.text(2)?);
            Ok(HistoryEntry {
                at: row.int(0)?,
                who: row.text(1)?.to_owned(),
                action: action.ok_or_else(|| DatabaseError::Damaged("no such action in a history".into()))?,
                before: row.text(3)?.to_owned(),
                after: row.text(4)?.to_owned(),
            })
        })
        .collect()
}
