//! Whose word counts: the proxies in front of a frontend, and the address behind them.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Networks of proxies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those in `networks`.
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where a request comes from: what the nearest proxy says of it, if it came through one. A client may have written
    /// the beginning of `X-Forwarded-For` himself, so it is read from its end, up to the first that is no proxy.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.has(peer) {
            return peer;
        }
        let said: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let mut client = peer;
        for address in said.into_iter().rev() {
            let Ok(address) = address.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.has(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_last_that_a_proxy_saw() {
        let proxies = Proxies::new(vec!["10.0.0.0/24".parse().unwrap(), "::1/128".parse().unwrap()]);
        let client = |peer: &str, said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            proxies.client(peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(
            client("10.0.0.1", "6.6.6.6, 192.0.2.7"),
            "192.0.2.7",
            "what the client wrote is not believed"
        );
        assert_eq!(client("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2"), "192.0.2.7", "two proxies");
        assert_eq!(client("::1", "2001:db8::1"), "2001:db8::1");
        assert_eq!(client("192.0.2.9", "6.6.6.6"), "192.0.2.9", "no proxy");
        assert_eq!(client("::ffff:10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(client("10.0.0.1", "192.0.2.7, unknown"), "10.0.0.1");
        assert_eq!(client("10.0.0.1", ""), "10.0.0.1");
    }
}
