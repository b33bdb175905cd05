//! Figures about many alarms: how many of each kind, when, and whose addresses.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use dsiem_core::risk::RiskClass;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::class_name;
use super::filing::{AddressKey, DESTINATION, SOURCE};
use super::filter::{Filter, Search};
use super::selections::Source;
use super::tallies::{DAY, HOUR, start_of};
use crate::database::DatabaseError;
use crate::database::sql::as_u64;
use crate::database::sql::{Connection, Statement, Value};

/// Where a filter has a text or a network, figures are of so many alarms at most.
pub const MAX_COUNTED: u64 = 100_000;
/// Of so many addresses it is looked closely whether they are among those of the most alarms.
const OFTEN: u64 = 1_000;
/// Figures over a longer time than this are by day, others by hour.
const BY_HOUR_UP_TO: i64 = 14 * DAY;

/// How many alarms have each value. Each part is counted as if the filter said nothing about it, so that the other
/// choices are there with their numbers; sorted by number, the highest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Facets {
    /// By status.
    pub status: Vec<Facet<String>>,
    /// By tag.
    pub tag: Vec<Facet<String>>,
    /// By who handles them.
    pub assignee: Vec<Facet<String>>,
    /// By class.
    pub class: Vec<Facet<String>>,
    /// By risk.
    pub risk: Vec<Facet<u8>>,
    /// By kingdom.
    pub kingdom: Vec<Facet<String>>,
    /// By category.
    pub category: Vec<Facet<String>>,
    /// By directive; 0 is not known.
    pub directive: Vec<Facet<u64>>,
    /// Whether all alarms were counted, and not only [`MAX_COUNTED`].
    pub is_complete: bool,
}

/// A value, and how many alarms have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Facet<T> {
    /// The value.
    pub value: T,
    /// How many.
    pub alarms: u64,
}

/// How many alarms were created, hour by hour or day by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OverTime {
    /// How long each part is, in seconds.
    pub resolution: i64,
    /// Those in which there was an alarm.
    pub parts: Vec<Part>,
    /// Whether all alarms were counted, and not only [`MAX_COUNTED`].
    pub is_complete: bool,
}

/// An hour or a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// When it begins, in seconds since 1970.
    pub start: i64,
    /// Alarms of the class `Low`.
    pub low: u64,
    /// Alarms of the class `Medium`.
    pub medium: u64,
    /// Alarms of the class `High`.
    pub high: u64,
}

/// What an address is in an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Where events came from.
    Source,
    /// Where events went.
    Destination,
}

/// A combination and how many alarms have it, of those that fit the rest of the filter.
struct Counted {
    status: String,
    tag: String,
    assignee: String,
    class: RiskClass,
    risk: u8,
    kingdom: String,
    category: String,
    directive: u64,
    alarms: u64,
}

/// How many alarms have each value.
pub(super) fn facets(db: &mut dyn Connection, filter: &Filter) -> Result<Facets, DatabaseError> {
    let search = Search::beside_combinations(db.dialect(), filter);
    let numbers = numbers(db, &search)?;
    let is_complete = search.has_no_limit() || numbers.values().sum::<u64>() < MAX_COUNTED;
    let mut counts = Counts::default();
    for counted in combinations(db, &numbers)? {
        counts.add(filter, &counted);
    }
    Ok(counts.facets(is_complete))
}

/// How many alarms were created from a time on and until another, by class.
pub(super) fn over_time(
    db: &mut dyn Connection,
    filter: &Filter,
    from: i64,
    until: i64,
) -> Result<OverTime, DatabaseError> {
    let resolution = if until - from <= BY_HOUR_UP_TO { HOUR } else { DAY };
    let filter = Filter { created_from: Some(from), created_until: Some(until), ..filter.clone() };
    let search = Search::new(db, &filter)?;
    let mut statement = Statement::default();
    let has_no_limit = search.has_no_limit();
    let counted = if has_no_limit {
        // Whole hours or days, also where the time begins or ends within one.
        let (from, until) = (statement.bind(start_of(from, resolution)), statement.bind(until));
        let resolution = statement.bind(resolution);
        let combinations = search.combinations.as_ref().map_or_else(String::new, |combinations| {
            let list = statement.bind(Value::List(combinations.clone()));
            format!(" AND {}", search.dialect.is_in("t.combination", &list))
        });
        format!(
            "SELECT t.start, t.combination, t.alarms FROM alarms_in_time t
             WHERE t.resolution = {resolution} AND t.start >= {from} AND t.start < {until}{combinations}"
        )
    } else {
        let length = statement.bind(resolution);
        let wanted = |row: &str| format!("{row}.created / {length} AS start, {row}.combination");
        let limited = search.limited(search.unlimited_by(), wanted, MAX_COUNTED, &mut statement);
        format!(
            "SELECT start * {length}, combination, COUNT(*) FROM ({limited}) l GROUP BY start, combination"
        )
    };
    statement.text = format!(
        "WITH t (start, combination, alarms) AS ({counted}) SELECT t.start, c.class, CAST(SUM(t.alarms) AS BIGINT)
         FROM t JOIN combinations c ON c.id = t.combination GROUP BY t.start, c.class ORDER BY t.start"
    );
    let mut parts: BTreeMap<i64, Part> = BTreeMap::new();
    let mut all = 0;
    for row in statement.rows(db)? {
        let start = row.int(0)?;
        let part = parts.entry(start).or_insert_with(|| Part { start, ..Part::default() });
        let alarms = row.unsigned(2)?;
        all += alarms;
        *(match class(row.int(1)?)? {
            RiskClass::Low => &mut part.low,
            RiskClass::Medium => &mut part.medium,
            RiskClass::High => &mut part.high,
        }) += alarms;
    }
    let is_complete = has_no_limit || all < MAX_COUNTED;
    Ok(OverTime { resolution, parts: parts.into_values().collect(), is_complete })
}

