//! The combinations of values that lists are filtered by: each has a number, by which alarms are found and counted.

use std::collections::HashMap;

use super::alarm::Alarm;
use super::vocabulary;
use crate::database::DatabaseError;
use crate::database::sql::Connection;

/// The values that lists are filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Combination {
    status: String,
    tag: String,
    assignee: String,
    class: i64,
    risk: i64,
    kingdom: String,
    category: String,
    directive: i64,
}

/// What this process knows to be stored of combinations.
#[derive(Debug, Default)]
pub(super) struct Combinations {
    /// The ids of those that it has met, which stay what they are.
    ids: HashMap<Combination, i64>,
    pub(super) vocabulary: vocabulary::Stored,
}

impl Combination {
    pub(super) fn of(alarm: &Alarm) -> Self {
        let (document, handling) = (&alarm.document, &alarm.handling);
        Self {
            status: handling.status.clone(),
            tag: handling.tag.clone(),
            assignee: handling.assignee.clone(),
            class: document.risk_class as i64,
            risk: document.risk.into(),
            kingdom: document.kingdom.clone(),
            category: document.category.clone(),
            directive: alarm.directive_id.unwrap_or(0).cast_signed(),
        }
    }

    /// Its id, which it gets if it is new.
    pub(super) fn id(self, db: &mut dyn Connection, known: &mut Combinations) -> Result<i64, DatabaseError> {
        if let Some(id) = known.ids.get(&self) {
            return Ok(*id);
        }
        let values = [
            self.status.as_str().into(),
            self.tag.as_str().into(),
            self.assignee.as_str().into(),
            self.class.into(),
            self.risk.into(),
            self.kingdom.as_str().into(),
            self.category.as_str().into(),
            self.directive.into(),
        ];
        // An update that changes nothing, so that the row comes back in either case.
        let rows = db.query(
            "INSERT INTO combinations (status, tag, assignee, class, risk, kingdom, category, directive)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (directive, status, tag, assignee, class, risk, kingdom, category)
             DO UPDATE SET alarms = combinations.alarms RETURNING id",
            &values,
        )?;
        let id = rows
            .first()
            .map_or_else(|| Err(DatabaseError::Damaged("no combination".into())), |row| row.int(0))?;
        known.ids.insert(self, id);
        Ok(id)
    }
}
