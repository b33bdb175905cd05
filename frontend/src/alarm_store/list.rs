//! A page of a filtered, sorted list, and how many alarms are on the whole list.
//!
//! There are two ways to a page. Where one part of the filter leaves few alarms, these are gathered, and what fits of
//! them is sorted. Where each part leaves many, an index that is sorted already is walked until the page is full, which
//! is soon, because many fit. A database cannot know which way is the shorter one; here it is found out by counting
//! up to the number up to which lists are counted anyway.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alarm::Alarm;
use super::filter::{Filter, Search};
use super::stored::read_alarms;
use crate::database::DatabaseError;
use crate::database::sql::as_u64;
use crate::database::sql::{Connection, Row, Statement, Value};

/// Lists are counted up to here; of longer ones it is said that they are longer.
pub const COUNTED_EXACTLY: u64 = 10_000;
/// The most alarms on one page.
pub const MAX_PAGE: usize = 1_000;

/// What a list is sorted by. Alarms that are equal in it are in the order in which they came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// When it was created.
    Created,
    /// When its newest event came.
    #[default]
    Updated,
    /// Its risk and, of the same risk, when its newest event came.
    Risk,
    /// Its title, regardless of case.
    Title,
}

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// By what.
    pub by: SortBy,
    /// The highest first.
    pub descending: bool,
}

/// Where the next page begins: behind this alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    key: Key,
    seq: i64,
}

/// What an alarm is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Number(i64),
    Text(String),
}

/// Some alarms of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// In the list's order.
    pub alarms: Vec<Alarm>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// How many alarms are on the list.
    pub count: Count,
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// So many.
    Exactly(u64),
    /// More than so many.
    MoreThan(u64),
}

/// The part of a filter by which alarms are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Combinations,
    Text,
    Addresses,
    Time,
}

/// The way to a page, and the length of the list as far as it is known on the way.
enum Way {
    Gather(Source, Option<u64>),
    Walk,
}

/// One page, from the beginning or behind a cursor.
pub(super) fn page(
    db: &mut dyn Connection,
    filter: &Filter,
    order: Order,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, DatabaseError> {
    let search = Search::new(db, filter)?;
    let way = way(db, &search)?;
    let count = count(db, &search, &way)?;
    let limit = limit.clamp(1, MAX_PAGE);
    // One more, to know whether there is a next page.
    let mut places = places(db, &search, &way, order, after, limit + 1)?;
    let has_more = places.len() > limit;
    places.truncate(limit);
    let next = if has_more { places.last().cloned() } else { None };
    Ok(Page { alarms: alarms(db, &places)?, next, count })
}

/// Finds out the way: the first part of the filter that leaves few.
fn way(db: &mut dyn Connection, search: &Search) -> Result<Way, DatabaseError> {
    if search.combinations.is_some() && search.in_combinations <= COUNTED_EXACTLY {
        let beside = search.text.is_some() || search.addresses.is_some() || search.has_time();
        return Ok(Way::Gather(Source::Combinations, (!beside).then_some(search.in_combinations)));
    }
    let tries = [
        (Source::Text, search.text.is_some()),
        (Source::Addresses, search.addresses.is_some()),
        (Source::Time, search.has_time()),
    ];
    for (source, _) in tries.into_iter().filter(|(_, is_asked)| *is_asked) {
        let found = count_up(db, |statement| search.found(source, statement))?;
        if found <= COUNTED_EXACTLY {
            let is_all = !search.has_beside(source);
            return Ok(Way::Gather(source, is_all.then_some(found)));
        }
    }
    Ok(Way::Walk)
}

/// The length of the list.
fn count(db: &mut dyn Connection, search: &Search, way: &Way) -> Result<Count, DatabaseError> {
    let found = match way {
        Way::Gather(_, Some(found)) => *found,
        Way::Gather(source, None) => {
            count_up(db, |statement| search.gathered(*source, "1 AS found", statement))?
        }
        Way::Walk if search.text.is_some() && search.has_beside(Source::Text) => {
            count_up(db, |statement| search.walked("1 AS found", "alarms_by_created", statement))?
        }
        // Each part of the filter leaves more than is counted, and the last that was tried is all of it.
        Way::Walk if search.text.is_some() || search.addresses.is_some() || search.has_time() => u64::MAX,
        Way::Walk => search.in_combinations,
    };
    Ok(if found > COUNTED_EXACTLY { Count::MoreThan(COUNTED_EXACTLY) } else { Count::Exactly(found) })
}

/// Counts the rows of a selection, up to one more than is counted exactly.
fn count_up(
    db: &mut dyn Connection,
    select: impl FnOnce(&mut Statement) -> String,
) -> Result<u64, DatabaseError> {
    let mut statement = Statement::default();
    let select = select(&mut statement);
    let limit = statement.bind(COUNTED_EXACTLY + 1);
    statement.text = format!("SELECT COUNT(*) FROM ({select} LIMIT {limit}) counted");
    statement.rows(db)?.first().map_or(Ok(0), |row| row.unsigned(0))
}

/// The places of the page's alarms in the list.
fn places(
    db: &mut dyn Connection,
    search: &Search,
    way: &Way,
    order: Order,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, index) = order.by.column();
    let columns = format!("a.seq, a.{column}");
    let select = match way {
        Way::Gather(source, _) => search.gathered(*source, &columns, &mut statement),
        Way::Walk => search.walked(&columns, index, &mut statement),
    };
    let direction = if order.descending { "DESC" } else { "ASC" };
    let behind = after.map_or_else(String::new, |cursor| {
        let comparison = if order.descending { "<" } else { ">" };
        let (key, seq) = (statement.bind(cursor.key.clone()), statement.bind(cursor.seq));
        format!(" AND (a.{column}, a.seq) {comparison} ({key}, {seq})")
    });
    let limit = statement.bind(as_u64(limit));
    statement.text =
        format!("{select}{behind} ORDER BY a.{column} {direction}, a.seq {direction} LIMIT {limit}");
    statement.rows(db)?.iter().map(|row| Ok(Cursor { seq: row.int(0)?, key: Key::of(row, 1)? })).collect()
}

