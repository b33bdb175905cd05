//! Which alarms somebody asks for, and how that is said in SQL.
//!
//! What a filter says about status, tag, class and the like is turned into the ids of the combinations that fit
//! (see `filing`): some thousand rows are looked at for that, not a million.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use dsiem_core::risk::RiskClass;
use ipnet::IpNet;

use super::filing::{AddressKey, address_key};
use super::list::COUNTED_EXACTLY;
use super::selections::LISTED;
use super::tallies::{DAY, start_of};
use super::text;
use super::vocabulary;
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Dialect, Statement, Value};

/// Which alarms: those that fit everything that is said here. An empty list says nothing, a list says "one of these".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The users' word for how far it is.
    pub status: Vec<String>,
    /// The users' word for what it is.
    pub tag: Vec<String>,
    /// Who handles it; the empty name is nobody.
    pub assignee: Vec<String>,
    /// The class of its risk.
    pub class: Vec<RiskClass>,
    /// Its risk.
    pub risk: Option<RangeInclusive<u8>>,
    /// The directive's kingdom.
    pub kingdom: Vec<String>,
    /// The directive's category.
    pub category: Vec<String>,
    /// The directive; 0 is not known.
    pub directive: Vec<u64>,
    /// One of its sources or destinations is in this network. A single address is a network of one.
    pub network: Option<IpNet>,
    /// Has all these words in its title, kingdom, category, rules, findings, custom data or comments.
    pub text: Option<String>,
    /// Created at or after this time, in seconds since 1970.
    pub created_from: Option<i64>,
    /// Created before this time, in seconds since 1970.
    pub created_until: Option<i64>,
}

/// A filter as it is looked for.
pub(super) struct Search {
    pub(super) dialect: Dialect,
    /// Up to which number lists are counted, and what follows from it for the ways to alarms.
    pub(super) exactly: u64,
    /// The combinations that fit; `None` where all do.
    pub(super) combinations: Option<Vec<i64>>,
    /// How many alarms there are.
    pub(super) all: u64,
    /// How many alarms have one of these combinations.
    pub(super) in_combinations: u64,
    /// How many alarms have a combination that goes with the words, whatever else it is.
    pub(super) may_have_words: u64,
    /// Whether the filter says something about combinations, also where its words mean nothing else.
    pub(super) says_combinations: bool,
    /// Whether the combinations are much fewer than the filter says, because alarms of the others do not have the words.
    pub(super) is_narrowed: bool,
    /// The risks of these combinations.
    pub(super) risks: BTreeSet<i64>,
    /// From the first address to the last.
    pub(super) addresses: Option<(AddressKey, AddressKey)>,
    pub(super) text: Option<Value>,
    /// Which alarms are asked for the text, and how.
    pub(super) asked: Asked,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    /// What is known of the alarms that were created in the time; `None` where it says nothing about it.
    pub(super) in_time: Option<InTime>,
}

/// What is known of the alarms that were created in a time, in whole days.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InTime {
    /// How many there are.
    pub(super) alarms: u64,
    /// When their newest events came, from the first to the last.
    pub(super) updated: Option<(i64, i64)>,
}

/// Which alarms are asked for words, and how. SQLite looks for words anew with each statement, PostgreSQL at the text of an
/// alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All that have them are found, as often as a statement needs them.
    Found,
    /// All that have them are in a table of the connection's own.
    Listed,
    /// One by one.
    Each,
    /// Only those of these combinations, one by one: all others that fit have the words. They are few.
    Of(Vec<i64>),
}

/// Of the combinations that fit, those of which alarms may lack the words.
#[derive(Debug, Default)]
struct Unsure {
    combinations: Vec<i64>,
    alarms: u64,
}

impl Search {
    /// Prepares the filter of a list, with what is known of how many alarms there are.
    pub(super) fn of_list(
        db: &mut dyn Connection,
        filter: &Filter,
        exactly: u64,
    ) -> Result<Self, DatabaseError> {
        let mut statement = Statement::default();
        let words = filter.text.as_deref().map(|text| vocabulary::conditions(text, &mut statement));
        let (mut search, unsure) = Self::with_combinations(db, filter, statement, words.unwrap_or_default())?;
        search.exactly = exactly;
        search.count_days(db)?;
        match unsure.filter(|unsure| unsure.alarms <= exactly) {
            Some(unsure) => search.ask_only(unsure.combinations),
            // Where most alarms may have the words, looking at what the others are would take longer than it spares.
            None if search.may_have_words > search.all / 2 => {
                search.is_narrowed = false;
                search.combinations = search.combinations.filter(|_| search.says_combinations);
            }
            None => {}
        }
        Ok(search)
    }

