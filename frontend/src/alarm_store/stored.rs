//! Reading alarms as they are stored.

use std::collections::HashMap;

use super::alarm::{Alarm, Handling, Known};
use super::document::class_name;
use super::rules;
use crate::database::DatabaseError;
use crate::database::rows::{Kind, Rows};
use crate::database::sql::{Connection, Row};

/// What an alarm is called here, and what was known when it was deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) seq: i64,
    pub(super) deleted: Option<Known>,
}

/// The columns that [`alarm_of`] reads, of the tables `a` (alarms), `c` (combinations) and `d` (documents).
pub(super) const ALARM_COLUMNS: &str =
    "d.document, c.directive, a.revision, c.status, c.tag, c.assignee, a.version,
    a.changed_since_closed, a.closed_revision, a.closed_class";

/// One alarm as it is stored.
pub(super) fn read_alarm(db: &mut dyn Connection, seq: i64) -> Result<Option<Alarm>, DatabaseError> {
    Ok(read_alarms(db, [seq])?.remove(&seq))
}

/// Alarms as they are stored; those that are not there are left out.
pub(super) fn read_alarms(
    db: &mut dyn Connection,
    seqs: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Alarm>, DatabaseError> {
    let sql = format!(
        "SELECT {ALARM_COLUMNS}, a.seq FROM {{rows}} JOIN alarms a ON a.seq = n.seq
         JOIN combinations c ON c.id = a.combination JOIN documents d ON d.alarm = a.seq"
    );
    let rows = Rows::numbered(seqs).query(db, &sql)?;
    rows.iter().map(|row| Ok((row.int(SEQ_BEHIND)?, alarm_of(row)?))).collect()
}

/// What alarms are called here, by their ids; those that are not known are left out.
pub(super) fn identities<'a>(
    db: &mut dyn Connection,
    alarm_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Identity>, DatabaseError> {
    let mut wanted = Rows::of(&[("alarm_id", Kind::Text)]);
    alarm_ids.into_iter().for_each(|id| wanted.push([id.into()]));
    let rows = wanted.query(
        db,
        "SELECT i.alarm_id, i.seq, i.deleted_revision, i.deleted_class
         FROM {rows} JOIN identities i ON i.alarm_id = n.alarm_id",
    )?;
    rows.iter()
        .map(|row| Ok((row.text(0)?.to_owned(), Identity { seq: row.int(1)?, deleted: known(row, 2)? })))
        .collect()
}

/// Where a column behind [`ALARM_COLUMNS`] is.
pub(super) const SEQ_BEHIND: usize = 10;

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
