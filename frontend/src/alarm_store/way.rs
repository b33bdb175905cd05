//! Which way leads to a page of a list, and how many alarms are on the list.
//!
//! A database cannot know which way is the shorter one. Here it is found out by counting what each part of a filter leaves,
//! up to the number up to which lists are counted anyway.

use super::filter::{Asked, Search};
use super::list::{Count, Order, SortBy};
use super::places::Way;
use super::selections::{NUMBER, Source, at_addresses, count_in_network, count_up_to, list_words, up_to};
use crate::database::DatabaseError;
use crate::database::sql::as_u64;
use crate::database::sql::{Connection, Dialect, Statement};

/// Alarms with words are listed and sorted up to so many times the number up to which lists are counted.
const SORTED_AT_MOST: u64 = 15;
/// The same in PostgreSQL, which takes longer to look at each.
const SORTED_AT_MOST_ON_SERVER: u64 = 5;
/// To look up the text of an alarm takes PostgreSQL as long as reading so many of those that have the words.
const LOOKED_UP: u64 = 5;

/// Finds out the way, by the first part of the filter that leaves few, and with it the length of the list.
pub(super) fn way(
    db: &mut dyn Connection,
    search: &mut Search,
    order: Order,
) -> Result<(Way, Count), DatabaseError> {
    let exactly = search.exactly;
    if search.dialect == Dialect::Postgres && search.addresses.is_some() && search.asked_of_all().is_some() {
        return way_with_words(db, search, order);
    }
    for source in search.sources() {
        if let Some(found) = found(db, search, source)? {
            return Ok(if search.has_beside(source) {
                these(gathered_up_to(db, search, source, exactly)?)
            } else {
                found
            });
        }
    }
    if search.says_nothing() && search.in_combinations <= exactly {
        return Ok((Way::Walk, Count::Exactly(search.in_combinations)));
    }
    if let Asked::Of(_) = search.asked
        && let Some(source) = search.sources().next()
    {
        // It leaves enough, of which some may lack the words.
        return Ok(these_or_walk(gathered_up_to(db, search, source, exactly + 1)?, exactly));
    }
    if search.text.is_some() {
        return match search.dialect {
            Dialect::Sqlite => way_with_listed_words(db, search, order),
            Dialect::Postgres => way_with_words(db, search, order),
        };
    }
    // Each part leaves more than are counted, and the last that was tried is all of it.
    Ok((Way::Walk, Count::MoreThan(exactly)))
}

/// The alarms that a part of the filter leaves, or the way to them, and how many they are; `None` if they are more than are
/// counted.
fn found(
    db: &mut dyn Connection,
    search: &Search,
    source: Source,
) -> Result<Option<(Way, Count)>, DatabaseError> {
    let exactly = search.exactly;
    let count = match source {
        Source::Addresses => return Ok(at_addresses(db, search)?.map(these)),
        Source::Combinations if search.in_time.is_none() => search.in_combinations,
        // The index tells which they are, at little more than it takes to count them.
        Source::Time | Source::Combinations if search.dialect == Dialect::Postgres => {
            let mut statement = Statement::default();
            let select = search.found(source, &mut statement);
            let seqs = up_to(db, &select, statement, exactly + 1)?;
            return Ok((as_u64(seqs.len()) <= exactly).then(|| these(seqs)));
        }
        _ => count_up_to(db, exactly, |statement| search.found(source, statement))?,
    };
    Ok((count <= exactly).then_some((Way::Gather(source), Count::Exactly(count))))
}

/// The way where words leave many, and so does each other part of a filter: together they may leave few. Titles and risks
/// go with words, so that an index that is sorted by them might be walked in vain where nothing is known of the words; then
/// all that have them are sorted.
fn way_with_listed_words(
    db: &mut dyn Connection,
    search: &mut Search,
    order: Order,
) -> Result<(Way, Count), DatabaseError> {
    let exactly = search.exactly;
    let many = exactly * SORTED_AT_MOST;
    let may_be_far = search.may_be_far(order);
    if !search.has_beside(Source::Text) {
        let listed = list_words(db, search, many + 1)?;
        search.asked = if listed > many { Asked::Each } else { Asked::Listed };
        let way = if may_be_far && listed <= many { Way::Gather(Source::Text) } else { Way::Walk };
        return Ok((way, Count::MoreThan(exactly)));
    }
    let listed = list_words(db, search, u64::MAX >> 1)?;
    search.asked = Asked::Listed;
    let (about, beside) = match search.addresses {
        Some(_) => (count_in_network(db, search, listed)?, Some(Source::Addresses)),
        // A row that is looked up by its number takes some times as long as the next one of an index.
        None => (search.placed_about() / 4, search.placed()),
    };
    let source = beside.filter(|_| about < listed).unwrap_or(Source::Text);
    let seqs = gathered_up_to(db, search, source, exactly + 1)?;
    if as_u64(seqs.len()) <= exactly {
        return Ok(these(seqs));
    }
    let is_sorted = may_be_far && search.addresses.is_none() && about.min(listed) <= many;
    let way = if is_sorted { Way::Gather(source) } else { Way::Walk };
    Ok((way, Count::MoreThan(exactly)))
}

/// The same where the texts know what else alarms are filtered by, apart from addresses. PostgreSQL knows well how many
/// alarms have words and how many are in a network, and joins them accordingly.
fn way_with_words(
    db: &mut dyn Connection,
    search: &Search,
    order: Order,
) -> Result<(Way, Count), DatabaseError> {
    let exactly = search.exactly;
    let is_placed = search.addresses.is_none()
        && search.is_narrowed
        && search.placed_about() * LOOKED_UP < search.may_have_words;
    let mut statement = Statement::default();
    let select = match search.placed().filter(|_| is_placed) {
        Some(source) => search.gathered(source, NUMBER, &mut statement),
        None if search.addresses.is_some() => search.with_words_at_addresses(&mut statement),
        None => search.with_words("rowid", &mut statement),
    };
    // To join all of them takes longer than a walk over the risks, of which there are few.
    let is_walked = search.addresses.is_some() && order.by != SortBy::Title;
    let most =
        if search.may_be_far(order) && !is_walked { exactly * SORTED_AT_MOST_ON_SERVER } else { exactly };
    let seqs = up_to(db, &select, statement, most + 1)?;
    if (exactly + 1..=most).contains(&as_u64(seqs.len())) {
        return Ok((Way::These(seqs), Count::MoreThan(exactly)));
    }
    Ok(these_or_walk(seqs, exactly))
}

/// The alarms that were found, if they are no more than are counted.
fn these_or_walk(seqs: Vec<i64>, exactly: u64) -> (Way, Count) {
    if as_u64(seqs.len()) <= exactly { these(seqs) } else { (Way::Walk, Count::MoreThan(exactly)) }
}

fn these(seqs: Vec<i64>) -> (Way, Count) {
    let count = Count::Exactly(as_u64(seqs.len()));
    (Way::These(seqs), count)
}

/// The first alarms that fit, looked for among those that a part of the filter leaves.
fn gathered_up_to(
    db: &mut dyn Connection,
    search: &Search,
    source: Source,
    most: u64,
) -> Result<Vec<i64>, DatabaseError> {
    let mut statement = Statement::default();
    let select = search.gathered(source, NUMBER, &mut statement);
    up_to(db, &select, statement, most)
}