    /// Prepares a filter.
    pub(super) fn new(db: &mut dyn Connection, filter: &Filter) -> Result<Self, DatabaseError> {
        let (search, _) =
            Self::with_combinations(db, filter, Statement::default(), vocabulary::Conditions::default())?;
        Ok(search)
    }

    /// Asks only alarms of these combinations for the words: all others that fit have them.
    fn ask_only(&mut self, unsure: Vec<i64>) {
        self.is_narrowed = false;
        if unsure.is_empty() {
            self.text = None;
            self.combinations = self.combinations.take().filter(|_| self.in_combinations < self.all);
        } else {
            self.asked = Asked::Of(unsure);
        }
        self.says_combinations = self.combinations.is_some();
    }

    /// The words, where all alarms that fit are asked for them.
    pub(super) fn asked_of_all(&self) -> Option<&Value> {
        self.text.as_ref().filter(|_| !matches!(self.asked, Asked::Of(_)))
    }

    /// Prepares a filter, with what its words mean for combinations. Where that is known, those come with it of which alarms
    /// may lack the words.
    fn with_combinations(
        db: &mut dyn Connection,
        filter: &Filter,
        mut statement: Statement,
        of_words: vocabulary::Conditions,
    ) -> Result<(Self, Option<Unsure>), DatabaseError> {
        let mut search = Self::beside_combinations(db.dialect(), filter);
        let conditions = filter.on_combinations(&mut statement);
        search.says_combinations = !conditions.is_empty();
        search.is_narrowed = !of_words.may_have.is_empty();
        let narrows = search.says_combinations || search.is_narrowed;
        let all_of = |conditions: Vec<String>| {
            if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") }
        };
        let (fits, may_have_words) = (all_of(conditions), all_of(of_words.may_have));
        let mut unsure = of_words.all_have.is_some().then(Unsure::default);
        let is_unsure = of_words.all_have.map_or("1 = 0".to_owned(), |all_have| format!("NOT {all_have}"));
        // In a few rows: there may be thousands of combinations.
        let ids = if narrows { "string_agg(CAST(id AS TEXT), ',')" } else { "MAX('')" };
        statement.text = format!(
            "SELECT risk, CAST(SUM(alarms) AS BIGINT), CAST(SUM(alarms) FILTER (WHERE {fits}) AS BIGINT),
                 {ids} FILTER (WHERE {fits}),
                 CAST(COALESCE(SUM(alarms) FILTER (WHERE {fits} AND {is_unsure}), 0) AS BIGINT),
                 {ids} FILTER (WHERE {fits} AND {is_unsure})
             FROM combinations c WHERE alarms > 0 AND {may_have_words} GROUP BY risk"
        );
        let numbers = |ids: &str| ids.split(',').filter_map(|id| id.parse::<i64>().ok()).collect::<Vec<_>>();
        let mut fitting = Vec::new();
        for row in statement.rows(db)? {
            search.may_have_words += row.unsigned(1)?;
            if let Some(ids) = row.optional_text(3)? {
                search.risks.insert(row.int(0)?);
                search.in_combinations += row.unsigned(2)?;
                fitting.extend(numbers(ids));
            }
            if let Some(unsure) = &mut unsure {
                unsure.alarms += row.unsigned(4)?;
                unsure.combinations.extend(row.optional_text(5)?.map(numbers).unwrap_or_default());
            }
        }
        search.combinations = narrows.then_some(fitting);
        Ok((search, unsure))
    }

    /// Prepares a filter without what it says about combinations.
    pub(super) fn beside_combinations(dialect: Dialect, filter: &Filter) -> Self {
        let addresses =
            filter.network.map(|network| (address_key(network.network()), address_key(network.broadcast())));
        Self {
            dialect,
            exactly: COUNTED_EXACTLY,
            combinations: None,
            all: 0,
            in_combinations: 0,
            may_have_words: 0,
            says_combinations: false,
            is_narrowed: false,
            risks: BTreeSet::new(),
            addresses,
            text: filter.text.as_deref().and_then(|search| text::query(dialect, search)),
            asked: match dialect {
                Dialect::Sqlite => Asked::Found,
                Dialect::Postgres => Asked::Each,
            },
            from: filter.created_from,
            until: filter.created_until,
            in_time: None,
        }
    }

    /// Finds out how many alarms there are, in the time and at all.
    fn count_days(&mut self, db: &mut dyn Connection) -> Result<(), DatabaseError> {
        let mut statement = Statement::default();
        let mut conditions = "1 = 1".to_owned();
        for (bound, comparison) in [(self.from.map(|from| start_of(from, DAY)), ">="), (self.until, "<")] {
            if let Some(bound) = bound {
                conditions += &format!(" AND day {comparison} {}", statement.bind(bound));
            }
        }
        statement.text = format!(
            "SELECT CASE WHEN {conditions} THEN 1 ELSE 0 END AS fits, CAST(SUM(alarms) AS BIGINT), MIN(first_update),
                 MAX(last_update) FROM days GROUP BY 1"
        );
        let mut in_time = InTime::default();
        for row in statement.rows(db)? {
            let alarms = row.int(1)?.max(0).cast_unsigned();
            self.all += alarms;
            if row.int(0)? == 1 {
                in_time = InTime { alarms, updated: Some((row.int(2)?, row.int(3)?)) };
            }
        }
        self.in_time = self.has_time().then_some(in_time);
        Ok(())
    }

