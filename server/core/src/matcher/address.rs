//! What a rule asks of an address: `from` and `to`.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{FirstEvents, Item, List, Side};
use crate::assets::Assets;

/// A network of a list, or a single address as a network of its own.
pub type AddressItem = Item<IpNet>;

/// What an address must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressTest {
    /// `ANY`.
    Any,
    /// `HOME_NET`: in the network of an asset that is not whitelisted.
    HomeNet,
    /// `!HOME_NET`.
    NotHomeNet,
    /// `:n`: the address of the same side of the first event of the rule at this position.
    First(usize),
    /// Accepted by the list.
    List(Box<List<IpNet>>),
    /// Nothing: a reference that points nowhere, loaded leniently.
    Never,
}

impl AddressTest {
    /// Whether `address`, on that side of an event, is what the rule asks for.
    pub fn matches(&self, address: IpAddr, side: Side, assets: &Assets, firsts: &impl FirstEvents) -> bool {
        match self {
            Self::Any => true,
            Self::HomeNet => assets.is_home(address),
            Self::NotHomeNet => !assets.is_home(address),
            Self::First(position) => firsts.first(*position).is_some_and(|first| match side {
                Side::Source => first.src_ip == address,
                Side::Destination => first.dst_ip == address,
            }),
            Self::List(list) => list.accepts(|network| network.contains(&address)),
            Self::Never => false,
        }
    }

    /// The position of the rule that it refers to.
    #[must_use]
    pub fn reference(&self) -> Option<usize> {
        match self {
            Self::First(position) => Some(*position),
            _ => None,
        }
    }
}

/// A network as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenNetwork {
    /// Without host bits; an IPv4-mapped one is IPv4.
    pub network: IpNet,
    /// Whether bits were set behind the prefix, which are masked.
    pub had_host_bits: bool,
}

/// Reads an address or a CIDR, IPv4 or IPv6; an address is a network of one.
pub(crate) fn read_network(text: &str) -> Option<WrittenNetwork> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().ok()?,
    };
    let network = unmapped(network);
    Some(WrittenNetwork { network: network.trunc(), had_host_bits: network.trunc() != network })
}

/// IPv4-mapped IPv6 networks as IPv4, which is how events hold such addresses.
fn unmapped(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let (Some(v4), Some(prefix)) = (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(MAPPED_BITS))
    else {
        return network;
    };
    Ipv4Net::new(v4, prefix).map_or(network, IpNet::V4)
}
