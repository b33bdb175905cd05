//! Where nothing is sent, whoever asks for it: addresses of the link, among which clouds have the service that hands
//! out a machine's credentials.
//!
//! Addresses are looked at after names are resolved and before a connection is made, so that a name cannot be one thing
//! when it is looked at and another when it is used. Private networks and this machine are allowed: what people want to
//! be told through is often there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Where a cloud has its credentials outside of the link's addresses.
const CREDENTIALS: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Resolves names to addresses that something may be sent to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let allowed = resolve(name.as_str(), 0).await?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The addresses of `host` that something may be sent to; there is one at least.
pub(super) async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let all: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let allowed: Vec<SocketAddr> = all.iter().filter(|address| is_allowed(address.ip())).copied().collect();
    match (all.is_empty(), allowed.is_empty()) {
        (true, _) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        (false, true) => Err(io::Error::new(io::ErrorKind::PermissionDenied, refused())),
        (false, false) => Ok(allowed),
    }
}

/// Whether something may be sent to the server that a URL names by its address; names are looked at when they are used.
pub(super) fn check_url(url: &Url) -> Result<(), String> {
    url.host_str().map_or(Ok(()), |host| check_host(host.trim_matches(['[', ']'])))
}

/// The same for a host.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    match host.parse() {
        Ok(address) if !is_allowed(address) => Err(refused()),
        _ => Ok(()),
    }
}

/// Whether a host is this machine, by its name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn refused() -> String {
    "nothing is sent to link-local addresses, nor to those where clouds hand out credentials".to_owned()
}

fn is_allowed(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if CREDENTIALS.contains(&address) || address.is_unspecified() || address.is_multicast() {
        return false;
    }
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && embedded(address).is_none_or(is_allowed),
    }
}

/// The address of version 4 that one of version 6 is translated to on its way (NAT64, 6to4, IPv4-compatible).
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    let [a, b, c, ..] = address.segments();
    let [.., w, x, y, z] = address.octets();
    let last = Ipv4Addr::new(w, x, y, z).into();
    match (a, b, c) {
        (0x64, 0xff9b, _) => Some(last),
        (0, 0, 0) if !address.is_loopback() => Some(last),
        (0x2002, high, low) => {
            let [w, x] = high.to_be_bytes();
            let [y, z] = low.to_be_bytes();
            Some(Ipv4Addr::new(w, x, y, z).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_link_are_refused_however_they_are_written() {
        for refused in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(check_host(refused).is_err(), "{refused}");
        }
        for allowed in
            ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "1.1.1.1", "64:ff9b::101:101"]
        {
            assert!(check_host(allowed).is_ok(), "{allowed}");
        }
        for url in
            ["http://169.254.169.254/latest", "http://[fe80::1]/", "http://2852039166/", "http://0xa9fea9fe/"]
        {
            assert!(check_url(&url.parse().unwrap()).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_at_when_it_is_used() {
        assert!(resolve("localhost", 25).await.unwrap().iter().all(|address| address.ip().is_loopback()));
        let refused = resolve("169.254.169.254", 80).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
