//! Selections of alarms, in SQL: gathered from what a part of a filter leaves, or met with on a walk along an index; and how
//! many there are, as far as somebody wants to know.

use super::filter::{Asked, Search};
use super::list::Order;
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Dialect, Statement, as_u64};

/// To look for a combination in an index takes as long as walking over so many alarms.
const LOOK: u64 = 40;
/// The table of SQLite's that lists all alarms that have the words of a search: each search of its own would find all of
/// them anew.
pub(super) const LISTED: &str = "temp.listed";

/// The number of the alarm `a`.
pub(super) const NUMBER: &str = "a.seq";

/// The part of a filter by which alarms are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// What it says of combinations and time, by the index of combinations.
    Combinations,
    /// What it says of combinations and time, by the index of times.
    Time,
    Text,
    Addresses,
}

impl Source {
    /// The index of alarms that leads to those of combinations and a time.
    fn index(self) -> &'static str {
        if self == Self::Time { "alarms_by_created" } else { "alarms_by_combination" }
    }
}

impl Search {
    /// The parts of the filter by which alarms may be gathered, beginning with the one that is counted most quickly.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> + use<> {
        let text = self.asked_of_all().map(|_| Source::Text);
        let addresses = self.addresses.map(|_| Source::Addresses);
        // PostgreSQL finds all that have the words before it gives the first of them: see `way`.
        let text = text.filter(|_| self.dialect == Dialect::Sqlite);
        [text, addresses, self.placed()].into_iter().flatten()
    }

    /// The quicker one of the two ways to the first of those that have some combinations and were created in a time.
    pub(super) fn placed(&self) -> Option<Source> {
        let (Some(combinations), Some(time)) = (&self.combinations, self.in_time) else {
            let combinations = self.combinations.as_ref().map(|_| Source::Combinations);
            return combinations.or(self.in_time.map(|_| Source::Time));
        };
        // As if alarms of these combinations were created at all times.
        let one_in = self.all.max(1).div_ceil(self.in_combinations.max(1));
        let by_time = time.alarms.min(self.exactly.saturating_mul(one_in));
        let by_combinations = as_u64(combinations.len()) * LOOK;
        Some(if by_time < by_combinations { Source::Time } else { Source::Combinations })
    }

    /// How many alarms fit, of what it says of combinations and time, if alarms of these combinations were created at all
    /// times.
    pub(super) fn placed_about(&self) -> u64 {
        let in_combinations = self.combinations.as_ref().map_or(u64::MAX, |_| self.in_combinations);
        match self.in_time {
            Some(time) if in_combinations < self.all => {
                let share =
                    u128::from(time.alarms) * u128::from(in_combinations) / u128::from(self.all.max(1));
                u64::try_from(share).unwrap_or(u64::MAX)
            }
            Some(time) => time.alarms,
            None => in_combinations,
        }
    }

    /// How many alarms fit at most, of what it says of combinations and time.
    fn placed_at_most(&self) -> u64 {
        let in_combinations = self.combinations.as_ref().map_or(u64::MAX, |_| self.in_combinations);
        in_combinations.min(self.in_time.map_or(u64::MAX, |time| time.alarms))
    }

    /// Whether the filter itself says something about combinations or time.
    fn says_place(&self) -> bool {
        self.says_combinations || self.has_time()
    }

    /// Whether all alarms fit.
    pub(super) fn says_nothing(&self) -> bool {
        self.placed().is_none() && self.addresses.is_none() && self.text.is_none()
    }

    /// Whether the alarms with the words may be next to each other in this order, and nobody knows where.
    pub(super) fn may_be_far(&self, order: Order) -> bool {
        order.by.goes_with_words() && !self.is_narrowed
    }

    /// How far an index is walked before what fits is looked for in another way; `None` where there is no other.
    pub(super) fn walked_so_far(&self, order: Order) -> Option<u64> {
        match self.dialect {
            _ if self.says_nothing() => None,
            // To gather what has words takes it longer than a longer walk, which is in vain where all of them are far.
            Dialect::Postgres if self.may_be_far(order) || self.asked_of_all().is_none() => {
                Some(self.exactly / 2)
            }
            _ => Some(self.exactly * 2),
        }
    }

    /// A part of the filter that leaves not so many alarms that they could not be gathered: beyond, walking to the end takes
    /// less. PostgreSQL walks more slowly.
    pub(super) fn rather_few(&self) -> Option<Source> {
        let most = match self.dialect {
            Dialect::Sqlite => self.exactly * 4,
            Dialect::Postgres => self.exactly * 10,
        };
        let placed = self.placed().filter(|_| self.placed_at_most() <= most);
        // Words that many alarms have would have been met with on the way.
        placed.or(self.asked_of_all().map(|_| Source::Text))
    }

    /// Whether the filter says more than what [`found`](Self::found) looks at for this source.
    pub(super) fn has_beside(&self, source: Source) -> bool {
        match source {
            Source::Text => {
                self.addresses.is_some() || (self.dialect == Dialect::Sqlite && self.says_place())
            }
            Source::Addresses => self.text.is_some(),
            Source::Time | Source::Combinations => self.text.is_some() || self.addresses.is_some(),
        }
    }

    /// A selection of the alarms that one part of the filter leaves, and what can be told of them in the same place.
    pub(super) fn found(&self, source: Source, statement: &mut Statement) -> String {
        match source {
            Source::Text => self.with_words("rowid AS seq", statement),
            Source::Addresses => {
                // One address is in an alarm once, a network maybe often.
                let is_one = self.addresses.is_some_and(|(first, last)| first == last);
                let distinct = if is_one { "" } else { "DISTINCT " };
                let wanted = format!("{distinct}x.alarm AS seq{}", self.asked_by("x"));
                self.at_addresses(&wanted, statement)
            }
            Source::Time | Source::Combinations => {
                let index = self.dialect.by_index(source.index());
                let wanted = format!("r.seq{}", self.asked_by("r"));
                format!("SELECT {wanted} FROM alarms r {index} WHERE 1 = 1{}", self.on_row("r", statement))
            }
        }
    }

    /// What has to be known of an alarm beside its number, to tell whether it is asked for the words.
    fn asked_by(&self, row: &str) -> String {
        if matches!(self.asked, Asked::Of(_)) { format!(", {row}.combination") } else { String::new() }
    }

    /// A selection of what is `wanted` of the texts that have the words. PostgreSQL knows of each what it is filtered by.
    pub(super) fn with_words(&self, wanted: &str, statement: &mut Statement) -> String {
        if self.asked == Asked::Listed {
            return format!("SELECT {wanted} FROM {LISTED}");
        }
        let matches = self.matches(statement);
        let rest = match self.dialect {
            Dialect::Sqlite => String::new(),
            Dialect::Postgres => self.on_row_with_words("alarm_text", statement),
        };
        format!("SELECT {wanted} FROM alarm_text WHERE {matches}{rest}")
    }

    /// A selection of the alarms that have the words and one of the addresses, in PostgreSQL.
    pub(super) fn with_words_at_addresses(&self, statement: &mut Statement) -> String {
        let with_words = self.with_words("rowid", statement);
        format!("{with_words} AND rowid IN ({})", self.in_network("x.alarm", statement))
    }

    /// A selection of what is `wanted` of the rows `x` of addresses that fit.
    pub(super) fn at_addresses(&self, wanted: &str, statement: &mut Statement) -> String {
        self.in_network(wanted, statement) + &self.on_row("x", statement)
    }

    /// The same whatever else is asked for.
    fn in_network(&self, wanted: &str, statement: &mut Statement) -> String {
        let (first, last) = self.addresses.unwrap_or_default();
        let (first, last) = (statement.bind(first.to_vec()), statement.bind(last.to_vec()));
        format!("SELECT {wanted} FROM addresses x WHERE x.address BETWEEN {first} AND {last}")
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, along an index.
    pub(super) fn walked(&self, wanted: &str, index: &str, statement: &mut Statement) -> String {
        let mut fits = self.on_row("a", statement);
        // The quicker one to look up first.
        let (text, addresses) = (self.on_text(statement), self.on_addresses(statement));
        let is_text_quick = matches!(self.asked, Asked::Listed | Asked::Of(_));
        fits += &if is_text_quick { text + &addresses } else { addresses + &text };
        format!("SELECT {wanted} FROM alarms a {} WHERE 1 = 1{fits}", self.dialect.by_index(index))
    }

    /// A selection of what is `wanted` of the alarms `a` that fit, looked for among those that a part of the filter
    /// leaves.
    pub(super) fn gathered(&self, source: Source, wanted: &str, statement: &mut Statement) -> String {
        let is_placed = matches!(source, Source::Time | Source::Combinations);
        if is_placed && self.dialect == Dialect::Sqlite {
            return self.walked(wanted, source.index(), statement);
        }
        // PostgreSQL would look at the row of each alarm of a time, although the index tells which fit.
        let found = self.found(source, statement);
        let mut rest = String::new();
        match (source, self.dialect) {
            (Source::Text, Dialect::Sqlite) => rest += &self.on_row_with_words("a", statement),
            (Source::Text, Dialect::Postgres) => {}
            _ => rest += &self.on_text(statement),
        }
        if source != Source::Addresses {
            rest += &self.on_addresses(statement);
        }
        let found = self.dialect.made_first("f", &found);
        // What is asked of the row of an alarm is known of its addresses, and of texts in PostgreSQL, too.
        let is_row_asked = source == Source::Text && self.dialect == Dialect::Sqlite && self.says_place();
        if wanted == NUMBER && !is_row_asked {
            return format!("{found} SELECT {wanted} FROM f a WHERE 1 = 1{rest}");
        }
        format!("{found} SELECT {wanted} FROM f CROSS JOIN alarms a WHERE a.seq = f.seq{rest}")
    }

    /// A selection of what is `wanted` of the rows of alarms that fit, of the first so many of them.
    pub(super) fn limited(
        &self,
        source: Source,
        wanted: impl Fn(&str) -> String,
        most: u64,
        statement: &mut Statement,
    ) -> String {
        // PostgreSQL knows of texts what alarms are filtered by.
        let is_there =
            source == Source::Text && !self.has_beside(Source::Text) && self.dialect == Dialect::Postgres;
        let select = if is_there {
            self.with_words(&wanted("alarm_text"), statement)
        } else {
            self.gathered(source, &wanted("a"), statement)
        };
        format!("{select} LIMIT {}", statement.bind(most))
    }

    /// How many alarms have which combination, of the first so many that fit.
    pub(super) fn by_combination(&self, source: Source, most: u64, statement: &mut Statement) -> String {
        let limited = self.limited(source, |row| format!("{row}.combination"), most, statement);
        format!("SELECT combination, COUNT(*) AS alarms FROM ({limited}) f GROUP BY combination")
    }
}

