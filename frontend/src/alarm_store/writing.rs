//! Storing updates and events, within one transaction.

use std::collections::{BTreeMap, BTreeSet};

use dsiem_core::event::EventKey;

use super::alarm::{Action, Alarm, Handling, HistoryEntry, Known};
use super::changes::{AlarmChange, ChangeKind};
use super::document::{AlarmUpdate, StageEvent, class_name};
use super::filing::{self, Combinations, Tallies};
use super::rules::{self, Outcome, Words};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, ROWS_AT_ONCE, Row, Statement, Value, as_u64};
use crate::notifications::{Event, Occasions};

/// Of each stage, the bodies of so many first events are kept, and of as many newest ones.
pub const BODIES_KEPT: u64 = 1_000;

/// What became of some updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Alarms that were new.
    pub created: u64,
    /// Updates that said something new of an alarm that was there.
    pub updated: u64,
    /// Updates that said nothing new, or of an alarm that a user deleted.
    pub ignored: u64,
}

/// What became of some events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events that count for their stage now.
    pub counted: u64,
    /// Events that counted already.
    pub repeated: u64,
    /// Events of alarms that a user deleted, or that are not there where they must be.
    pub ignored: u64,
}

/// What to do with events whose alarm is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutAlarm {
    /// Keep them: on the bus, events may come before their alarm.
    Keep,
    /// Leave them out: files have events of backlogs that never became alarms.
    LeaveOut,
}

/// A transaction that writes.
pub(super) struct Writing<'a> {
    pub(super) db: &'a mut dyn Connection,
    pub(super) combinations: &'a mut Combinations,
    pub(super) tallies: Tallies,
    pub(super) words: &'a Words,
    /// What those who listen are told once it is stored.
    pub(super) changes: Vec<AlarmChange>,
    /// What people may be told of.
    pub(super) occasions: Occasions,
    /// In seconds since 1970.
    pub(super) now: i64,
}

/// What an alarm is called here, and what was known when it was deleted.
#[derive(Clone, Copy)]
struct Identity {
    seq: i64,
    deleted: Option<Known>,
}

