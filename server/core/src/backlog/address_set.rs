//! The addresses of one end of a backlog's events, each with the port that it came with first.
//!
//! Most addresses come with one port only: whoever has found the address has found the port then, and needs no look into
//! another table. Where a thousand backlogs count an event, each such look has to wait for memory.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroU16;

use equivalent::Equivalent;

use crate::address::Address;
use crate::bounded::BoundedSet;
use crate::hash::Seed;

/// A set of addresses in which "no address" stands only as long as there is no real one.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressSet {
    known: BoundedSet<Known>,
    /// So many of them were taken as new ones.
    taken: u32,
}

/// A port, and how many pairs of address and port its backlog had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberedPort {
    pub(super) port: NonZeroU16,
    pub(super) number: u32,
}

/// Where an address is in its set. It stays there: real ones are never taken out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// An address of the set, found by itself alone.
#[derive(Debug, Clone)]
struct Known {
    address: Address,
    first_port: Option<NumberedPort>,
}

/// An address that is looked for.
#[derive(Hash)]
struct Wanted(Address);

impl Equivalent<Known> for Wanted {
    fn equivalent(&self, known: &Known) -> bool {
        self.0 == known.address
    }
}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Wanted(self.address).hash(state);
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Known {}

impl AddressSet {
    /// A set of addresses that were saved.
    pub(super) fn saved(addresses: impl IntoIterator<Item = IpAddr>, limit: usize, seed: Seed) -> Self {
        let mut set = Self::default();
        for address in addresses {
            set.insert(address.into(), limit, seed);
        }
        set
    }

    /// Puts an address in; its place if it is a real one and in the set now. "No address" leaves the set once a real one is
    /// in it, and does not come back.
    pub(super) fn insert(&mut self, address: Address, limit: usize, seed: Seed) -> Option<Place> {
        let new = Known { address, first_port: None };
        if address == Address::NOWHERE {
            if self.known.is_empty() {
                self.known.insert(new, limit, seed);
            }
            return None;
        }
        // It is never in there with others.
        if self.known.len() == 1 && self.place(Address::NOWHERE, seed).is_some() {
            self.known.remove(&Known { address: Address::NOWHERE, first_port: None }, seed);
            self.taken = 0;
        }
        self.known.place(new, limit, seed).map(Place)
    }

    /// The place of an address.
    fn place(&self, address: Address, seed: Seed) -> Option<Place> {
        self.known.position(&Wanted(address), seed).map(Place)
    }

    /// The place of a real address.
    pub(super) fn real_place(&self, address: Address, seed: Seed) -> Option<Place> {
        if address == Address::NOWHERE { None } else { self.place(address, seed) }
    }

    /// The port that an address came with first.
    pub(super) fn first_port(&self, place: Place) -> Option<NumberedPort> {
        self.known.at(place.0).first_port
    }

    /// Notes the port that an address comes with first.
    pub(super) fn set_first_port(&mut self, place: Place, port: NumberedPort) {
        self.known.at_mut(place.0).first_port = Some(port);
    }

    /// The addresses in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.known.iter().map(|known| IpAddr::from(known.address))
    }

    /// Those that came with a port.
    pub(super) fn first_ports(&self) -> impl Iterator<Item = (Address, NumberedPort)> {
        self.known.iter().filter_map(|known| Some((known.address, known.first_port?)))
    }

    pub(super) fn take_new(&mut self) -> impl Iterator<Item = IpAddr> {
        let all = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let before = std::mem::replace(&mut self.taken, all);
        self.known.iter_from(before as usize).map(|known| IpAddr::from(known.address))
    }

    /// How many addresses did not get in because the set was full.
    pub(super) fn truncated(&self) -> u64 {
        self.known.truncated()
    }

    /// Sets the count of addresses that did not get in, for state that was saved.
    pub(crate) fn set_truncated(&mut self, truncated: u64) {
        self.known.set_truncated(truncated);
    }
}
