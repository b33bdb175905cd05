//! What a backlog gathers from its events: addresses, ports and custom data, each with a limit.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroU16;

use equivalent::Equivalent;
use serde::{Deserialize, Serialize};

use super::address_set::{AddressSet, NumberedPort, Place};
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

/// A pair of address and port that is not the first of its address, found without its number.
#[derive(Debug, Clone)]
struct Further {
    address: Address,
    port: NumberedPort,
}

/// A pair that is looked for.
#[derive(Hash)]
struct Pair(Address, NonZeroU16);

impl Further {
    fn pair(&self) -> Pair {
        Pair(self.address, self.port.port)
    }
}

impl Equivalent<Further> for Pair {
    fn equivalent(&self, further: &Further) -> bool {
        (self.0, self.1) == (further.address, further.port.port)
    }
}

impl Hash for Further {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pair().hash(state);
    }
}

impl PartialEq for Further {
    fn eq(&self, other: &Self) -> bool {
        self.pair().equivalent(other)
    }
}

impl Eq for Further {}

/// Addresses, ports and custom data of a backlog's events.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    pub(crate) src_ips: AddressSet,
    pub(crate) dst_ips: AddressSet,
    /// Of pairs of address and port, those that the sets of addresses have no place for.
    further_ports: BoundedSet<Further>,
    /// How many pairs there are.
    pairs: u32,
    pub(crate) custom_data: BoundedSet<CustomDatum>,
}

/// One end of an event.
#[derive(Debug, Clone, Copy)]
enum End {
    Source,
    Destination,
}

impl Collected {
    /// What was saved, each in its order.
    pub(crate) fn saved(
        [src_ips, dst_ips]: [&[IpAddr]; 2],
        ports: impl IntoIterator<Item = (IpAddr, u16)>,
        custom_data: BoundedSet<CustomDatum>,
        limits: &Limits,
        seed: Seed,
    ) -> Self {
        let addresses = |saved: &[IpAddr]| AddressSet::saved(saved.iter().copied(), limits.addresses, seed);
        let (src_ips, dst_ips) = (addresses(src_ips), addresses(dst_ips));
        let mut collected = Self { src_ips, dst_ips, custom_data, ..Self::default() };
        for (address, port) in ports {
            let address = Address::from(address);
            let source = collected.src_ips.real_place(address, seed);
            let (end, place) = match source {
                Some(_) => (End::Source, source),
                None => (End::Destination, collected.dst_ips.real_place(address, seed)),
            };
            collected.add_port(end, place, (address, port), limits, seed);
        }
        collected
    }

    pub(crate) fn add(&mut self, event: &Event, limits: &Limits, seed: Seed) {
        let (source, destination) = (Address::from(event.src_ip), Address::from(event.dst_ip));
        let place = self.src_ips.insert(source, limits.addresses, seed);
        self.add_port(End::Source, place, (source, event.src_port), limits, seed);
        let place = self.dst_ips.insert(destination, limits.addresses, seed);
        self.add_port(End::Destination, place, (destination, event.dst_port), limits, seed);
        for (label, content) in event.custom_labels.iter().zip(&event.custom_data) {
            if !content.is_empty() && !self.custom_data.contains(&Datum { content, label }, seed) {
                let datum = CustomDatum { label: label.clone(), content: content.clone() };
                self.custom_data.insert(datum, limits.custom_data, seed);
            }
        }
    }

