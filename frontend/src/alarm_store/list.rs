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
use super::ways::{BY_RISK, Source, count_addresses, count_up};
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
