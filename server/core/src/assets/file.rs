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
