//! What a backlog gathers from its events: addresses, ports and custom data, each with a limit.

use std::net::{IpAddr, Ipv4Addr};

use indexmap::Equivalent;
use serde::{Deserialize, Serialize};

use crate::bounded::BoundedSet;
use crate::event::{Event, Text};
use crate::hash::Seed;

/// How many different values one backlog keeps of each kind; full, the set stays as it is and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Source addresses; destination addresses; networks.
    pub addresses: usize,
    /// Pairs of address and port.
    pub ports: usize,
    /// Custom data.
    pub custom_data: usize,
    /// Findings of each kind.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { addresses: 10_000, ports: 10_000, custom_data: 10_000, findings: 10_000 }
    }
}

/// One text that an event carried, with its label; in documents, keys are in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomDatum {
    /// Not empty.
    pub content: Text,
    /// What it is; may be empty.
    pub label: Text,
}

/// A [`CustomDatum`] that is only looked for: most events bring one that is known, and nothing is copied for them.
#[derive(Hash)]
struct Datum<'a> {
    content: &'a Text,
    label: &'a Text,
}

impl Equivalent<CustomDatum> for Datum<'_> {
    fn equivalent(&self, known: &CustomDatum) -> bool {
        (self.content, self.label) == (&known.content, &known.label)
    }
}

/// Addresses, ports and custom data of a backlog's events.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    pub(crate) src_ips: BoundedSet<IpAddr>,
    pub(crate) dst_ips: BoundedSet<IpAddr>,
    pub(crate) ports: BoundedSet<(IpAddr, u16)>,
    pub(crate) custom_data: BoundedSet<CustomDatum>,
}

impl Collected {
    pub(crate) fn add(&mut self, event: &Event, limits: &Limits, seed: Seed) {
        add_address(&mut self.src_ips, event.src_ip, limits.addresses, seed);
        add_address(&mut self.dst_ips, event.dst_ip, limits.addresses, seed);
        for (address, port) in [(event.src_ip, event.src_port), (event.dst_ip, event.dst_port)] {
            if port > 0 {
                self.ports.insert((address, port), limits.ports, seed);
            }
        }
        for (label, content) in event.custom_labels.iter().zip(&event.custom_data) {
            if !content.is_empty() && !self.custom_data.contains(&Datum { content, label }) {
                let datum = CustomDatum { label: label.clone(), content: content.clone() };
                self.custom_data.insert(datum, limits.custom_data, seed);
            }
        }
    }

    /// Source addresses, then destination addresses, in the order in which they came.
    pub fn addresses(&self) -> impl Iterator<Item = &IpAddr> {
        self.src_ips.iter().chain(self.dst_ips.iter())
    }

    /// Pairs of address and port, in the order in which they came; ports are above 0.
    pub fn ports(&self) -> impl Iterator<Item = &(IpAddr, u16)> {
        self.ports.iter()
    }

    /// How many values did not get in because a set was full.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        [
            self.src_ips.truncated(),
            self.dst_ips.truncated(),
            self.ports.truncated(),
            self.custom_data.truncated(),
        ]
        .iter()
        .sum()
    }
}

/// A set of addresses that were saved.
pub(crate) fn saved_addresses(
    addresses: impl IntoIterator<Item = IpAddr>,
    limit: usize,
    seed: Seed,
) -> BoundedSet<IpAddr> {
    let mut set = BoundedSet::default();
    for address in addresses {
        add_address(&mut set, address, limit, seed);
    }
    set
}

/// "No address" leaves a set once a real one is in it, and does not come back.
fn add_address(addresses: &mut BoundedSet<IpAddr>, address: IpAddr, limit: usize, seed: Seed) {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if address != nowhere {
        // It is never in there with others.
        if addresses.len() == 1 {
            addresses.remove(&nowhere);
        }
        addresses.insert(address, limit, seed);
    } else if addresses.is_empty() {
        addresses.insert(nowhere, limit, seed);
    }
}
