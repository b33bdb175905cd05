//! Many rows for one statement: a database server is asked over a network, so what a batch reads and writes must not
//! cost a journey for each row.
//!
//! Where a statement says `{rows}`, it has the rows as a table `n`. PostgreSQL gets all of them at once, a list for each
//! column. SQLite, which is in this process, runs the statement for one row after the other: a row must not depend on
//! what another one of them writes.

use super::DatabaseError;
use super::sql::{Connection, Dialect, Row, Value};

/// How many rows one statement gets at most: all of them are in memory once more while they are sent.
const AT_ONCE: usize = 1_000;

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// The name of a column and what is in it.
pub(crate) type Column = (&'static str, Kind);

/// Rows for a statement.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: &'static [Column],
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// No rows yet.
    pub(crate) fn of(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Rows of one number each.
    pub(crate) fn numbered(numbers: impl IntoIterator<Item = i64>) -> Self {
        let rows = numbers.into_iter().map(|number| vec![number.into()]).collect();
        Self { columns: &[("seq", Kind::Int)], rows }
    }

    /// One more; its values in the order of the columns.
    pub(crate) fn push<const N: usize>(&mut self, values: [Value; N]) {
        self.rows.push(values.into());
    }

    /// Runs the statement for them; nothing is asked of the database where there are none.
    pub(crate) fn execute(&self, db: &mut dyn Connection, sql: &str) -> Result<(), DatabaseError> {
        self.query(db, sql).map(|_| ())
    }

    /// Runs the statement for them, and gives all of its rows.
    pub(crate) fn query(&self, db: &mut dyn Connection, sql: &str) -> Result<Vec<Row>, DatabaseError> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = sql.replace("{rows}", &self.spelled(db.dialect()));
        let mut found = Vec::new();
        for rows in self.rows.chunks(AT_ONCE) {
            found.extend(db.query_for_each(&sql, self.columns, rows)?);
        }
        Ok(found)
    }

    fn spelled(&self, dialect: Dialect) -> String {
        let columns = (1..).zip(self.columns);
        match dialect {
            Dialect::Sqlite => {
                let columns: Vec<String> =
                    columns.map(|(place, (name, _))| format!("?{place} AS {name}")).collect();
                format!("(SELECT {}) AS n", columns.join(", "))
            }
            Dialect::Postgres => {
                let lists: Vec<String> = columns
                    .map(|(place, (_, kind))| format!("CAST(?{place} AS {}[])", kind.of_postgres()))
                    .collect();
                let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
                format!("UNNEST({}) AS n ({})", lists.join(", "), names.join(", "))
            }
        }
    }
}

impl Kind {
    fn of_postgres(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Text => "TEXT",
            Self::Bytes => "BYTEA",
        }
    }
}
