//! The places of a page's alarms in its list, on the way that was found out.

use super::filter::Search;
use super::list::{Cursor, Key, Order};
use super::selections::Source;
use super::spans::{Span, spans};
use crate::database::DatabaseError;
use crate::database::sql::as_u64;
use crate::database::sql::{Connection, Statement, Value};

/// The way to a page.
pub(super) enum Way {
    /// A part of the filter leaves few alarms: these are gathered, and what fits of them is sorted.
    Gather(Source),
    /// These are all that fit.
    These(Vec<i64>),
    /// Many fit: an index that is sorted like the list is walked until the page is full.
    Walk,
}

/// Which alarms of a list.
pub(super) struct Wanted<'a> {
    pub(super) order: Order,
    /// Those behind this one.
    pub(super) after: Option<&'a Cursor>,
    /// So many.
    pub(super) limit: usize,
}

/// A part of an order: behind one place, up to another, and within a stretch.
#[derive(Clone, Copy, Default)]
struct Within<'a> {
    after: Option<&'a Cursor>,
    end: Option<&'a Cursor>,
    span: Option<&'a Span>,
}

/// The places of the page's alarms in the list.
pub(super) fn places(
    db: &mut dyn Connection,
    search: &Search,
    way: &Way,
    wanted: &Wanted<'_>,
) -> Result<Vec<Cursor>, DatabaseError> {
    match way {
        Way::Gather(source) => gather(db, search, *source, wanted),
        Way::These(seqs) => these(db, search, seqs, wanted),
        Way::Walk => walk(db, search, wanted),
    }
}

/// Gathers what a part of the filter leaves, and sorts what fits of it.
fn gather(
    db: &mut dyn Connection,
    search: &Search,
    source: Source,
    wanted: &Wanted<'_>,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, _) = wanted.order.by.column();
    let select = search.gathered(source, &format!("a.seq, a.{column}"), &mut statement);
    sort(db, search, &select, statement, wanted)
}

/// Sorts these alarms.
fn these(
    db: &mut dyn Connection,
    search: &Search,
    seqs: &[i64],
    wanted: &Wanted<'_>,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, _) = wanted.order.by.column();
    let place = statement.bind(Value::List(seqs.to_vec()));
    let fits = search.dialect.is_in("a.seq", &place);
    let select = format!("SELECT a.seq, a.{column} FROM alarms a WHERE {fits}");
    sort(db, search, &select, statement, wanted)
}

/// Sorts all that a selection gives.
fn sort(
    db: &mut dyn Connection,
    search: &Search,
    select: &str,
    mut statement: Statement,
    wanted: &Wanted<'_>,
) -> Result<Vec<Cursor>, DatabaseError> {
    let (column, _) = wanted.order.by.column();
    let gathered = search.dialect.made_first("a", select);
    statement.text = format!("{gathered} SELECT a.seq, a.{column} FROM a WHERE 1 = 1");
    sorted(
        db,
        statement,
        wanted.order,
        Within { after: wanted.after, ..Within::default() },
        (wanted.limit, 0),
    )
}

/// Walks the index that is sorted like the list, where alarms that fit can be; if they are not met with soon, they are
/// gathered where that takes less.
fn walk(db: &mut dyn Connection, search: &Search, wanted: &Wanted<'_>) -> Result<Vec<Cursor>, DatabaseError> {
    let &Wanted { order, after, limit } = wanted;
    let spans = match spans(db, search, order)? {
        Some(spans) => spans.into_iter().map(Some).collect(),
        None => vec![None],
    };
    let mut so_far = search.walked_so_far(order);
    let mut places = Vec::new();
    for span in spans.iter().map(Option::as_ref).filter(|span| !is_passed(*span, order, after)) {
        let left = limit - places.len();
        let end = match so_far {
            Some(distance) => place_behind(db, order, Within { after, span, end: None }, distance)?,
            None => None,
        };
        let mut found = walk_within(db, search, order, Within { after, span, end: end.as_ref() }, left)?;
        if found.len() < left && end.is_some() {
            // What fits is not where the walk began.
            if let Some(source) = search.rather_few() {
                return gather(db, search, source, wanted);
            }
            so_far = None;
            found = walk_within(db, search, order, Within { after, span, end: None }, left)?;
        }
        places.extend(found);
        if places.len() >= limit {
            break;
        }
    }
    Ok(places)
}

/// Whether all of a stretch is before the place where the page begins.
fn is_passed(span: Option<&Span>, order: Order, after: Option<&Cursor>) -> bool {
    let (Some(span), Some(after)) = (span, after) else { return false };
    if order.descending { span.first > after.key } else { span.last < after.key }
}

fn walk_within(
    db: &mut dyn Connection,
    search: &Search,
    order: Order,
    within: Within<'_>,
    limit: usize,
) -> Result<Vec<Cursor>, DatabaseError> {
    let mut statement = Statement::default();
    let (column, index) = order.by.column();
    statement.text = search.walked(&format!("a.seq, a.{column}"), index, &mut statement);
    sorted(db, statement, order, within, (limit, 0))
}

/// The place so many alarms behind another one, whichever alarms these are; `None` where there are not so many.
fn place_behind(
    db: &mut dyn Connection,
    order: Order,
    within: Within<'_>,
    distance: u64,
) -> Result<Option<Cursor>, DatabaseError> {
    let (column, index) = order.by.column();
    let text = format!("SELECT a.seq, a.{column} FROM alarms a {} WHERE 1 = 1", db.dialect().by_index(index));
    let statement = Statement { text, values: Vec::new() };
    Ok(sorted(db, statement, order, within, (1, distance))?.pop())
}

/// Sorts a selection of alarms `a` within a part of the order, and gives so many of them from an offset on.
fn sorted(
    db: &mut dyn Connection,
    mut statement: Statement,
    order: Order,
    Within { after, end, span }: Within<'_>,
    (limit, offset): (usize, u64),
) -> Result<Vec<Cursor>, DatabaseError> {
    let (column, _) = order.by.column();
    let (direction, behind, up_to) = if order.descending { ("DESC", "<", ">=") } else { ("ASC", ">", "<=") };
    for (place, comparison) in [(after, behind), (end, up_to)] {
        if let Some(place) = place {
            let (key, seq) = (statement.bind(place.key.clone()), statement.bind(place.seq));
            statement.text += &format!(" AND (a.{column}, a.seq) {comparison} ({key}, {seq})");
        }
    }
    if let Some(Span { first, last }) = span {
        let (first, last) = (statement.bind(first.clone()), statement.bind(last.clone()));
        statement.text += &format!(" AND a.{column} >= {first} AND a.{column} <= {last}");
    }
    let (limit, offset) = (statement.bind(as_u64(limit)), statement.bind(offset));
    statement.text +=
        &format!(" ORDER BY a.{column} {direction}, a.seq {direction} LIMIT {limit} OFFSET {offset}");
    statement.rows(db)?.iter().map(|row| Ok(Cursor { seq: row.int(0)?, key: Key::of(row, 1)? })).collect()
}
