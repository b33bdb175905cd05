//! An IP address as a number.
//!
//! [`IpAddr`] is seventeen bytes and compared kind by kind. Backlogs keep addresses in sets by the thousand and look each
//! event's up in each of them, so they keep what fits into registers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address; IPv4 as in IPv6 (`::ffff:a.b.c.d`), which events never hold themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// `0.0.0.0`, which stands for "none".
    pub(crate) const NOWHERE: Self = Self::mapped(Ipv4Addr::UNSPECIFIED);

    const fn mapped(address: Ipv4Addr) -> Self {
        Self { high: 0, low: 0xffff_0000_0000 | address.to_bits() as u64 }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::mapped(address),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
                let (high, low) = ((bits >> 64) as u64, bits as u64);
                Self { high, low }
            }
        }
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        let bits = u128::from(address.high) << 64 | u128::from(address.low);
        Self::from(Ipv6Addr::from_bits(bits)).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for text in
            ["0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00::1:2", "2001:db8::ffff:1.2.3.4"]
        {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(Address::from(address)), address);
        }
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(IpAddr::from(Address::from(mapped)), mapped.to_canonical());
        assert_eq!(IpAddr::from(Address::NOWHERE), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
}
