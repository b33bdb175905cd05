//! Removing what is too old or too much, a batch at a time, so that updates go on in between.

use super::changes::{AlarmChange, ChangeKind};
use super::stored::read_alarm;
use super::writing::Writing;
use crate::database::DatabaseError;
use crate::database::sql::as_u64;
use crate::database::sql::{Connection, Dialect};

/// How many alarms are removed in one transaction.
const BATCH: u64 = 200;

/// What is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Alarms whose newest event came longer ago than this, in seconds, are removed.
    pub max_age_secs: Option<i64>,
    /// While the store is larger than this, the alarms that were updated longest ago are removed.
    pub max_bytes: Option<u64>,
}

/// What one batch has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many alarms.
    pub alarms: u64,
    /// Whether there may be more to remove.
    pub has_more: bool,
}

impl Writing<'_> {
    /// Removes one batch of what is beyond the limits.
    pub(super) fn retain(&mut self, limits: Limits) -> Result<Removed, DatabaseError> {
        let mut too_old = Vec::new();
        if let Some(age) = limits.max_age_secs {
            let before = self.now.saturating_sub(age);
            too_old = self.oldest("WHERE updated < ?2", Some(before))?;
            self.forget_absent(before)?;
        }
        if too_old.is_empty()
            && let Some(max_bytes) = limits.max_bytes
            && used_bytes(self.db)? > max_bytes
        {
            too_old = self.oldest("", None)?;
        }
        for seq in &too_old {
            if let Some(alarm) = read_alarm(self.db, *seq)? {
                self.remove(*seq, &alarm, None)?;
                self.changes.push(AlarmChange::new(&alarm.document.alarm_id, ChangeKind::Deleted));
            }
        }
        let alarms = as_u64(too_old.len());
        Ok(Removed { alarms, has_more: alarms > 0 })
    }

    /// The alarms that were updated longest ago.
    fn oldest(&mut self, condition: &str, before: Option<i64>) -> Result<Vec<i64>, DatabaseError> {
        let mut values = vec![BATCH.into()];
        values.extend(before.map(Into::into));
        let rows = self
            .db
            .query(&format!("SELECT seq FROM alarms {condition} ORDER BY updated, seq LIMIT ?1"), &values)?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// Forgets the events that waited for an alarm, and the alarms that users deleted, before this time.
    fn forget_absent(&mut self, before: i64) -> Result<(), DatabaseError> {
        let rows = self.db.query(
            "SELECT seq FROM identities WHERE absent_since < ?1 ORDER BY absent_since LIMIT ?2",
            &[before.into(), BATCH.into()],
        )?;
        for row in rows {
            let seq = row.int(0)?;
            self.remove_rows(seq)?;
            self.db.execute("DELETE FROM identities WHERE seq = ?1", &[seq.into()])?;
        }
        Ok(())
    }
}

/// How many bytes the store has in use; what was deleted does not count.
///
/// PostgreSQL keeps the room of deleted rows for new ones, so its files say nothing: there it is an estimate from its
/// own statistics, of the rows without their indexes.
pub(super) fn used_bytes(db: &mut dyn Connection) -> Result<u64, DatabaseError> {
    let sql = match db.dialect() {
        Dialect::Sqlite => {
            "SELECT (c.page_count - f.freelist_count) * s.page_size
             FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s"
        }
        Dialect::Postgres => {
            "SELECT CAST(COALESCE(SUM(t.n_live_tup * (28 + w.width)), 0) AS BIGINT) FROM pg_stat_user_tables t
             JOIN (SELECT schemaname, tablename, SUM(avg_width) AS width FROM pg_stats GROUP BY 1, 2) w
             ON w.schemaname = t.schemaname AND w.tablename = t.relname WHERE t.schemaname = current_schema()"
        }
    };
    db.query(sql, &[])?.first().map_or(Ok(0), |row| row.unsigned(0))
}
