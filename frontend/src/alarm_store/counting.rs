//! Counting events for the stages of alarms, within one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dsiem_core::event::EventKey;

use super::changes::{AlarmChange, ChangeKind};
use super::document::StageEvent;
use super::stored::Identity;
use super::writing::{Writing, each_once};
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::Value;

/// Of each stage, the bodies of so many first events are kept, and of as many newest ones.
pub const BODIES_KEPT: u64 = 1_000;

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

/// A stage: the number of its alarm, and its own.
type StageKey = (i64, i64);

/// Events that came for a stage, each with its key.
type Coming<'e> = BTreeMap<StageKey, Vec<(&'e StageEvent, Vec<u8>)>>;

impl Writing<'_> {
    /// Counts events for their stages.
    pub(super) fn count(
        &mut self,
        events: &[StageEvent],
        without_alarm: WithoutAlarm,
    ) -> Result<Counted, DatabaseError> {
        let mut counted = Counted::default();
        let ids = each_once(events.iter().map(|event| event.alarm_id.as_str()));
        let identities = match without_alarm {
            WithoutAlarm::Keep => self.identities_or_new(&ids, Some(self.now))?,
            WithoutAlarm::LeaveOut => self.identities(&ids)?,
        };
        let mut coming = Coming::new();
        for event in events {
            match identities.get(&event.alarm_id) {
                Some(Identity { seq, deleted: None }) => {
                    let key = EventKey::of(&event.event_id).0.to_vec();
                    coming.entry((*seq, event.stage.into())).or_default().push((event, key));
                }
                _ => counted.ignored += 1,
            }
        }
        self.count_coming(&coming, &mut counted)?;
        Ok(counted)
    }

    fn count_coming(&mut self, coming: &Coming<'_>, counted: &mut Counted) -> Result<(), DatabaseError> {
        let before = self.events_of(coming.keys())?;
        let mut new = self.new_keys(coming)?;
        let mut put = Rows::of(&[
            ("alarm", Kind::Int),
            ("stage", Kind::Int),
            ("number", Kind::Int),
            ("event_id", Kind::Text),
            ("body", Kind::Text),
        ]);
        let mut totals = Rows::of(&[("alarm", Kind::Int), ("stage", Kind::Int), ("events", Kind::Int)]);
        let mut grown = Vec::new();
        for (stage, events) in coming {
            let before = before.get(stage).copied().unwrap_or(0);
            let mut total = before;
            for (event, key) in events {
                // The first of several that are the same is the new one.
                if !new.remove(&(*stage, key.clone())) {
                    counted.repeated += 1;
                    continue;
                }
                total += 1;
                let body: Value = event.event.as_ref().map(|body| body.get()).into();
                let id = event.event_id.as_str().into();
                put.push([stage.0.into(), stage.1.into(), total.into(), id, body]);
            }
            if total > before {
                counted.counted += total - before;
                totals.push([stage.0.into(), stage.1.into(), total.into()]);
                grown.push((*stage, before, total));
                self.changes.extend(
                    events.first().map(|(event, _)| AlarmChange::new(&event.alarm_id, ChangeKind::Updated)),
                );
            }
        }
        put.execute(
            self.db,
            "INSERT INTO events (alarm, stage, number, event_id, body)
             SELECT alarm, stage, number, event_id, body FROM {rows}",
        )?;
        grown.into_iter().try_for_each(|(stage, before, now)| self.forget_bodies(stage, before, now))?;
        totals.execute(
            self.db,
            "INSERT INTO stages (alarm, stage, events) SELECT alarm, stage, events FROM {rows} WHERE 1 = 1
             ON CONFLICT (alarm, stage) DO UPDATE SET events = excluded.events",
        )
    }

    /// How many events stages have.
    fn events_of<'k>(
        &mut self,
        stages: impl Iterator<Item = &'k StageKey>,
    ) -> Result<HashMap<StageKey, u64>, DatabaseError> {
        let mut wanted = Rows::of(&[("alarm", Kind::Int), ("stage", Kind::Int)]);
        stages.for_each(|(alarm, stage)| wanted.push([(*alarm).into(), (*stage).into()]));
        let rows = wanted.query(
            self.db,
            "SELECT s.alarm, s.stage, s.events FROM {rows}
             JOIN stages s ON s.alarm = n.alarm AND s.stage = n.stage",
        )?;
        rows.iter().map(|row| Ok(((row.int(0)?, row.int(1)?), row.unsigned(2)?))).collect()
    }

    /// Notes which events stages have; those that they did not have.
    fn new_keys(&mut self, coming: &Coming<'_>) -> Result<BTreeSet<(StageKey, Vec<u8>)>, DatabaseError> {
        let mut put = Rows::of(&[("alarm", Kind::Int), ("stage", Kind::Int), ("event_key", Kind::Bytes)]);
        for ((alarm, stage), events) in coming {
            for (_, key) in events {
                put.push([(*alarm).into(), (*stage).into(), key.clone().into()]);
            }
        }
        let rows = put.query(
            self.db,
            "INSERT INTO event_keys (alarm, stage, event_key) SELECT alarm, stage, event_key FROM {rows}
             WHERE 1 = 1 ON CONFLICT DO NOTHING RETURNING alarm, stage, event_key",
        )?;
        rows.iter().map(|row| Ok(((row.int(0)?, row.int(1)?), row.bytes(2)?.to_vec()))).collect()
    }

    /// Of the events between the first and the newest, no body is kept.
    fn forget_bodies(&mut self, stage: StageKey, before: u64, now: u64) -> Result<(), DatabaseError> {
        let (from, to) =
            (before.saturating_sub(BODIES_KEPT).max(BODIES_KEPT), now.saturating_sub(BODIES_KEPT));
        if to > from {
            self.db.execute(
                "UPDATE events SET body = NULL WHERE alarm = ?1 AND stage = ?2 AND number > ?3 AND number <= ?4",
                &[stage.0.into(), stage.1.into(), from.into(), to.into()],
            )?;
        }
        Ok(())
    }
}