impl Writing<'_> {
    /// Applies updates in their order.
    pub(super) fn apply(&mut self, updates: Vec<AlarmUpdate>) -> Result<Applied, DatabaseError> {
        let mut applied = Applied::default();
        for update in updates {
            self.apply_one(update, &mut applied)?;
        }
        Ok(applied)
    }

    fn apply_one(&mut self, update: AlarmUpdate, applied: &mut Applied) -> Result<(), DatabaseError> {
        let identity = self.identity_or_new(&update.document.alarm_id)?;
        if identity.deleted.is_some_and(|known| !rules::rises_above(known, &update)) {
            applied.ignored += 1;
            return Ok(());
        }
        let stored = read_alarm(self.db, identity.seq)?;
        let is_imported = update.revision.is_none();
        let change = AlarmChange::new(&update.document.alarm_id, ChangeKind::Updated);
        let outcome = rules::apply(stored.as_ref(), update, self.words);
        if outcome != Outcome::Ignored {
            self.changes.push(change);
        }
        match outcome {
            Outcome::Ignored => applied.ignored += 1,
            Outcome::Stored(alarm) => {
                let counter = if stored.is_some() { &mut applied.updated } else { &mut applied.created };
                *counter += 1;
                self.store(identity.seq, stored.as_ref(), &alarm)?;
                if !is_imported {
                    let event = match &stored {
                        Some(stored) => Event::Changed(stored),
                        None if identity.deleted.is_some() => Event::Returned,
                        None => Event::Appeared,
                    };
                    self.occasions.note(self.db, event, &alarm, self.now)?;
                }
            }
            Outcome::Reopened(alarm, before) => {
                applied.updated += 1;
                self.store(identity.seq, stored.as_ref(), &alarm)?;
                if !is_imported {
                    self.occasions.note(self.db, Event::Returned, &alarm, self.now)?;
                }
                let after = alarm.handling.status.clone();
                let who = String::new();
                self.note(
                    identity.seq,
                    &HistoryEntry { at: self.now, who, action: Action::Reopened, before, after },
                )?;
            }
        }
        Ok(())
    }

    /// Puts an alarm in the place of what is stored.
    pub(super) fn store(&mut self, seq: i64, old: Option<&Alarm>, new: &Alarm) -> Result<(), DatabaseError> {
        filing::file(self.db, self.combinations, &mut self.tallies, seq, old, Some(new))?;
        if old.is_none() {
            self.db.execute(
                "UPDATE identities SET absent_since = NULL, deleted_revision = NULL, deleted_class = NULL
                 WHERE seq = ?1",
                &[seq.into()],
            )?;
        }
        if old.is_some_and(|old| old.document == new.document) {
            return Ok(());
        }
        let document = serde_json::to_string(&new.document)
            .map_err(|error| DatabaseError::Damaged(format!("a document has no JSON form: {error}")))?;
        self.db.execute(
            "INSERT INTO documents (alarm, document) VALUES (?1, ?2)
             ON CONFLICT (alarm) DO UPDATE SET document = excluded.document",
            &[seq.into(), document.into()],
        )?;
        Ok(())
    }

    /// Adds an entry to an alarm's history.
    pub(super) fn note(&mut self, seq: i64, entry: &HistoryEntry) -> Result<(), DatabaseError> {
        self.db.execute(
            "INSERT INTO history (alarm, number, at, who, action, before, after)
             SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM history WHERE alarm = ?1",
            &[
                seq.into(),
                entry.at.into(),
                entry.who.as_str().into(),
                entry.action.as_str().into(),
                entry.before.as_str().into(),
                entry.after.as_str().into(),
            ],
        )?;
        Ok(())
    }

    /// Removes an alarm and everything about it; `gone` is what is known of it, so that it does not come back with
    /// the next update, or `None` where it may.
    pub(super) fn remove(
        &mut self,
        seq: i64,
        alarm: &Alarm,
        gone: Option<Known>,
    ) -> Result<(), DatabaseError> {
        filing::file(self.db, self.combinations, &mut self.tallies, seq, Some(alarm), None)?;
        self.remove_rows(seq)?;
        match gone {
            Some(known) => self.db.execute(
                "UPDATE identities SET deleted_revision = ?2, deleted_class = ?3, absent_since = ?4 WHERE seq = ?1",
                &[seq.into(), known.revision.into(), (known.class as i64).into(), self.now.into()],
            )?,
            None => self.db.execute("DELETE FROM identities WHERE seq = ?1", &[seq.into()])?,
        };
        Ok(())
    }

    /// Removes what is kept beside the alarm.
    pub(super) fn remove_rows(&mut self, seq: i64) -> Result<(), DatabaseError> {
        for statement in [
            "DELETE FROM documents WHERE alarm = ?1",
            "DELETE FROM history WHERE alarm = ?1",
            "DELETE FROM stages WHERE alarm = ?1",
            "DELETE FROM event_keys WHERE alarm = ?1",
            "DELETE FROM events WHERE alarm = ?1",
            "DELETE FROM notification_told WHERE alarm = ?1",
        ] {
            self.db.execute(statement, &[seq.into()])?;
        }
        Ok(())
    }

    /// Counts events for their stages.
    pub(super) fn count(
        &mut self,
        events: &[StageEvent],
        without_alarm: WithoutAlarm,
    ) -> Result<Counted, DatabaseError> {
        let mut counted = Counted::default();
        let mut of_stages: BTreeMap<(&str, u8), Vec<&StageEvent>> = BTreeMap::new();
        for event in events {
            of_stages.entry((&event.alarm_id, event.stage)).or_default().push(event);
        }
        for ((alarm_id, stage), events) in of_stages {
            let identity = match without_alarm {
                WithoutAlarm::Keep => Some(self.identity_or_new(alarm_id)?),
                WithoutAlarm::LeaveOut => self.identity(alarm_id)?,
            };
            match identity {
                Some(Identity { seq, deleted: None }) => {
                    let before = counted.counted;
                    self.count_in_stage(seq, i64::from(stage), &events, &mut counted)?;
                    if counted.counted > before {
                        self.changes.push(AlarmChange::new(alarm_id, ChangeKind::Updated));
                    }
                }
                _ => counted.ignored += as_u64(events.len()),
            }
        }
        Ok(counted)
    }

    fn count_in_stage(
        &mut self,
        seq: i64,
        stage: i64,
        events: &[&StageEvent],
        counted: &mut Counted,
    ) -> Result<(), DatabaseError> {
        let rows = self.db.query(
            "SELECT events FROM stages WHERE alarm = ?1 AND stage = ?2",
            &[seq.into(), stage.into()],
        )?;
        let before = rows.first().map_or(Ok(0), |row| row.unsigned(0))?;
        let mut number = before;
        for some in events.chunks(ROWS_AT_ONCE) {
            let new = self.new_events(seq, stage, some)?;
            counted.counted += as_u64(new.len());
            counted.repeated += as_u64(some.len() - new.len());
            self.put_events(seq, stage, number, &new)?;
            number += as_u64(new.len());
        }
        if number == before {
            return Ok(());
        }
        self.forget_bodies(seq, stage, before, number)?;
        self.db.execute(
            "INSERT INTO stages (alarm, stage, events) VALUES (?1, ?2, ?3)
             ON CONFLICT (alarm, stage) DO UPDATE SET events = excluded.events",
            &[seq.into(), stage.into(), number.into()],
        )?;
        Ok(())
    }

    /// Notes which events a stage has; those that it did not have.
    fn new_events<'e>(
        &mut self,
        seq: i64,
        stage: i64,
        events: &[&'e StageEvent],
    ) -> Result<Vec<&'e StageEvent>, DatabaseError> {
        let mut put = Statement::default();
        let (seq, stage) = (put.bind(seq), put.bind(stage));
        let keys: Vec<Vec<u8>> =
            events.iter().map(|event| EventKey::of(&event.event_id).0.to_vec()).collect();
        let rows: Vec<String> =
            keys.iter().map(|key| format!("({seq}, {stage}, {})", put.bind(key.clone()))).collect();
        put.text = format!(
            "INSERT INTO event_keys (alarm, stage, event_key) VALUES {} ON CONFLICT DO NOTHING RETURNING event_key",
            rows.join(", ")
        );
        let mut new = BTreeSet::new();
        for row in put.rows(self.db)? {
            new.insert(row.bytes(0)?.to_vec());
        }
        // The first of several that are the same is the new one.
        Ok(events.iter().zip(keys).filter(|(_, key)| new.remove(key)).map(|(event, _)| *event).collect())
    }

    /// Puts events behind those that a stage has.
    fn put_events(
        &mut self,
        seq: i64,
        stage: i64,
        before: u64,
        events: &[&StageEvent],
    ) -> Result<(), DatabaseError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut put = Statement::default();
        let (seq, stage) = (put.bind(seq), put.bind(stage));
        let rows: Vec<String> = (before + 1..)
            .zip(events)
            .map(|(number, event)| {
                let body: Value = event.event.as_ref().map(|body| body.get()).into();
                let (number, id, body) =
                    (put.bind(number), put.bind(event.event_id.as_str()), put.bind(body));
                format!("({seq}, {stage}, {number}, {id}, {body})")
            })
            .collect();
        let sql =
            format!("INSERT INTO events (alarm, stage, number, event_id, body) VALUES {}", rows.join(", "));
        self.db.execute(&sql, &put.values)?;
        Ok(())
    }

    /// Of the events between the first and the newest, no body is kept.
    fn forget_bodies(&mut self, seq: i64, stage: i64, before: u64, now: u64) -> Result<(), DatabaseError> {
        let (from, to) =
            (before.saturating_sub(BODIES_KEPT).max(BODIES_KEPT), now.saturating_sub(BODIES_KEPT));
        if to > from {
            self.db.execute(
                "UPDATE events SET body = NULL WHERE alarm = ?1 AND stage = ?2 AND number > ?3 AND number <= ?4",
                &[seq.into(), stage.into(), from.into(), to.into()],
            )?;
        }
        Ok(())
    }

    fn identity(&mut self, alarm_id: &str) -> Result<Option<Identity>, DatabaseError> {
        let rows = self.db.query(
            "SELECT seq, deleted_revision, deleted_class FROM identities WHERE alarm_id = ?1",
            &[alarm_id.into()],
        )?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Identity { seq: row.int(0)?, deleted: known(row, 1)? }))
    }

    fn identity_or_new(&mut self, alarm_id: &str) -> Result<Identity, DatabaseError> {
        if let Some(identity) = self.identity(alarm_id)? {
            return Ok(identity);
        }
        let rows = self.db.query(
            "INSERT INTO identities (alarm_id, absent_since) VALUES (?1, ?2) RETURNING seq",
            &[alarm_id.into(), self.now.into()],
        )?;
        let seq = rows
            .first()
            .map_or_else(|| Err(DatabaseError::Damaged("no identity".into())), |row| row.int(0))?;
        Ok(Identity { seq, deleted: None })
    }

    /// An alarm by its id, with what it is called here.
    pub(super) fn find(&mut self, alarm_id: &str) -> Result<Option<(i64, Alarm)>, DatabaseError> {
        let Some(identity) = self.identity(alarm_id)? else { return Ok(None) };
        Ok(read_alarm(self.db, identity.seq)?.map(|alarm| (identity.seq, alarm)))
    }
}

