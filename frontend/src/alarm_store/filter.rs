//! Which alarms somebody asks for, and how that is said in SQL.
//!
//! What a filter says about status, tag, class and the like is turned into the ids of the combinations that fit
//! (see `filing`): some thousand rows are looked at for that, not a million.

use std::ops::RangeInclusive;

use dsiem_core::risk::RiskClass;
use ipnet::IpNet;

use super::filing::{AddressKey, address_key, by_risk};
use super::text;
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
    /// The combinations that fit; `None` where all do.
    pub(super) combinations: Option<Vec<i64>>,
    /// How many alarms have one of these combinations.
    pub(super) in_combinations: u64,
    /// The lowest and the highest risk of these combinations; `None` where there is none.
    pub(super) risks: Option<(i64, i64)>,
    /// From the first address to the last.
    pub(super) addresses: Option<(AddressKey, AddressKey)>,
    pub(super) text: Option<Value>,
    from: Option<i64>,
    until: Option<i64>,
}

impl Search {
    /// Prepares a filter.
    pub(super) fn new(db: &mut dyn Connection, filter: &Filter) -> Result<Self, DatabaseError> {
        let mut search = Self::beside_combinations(db.dialect(), filter);
        let mut statement = Statement::default();
        let conditions = filter.on_combinations(&mut statement);
        let narrows = !conditions.is_empty();
        statement.text = "SELECT id, alarms, risk FROM combinations c WHERE alarms > 0".to_owned();
        for condition in conditions {
            statement.text += " AND ";
            statement.text += &condition;
        }
        let mut fitting = Vec::new();
        for row in statement.rows(db)? {
            fitting.push(row.int(0)?);
            search.in_combinations += row.unsigned(1)?;
            let risk = row.int(2)?;
            let (lowest, highest) = search.risks.unwrap_or((risk, risk));
            search.risks = Some((risk.min(lowest), risk.max(highest)));
        }
        search.combinations = narrows.then_some(fitting);
        Ok(search)
    }

    /// Prepares a filter without what it says about combinations.
    pub(super) fn beside_combinations(dialect: Dialect, filter: &Filter) -> Self {
        let addresses =
            filter.network.map(|network| (address_key(network.network()), address_key(network.broadcast())));
        Self {
            dialect,
            combinations: None,
            in_combinations: 0,
            risks: None,
            addresses,
            text: filter.text.as_deref().and_then(|search| text::query(dialect, search)),
            from: filter.created_from,
            until: filter.created_until,
        }
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

    /// That the alarm `a` has a risk that fits. This follows from its combination, and spares an index that is sorted by
    /// risk what is below and above.
    pub(super) fn on_risk(&self, statement: &mut Statement) -> String {
        let (Some(_), Some((lowest, highest))) = (&self.combinations, self.risks) else {
            return String::new();
        };
        let (from, until) = (statement.bind(by_risk(lowest, 0)), statement.bind(by_risk(highest + 1, 0)));
        format!(" AND a.by_risk >= {from} AND a.by_risk < {until}")
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

    /// That the alarm `a` has the words. The alarms that have them are found once and not asked one by one: for SQLite
    /// each question would be a search of its own.
    pub(super) fn on_text(&self, statement: &mut Statement) -> String {
        let Some(text) = &self.text else { return String::new() };
        let matches = self.dialect.text_matches(&statement.bind(text.clone()));
        format!(" AND {} IN (SELECT rowid FROM alarm_text WHERE {matches})", self.dialect.looked_up("a.seq"))
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