/// Lists alarms that have the words, up to so many, in a table of the connection's own, since SQLite finds them anew for each
/// statement; how many there are.
pub(super) fn list_words(
    db: &mut dyn Connection,
    search: &mut Search,
    most: u64,
) -> Result<u64, DatabaseError> {
    db.batch(&format!(
        "CREATE TEMP TABLE IF NOT EXISTS listed (seq INTEGER PRIMARY KEY); DELETE FROM {LISTED}"
    ))?;
    let mut statement = Statement::default();
    let found = search.with_words("rowid", &mut statement);
    let limit = statement.bind(most);
    db.execute(&format!("INSERT INTO {LISTED} {found} LIMIT {limit}"), &statement.values)
}

/// The alarms with one of the addresses; `None` if they are more than are counted exactly. An alarm may be there with any
/// number of them, and to make all of a large network's distinct takes long: so only the first are, and more of them where
/// these belong to few alarms.
pub(super) fn at_addresses(
    db: &mut dyn Connection,
    search: &Search,
) -> Result<Option<Vec<i64>>, DatabaseError> {
    let mut most = 2 * (search.exactly + 1);
    loop {
        let mut statement = Statement::default();
        let select = search.at_addresses("x.alarm", &mut statement);
        let mut seqs = up_to(db, &select, statement, most)?;
        let are_all = as_u64(seqs.len()) < most;
        seqs.sort_unstable();
        seqs.dedup();
        if as_u64(seqs.len()) > search.exactly {
            return Ok(None);
        }
        if are_all {
            return Ok(Some(seqs));
        }
        most *= 4;
    }
}

/// The first numbers that a selection gives.
pub(super) fn up_to(
    db: &mut dyn Connection,
    select: &str,
    mut statement: Statement,
    most: u64,
) -> Result<Vec<i64>, DatabaseError> {
    statement.text = format!("{select} LIMIT {}", statement.bind(most));
    statement.rows(db)?.iter().map(|row| row.int(0)).collect()
}

/// How large a network is: counts the addresses of alarms that are in it, up to so many, whatever else is asked for. An alarm
/// may have several.
pub(super) fn count_in_network(
    db: &mut dyn Connection,
    search: &Search,
    most: u64,
) -> Result<u64, DatabaseError> {
    count_up_to(db, most.saturating_sub(1), |statement| search.in_network("1", statement))
}

/// Counts the rows of a selection, up to one more than `most`.
pub(super) fn count_up_to(
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
