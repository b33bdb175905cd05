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
use crate::database::sql::{Connection, Dialect, Row, Statement, Value};

/// Lists are counted up to here; of longer ones it is said that they are longer.
pub const COUNTED_EXACTLY: u64 = 10_000;
/// The most alarms on one page.
pub const MAX_PAGE: usize = 1_000;
/// An index is walked so far before what fits is looked for in another way.
const WALKED: usize = 20_000;
/// The same where the words of each alarm have to be read, which takes PostgreSQL twenty times as long.
const WALKED_READING: usize = 1_000;
/// So many alarms are gathered where a walk did not find enough: beyond, walking to the end takes less. PostgreSQL walks
/// more slowly.
const GATHERED: u64 = 40_000;
const GATHERED_BY_POSTGRES: u64 = 100_000;
/// The index that is sorted by risk.
const BY_RISK: &str = "alarms_by_risk";

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
    db.batch(db.dialect().before_a_list())?;
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
    for source in search.sources() {
        let found = match source {
            Source::Addresses => count_addresses(db, search)?,
            _ => count_up(db, |statement| search.found(source, statement))?,
        };
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
            db.batch(db.dialect().before_a_count_of_words())?;
            let found =
                count_up(db, |statement| search.walked("1 AS found", "alarms_by_created", statement))?;
            db.batch(db.dialect().before_a_list())?;
            found
        }
        // Each part of the filter leaves more than is counted, and the last that was tried is all of it.
        Way::Walk if search.text.is_some() || search.addresses.is_some() || search.has_time() => u64::MAX,
        Way::Walk => search.in_combinations,
    };
    Ok(if found > COUNTED_EXACTLY { Count::MoreThan(COUNTED_EXACTLY) } else { Count::Exactly(found) })
}

/// Counts the alarms with one of the addresses, up to one more than is counted exactly. An alarm may be there with any
/// number of them, and to make all of a large network's distinct takes long: so only the first are, and more of them
/// where these belong to few alarms.
fn count_addresses(db: &mut dyn Connection, search: &Search) -> Result<u64, DatabaseError> {
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
fn count_up(
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

/// The places of the page's alarms in the list.
fn places(
    db: &mut dyn Connection,
    search: &Search,
    way: &Way,
    order: Order,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    let Way::Walk = way else {
        let Way::Gather(source, _) = way else { return Ok(Vec::new()) };
        return gather(db, search, *source, order, after, limit);
    };
    let end = match search.walked_so_far() {
        Some(distance) => place_behind(db, order, after, distance)?,
        None => None,
    };
    let places = walk(db, search, order, (after, end.as_ref()), limit)?;
    if places.len() == limit || end.is_none() {
        return Ok(places);
    }
    // What fits is not where the walk began.
    match search.rather_few(db)? {
        Some(source) => gather(db, search, source, order, after, limit),
        None => walk(db, search, order, (after, None), limit),
    }
}

/// Gathers what a part of the filter leaves, and sorts what fits of it.
fn gather(
    db: &mut dyn Connection,
    search: &Search,
    source: Source,
    order: Order,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, _) = order.by.column();
    let select = search.gathered(source, &format!("a.seq, a.{column}"), &mut statement);
    let gathered = search.dialect.made_first("a", &select);
    statement.text = format!("{gathered} SELECT a.seq, a.{column} FROM a WHERE 1 = 1");
    sorted(db, statement, order, (after, None), limit)
}

/// Walks the index that is sorted like the list, from one place to another.
fn walk(
    db: &mut dyn Connection,
    search: &Search,
    order: Order,
    bounds: (Option<&Cursor>, Option<&Cursor>),
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, index) = order.by.column();
    statement.text = search.walked(&format!("a.seq, a.{column}"), index, &mut statement);
    sorted(db, statement, order, bounds, limit)
}

/// The place so many alarms behind another one, whichever alarms these are; `None` where there are not so many.
fn place_behind(
    db: &mut dyn Connection,
    order: Order,
    after: Option<&Cursor>,
    distance: usize,
) -> Result<Option<Cursor>, DatabaseError> {
    let (column, index) = order.by.column();
    let text = format!("SELECT a.seq, a.{column} FROM alarms a {} WHERE 1 = 1", db.dialect().by_index(index));
    let statement = Statement { text, values: Vec::new() };
    let mut places = sorted_from(db, statement, order, (after, None), (1, distance))?;
    Ok(places.pop())
}

fn sorted(
    db: &mut dyn Connection,
    statement: Statement,
    order: Order,
    bounds: (Option<&Cursor>, Option<&Cursor>),
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    sorted_from(db, statement, order, bounds, (limit, 0))
}

/// Sorts a selection of alarms `a`, behind one place and up to another, and gives some of them from an offset on.
fn sorted_from(
    db: &mut dyn Connection,
    mut statement: Statement,
    order: Order,
    (after, end): (Option<&Cursor>, Option<&Cursor>),
    (limit, offset): (usize, usize),
) -> Result<Vec<Cursor>, DatabaseError> {
    let (column, _) = order.by.column();
    let (direction, behind, up_to) = if order.descending { ("DESC", "<", ">=") } else { ("ASC", ">", "<=") };
    for (place, comparison) in [(after, behind), (end, up_to)] {
        if let Some(place) = place {
            let (key, seq) = (statement.bind(place.key.clone()), statement.bind(place.seq));
            statement.text += &format!(" AND (a.{column}, a.seq) {comparison} ({key}, {seq})");
        }
    }
    let (limit, offset) = (statement.bind(as_u64(limit)), statement.bind(as_u64(offset)));
    statement.text +=
        &format!(" ORDER BY a.{column} {direction}, a.seq {direction} LIMIT {limit} OFFSET {offset}");
    statement.rows(db)?.iter().map(|row| Ok(Cursor { seq: row.int(0)?, key: Key::of(row, 1)? })).collect()
}

/// The alarms at these places, in their order.
fn alarms(db: &mut dyn Connection, places: &[Cursor]) -> Result<Vec<Alarm>, DatabaseError> {
    let mut found = read_alarms(db, places.iter().map(|place| place.seq))?;
    Ok(places.iter().filter_map(|place| found.remove(&place.seq)).collect())
}

impl Search {
    /// The parts of the filter by which alarms may be gathered, beginning with the one that is counted most quickly.
    fn sources(&self) -> impl Iterator<Item = Source> {
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
    fn walked_so_far(&self) -> Option<usize> {
        match (self.dialect, self.text.is_some()) {
            // It has found all that have the words before it walks.
            (Dialect::Sqlite, true) => None,
            (Dialect::Postgres, true) => Some(WALKED_READING),
            (_, false) => Some(WALKED),
        }
    }

    /// A part of the filter that leaves not so many alarms that they could not be gathered.
    fn rather_few(&self, db: &mut dyn Connection) -> Result<Option<Source>, DatabaseError> {
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
    fn at_addresses(&self, wanted: &str, statement: &mut Statement) -> String {
        let (first, last) = self.addresses.unwrap_or_default();
        let (first, last) = (statement.bind(first.to_vec()), statement.bind(last.to_vec()));
        let rest = self.on_row("x", statement);
        format!("SELECT {wanted} FROM addresses x WHERE x.address BETWEEN {first} AND {last}{rest}")
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, along an index.
    fn walked(&self, wanted: &str, index: &str, statement: &mut Statement) -> String {
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

impl SortBy {
    /// The column and the index that is sorted by it.
    fn column(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("created", "alarms_by_created"),
            Self::Updated => ("updated", "alarms_by_updated"),
            Self::Risk => ("by_risk", BY_RISK),
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
