//! Vulnerabilities from a Nesd service: what Nessus found on an address and port.

use std::net::{IpAddr, SocketAddr};

use dsiem_core::finding::Finding;
use serde::Deserialize;

/// The provider in findings.
const PROVIDER: &str = "Nesd";
/// The whole answer when there is nothing.
const NOTHING: &str = "no vulnerability found";

/// One entry of an answer; a key that is missing or `null` is empty.
#[derive(Deserialize)]
struct Item {
    cve: Option<String>,
    risk: Option<String>,
    name: Option<String>,
}

/// The findings in an answer about a port.
///
/// # Errors
/// What is wrong with the answer, for the log.
pub(super) fn findings(
    body: &str,
    address: IpAddr,
    port: u16,
    allow_low: bool,
) -> Result<Vec<Finding>, String> {
    let body = body.trim();
    if body.is_empty() || body == NOTHING {
        return Ok(Vec::new());
    }
    let items: Option<Vec<Item>> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let term = term(address, port);
    Ok(items
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| item.result(allow_low))
        .map(|result| Finding { provider: PROVIDER.to_owned(), term: term.clone(), result })
        .collect())
}

/// `10.0.0.1:80`, `[2001:db8::1]:80`.
fn term(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

impl Item {
    fn result(self, allow_low: bool) -> Option<String> {
        let risk = self.risk.filter(|risk| match risk.as_str() {
            "Medium" | "High" | "Critical" => true,
            "Low" => allow_low,
            _ => false,
        })?;
        let name = self.name.unwrap_or_default();
        Some(match self.cve.filter(|cve| !cve.is_empty()) {
            Some(cve) => format!("{risk} - {name} ({cve})"),
            None => format!("{risk} - {name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(body: &str, allow_low: bool) -> Result<Vec<String>, String> {
        let findings = findings(body, "10.0.0.1".parse().unwrap(), 443, allow_low)?;
        assert!(findings.iter().all(|finding| finding.provider == "Nesd" && finding.term == "10.0.0.1:443"));
        Ok(findings.into_iter().map(|finding| finding.result).collect())
    }

    const ANSWER: &str = r#"[
      {"cve": "CVE-2014-0160", "risk": "High", "name": "Heartbleed"},
      {"cve": "", "risk": "Medium", "name": "Weak cipher"},
      {"risk": "Critical", "name": "Root shell"},
      {"cve": null, "risk": "Low", "name": "Banner"},
      {"cve": "", "risk": "None", "name": "Port open"}
    ]"#;

    #[test]
    fn medium_high_and_critical_are_kept_and_low_on_request() {
        let kept = ["High - Heartbleed (CVE-2014-0160)", "Medium - Weak cipher", "Critical - Root shell"];
        assert_eq!(results(ANSWER, false).unwrap(), kept);
        assert_eq!(results(ANSWER, true).unwrap(), [kept.as_slice(), &["Low - Banner"]].concat());
    }

    #[test]
    fn nothing_is_said_in_several_ways() {
        for body in ["no vulnerability found\n", "no vulnerability found", "", "[]", "null"] {
            assert_eq!(results(body, true).unwrap(), Vec::<String>::new(), "{body:?}");
        }
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in ["<html>", "{}", "[1]", r#"[{"risk": 3}]"#, "no vulnerability found?"] {
            assert!(results(body, true).is_err(), "{body}");
        }
    }

    #[test]
    fn the_term_of_an_ipv6_port_is_unambiguous() {
        assert_eq!(term("2001:db8::1".parse().unwrap(), 80), "[2001:db8::1]:80");
    }
}