    /// Whether it says something about the time.
    pub(super) fn has_time(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    /// That a row with a combination and a time of creation fits; each condition begins with ` AND `.
    pub(super) fn on_row(&self, row: &str, statement: &mut Statement) -> String {
        let mut conditions = String::new();
        if let Some(combinations) = &self.combinations {
            let place = statement.bind(Value::List(combinations.clone()));
            conditions += " AND ";
            conditions += &self.dialect.is_in(&format!("{row}.combination"), &place);
        }
        conditions + &self.on_time(row, statement)
    }

    /// The same for a row of which it is known that it has the words.
    pub(super) fn on_row_with_words(&self, row: &str, statement: &mut Statement) -> String {
        if self.says_combinations { self.on_row(row, statement) } else { self.on_time(row, statement) }
    }

    /// That a row with a time of creation fits.
    pub(super) fn on_time(&self, row: &str, statement: &mut Statement) -> String {
        let mut conditions = String::new();
        for (bound, comparison) in [(self.from, ">="), (self.until, "<")] {
            if let Some(bound) = bound {
                conditions += &format!(" AND {row}.created {comparison} {}", statement.bind(bound));
            }
        }
        conditions
    }

    /// That the alarm `a` has one of the addresses.
    pub(super) fn on_addresses(&self, statement: &mut Statement) -> String {
        let Some((first, last)) = &self.addresses else { return String::new() };
        let (first, last) = (statement.bind(first.to_vec()), statement.bind(last.to_vec()));
        format!(
            " AND EXISTS (SELECT 1 FROM addresses x WHERE x.alarm = a.seq AND x.address BETWEEN {first} AND {last})"
        )
    }

    /// That the alarm `a` has the words.
    pub(super) fn on_text(&self, statement: &mut Statement) -> String {
        if self.text.is_none() {
            return String::new();
        }
        let seq = self.dialect.looked_up("a.seq");
        match &self.asked {
            Asked::Listed => format!(" AND {seq} IN (SELECT seq FROM {LISTED})"),
            Asked::Found => {
                format!(" AND {seq} IN (SELECT rowid FROM alarm_text WHERE {})", self.matches(statement))
            }
            Asked::Each => format!(" AND {}", self.on_text_of_each(statement)),
            Asked::Of(combinations) => {
                let place = statement.bind(Value::List(combinations.clone()));
                let is_unsure = self.dialect.is_in("a.combination", &place);
                format!(" AND (NOT {is_unsure} OR {})", self.on_text_of_each(statement))
            }
        }
    }

    /// The same, looked up in the text of one alarm after the other.
    fn on_text_of_each(&self, statement: &mut Statement) -> String {
        let (matches, one_by_one) = (self.matches(statement), self.dialect.one_by_one());
        format!("EXISTS (SELECT 1 FROM alarm_text WHERE {matches} AND rowid = a.seq{one_by_one})")
    }

    /// That a row of texts has the words.
    pub(super) fn matches(&self, statement: &mut Statement) -> String {
        self.dialect.text_matches(&statement.bind(self.text.clone().unwrap_or(Value::Null)))
    }
}

impl Filter {
    /// What it says about the combination `c`.
    fn on_combinations(&self, statement: &mut Statement) -> Vec<String> {
        let texts = |texts: &[String]| texts.iter().map(|text| Value::from(text.as_str())).collect();
        let lists: [(&str, Vec<Value>); 7] = [
            ("status", texts(&self.status)),
            ("tag", texts(&self.tag)),
            ("assignee", texts(&self.assignee)),
            ("kingdom", texts(&self.kingdom)),
            ("category", texts(&self.category)),
            ("class", self.class.iter().map(|class| Value::from(*class as i64)).collect()),
            ("directive", self.directive.iter().map(|id| Value::from(*id)).collect()),
        ];
        let mut conditions: Vec<String> = lists
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(column, values)| format!("c.{column} IN ({})", statement.bind_all(values)))
            .collect();
        if let Some(risk) = &self.risk {
            let (low, high) = (i64::from(*risk.start()), i64::from(*risk.end()));
            let (low, high) = (statement.bind(low), statement.bind(high));
            conditions.push(format!("c.risk BETWEEN {low} AND {high}"));
        }
        conditions
    }
}
