//! A page of a filtered, sorted list, and how many alarms are on the whole list.
//!
//! There are two ways to a page. Where one part of the filter leaves few alarms, these are gathered, and what fits of
//! them is sorted. Where each part leaves many, an index that is sorted already is walked until the page is full, which
//! is soon, because many fit. Which way it is, `way` finds out; `places` goes it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alarm::Alarm;
use super::filter::{Filter, Search};
use super::places::{Wanted, places};
use super::stored::read_alarms;
use super::way::way;
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row, Value};

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
    pub(super) key: Key,
    pub(super) seq: i64,
}

/// What an alarm is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Key {
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

/// One page, from the beginning or behind a cursor; its list is counted exactly up to a number.
pub(super) fn page(
    db: &mut dyn Connection,
    filter: &Filter,
    order: Order,
    (after, limit): (Option<&Cursor>, usize),
    exactly: u64,
) -> Result<Page, DatabaseError> {
    let mut search = Search::of_list(db, filter, exactly)?;
    db.batch(db.dialect().before_a_list())?;
    let (way, count) = way(db, &mut search, order)?;
    let limit = limit.clamp(1, MAX_PAGE);
    // One more, to know whether there is a next page.
    let mut places = places(db, &search, &way, &Wanted { order, after, limit: limit + 1 })?;
    let has_more = places.len() > limit;
    places.truncate(limit);
    let next = if has_more { places.last().cloned() } else { None };
    Ok(Page { alarms: alarms(db, &places)?, next, count })
}

/// The alarms at these places, in their order.
fn alarms(db: &mut dyn Connection, places: &[Cursor]) -> Result<Vec<Alarm>, DatabaseError> {
    let mut found = read_alarms(db, places.iter().map(|place| place.seq))?;
    Ok(places.iter().filter_map(|place| found.remove(&place.seq)).collect())
}

impl SortBy {
    /// Whether alarms with the same words are next to each other, and most others far from them.
    pub(super) fn goes_with_words(self) -> bool {
        matches!(self, Self::Title | Self::Risk)
    }

    /// The column and the index that is sorted by it.
    pub(super) fn column(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("created", "alarms_by_created"),
            Self::Updated => ("updated", "alarms_by_updated"),
            Self::Risk => ("by_risk", "alarms_by_risk"),
            Self::Title => ("title", "alarms_by_title"),
        }
    }
}

impl Key {
    pub(super) fn of(row: &Row, column: usize) -> Result<Self, DatabaseError> {
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
