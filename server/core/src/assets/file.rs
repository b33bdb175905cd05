//! Reading `assets_*.json`: `{"assets": [{"name", "cidr", "value", "whitelisted"}, …]}`.

use super::{AssetEntry, MAX_VALUE};
use crate::form::{Entries, Fields, Report, Reported, quoted};
use crate::matcher::read_network;
use crate::problem::Checked;

/// The key of the list in a file.
const LIST: &str = "assets";

/// Reads a file of assets; `file_name` is what its problems are told with.
#[must_use]
pub fn read(file_name: &str, bytes: &[u8]) -> Checked<Vec<AssetEntry>> {
    let mut report = Report::new(file_name);
    let mut assets = Vec::new();
    if let Ok(entries) = Entries::read(bytes, LIST, &mut report) {
        entries.each(&mut report, |report, entry| {
            assets.extend(entry.and_then(|value| read_entry(Fields::of(&value, report)?, report)));
        });
        if entries.is_empty() {
            report.error(LIST, "is empty: at least one asset is needed, for example your own network");
        }
    }
    Checked { value: assets, problems: report.finish() }
}

fn read_entry(fields: Fields<'_>, report: &mut Report<'_>) -> Result<AssetEntry, Reported> {
    let name = fields.filled_text("name", report);
    if let Ok(name) = name {
        report.enter(format!("asset {}", quoted(name)));
    }
    let network = read_cidr(fields, report);
    let value = read_value(fields, report);
    let whitelisted = fields.flag("whitelisted", report);
    Ok(AssetEntry {
        name: name?.to_owned(),
        network: network?,
        value: value?,
        whitelisted: whitelisted?.unwrap_or_default(),
    })
}

fn read_cidr(fields: Fields<'_>, report: &mut Report<'_>) -> Result<ipnet::IpNet, Reported> {
    const FIELD: &str = "cidr";
    let text = fields.filled_text(FIELD, report)?.trim();
    let Some(written) = read_network(text) else {
        let text = quoted(text);
        let message =
            format!("{text} is not a network or address such as 10.0.0.0/8, 10.0.0.1 or 2001:db8::/32");
        return Err(report.error(FIELD, message));
    };
    if written.had_host_bits {
        report.warning(
            FIELD,
            format!("{} has bits behind its prefix: {} is meant", quoted(text), written.network),
        );
    }
    Ok(written.network)
}

fn read_value(fields: Fields<'_>, report: &mut Report<'_>) -> Result<u8, Reported> {
    const FIELD: &str = "value";
    let value = fields.whole_in(FIELD, 1..=u64::MAX, report)?;
    match u8::try_from(value) {
        Ok(value) if value <= MAX_VALUE => Ok(value),
        _ => {
            report.warning(FIELD, format!("{value} counts as {MAX_VALUE}: values are 1 to {MAX_VALUE}"));
            Ok(MAX_VALUE)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said about one asset that works but for this field, and whether it is used.
    #[track_caller]
    fn check(field: &str, value: Value, used: bool, expected: &[&str]) {
        let mut asset = json!({"name": "dmz", "cidr": "10.0.0.0/8", "value": 2, "whitelisted": true});
        asset[field] = value;
        let checked = read("assets_x.json", json!({"assets": [asset]}).to_string().as_bytes());
        let said: Vec<_> = checked.problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{said:?} does not say {expected:?}");
        }
        assert_eq!((checked.value.len(), checked.has_errors()), (usize::from(used), !used), "{said:?}");
    }

    #[test]
    fn what_can_be_read_is_used() {
        check("unknown", json!([1]), true, &[]);
        check("whitelisted", Value::Null, true, &[]);
        check("cidr", json!("10.0.0.1"), true, &[]);
        check("cidr", json!("2001:db8::/32"), true, &[]);
        check("cidr", json!("::ffff:10.0.0.0/104"), true, &[]);
        check(
            "cidr",
            json!("10.1.2.3/8"),
            true,
            &[
                "assets_x.json: asset \"dmz\": cidr: warning: \"10.1.2.3/8\" has bits behind its prefix: 10.0.0.0/8 is meant",
            ],
        );
        for high in [6_u64, 255, 256, u64::MAX] {
            check(
                "value",
                json!(high),
                true,
                &[&format!("asset \"dmz\": value: warning: {high} counts as 5")],
            );
        }
    }

    #[test]
    fn what_cannot_is_refused_with_the_reason() {
        check("name", Value::Null, false, &["entry 1: name: is missing"]);
        check("name", json!(" "), false, &["entry 1: name: is empty"]);
        check("name", json!(5), false, &["entry 1: name: 5 is not a text"]);
        check("cidr", Value::Null, false, &["asset \"dmz\": cidr: is missing"]);
        for bad in ["10.0.0.0/33", "10.0.0", "dmz", "10.0.0.0/-1", "10.0.0.0/", "1.2.3.4,1.2.3.5", "\u{0}"] {
            check("cidr", json!(bad), false, &["is not a network or address such as 10.0.0.0/8"]);
        }
        check("value", Value::Null, false, &["value: is missing"]);
        check("value", json!(0), false, &["value: 0 is too small: it must be 1 or more"]);
        check("value", json!(-1), false, &["value: -1 is too small"]);
        check("value", json!(2.5), false, &["value: 2.5 is not a whole number"]);
        check("value", json!("2"), false, &["value: \"2\" is not a number"]);
        check("whitelisted", json!("no"), false, &["whitelisted: \"no\" is not true or false"]);
    }

    #[test]
    fn every_bad_asset_is_told_and_the_others_are_kept() {
        let good = json!({"name": "a", "cidr": "10.0.0.0/8", "value": 1});
        let file = json!({"assets": [1, good, {"name": "b", "cidr": "x", "value": 0}, good]}).to_string();
        let checked = read("assets_x.json", file.as_bytes());
        assert_eq!(checked.value.len(), 2);
        let said: Vec<_> =
            checked.problems.iter().map(|problem| (&*problem.entry, &*problem.field)).collect();
        assert_eq!(said, [("entry 1", ""), ("asset \"b\"", "cidr"), ("asset \"b\"", "value")]);
    }

    #[test]
    fn a_file_without_assets_is_an_error() {
        let checked = read("assets_x.json", br#"{"assets": []}"#);
        assert!(checked.has_errors());
        assert_eq!(checked.problems[0].field, "assets");
    }
}
