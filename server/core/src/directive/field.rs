//! From the texts of a rule (`from`, `port_to`, `custom_data1`, …) to the tests they mean.

use ipnet::IpNet;

use super::Text;
use super::interner::Interner;
use super::stages::{References, reference};
use crate::form::{Report, Reported, quoted};
use crate::matcher::{AddressTest, Comparable, Idle, Item, List, PortTest, TextTest, read_network};

/// Reads `from` or `to`.
pub(super) fn address_test(
    field: &str,
    text: &str,
    references: References<'_>,
    report: &mut Report<'_>,
) -> Result<AddressTest, Reported> {
    match text.trim() {
        "ANY" => Ok(AddressTest::Any),
        "any" => {
            report.warning(field, "\"any\" is taken for \"ANY\": write it in capitals");
            Ok(AddressTest::Any)
        }
        "HOME_NET" => Ok(AddressTest::HomeNet),
        "!HOME_NET" => Ok(AddressTest::NotHomeNet),
        other => match reference(other) {
            Some(n) => {
                Ok(references.resolve(field, n, report)?.map_or(AddressTest::Never, AddressTest::First))
            }
            None => list(field, other, |item, report| read_address(field, item, report), report)
                .map(|list| AddressTest::List(Box::new(list))),
        },
    }
}

/// Reads `port_from` or `port_to`.
pub(super) fn port_test(
    field: &str,
    text: &str,
    references: References<'_>,
    report: &mut Report<'_>,
) -> Result<PortTest, Reported> {
    match text.trim() {
        "" | "ANY" => Ok(PortTest::Any),
        other => match reference(other) {
            Some(n) => Ok(references.resolve(field, n, report)?.map_or(PortTest::Never, PortTest::First)),
            None => list(field, other, |item, _| read_port(item), report)
                .map(|list| PortTest::List(Box::new(list))),
        },
    }
}

/// Reads `protocol`.
pub(super) fn protocol_test(
    field: &str,
    text: &Text,
    references: References<'_>,
    report: &mut Report<'_>,
) -> Result<TextTest, Reported> {
    if is_any_text(text) {
        return Ok(TextTest::Any);
    }
    match reference(text) {
        Some(n) => Ok(references.resolve(field, n, report)?.map_or(TextTest::Never, TextTest::First)),
        None => Ok(TextTest::Exact(text.clone())),
    }
}

/// Whether a protocol or custom data of this text is any.
pub(super) fn is_any_text(text: &str) -> bool {
    matches!(text, "" | "ANY")
}

/// Reads `custom_data1`, `custom_data2` or `custom_data3`.
pub(super) fn custom_data_test(
    field: &str,
    text: &str,
    references: References<'_>,
    interner: &mut Interner,
    report: &mut Report<'_>,
) -> Result<TextTest, Reported> {
    let trimmed = text.trim();
    if trimmed != text {
        report.warning(field, format!("the blanks around {} are left out", quoted(text)));
    }
    if is_any_text(trimmed) {
        return Ok(TextTest::Any);
    }
    if let Some(n) = reference(trimmed) {
        return Ok(references.resolve(field, n, report)?.map_or(TextTest::Never, TextTest::First));
    }
    if trimmed.contains(',') {
        warn_of_blanks_within_items(field, trimmed, report);
        let read = |item: &str, _: &mut Report<'_>| Ok(interner.share(item));
        return list(field, trimmed, read, report).map(|list| TextTest::List(Box::new(list)));
    }
    let (negated, value) = split_negation(trimmed);
    Ok(TextTest::IgnoringCase(Box::new(Item { negated, value: interner.share(value) })))
}

fn warn_of_blanks_within_items(field: &str, text: &str, report: &mut Report<'_>) {
    if let Some(item) = text.split(',').map(str::trim).find(|item| item.contains(char::is_whitespace)) {
        report.warning(
            field,
            format!("blanks separate items as commas do, so {} is several items", quoted(item)),
        );
    }
}

fn split_negation(item: &str) -> (bool, &str) {
    item.strip_prefix('!').map_or((false, item), |rest| (true, rest))
}

/// Reads a list, separated by commas or blanks. Every bad item is an error, every idle one a warning.
fn list<T: Comparable>(
    field: &str,
    text: &str,
    mut read: impl FnMut(&str, &mut Report<'_>) -> Result<T, String>,
    report: &mut Report<'_>,
) -> Result<List<T>, Reported> {
    let written = || text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
    let mut items = Vec::new();
    let mut bad = None;
    for item in written() {
        let (negated, value) = split_negation(item);
        match read(value, report) {
            Ok(value) => items.push(Item { negated, value }),
            Err(message) => bad = Some(report.error(field, format!("{} {message}", quoted(item)))),
        }
    }
    if let Some(reported) = bad {
        return Err(reported);
    }
    if items.is_empty() {
        return Err(report.error(field, format!("{} names nothing: write \"ANY\" for any", quoted(text))));
    }
    let list = List::new(items);
    warn_of_idle_items(field, &list, &written().collect::<Vec<_>>(), report);
    Ok(list)
}

fn warn_of_idle_items<T: Comparable>(field: &str, list: &List<T>, written: &[&str], report: &mut Report<'_>) {
    for (position, idle) in list.idle_items() {
        let reason = match idle {
            Idle::DecidedBefore => {
                "the items before it decide about all of it; write it before them, or remove it"
            }
            Idle::AcceptedAnyway => {
                "a negated item before it accepts everything that is not refused; write it before that, or remove it"
            }
        };
        report.warning(field, format!("{} can never decide: {reason}", quoted(written[position])));
    }
}

fn read_address(field: &str, item: &str, report: &mut Report<'_>) -> Result<IpNet, String> {
    let Some(written) = read_network(item) else {
        return Err(match item {
            "ANY" | "HOME_NET" => "must stand alone, not in a list".to_owned(),
            _ if reference(item).is_some() => "must stand alone, not in a list and not negated".to_owned(),
            _ => "is not an address or network such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32, \
                  nor ANY, HOME_NET, !HOME_NET or :n"
                .to_owned(),
        });
    };
    if written.had_host_bits {
        report.warning(
            field,
            format!("{} has bits behind its prefix: {} is meant", quoted(item), written.network),
        );
    }
    Ok(written.network)
}

fn read_port(item: &str) -> Result<u16, String> {
    let digits = item.bytes().all(|byte| byte.is_ascii_digit());
    let port = item.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| match item {
        "ANY" => "must stand alone, not in a list".to_owned(),
        _ => "is not a port: ports are 1 to 65535, separated by commas".to_owned(),
    })
}