/// The alarms at these places, in their order.
fn alarms(db: &mut dyn Connection, places: &[Cursor]) -> Result<Vec<Alarm>, DatabaseError> {
    let mut found = read_alarms(db, places.iter().map(|place| place.seq))?;
    Ok(places.iter().filter_map(|place| found.remove(&place.seq)).collect())
}

impl Search {
    /// Whether the filter says more than what [`found`](Self::found) looks at for this source.
    fn has_beside(&self, source: Source) -> bool {
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
                let (first, last) = self.addresses.unwrap_or_default();
                let (first, last) = (statement.bind(first.to_vec()), statement.bind(last.to_vec()));
                let rest = self.on_row("x", statement);
                // One address is in an alarm once, a network maybe often.
                let distinct =
                    if self.addresses.is_some_and(|(first, last)| first == last) { "" } else { "DISTINCT" };
                format!(
                    "SELECT {distinct} x.alarm AS seq FROM addresses x WHERE x.address BETWEEN {first} AND {last}{rest}"
                )
            }
            Source::Time | Source::Combinations => {
                let index =
                    if source == Source::Time { "alarms_by_created" } else { "alarms_by_combination" };
                let index = self.dialect.by_index(index);
                format!("SELECT r.seq FROM alarms r {index} WHERE 1 = 1{}", self.on_row("r", statement))
            }
        }
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, along an index.
    fn walked(&self, wanted: &str, index: &str, statement: &mut Statement) -> String {
        let mut fits = self.on_row("a", statement);
        fits += &self.on_addresses(statement);
        fits += &self.on_text(statement);
        format!("SELECT {wanted} FROM alarms a {} WHERE 1 = 1{fits}", self.dialect.by_index(index))
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, looked for among those that a part of the filter
    /// leaves.
    pub(super) fn gathered(&self, source: Source, wanted: &str, statement: &mut Statement) -> String {
        let found = self.found(source, statement);
        let mut rest = String::new();
        if source == Source::Text {
            rest += &self.on_row("a", statement);
        } else {
            rest += &self.on_text(statement);
        }
        if source != Source::Addresses {
            rest += &self.on_addresses(statement);
        }
        format!("SELECT {wanted} FROM ({found}) f CROSS JOIN alarms a WHERE a.seq = f.seq{rest}")
    }
}

impl SortBy {
    /// The column and the index that is sorted by it.
    fn column(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("created", "alarms_by_created"),
            Self::Updated => ("updated", "alarms_by_updated"),
            Self::Risk => ("by_risk", "alarms_by_risk"),
            Self::Title => ("title", "alarms_by_title"),
        }
    }
}

impl Key {
    fn of(row: &Row, column: usize) -> Result<Self, DatabaseError> {
        row.int(column).map(Self::Number).or_else(|_| Ok(Self::Text(row.text(column)?.to_owned())))
    }
}

impl From<Key> for Value {
    fn from(key: Key) -> Self {
        match key {
            Key::Number(number) => Self::Int(number),
            Key::Text(text) => Self::Text(text),
        }
    }
}