/// The columns that [`alarm_of`] reads, of the tables `a` (alarms), `c` (combinations) and `d` (documents).
pub(super) const ALARM_COLUMNS: &str =
    "d.document, c.directive, a.revision, c.status, c.tag, c.assignee, a.version,
    a.changed_since_closed, a.closed_revision, a.closed_class";

/// One alarm as it is stored.
pub(super) fn read_alarm(db: &mut dyn Connection, seq: i64) -> Result<Option<Alarm>, DatabaseError> {
    let sql = format!(
        "SELECT {ALARM_COLUMNS} FROM alarms a JOIN combinations c ON c.id = a.combination
         JOIN documents d ON d.alarm = a.seq WHERE a.seq = ?1"
    );
    db.query(&sql, &[seq.into()])?.first().map(alarm_of).transpose()
}

/// Reads [`ALARM_COLUMNS`].
pub(super) fn alarm_of(row: &Row) -> Result<Alarm, DatabaseError> {
    let document = serde_json::from_str(row.text(0)?)
        .map_err(|error| DatabaseError::Damaged(format!("a stored document cannot be read: {error}")))?;
    let directive = row.int(1)?.cast_unsigned();
    Ok(Alarm {
        document,
        directive_id: (directive != 0).then_some(directive),
        revision: row.unsigned(2)?,
        handling: Handling {
            status: row.text(3)?.to_owned(),
            tag: row.text(4)?.to_owned(),
            assignee: row.text(5)?.to_owned(),
            version: row.unsigned(6)?,
            changed_since_closed: row.int(7)? != 0,
            closed_at: known(row, 8)?,
        },
    })
}

/// What was known, from a revision and the class behind it.
fn known(row: &Row, column: usize) -> Result<Option<Known>, DatabaseError> {
    let (Some(revision), Some(class)) = (row.optional_int(column)?, row.optional_int(column + 1)?) else {
        return Ok(None);
    };
    let class = class_name::ALL.into_iter().find(|known| *known as i64 == class);
    let class = class.ok_or_else(|| DatabaseError::Damaged("there is no such class of risk".into()))?;
    Ok(Some(rules::known(revision.cast_unsigned(), class)))
}
