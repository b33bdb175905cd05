//! The narrow door to a database: what a store needs of one, and the few places where their SQL differs.
//!
//! A store is written once, in the SQL that SQLite and PostgreSQL share. Values are numbered `?1`, `?2`, …; a
//! driver makes of that what its database wants.

use super::DatabaseError;
use super::rows::Column;

/// A value that goes into a statement or comes out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// Numbers that something is looked up in. Only goes in.
    List(Vec<i64>),
}

/// A statement that is being written: its text, and the values that were given places in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Statement {
    /// Gives a value a place; what to write for it.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// Gives each value a place; what to write for them between parentheses.
    pub(crate) fn bind_all(&mut self, values: impl IntoIterator<Item = Value>) -> String {
        let places: Vec<String> = values.into_iter().map(|value| self.bind(value)).collect();
        places.join(", ")
    }

    /// Runs it.
    pub(crate) fn rows(&self, db: &mut dyn Connection) -> Result<Vec<Row>, DatabaseError> {
        db.query(&self.text, &self.values)
    }
}

/// What a statement gives: its columns from the left.
#[derive(Debug)]
pub(crate) struct Row(pub(super) Vec<Value>);

/// One connection; it belongs to whoever uses it at the moment.
pub(crate) trait Connection: Send {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;
    /// Runs one statement and gives its rows.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, DatabaseError>;
    /// Runs one statement; how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, DatabaseError>;
    /// Runs a statement for each of these rows, or for all of them at once, and gives all of its rows; see `rows`.
    fn query_for_each(
        &mut self,
        sql: &str,
        columns: &[Column],
        rows: &[Vec<Value>],
    ) -> Result<Vec<Row>, DatabaseError>;
    /// Runs several statements without values.
    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError>;
}

/// Where the databases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How a transaction that writes begins: there is one at a time, whichever frontend it is of.
    pub(crate) fn begin_writing(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(5183420171)",
        }
    }

    /// How a transaction begins whose statements all see the same moment.
    pub(crate) fn begin_reading(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Whether `column` is one of the numbers of the [`Value::List`] at `place`.
    pub(crate) fn is_in(self, column: &str, place: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each({place}))"),
            Self::Postgres => format!("{column} = ANY(CAST({place} AS BIGINT[]))"),
        }
    }

    /// What is said before the statements of a list, which look for a few alarms by indexes: statistics know nothing of how
    /// combinations, times and orders go together, and would have PostgreSQL read all alarms instead.
    pub(crate) fn before_a_list(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => {
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
            }
        }
    }

    /// A selection that is made first, and whole: PostgreSQL would rather walk an index in the order that is wished for,
    /// and hope that what fits comes soon.
    pub(crate) fn made_first(self, name: &str, select: &str) -> String {
        match self {
            Self::Sqlite => format!("WITH {name} AS NOT MATERIALIZED ({select})"),
            Self::Postgres => format!("WITH {name} AS MATERIALIZED ({select})"),
        }
    }

    /// At the end of what is to be asked for each row: PostgreSQL would rather find all that fit at once.
    pub(crate) fn one_by_one(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " OFFSET 0",
        }
    }

    /// Which index to walk. PostgreSQL sees that for itself.
    pub(crate) fn by_index(self, index: &str) -> String {
        match self {
            Self::Sqlite => format!("INDEXED BY {index}"),
            Self::Postgres => String::new(),
        }
    }

    /// A column that is looked up in a set, where the set must not become what is walked.
    pub(crate) fn looked_up(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("+{column}"),
            Self::Postgres => column.to_owned(),
        }
    }

    /// Whether the text of an alarm matches the value at `place`, made by `text::query`.
    pub(crate) fn text_matches(self, place: &str) -> String {
        match self {
            Self::Sqlite => format!("alarm_text MATCH {place}"),
            Self::Postgres => format!("words @@ to_tsquery('simple', CAST({place} AS TEXT))"),
        }
    }
}

impl Row {
    /// A number; what is not one is an error of the store's own.
    pub(crate) fn int(&self, column: usize) -> Result<i64, DatabaseError> {
        self.optional_int(column)?.ok_or_else(|| unexpected(column))
    }

    pub(crate) fn optional_int(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(Value::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }

    pub(crate) fn unsigned(&self, column: usize) -> Result<u64, DatabaseError> {
        u64::try_from(self.int(column)?).map_err(|_| unexpected(column))
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(unexpected(column)),
        }
    }

    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<&str>, DatabaseError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<&[u8], DatabaseError> {
        match self.0.get(column) {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(unexpected(column)),
        }
    }
}

fn unexpected(column: usize) -> DatabaseError {
    DatabaseError::Damaged(format!("column {column} of a row is not what it should be"))
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    /// Ids above 2⁶³ wrap around to negative numbers, and back where they are read.
    fn from(number: u64) -> Self {
        Self::Int(number.cast_signed())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A length, as databases count.
pub(crate) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