    /// Puts a pair of address and port in, whose address is at `place` of the addresses at this end.
    fn add_port(
        &mut self,
        end: End,
        place: Option<Place>,
        (address, port): (Address, u16),
        limits: &Limits,
        seed: Seed,
    ) {
        let Some(port) = NonZeroU16::new(port) else { return };
        let (own, other) = match end {
            End::Source => (&mut self.src_ips, &self.dst_ips),
            End::Destination => (&mut self.dst_ips, &self.src_ips),
        };
        let first = place.and_then(|place| own.first_port(place));
        let is_port = |known: NumberedPort| known.port == port;
        if first.is_some_and(is_port) {
            return;
        }
        let at_the_other = other.real_place(address, seed).and_then(|place| other.first_port(place));
        if at_the_other.is_some_and(is_port) || self.further_ports.contains(&Pair(address, port), seed) {
            return;
        }
        if self.pairs as usize >= limits.ports {
            self.further_ports.set_truncated(self.further_ports.truncated() + 1);
            return;
        }
        let numbered = NumberedPort { port, number: self.pairs };
        self.pairs += 1;
        match place {
            Some(place) if first.is_none() => own.set_first_port(place, numbered),
            _ => _ = self.further_ports.insert(Further { address, port: numbered }, usize::MAX, seed),
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
        let further = self.further_ports.iter().map(|further| (further.address, further.port));
        let mut pairs: Vec<_> =
            self.src_ips.first_ports().chain(self.dst_ips.first_ports()).chain(further).collect();
        pairs.sort_unstable_by_key(|(_, port)| port.number);
        pairs.into_iter().map(|(address, port)| (IpAddr::from(address), port.port.get()))
    }

    /// How many values did not get in because a set was full.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.src_ips.truncated()
            + self.dst_ips.truncated()
            + self.further_ports.truncated()
            + self.custom_data.truncated()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use proptest::prelude::*;

    use super::*;
    use crate::backlog::tests::scenario;

    const SEED: Seed = Seed(1);

    /// Pairs in the plainest form: a list.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Plain {
        ports: Vec<(IpAddr, u16)>,
        ports_refused: u64,
    }

    impl Plain {
        fn add(&mut self, pair: SocketAddr, limit: usize) {
            let pair = (pair.ip(), pair.port());
            if pair.1 == 0 || self.ports.contains(&pair) {
                return;
            }
            if self.ports.len() < limit { self.ports.push(pair) } else { self.ports_refused += 1 }
        }
    }

    fn refused_ports(collected: &Collected) -> u64 {
        collected.truncated() - collected.src_ips.truncated() - collected.dst_ips.truncated()
    }

    fn addresses(set: &AddressSet) -> Vec<IpAddr> {
        set.iter().collect()
    }

    /// As it comes back when it was saved.
    fn restored(collected: &Collected, limits: &Limits) -> Collected {
        let [sources, destinations] = [&collected.src_ips, &collected.dst_ips].map(addresses);
        Collected::saved([&sources, &destinations], collected.ports(), BoundedSet::new(), limits, SEED)
    }

    fn end() -> impl Strategy<Value = SocketAddr> {
        (0_u8..14, 0_u16..4).prop_map(|(address, port)| {
            let address = if address == 0 { Ipv4Addr::UNSPECIFIED } else { [10, 0, 0, address].into() };
            (address, port).into()
        })
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_a_list_whichever_end_they_came_from_and_also_after_a_restart(
            events in prop::collection::vec((end(), end()), 0..60),
            limits in (1_usize..14, 1_usize..40)
                .prop_map(|(addresses, ports)| Limits { addresses, ports, ..Limits::default() }),
            restart in 0_usize..60,
        ) {
            let (mut collected, mut plain) = (Collected::default(), Plain::default());
            for (number, (source, destination)) in events.into_iter().enumerate() {
                if number == restart {
                    collected = restored(&collected, &limits);
                    plain.ports_refused = 0;
                }
                let event = scenario::event(&format!("{source} -> {destination}"), number, 0);
                collected.add(&event, &limits, SEED);
                plain.add(source, limits.ports);
                plain.add(destination, limits.ports);
                prop_assert_eq!(collected.ports().collect::<Vec<_>>(), &*plain.ports);
                prop_assert_eq!(refused_ports(&collected), plain.ports_refused);
            }
        }
    }
}