/// The addresses of the most alarms that were created on the days of this time.
pub(super) fn top_addresses(
    db: &mut dyn Connection,
    role: Role,
    from: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<Facet<IpAddr>>, DatabaseError> {
    let role = match role {
        Role::Source => SOURCE,
        Role::Destination => DESTINATION,
    };
    let days = (start_of(from, DAY), until);
    let often = often(db, role, days, limit)?;
    let mut statement = Statement::default();
    let (role, from, until) = (statement.bind(role), statement.bind(days.0), statement.bind(days.1));
    let often = often.map_or_else(String::new, |addresses| {
        format!(" AND address IN ({})", statement.bind_all(addresses.into_iter().map(Value::Bytes)))
    });
    let limit = statement.bind(as_u64(limit));
    statement.text = format!(
        "SELECT address, CAST(SUM(CAST(alarms AS INTEGER)) AS BIGINT) AS sum FROM addresses_in_time
         WHERE role = {role} AND day >= {from} AND day < {until}{often}
         GROUP BY address ORDER BY sum DESC, address LIMIT {limit}"
    );
    let rows = statement.rows(db)?;
    rows.iter()
        .map(|row| {
            let key = AddressKey::try_from(row.bytes(0)?);
            let key = key.map_err(|_| DatabaseError::Damaged("an address is not of 16 bytes".into()))?;
            Ok(Facet { value: Ipv6Addr::from(key).to_canonical(), alarms: row.unsigned(1)? })
        })
        .collect()
}

/// The addresses among which those of the most alarms are, as far as that can be told from the days on which an address
/// was in several alarms: there are few of these. An address has at most one alarm on each of its other days. `None` where
/// that does not tell enough.
fn often(
    db: &mut dyn Connection,
    role: i64,
    (from, until): (i64, i64),
    limit: usize,
) -> Result<Option<Vec<Vec<u8>>>, DatabaseError> {
    let rows = db.query(
        "SELECT address, CAST(SUM(CAST(alarms AS INTEGER)) AS BIGINT) AS sum, COUNT(*) FROM addresses_in_time
         WHERE role = ?1 AND day >= ?2 AND day < ?3 AND alarms > 1 GROUP BY address ORDER BY sum DESC LIMIT ?4",
        &[role.into(), from.into(), until.into(), OFTEN.into()],
    )?;
    let days = u64::try_from(until.saturating_sub(from).max(0) / DAY + 1).unwrap_or(u64::MAX);
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        all.push((row.bytes(0)?.to_vec(), row.unsigned(1)?, row.unsigned(2)?));
    }
    // The last one of the top has so many at least; whoever has fewer at most is not one of them.
    let Some((_, least, _)) = limit.checked_sub(1).and_then(|last| all.get(last)) else { return Ok(None) };
    let least = *least;
    let most_of_others = if as_u64(all.len()) < OFTEN { 0 } else { all.last().map_or(0, |(_, sum, _)| *sum) };
    if most_of_others.saturating_add(days) >= least {
        return Ok(None);
    }
    let can_be = |sum: u64, counted: u64| sum + days.saturating_sub(counted) >= least;
    Ok(Some(
        all.into_iter()
            .filter(|(_, sum, counted)| can_be(*sum, *counted))
            .map(|(address, ..)| address)
            .collect(),
    ))
}

