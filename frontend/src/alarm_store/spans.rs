//! Where in the order of a list the alarms that fit can be: what is between need not be walked through.
//!
//! Alarms that were created in some week are somewhere in the order of risks, and those of one directive are somewhere in
//! the order of titles. From what is kept about days and combinations (see `bounds`), the stretches of that order are told
//! which hold all of them.

use super::filing::by_risk;
use super::filter::Search;
use super::list::{Key, Order, SortBy};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row, Statement, Value};

/// A stretch of an order, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Key,
    pub(super) last: Key,
}

/// The stretches that hold all alarms that fit, in the direction of the list; `None` where that may be anywhere.
pub(super) fn spans(
    db: &mut dyn Connection,
    search: &Search,
    order: Order,
) -> Result<Option<Vec<Span>>, DatabaseError> {
    let of_times = |(first, last)| vec![Span { first: Key::Number(first), last: Key::Number(last) }];
    let mut spans = match order.by {
        SortBy::Created => search.created().map(of_times),
        SortBy::Updated => search.updated().map(of_times),
        SortBy::Risk => Some(of_risks(search)),
        SortBy::Title => match &search.combinations {
            // Where most alarms fit, the next one that does is never far.
            Some(combinations) if search.in_combinations < search.all / 2 => {
                Some(of_titles(db, search, combinations)?)
            }
            _ => None,
        },
    };
    if let Some(spans) = &mut spans
        && order.descending
    {
        spans.reverse();
    }
    Ok(spans)
}

impl Search {
    /// From when to when all that fit were created, where it says something about that.
    fn created(&self) -> Option<(i64, i64)> {
        let last = self.until.map_or(i64::MAX, |until| until.saturating_sub(1));
        self.has_time().then(|| (self.from.unwrap_or(i64::MIN), last))
    }

    /// From when to when the newest events came of all that fit, where something is known about it.
    fn updated(&self) -> Option<(i64, i64)> {
        // No alarm at all has been created in this time: nothing is between.
        self.in_time.map(|time| time.updated.unwrap_or((i64::MAX, i64::MIN)))
    }
}

/// For each risk, the time of the newest events; risks that are next to each other are one stretch where nothing is known
/// of that.
fn of_risks(search: &Search) -> Vec<Span> {
    let span = |lowest, highest, (first, last): (i64, i64)| Span {
        first: Key::Number(by_risk(lowest, first)),
        last: Key::Number(by_risk(highest, last)),
    };
    match (search.updated(), search.risks.first(), search.risks.last()) {
        (Some((first, last)), ..) if first > last => Vec::new(),
        (Some(updated), ..) => search.risks.iter().map(|risk| span(*risk, *risk, updated)).collect(),
        (None, Some(lowest), Some(highest)) => vec![span(*lowest, *highest, (0, i64::MAX))],
        (None, ..) => Vec::new(),
    }
}

/// The titles of these combinations. Those that overlap are one stretch, and those between which there are few alarms of
/// others: to walk over these takes less than to begin anew behind them.
fn of_titles(
    db: &mut dyn Connection,
    search: &Search,
    combinations: &[i64],
) -> Result<Vec<Span>, DatabaseError> {
    let mut statement = Statement::default();
    let place = statement.bind(Value::List(combinations.to_vec()));
    let fits = search.dialect.is_in("id", &place);
    let few = statement.bind(search.exactly / 2);
    statement.text = format!(
        "WITH one AS (
             SELECT first_title AS first, last_title AS last, alarms, CASE WHEN {fits} THEN 1 ELSE 0 END AS fits
             FROM combinations WHERE alarms > 0 AND first_title IS NOT NULL),
         behind AS (
             SELECT first, last, fits,
                 MAX(CASE fits WHEN 1 THEN last END) OVER before AS so_far,
                 CAST(SUM(CASE fits WHEN 0 THEN alarms ELSE 0 END) OVER before AS BIGINT) AS others
             FROM one WINDOW before AS (ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
         fitting AS (
             SELECT first, last, so_far, others - LAG(others) OVER (ORDER BY first, last) AS others
             FROM behind WHERE fits = 1),
         stretch AS (
             SELECT first, last, SUM(CASE WHEN first > so_far AND others >= {few} THEN 1 ELSE 0 END)
                 OVER (ORDER BY first, last ROWS UNBOUNDED PRECEDING) AS number
             FROM fitting)
         SELECT MIN(first), MAX(last) FROM stretch GROUP BY number ORDER BY 1"
    );
    let title = |row: &Row, column| Ok::<_, DatabaseError>(Key::Text(row.text(column)?.to_owned()));
    statement.rows(db)?.iter().map(|row| Ok(Span { first: title(row, 0)?, last: title(row, 1)? })).collect()
}
