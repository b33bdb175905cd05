//! What a backlog gathers from its events: addresses, ports and custom data, each with a limit.

use std::net::IpAddr;

use equivalent::Equivalent;
use serde::{Deserialize, Serialize};

use crate::address::Address;
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
    pub(crate) src_ips: AddressSet,
    pub(crate) dst_ips: AddressSet,
    pub(crate) ports: BoundedSet<(Address, u16)>,
    pub(crate) custom_data: BoundedSet<CustomDatum>,
}

impl Collected {
    pub(crate) fn add(&mut self, event: &Event, limits: &Limits, seed: Seed) {
        let (source, destination) = (Address::from(event.src_ip), Address::from(event.dst_ip));
        self.src_ips.insert(source, limits.addresses, seed);
        self.dst_ips.insert(destination, limits.addresses, seed);
        for (address, port) in [(source, event.src_port), (destination, event.dst_port)] {
            if port > 0 {
                self.ports.insert((address, port), limits.ports, seed);
            }
        }
        for (label, content) in event.custom_labels.iter().zip(&event.custom_data) {
            if !content.is_empty() && !self.custom_data.contains(&Datum { content, label }, seed) {
                let datum = CustomDatum { label: label.clone(), content: content.clone() };
                self.custom_data.insert(datum, limits.custom_data, seed);
            }
        }
    }

    /// Source addresses, then destination addresses, in the order in which they came.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.src_ips.iter().chain(self.dst_ips.iter())
    }

    /// Source addresses, in the order in which they came.
    pub fn sources(&self) -> impl Iterator<Item = IpAddr> {
        self.src_ips.iter()
    }

    /// Destination addresses, in the order in which they came.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> {
        self.dst_ips.iter()
    }

    /// The addresses that came since this was called last.
    pub(crate) fn take_new_addresses(&mut self) -> impl Iterator<Item = IpAddr> {
        self.src_ips.take_new().chain(self.dst_ips.take_new())
    }

    /// Pairs of address and port, in the order in which they came; ports are above 0.
    pub fn ports(&self) -> impl Iterator<Item = (IpAddr, u16)> {
        self.ports.iter().map(|(address, port)| (IpAddr::from(*address), *port))
    }

    /// How many values did not get in because a set was full.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        [
            self.src_ips.addresses.truncated(),
            self.dst_ips.addresses.truncated(),
            self.ports.truncated(),
            self.custom_data.truncated(),
        ]
        .iter()
        .sum()
    }
}

/// A set of addresses in which "no address" stands only as long as there is no real one.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressSet {
    addresses: BoundedSet<Address>,
    /// So many of them were taken as new ones.
    taken: usize,
}

impl AddressSet {
    /// A set of addresses that were saved.
    pub(crate) fn saved(addresses: impl IntoIterator<Item = IpAddr>, limit: usize, seed: Seed) -> Self {
        let mut set = Self::default();
        for address in addresses {
            set.insert(address.into(), limit, seed);
        }
        set
    }

    /// "No address" leaves the set once a real one is in it, and does not come back.
    fn insert(&mut self, address: Address, limit: usize, seed: Seed) {
        if address != Address::NOWHERE {
            // It is never in there with others.
            if self.addresses.len() == 1 && self.addresses.contains(&Address::NOWHERE, seed) {
                self.addresses.remove(&Address::NOWHERE, seed);
                self.taken = 0;
            }
            self.addresses.insert(address, limit, seed);
        } else if self.addresses.is_empty() {
            self.addresses.insert(address, limit, seed);
        }
    }

    /// The addresses in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|address| IpAddr::from(*address))
    }

    fn take_new(&mut self) -> impl Iterator<Item = IpAddr> {
        let before = std::mem::replace(&mut self.taken, self.addresses.len());
        self.addresses.iter_from(before).map(|address| IpAddr::from(*address))
    }

    /// Sets the count of addresses that did not get in, for state that was saved.
    pub(crate) fn set_truncated(&mut self, truncated: u64) {
        self.addresses.set_truncated(truncated);
    }
}
