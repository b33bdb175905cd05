//! Which addresses mean the same host to everybody, so that asking others about them makes sense.
//!
//! Follows the special-purpose address registries of the Internet Assigned Numbers Authority (IPv4, and IPv6 of which
//! only 2000::/3 is given out), plus multicast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address is globally reachable: not private, shared, loopback, link-local, multicast, kept for
/// documentation or benchmarks, or reserved.
#[must_use]
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // Protocol assignments, of which two anycast addresses are reachable.
        [192, 0, 0, last] => matches!(last, 9 | 10),
        // "This network", private, loopback.
        [0 | 10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..]
        // Shared between a provider and its customers; link-local.
        | [100, 64..=127, ..] | [169, 254, ..]
        // Documentation; the former 6to4 relays; benchmarks.
        | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] | [198, 18 | 19, ..]
        // Multicast, reserved, broadcast.
        | [224..=255, ..] => false,
        _ => true,
    }
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // IPv4 behind a translator: as global as that.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
            let [.., a, b, c, d] = address.octets();
            is_global_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Anycast addresses of protocols, AMT, AS112, ORCHIDv2 and drone remote ids: the reachable part of 2001::/23.
        [0x2001, 1, 0, 0, 0, 0, 0, 1..=3]
        | [0x2001, 3, ..]
        | [0x2001, 4, 0x112, ..]
        | [0x2001, 0x20..=0x3f, ..] => true,
        // The other protocol assignments, Teredo among them; documentation, old and new; 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2002, ..] => false,
        // All that has been given out: leaves out private, link-local, multicast and reserved.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_global(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn private_reserved_and_special_addresses_are_not_global() {
        check(
            false,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "127.0.0.1",
                "169.254.1.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.8",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.9",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
            ],
        );
        check(
            false,
            &[
                "::",
                "::1",
                "::ffff:10.0.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:2::1",
                "2001:10::1",
                "2001:db8::1",
                "2002:808:808::1",
                "3fff::1",
                "5f00::1",
                "fc00::1",
                "fdff::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "4000::1",
            ],
        );
    }

    #[test]
    fn addresses_of_the_internet_are_global() {
        check(
            true,
            &[
                "1.1.1.1",
                "8.8.8.8",
                "9.255.255.255",
                "11.0.0.1",
                "100.63.255.255",
                "100.128.0.1",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.0.9",
                "192.0.0.10",
                "192.0.1.1",
                "192.167.1.1",
                "198.17.0.1",
                "198.20.0.1",
                "223.255.255.255",
            ],
        );
        check(
            true,
            &[
                "::ffff:8.8.8.8",
                "64:ff9b::8.8.8.8",
                "2001:1::1",
                "2001:3::1",
                "2001:4:112::1",
                "2001:20::1",
                "2001:30::1",
                "2001:200::1",
                "2001:4860:4860::8888",
                "2606:4700::1111",
                "2a00::1",
                "3ffe::1",
            ],
        );
    }
}
