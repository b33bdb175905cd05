//! The two ways to alarms, in SQL: gathering what a part of a filter leaves, or walking an index that is sorted; and how
//! many there are, as far as somebody wants to know.

use super::filter::Search;
use super::list::COUNTED_EXACTLY;
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Dialect, Statement, Value};

/// An index is walked so far before what fits is looked for in another way.
const WALKED: usize = 20_000;
/// The same where the words of each alarm have to be read, which takes PostgreSQL twenty times as long.
const WALKED_READING: usize = 1_000;
/// So many alarms are gathered where a walk did not find enough: beyond, walking to the end takes less. PostgreSQL walks
/// more slowly.
const GATHERED: u64 = 40_000;
const GATHERED_BY_POSTGRES: u64 = 100_000;
/// The index that is sorted by risk.
pub(super) const BY_RISK: &str = "alarms_by_risk";

/// The part of a filter by which alarms are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Combinations,
    Text,
    Addresses,
    Time,
}

impl Search {
    /// The parts of the filter by which alarms may be gathered, beginning with the one that is counted most quickly.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        let text = (Source::Text, self.text.is_some());
        let rest = [(Source::Addresses, self.addresses.is_some()), (Source::Time, self.has_time())];
        let (first, last) = match self.dialect {
            Dialect::Sqlite => (Some(text), None),
            // It finds all that have the words before it gives the first of them.
            Dialect::Postgres => (None, Some(text)),
        };
        let all = first.into_iter().chain(rest).chain(last);
        all.filter(|(_, is_asked)| *is_asked).map(|(source, _)| source)
    }

    /// How far an index is walked before what fits is looked for in another way.
    pub(super) fn walked_so_far(&self) -> Option<usize> {
        match (self.dialect, self.text.is_some()) {
            // It has found all that have the words before it walks.
            (Dialect::Sqlite, true) => None,
            (Dialect::Postgres, true) => Some(WALKED_READING),
            (_, false) => Some(WALKED),
        }
    }

    /// A part of the filter that leaves not so many alarms that they could not be gathered.
    pub(super) fn rather_few(&self, db: &mut dyn Connection) -> Result<Option<Source>, DatabaseError> {
        let most = match self.dialect {
            Dialect::Sqlite => GATHERED,
            Dialect::Postgres => GATHERED_BY_POSTGRES,
        };
        if self.combinations.is_some() && self.in_combinations <= most {
            return Ok(Some(Source::Combinations));
        }
        let of_time = |statement: &mut Statement| self.found(Source::Time, statement);
        if self.has_time() && count_up_to(db, most, of_time)? <= most {
            return Ok(Some(Source::Time));
        }
        // Words that many alarms have would have been met with on the way.
        Ok(self.text.is_some().then_some(Source::Text))
    }

    /// Whether the filter says more than what [`found`](Self::found) looks at for this source.
    pub(super) fn has_beside(&self, source: Source) -> bool {
        match source {
            Source::Text => self.addresses.is_some() || self.combinations.is_some() || self.has_time(),
            Source::Addresses => self.text.is_some(),
            Source::Time | Source::Combinations => self.text.is_some() || self.addresses.is_some(),
        }
    }

    /// A selection of the alarms that one part of the filter leaves, and what can be told of them in the same place.
    pub(super) fn found(&self, source: Source, statement: &mut Statement) -> String {
        match source {
            Source::Text => {
                let text = self.text.clone().unwrap_or(Value::Null);
                let matches = self.dialect.text_matches(&statement.bind(text));
                format!("SELECT rowid AS seq FROM alarm_text WHERE {matches}")
            }
            Source::Addresses => {
                // One address is in an alarm once, a network maybe often.
                let is_one = self.addresses.is_some_and(|(first, last)| first == last);
                let wanted = if is_one { "x.alarm AS seq" } else { "DISTINCT x.alarm AS seq" };
                self.at_addresses(wanted, statement)
            }
            Source::Time | Source::Combinations => {
                let index =
                    if source == Source::Time { "alarms_by_created" } else { "alarms_by_combination" };
                let index = self.dialect.by_index(index);
                format!("SELECT r.seq FROM alarms r {index} WHERE 1 = 1{}", self.on_row("r", statement))
            }
        }
    }

    /// A selection of what is `wanted` of the rows `x` of addresses that fit.
    pub(super) fn at_addresses(&self, wanted: &str, statement: &mut Statement) -> String {
        let (first, last) = self.addresses.unwrap_or_default();
        let (first, last) = (statement.bind(first.to_vec()), statement.bind(last.to_vec()));
        let rest = self.on_row("x", statement);
        format!("SELECT {wanted} FROM addresses x WHERE x.address BETWEEN {first} AND {last}{rest}")
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, along an index.
    pub(super) fn walked(&self, wanted: &str, index: &str, statement: &mut Statement) -> String {
        let mut fits = self.on_row("a", statement);
        if index == BY_RISK {
            fits += &self.on_risk(statement);
        }
        fits += &self.on_addresses(statement);
        fits += &self.on_text(statement);
        format!("SELECT {wanted} FROM alarms a {} WHERE 1 = 1{fits}", self.dialect.by_index(index))
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, looked for among those that a part of the filter
    /// leaves.
    pub(super) fn gathered(&self, source: Source, wanted: &str, statement: &mut Statement) -> String {
        let is_read =
            self.dialect == Dialect::Postgres && matches!(source, Source::Time | Source::Combinations);
        let found = if is_read { self.on_row("a", statement) } else { self.found(source, statement) };
        let mut rest = String::new();
        if source == Source::Text {
            rest += &self.on_row("a", statement);
        } else {
            rest += &self.on_text(statement);
        }
        if source != Source::Addresses {
            rest += &self.on_addresses(statement);
        }
        if is_read {
            // It reads the row of an alarm in any case.
            return format!("SELECT {wanted} FROM alarms a WHERE 1 = 1{found}{rest}");
        }
        let found = self.dialect.made_first("f", &found);
        format!("{found} SELECT {wanted} FROM f CROSS JOIN alarms a WHERE a.seq = f.seq{rest}")
    }
}

/// Counts the alarms with one of the addresses, up to one more than is counted exactly. An alarm may be there with any
/// number of them, and to make all of a large network's distinct takes long: so only the first are, and more of them
/// where these belong to few alarms.
pub(super) fn count_addresses(db: &mut dyn Connection, search: &Search) -> Result<u64, DatabaseError> {
    let mut rows = 2 * (COUNTED_EXACTLY + 1);
    loop {
        let mut statement = Statement::default();
        let select = search.at_addresses("x.alarm AS seq", &mut statement);
        let limit = statement.bind(rows);
        statement.text =
            format!("SELECT COUNT(*), COUNT(DISTINCT seq) FROM ({select} LIMIT {limit}) counted");
        let found = statement.rows(db)?;
        let (found, alarms) = found
            .first()
            .map_or(Ok::<_, DatabaseError>((0, 0)), |row| Ok((row.unsigned(0)?, row.unsigned(1)?)))?;
        if found < rows || alarms > COUNTED_EXACTLY {
            return Ok(alarms.min(COUNTED_EXACTLY + 1));
        }
        rows *= 4;
    }
}

/// Counts the rows of a selection, up to one more than is counted exactly.
pub(super) fn count_up(
    db: &mut dyn Connection,
    select: impl FnOnce(&mut Statement) -> String,
) -> Result<u64, DatabaseError> {
    count_up_to(db, COUNTED_EXACTLY, select)
}

fn count_up_to(
    db: &mut dyn Connection,
    most: u64,
    select: impl FnOnce(&mut Statement) -> String,
) -> Result<u64, DatabaseError> {
    let mut statement = Statement::default();
    let select = select(&mut statement);
    let limit = statement.bind(most + 1);
    statement.text = format!("SELECT COUNT(*) FROM ({select} LIMIT {limit}) counted");
    statement.rows(db)?.first().map_or(Ok(0), |row| row.unsigned(0))
}
