//! The audit log: who did what, from where. Lines are added; the database itself refuses to change or remove one.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AccountError, Accounts, By};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row, as_u64};

/// Lines that one question gets at most.
pub const MAX_AUDIT_PAGE: usize = 500;

/// Bytes of an object and of a detail; what is longer is cut off.
const MAX_TEXT: usize = 2_000;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Counts up from 1.
    pub number: u64,
    /// In seconds since 1970.
    pub at: i64,
    /// The user; for failed attempts the name that was given.
    pub who: String,
    /// The address it came from.
    pub origin: String,
    /// Such as `login` or `user.create`.
    pub action: String,
    /// To whom or what.
    pub object: String,
    /// What else is worth knowing.
    pub detail: String,
}

/// Some lines, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub entries: Vec<AuditEntry>,
    /// What to ask for next (`after`), if there are more.
    pub next: Option<u64>,
}

impl Accounts {
    /// Adds a line.
    ///
    /// # Errors
    /// When the database does not take it.
    pub fn audit(&self, by: &By<'_>, action: &str, object: &str, detail: &str) -> Result<(), AccountError> {
        self.write(|db| Ok(note(db, by, action, object, detail)?))
    }

    /// Lines older than the one with the number `after`, or the newest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn audit_log(&self, after: Option<u64>, limit: usize) -> Result<AuditPage, AccountError> {
        let limit = limit.clamp(1, MAX_AUDIT_PAGE);
        let before = after.and_then(|after| i64::try_from(after).ok()).unwrap_or(i64::MAX);
        let rows = self.read(|db| {
            db.query(
                "SELECT number, at, who, origin, action, object, detail FROM audit_log WHERE number < ?1
                 ORDER BY number DESC LIMIT ?2",
                &[before.into(), as_u64(limit + 1).into()],
            )
        })?;
        let entries = rows.iter().take(limit).map(entry).collect::<Result<Vec<_>, _>>()?;
        let next = entries.last().filter(|_| rows.len() > limit).map(|entry| entry.number);
        Ok(AuditPage { entries, next })
    }
}

/// Adds a line within a transaction.
pub(super) fn note(
    db: &mut dyn Connection,
    by: &By<'_>,
    action: &str,
    object: &str,
    detail: &str,
) -> Result<(), DatabaseError> {
    let clipped = |text: &str| text[..text.floor_char_boundary(MAX_TEXT)].to_owned();
    db.execute(
        "INSERT INTO audit_log (at, who, origin, action, object, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            by.now.into(),
            clipped(by.who).into(),
            clipped(by.origin).into(),
            action.into(),
            clipped(object).into(),
            clipped(detail).into(),
        ],
    )?;
    Ok(())
}

fn entry(row: &Row) -> Result<AuditEntry, DatabaseError> {
    Ok(AuditEntry {
        number: row.unsigned(0)?,
        at: row.int(1)?,
        who: row.text(2)?.to_owned(),
        origin: row.text(3)?.to_owned(),
        action: row.text(4)?.to_owned(),
        object: row.text(5)?.to_owned(),
        detail: row.text(6)?.to_owned(),
    })
}
