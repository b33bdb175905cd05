//! Storing what becomes of alarms, within one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::alarm::{Action, Alarm, HistoryEntry, Known};
use super::changes::{AlarmChange, ChangeKind};
use super::combinations::Combinations;
use super::document::AlarmUpdate;
use super::filing::{self, Filed};
use super::rules::{self, Outcome, Words};
use super::stored::{Identity, identities, read_alarm, read_alarms};
use super::tallies::Tallies;
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::Connection;
use crate::notifications::{Event, Occasions};

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

/// An alarm of a batch: as it was before, and what the updates so far have made of it.
struct Staged {
    seq: i64,
    deleted: Option<Known>,
    old: Option<Alarm>,
    new: Option<Box<Alarm>>,
}

impl Staged {
    fn now(&self) -> Option<&Alarm> {
        self.new.as_deref().or(self.old.as_ref())
    }
}

impl Writing<'_> {
    /// Applies updates in their order: what the batch needs is read first, and what has changed is stored at its end.
    pub(super) fn apply(&mut self, updates: Vec<AlarmUpdate>) -> Result<Applied, DatabaseError> {
        let mut staged = self.stage(&updates)?;
        let mut applied = Applied::default();
        for update in updates {
            if let Some(alarm) = staged.get_mut(&update.document.alarm_id) {
                self.apply_one(alarm, update, &mut applied)?;
            }
        }
        let changed: Vec<(i64, Option<&Alarm>, &Alarm)> = staged
            .values()
            .filter_map(|staged| Some((staged.seq, staged.old.as_ref(), staged.new.as_deref()?)))
            .collect();
        self.store(&changed)?;
        Ok(applied)
    }

    /// The alarms of a batch as they are stored.
    fn stage(&mut self, updates: &[AlarmUpdate]) -> Result<BTreeMap<String, Staged>, DatabaseError> {
        let ids = each_once(updates.iter().map(|update| update.document.alarm_id.as_str()));
        // None of the new ones stays without an alarm.
        let identities = self.identities_or_new(&ids, None)?;
        let mut stored = read_alarms(self.db, identities.values().map(|identity| identity.seq))?;
        let staged = identities.into_iter().map(|(id, Identity { seq, deleted })| {
            (id, Staged { seq, deleted, old: stored.remove(&seq), new: None })
        });
        Ok(staged.collect())
    }

    fn apply_one(
        &mut self,
        staged: &mut Staged,
        update: AlarmUpdate,
        applied: &mut Applied,
    ) -> Result<(), DatabaseError> {
        if staged.deleted.is_some_and(|known| !rules::rises_above(known, &update)) {
            applied.ignored += 1;
            return Ok(());
        }
        let is_imported = update.revision.is_none();
        let change = AlarmChange::new(&update.document.alarm_id, ChangeKind::Updated);
        let outcome = rules::apply(staged.now(), update, self.words);
        if outcome != Outcome::Ignored {
            self.changes.push(change);
        }
        match outcome {
            Outcome::Ignored => applied.ignored += 1,
            Outcome::Stored(alarm) => {
                let counter =
                    if staged.now().is_some() { &mut applied.updated } else { &mut applied.created };
                *counter += 1;
                if !is_imported {
                    let event = match (staged.now(), staged.deleted) {
                        (Some(before), _) => Event::Changed(before),
                        (None, Some(_)) => Event::Returned,
                        (None, None) => Event::Appeared,
                    };
                    self.occasions.note(self.db, event, &alarm, self.now)?;
                }
                staged.deleted = None;
                staged.new = Some(alarm);
            }
            Outcome::Reopened(alarm, before) => {
                applied.updated += 1;
                if !is_imported {
                    self.occasions.note(self.db, Event::Returned, &alarm, self.now)?;
                }
                let (who, after) = (String::new(), alarm.handling.status.clone());
                let entry = HistoryEntry { at: self.now, who, action: Action::Reopened, before, after };
                self.note(staged.seq, &entry)?;
                staged.new = Some(alarm);
            }
        }
        Ok(())
    }

    /// Puts alarms in the place of what is stored of them; each of them is there once.
    pub(super) fn store(&mut self, alarms: &[(i64, Option<&Alarm>, &Alarm)]) -> Result<(), DatabaseError> {
        let filed: Vec<Filed<'_>> =
            alarms.iter().map(|(seq, old, new)| Filed { seq: *seq, old: *old, new: Some(*new) }).collect();
        filing::file(self.db, self.combinations, &mut self.tallies, &filed)?;
        let new = alarms.iter().filter(|(_, old, _)| old.is_none()).map(|(seq, _, _)| *seq);
        Rows::numbered(new).execute(
            self.db,
            "UPDATE identities SET absent_since = NULL, deleted_revision = NULL, deleted_class = NULL FROM {rows}
             WHERE identities.seq = n.seq AND (absent_since IS NOT NULL OR deleted_revision IS NOT NULL)",
        )?;
        let mut documents = Rows::of(&[("alarm", Kind::Int), ("document", Kind::Text)]);
        for (seq, old, new) in alarms {
            if old.is_some_and(|old| old.document == new.document) {
                continue;
            }
            let document = serde_json::to_string(&new.document)
                .map_err(|error| DatabaseError::Damaged(format!("a document has no JSON form: {error}")))?;
            documents.push([(*seq).into(), document.into()]);
        }
        documents.execute(
            self.db,
            "INSERT INTO documents (alarm, document) SELECT alarm, document FROM {rows} WHERE 1 = 1
             ON CONFLICT (alarm) DO UPDATE SET document = excluded.document",
        )
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
        let filed = [Filed { seq, old: Some(alarm), new: None }];
        filing::file(self.db, self.combinations, &mut self.tallies, &filed)?;
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

    /// What alarms are called here; those that are not known are left out.
    pub(super) fn identities(&mut self, ids: &[&str]) -> Result<HashMap<String, Identity>, DatabaseError> {
        identities(self.db, ids.iter().copied())
    }

    /// What alarms are called here; those that are not known get a name, in their order, and wait for their alarm from this
    /// time on.
    pub(super) fn identities_or_new(
        &mut self,
        ids: &[&str],
        absent_since: Option<i64>,
    ) -> Result<HashMap<String, Identity>, DatabaseError> {
        let mut all = self.identities(ids)?;
        let mut new = Rows::of(&[("alarm_id", Kind::Text), ("absent_since", Kind::Int)]);
        for id in ids.iter().filter(|id| !all.contains_key(**id)) {
            new.push([(*id).into(), absent_since.into()]);
        }
        let rows = new.query(
            self.db,
            "INSERT INTO identities (alarm_id, absent_since) SELECT alarm_id, absent_since FROM {rows}
             RETURNING alarm_id, seq",
        )?;
        for row in rows {
            all.insert(row.text(0)?.to_owned(), Identity { seq: row.int(1)?, deleted: None });
        }
        Ok(all)
    }

    /// An alarm by its id, with what it is called here.
    pub(super) fn find(&mut self, alarm_id: &str) -> Result<Option<(i64, Alarm)>, DatabaseError> {
        let Some(identity) = identities(self.db, [alarm_id])?.remove(alarm_id) else { return Ok(None) };
        Ok(read_alarm(self.db, identity.seq)?.map(|alarm| (identity.seq, alarm)))
    }
}

/// Ids in the order in which they first come.
pub(super) fn each_once<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    ids.filter(|id| seen.insert(*id)).collect()
}
