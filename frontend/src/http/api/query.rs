//! What the part of an address behind the question mark says: which alarms, in which order, which part of them.
//!
//! A name that may have several values may come several times. A name that is not known is an error: a filter with a
//! slip in it would show everything.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use utoipa::IntoParams;

use super::documents::Class;
use super::problem::Problem;
use crate::alarm_store::Filter;

/// The highest risk.
const MAX_RISK: u8 = 10;

/// Which alarms: those that fit everything that is said here. Of a name that comes several times, one value has to fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct FilterQuery {
    /// The users' word for how far it is.
    status: Vec<String>,
    /// The users' word for what it is.
    tag: Vec<String>,
    /// Who handles it; empty is nobody.
    assignee: Vec<String>,
    /// The class of its risk.
    class: Vec<Class>,
    /// Its lowest risk, 0 to 10.
    #[param(minimum = 0, maximum = 10)]
    risk_min: Option<u8>,
    /// Its highest risk, 0 to 10.
    #[param(minimum = 0, maximum = 10)]
    risk_max: Option<u8>,
    /// The directive's kingdom.
    kingdom: Vec<String>,
    /// The directive's category.
    category: Vec<String>,
    /// The directive's id; 0 is not known.
    directive: Vec<u64>,
    /// An address, or a network such as `10.0.0.0/8`, that one of its sources or destinations is in.
    network: Option<String>,
    /// Words that it has in its title, rules, findings, custom data or comments.
    text: Option<String>,
    /// Created at this time or later.
    from: Option<i64>,
    /// Created before this time.
    until: Option<i64>,
}

/// The names that a query may have beside those of the filter.
pub(super) trait Names: DeserializeOwned {
    const NAMES: &'static [&'static str];
}

const FILTER_NAMES: [&str; 13] = [
    "status",
    "tag",
    "assignee",
    "class",
    "risk_min",
    "risk_max",
    "kingdom",
    "category",
    "directive",
    "network",
    "text",
    "from",
    "until",
];

/// A filter, and what is asked about it.
pub(super) struct Filtered<T> {
    pub(super) filter: Filter,
    pub(super) asked: T,
}

/// Nothing is asked beside the filter.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

impl Names for Nothing {
    const NAMES: &'static [&'static str] = &[];
}

/// What is asked, without a filter.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Sync, T: Names> FromRequestParts<S> for Filtered<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        known_names(query, |name| FILTER_NAMES.contains(&name) || T::NAMES.contains(&name))?;
        Ok(Self { filter: read::<FilterQuery>(query)?.filter()?, asked: read(query)? })
    }
}

impl<S: Sync, T: Names> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        known_names(query, |name| T::NAMES.contains(&name))?;
        read(query).map(Self)
    }
}

/// A number of rows that is asked for, if it is 1 to `most`.
pub(super) fn limit(asked: usize, most: usize) -> Result<usize, Problem> {
    if (1..=most).contains(&asked) {
        return Ok(asked);
    }
    Err(Problem::bad_request(format!("limit must be 1 to {most}")))
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| Problem::bad_request(format!("the query: {error}")))
}

fn known_names(query: &str, is_known: impl Fn(&str) -> bool) -> Result<(), Problem> {
    let pairs: Vec<(String, String)> = read(query)?;
    match pairs.iter().find(|(name, _)| !is_known(name)) {
        Some((name, _)) => Err(Problem::bad_request(format!(
            "the query: {name:?} is not known here; /api/v1/docs says what is"
        ))),
        None => Ok(()),
    }
}

impl FilterQuery {
    fn filter(self) -> Result<Filter, Problem> {
        let risk = match (self.risk_min, self.risk_max) {
            (None, None) => None,
            (min, max) => Some(min.unwrap_or(0)..=max.unwrap_or(MAX_RISK)),
        };
        if risk.as_ref().is_some_and(RangeInclusive::is_empty) {
            return Err(Problem::bad_request("risk_min is above risk_max"));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from > until
        {
            return Err(Problem::bad_request("from is later than until"));
        }
        Ok(Filter {
            status: self.status,
            tag: self.tag,
            assignee: self.assignee,
            class: self.class.into_iter().map(Into::into).collect(),
            risk,
            kingdom: self.kingdom,
            category: self.category,
            directive: self.directive,
            network: self.network.as_deref().filter(|text| !text.is_empty()).map(network).transpose()?,
            text: self.text.filter(|text| !text.trim().is_empty()),
            created_from: self.from,
            created_until: self.until,
        })
    }
}

fn network(text: &str) -> Result<IpNet, Problem> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
        Problem::bad_request(format!(
            "network {text:?} is neither an address nor a network such as 10.0.0.0/8"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<Filter, String> {
        known_names(query, |name| FILTER_NAMES.contains(&name)).map_err(|problem| format!("{problem:?}"))?;
        read::<FilterQuery>(query).and_then(FilterQuery::filter).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn names_may_come_several_times() {
        let filter = filter("status=Open&status=In-Progress&class=High&directive=7&assignee=").unwrap();
        assert_eq!(filter.status, ["Open", "In-Progress"]);
        assert_eq!(filter.assignee, [""]);
        assert_eq!(filter.directive, [7]);
        assert_eq!(filter.class, [dsiem_core::risk::RiskClass::High]);
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        assert_eq!(filter("network=10.0.0.7").unwrap().network, Some("10.0.0.7/32".parse().unwrap()));
        assert_eq!(filter("network=10.0.0.0%2F8").unwrap().network, Some("10.0.0.0/8".parse().unwrap()));
        assert_eq!(filter("network=").unwrap().network, None);
    }

    #[test]
    fn one_end_of_a_range_is_enough() {
        assert_eq!(filter("risk_min=3").unwrap().risk, Some(3..=10));
        assert_eq!(filter("risk_max=3").unwrap().risk, Some(0..=3));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (query, part) in [
            ("stauts=Open", "stauts"),
            ("class=Huge", "Huge"),
            ("risk_min=x", "risk_min"),
            ("risk_min=5&risk_max=4", "above risk_max"),
            ("network=10.0.0", "10.0.0"),
            ("from=2&until=1", "later than until"),
        ] {
            let error = filter(query).unwrap_err();
            assert!(error.contains(part), "{query}: {error}");
        }
    }
}
