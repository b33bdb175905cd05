//! The events of an alarm, as they are given out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::document::AlarmDocument;
use super::list::MAX_PAGE;
use crate::database::DatabaseError;
use crate::database::sql::Connection;
use crate::database::sql::as_u64;

/// How many events a stage has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageCount {
    /// The stage, from 1.
    pub stage: u8,
    /// How many.
    pub events: u64,
}

impl StageCount {
    /// How many events a stage has, of which there may be none.
    pub(crate) fn of(counts: &[Self], stage: u8) -> u64 {
        counts.iter().find(|count| count.stage == stage).map_or(0, |count| count.events)
    }
}

/// An event of a stage.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoredEvent {
    /// Which one of its stage, from 1.
    pub number: u64,
    /// Its id.
    pub event_id: String,
    /// What it says, where that is kept.
    #[schema(value_type = Option<Object>)]
    pub event: Option<Box<RawValue>>,
}

/// Some events of a stage, in the order in which they came.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub events: Vec<StoredEvent>,
    /// The number behind which the next page begins, if there is one.
    pub next: Option<u64>,
}

/// The counts, raised to what the engine says of each stage: it counts events that it could not keep until there was an
/// alarm.
pub(super) fn at_least(counts: &[StageCount], document: &AlarmDocument) -> Vec<StageCount> {
    let said = document.progress.as_ref().map_or(&[][..], |progress| &progress.stage_events);
    let mut events: BTreeMap<u8, u64> = counts.iter().map(|count| (count.stage, count.events)).collect();
    for (rule, said) in document.rules.iter().zip(said) {
        let stored = events.entry(rule.stage).or_default();
        *stored = (*stored).max(*said);
    }
    let events = events.into_iter().filter(|(_, events)| *events > 0);
    events.map(|(stage, events)| StageCount { stage, events }).collect()
}

/// How many events each stage of an alarm has.
pub(super) fn counts(db: &mut dyn Connection, alarm_id: &str) -> Result<Vec<StageCount>, DatabaseError> {
    let rows = db.query(
        "SELECT s.stage, s.events FROM stages s JOIN identities i ON i.seq = s.alarm WHERE i.alarm_id = ?1
         ORDER BY s.stage",
        &[alarm_id.into()],
    )?;
    rows.iter()
        .map(|row| {
            let stage = u8::try_from(row.int(0)?);
            let stage = stage.map_err(|_| DatabaseError::Damaged("there is no such stage".into()))?;
            Ok(StageCount { stage, events: row.unsigned(1)? })
        })
        .collect()
}

/// A page of the events of a stage, behind the event with the number `after`.
pub(super) fn page(
    db: &mut dyn Connection,
    alarm_id: &str,
    stage: u8,
    after: u64,
    limit: usize,
) -> Result<EventPage, DatabaseError> {
    let limit = limit.clamp(1, MAX_PAGE);
    let rows = db.query(
        "SELECT e.number, e.event_id, e.body FROM events e
         WHERE e.alarm = (SELECT seq FROM identities WHERE alarm_id = ?1) AND e.stage = ?2 AND e.number > ?3
         ORDER BY e.number LIMIT ?4",
        &[alarm_id.into(), i64::from(stage).into(), after.into(), as_u64(limit + 1).into()],
    )?;
    let has_more = rows.len() > limit;
    let mut events = Vec::with_capacity(limit);
    for row in rows.iter().take(limit) {
        let body = row.optional_text(2)?.map(|body| RawValue::from_string(body.to_owned())).transpose();
        let body =
            body.map_err(|error| DatabaseError::Damaged(format!("a stored event is no JSON: {error}")))?;
        events.push(StoredEvent { number: row.unsigned(0)?, event_id: row.text(1)?.to_owned(), event: body });
    }
    let next = if has_more { events.last().map(|event| event.number) } else { None };
    Ok(EventPage { events, next })
}
