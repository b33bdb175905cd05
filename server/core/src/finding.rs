//! What a look-up says about an address or a port of an alarm.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a look-up is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// An address, for threat intelligence.
    Address(IpAddr),
    /// An address and a port above 0, for vulnerabilities.
    Port(IpAddr, u16),
}

/// Which list of the alarm a finding belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// Threat intelligence about an address: the alarm's `intel_hits`.
    Intel,
    /// A vulnerability of an address and port: the alarm's `vulnerabilities`.
    Vulnerability,
}

/// One answer of one source, as it stands in an alarm document: with its keys in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The plugin that answered: `Wise`, `Nesd`.
    pub provider: String,
    /// What the source says.
    pub result: String,
    /// What it is about: an address, or `address:port`.
    pub term: String,
}