/// How many alarms have each combination, of those that fit the filter beside it.
fn numbers(db: &mut dyn Connection, search: &Search) -> Result<HashMap<i64, u64>, DatabaseError> {
    let mut statement = Statement::default();
    statement.text = if !search.has_no_limit() {
        search.by_combination(search.unlimited_by(), MAX_COUNTED, &mut statement)
    } else if search.has_time() {
        let time = search.on_time("a", &mut statement);
        format!(
            "SELECT c.id, (SELECT COUNT(*) FROM alarms a WHERE a.combination = c.id{time})
             FROM combinations c WHERE c.alarms > 0"
        )
    } else {
        "SELECT id, alarms FROM combinations WHERE alarms > 0".to_owned()
    };
    statement.rows(db)?.iter().map(|row| Ok((row.int(0)?, row.unsigned(1)?))).collect()
}

/// What the combinations are.
fn combinations(db: &mut dyn Connection, numbers: &HashMap<i64, u64>) -> Result<Vec<Counted>, DatabaseError> {
    let rows = db.query(
        "SELECT id, status, tag, assignee, class, risk, kingdom, category, directive FROM combinations
         WHERE alarms > 0",
        &[],
    )?;
    let mut combinations = Vec::with_capacity(rows.len());
    for row in rows {
        let alarms = numbers.get(&row.int(0)?).copied().unwrap_or(0);
        if alarms == 0 {
            continue;
        }
        combinations.push(Counted {
            status: row.text(1)?.to_owned(),
            tag: row.text(2)?.to_owned(),
            assignee: row.text(3)?.to_owned(),
            class: class(row.int(4)?)?,
            risk: u8::try_from(row.int(5)?).unwrap_or(u8::MAX),
            kingdom: row.text(6)?.to_owned(),
            category: row.text(7)?.to_owned(),
            directive: row.int(8)?.cast_unsigned(),
            alarms,
        });
    }
    Ok(combinations)
}

fn class(number: i64) -> Result<RiskClass, DatabaseError> {
    let class = class_name::ALL.into_iter().find(|class| *class as i64 == number);
    class.ok_or_else(|| DatabaseError::Damaged("there is no such class of risk".into()))
}

impl Search {
    /// Whether figures come from roll-ups and counts that are there, and not from the alarms themselves.
    fn has_no_limit(&self) -> bool {
        self.text.is_none() && self.addresses.is_none()
    }

    /// What the number of alarms is not known for without looking at them.
    fn unlimited_by(&self) -> Source {
        if self.text.is_some() { Source::Text } else { Source::Addresses }
    }
}

/// Facets that are being counted.
#[derive(Default)]
struct Counts {
    texts: [BTreeMap<String, u64>; 6],
    risk: BTreeMap<u8, u64>,
    directive: BTreeMap<u64, u64>,
}

impl Counts {
    /// Counts a combination where the filter fits it, apart from the part that is counted.
    fn add(&mut self, filter: &Filter, counted: &Counted) {
        let fits = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        let fitting = [
            fits(&filter.status, &counted.status),
            fits(&filter.tag, &counted.tag),
            fits(&filter.assignee, &counted.assignee),
            filter.class.is_empty() || filter.class.contains(&counted.class),
            fits(&filter.kingdom, &counted.kingdom),
            fits(&filter.category, &counted.category),
            filter.risk.as_ref().is_none_or(|risk| risk.contains(&counted.risk)),
            filter.directive.is_empty() || filter.directive.contains(&counted.directive),
        ];
        let misfits = fitting.iter().filter(|fits| !**fits).count();
        let counts = |part: usize| misfits == 0 || (misfits == 1 && !fitting[part]);
        let class = counted.class.as_str().to_owned();
        let texts =
            [&counted.status, &counted.tag, &counted.assignee, &class, &counted.kingdom, &counted.category];
        for (part, text) in texts.into_iter().enumerate().filter(|(part, _)| counts(*part)) {
            *self.texts[part].entry(text.clone()).or_default() += counted.alarms;
        }
        if counts(6) {
            *self.risk.entry(counted.risk).or_default() += counted.alarms;
        }
        if counts(7) {
            *self.directive.entry(counted.directive).or_default() += counted.alarms;
        }
    }

    fn facets(self, is_complete: bool) -> Facets {
        let [status, tag, assignee, class, kingdom, category] = self.texts.map(sorted);
        let (risk, directive) = (sorted(self.risk), sorted(self.directive));
        Facets { status, tag, assignee, class, risk, kingdom, category, directive, is_complete }
    }
}

fn sorted<T>(counts: BTreeMap<T, u64>) -> Vec<Facet<T>> {
    let mut facets: Vec<_> = counts.into_iter().map(|(value, alarms)| Facet { value, alarms }).collect();
    facets.sort_by_key(|facet| std::cmp::Reverse(facet.alarms));
    facets
}
