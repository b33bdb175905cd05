//! The user's own hosts and networks: what is home, what is whitelisted, what an address is worth and called.

mod file;

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

pub use file::read;

/// The highest value that an asset counts with.
pub const MAX_VALUE: u8 = 5;

/// One asset, as a file lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetEntry {
    /// Not empty.
    pub name: String,
    /// Without host bits.
    pub network: IpNet,
    /// 1 to [`MAX_VALUE`].
    pub value: u8,
    /// Events from there are dropped; not a part of the home net.
    pub whitelisted: bool,
}

/// All assets, found by address.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    networks: JointPrefixMap<IpNet, Network>,
}

/// What the assets that share one network say together.
#[derive(Debug, Clone, Default)]
struct Network {
    /// At least one of them is not whitelisted.
    home: bool,
    /// At least one of them is.
    whitelisted: bool,
    /// The highest of their values.
    value: u8,
    /// The name of the first one with that value, if it is a single host.
    host_name: Option<Box<str>>,
}

impl Assets {
    /// The assets of all files.
    pub fn new(entries: impl IntoIterator<Item = AssetEntry>) -> Self {
        let mut assets = Self::default();
        for entry in entries {
            assets.add(entry);
        }
        assets
    }

    fn add(&mut self, entry: AssetEntry) {
        let network = self.networks.entry(entry.network).or_default();
        network.home |= !entry.whitelisted;
        network.whitelisted |= entry.whitelisted;
        if entry.value > network.value {
            network.value = entry.value;
            network.host_name = is_host(entry.network).then(|| entry.name.into_boxed_str());
        }
    }

    /// Whether the address is in the network of an asset that is not whitelisted.
    #[must_use]
    pub fn is_home(&self, address: IpAddr) -> bool {
        self.around(address).any(|(_, network)| network.home)
    }

    /// Whether the address is in the network of a whitelisted asset.
    #[must_use]
    pub fn is_whitelisted(&self, address: IpAddr) -> bool {
        self.around(address).any(|(_, network)| network.whitelisted)
    }

    /// The highest value among the assets whose network has the address, whitelisted ones too; 0 if there is none.
    #[must_use]
    pub fn value(&self, address: IpAddr) -> u8 {
        self.around(address).map(|(_, network)| network.value).max().unwrap_or(0)
    }

    /// The name of the asset that is exactly this host.
    #[must_use]
    pub fn host_name(&self, address: IpAddr) -> Option<&str> {
        self.networks.get(&host(address))?.host_name.as_deref()
    }

    /// The home networks that have the address, largest first; single hosts are left out.
    pub fn home_networks(&self, address: IpAddr) -> impl Iterator<Item = IpNet> + '_ {
        self.around(address).filter(|(net, network)| network.home && !is_host(*net)).map(|(net, _)| net)
    }

    /// Every network that has the address, largest first.
    fn around(&self, address: IpAddr) -> impl Iterator<Item = (IpNet, &Network)> {
        self.networks.cover(&host(address))
    }
}

/// The address as a network of one; an IPv4-mapped one is IPv4, as in events.
fn host(address: IpAddr) -> IpNet {
    IpNet::from(address.to_canonical())
}

fn is_host(network: IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn assets(list: &Value) -> Assets {
        let checked = read("assets_x.json", json!({ "assets": list }).to_string().as_bytes());
        assert_eq!(checked.problems, []);
        Assets::new(checked.value)
    }

    fn sample() -> Assets {
        assets(&json!([
            {"name": "lan", "cidr": "10.0.0.0/8", "value": 1},
            {"name": "dmz", "cidr": "10.1.0.0/16", "value": 3},
            {"name": "web", "cidr": "10.1.0.5/32", "value": 5},
            {"name": "old web", "cidr": "10.1.0.5/32", "value": 2},
            {"name": "scanner", "cidr": "10.1.0.6", "value": 4, "whitelisted": true},
            {"name": "partner", "cidr": "192.168.0.0/16", "value": 2, "whitelisted": true},
            {"name": "partner as well", "cidr": "192.168.0.0/24", "value": 1, "whitelisted": false},
            {"name": "lan6", "cidr": "2001:db8::/32", "value": 2, "whitelisted": null},
            {"name": "web6", "cidr": "2001:db8::5", "value": 1},
        ]))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn home_is_every_network_of_an_asset_that_is_not_whitelisted() {
        let check = |text, home: bool, whitelisted: bool| {
            assert_eq!(sample().is_home(address(text)), home, "{text}");
            assert_eq!(sample().is_whitelisted(address(text)), whitelisted, "{text}");
        };
        check("10.200.0.1", true, false);
        check("::ffff:10.200.0.1", true, false);
        check("2001:db8:1::1", true, false);
        check("11.0.0.1", false, false);
        check("2001:db9::1", false, false);
        check("10.1.0.6", true, true);
        check("192.168.1.1", false, true);
        check("192.168.0.1", true, true);
    }

    #[test]
    fn the_value_is_the_highest_among_all_networks_that_have_the_address() {
        let check = |text, expected: u8| assert_eq!(sample().value(address(text)), expected, "{text}");
        check("10.200.0.1", 1);
        check("10.1.0.1", 3);
        check("10.1.0.5", 5);
        // Whitelisted ones too.
        check("10.1.0.6", 4);
        check("192.168.0.1", 2);
        // A larger network may be worth more than the host in it.
        check("2001:db8::5", 2);
        check("11.0.0.1", 0);
    }

    #[test]
    fn only_an_asset_that_is_exactly_the_host_gives_its_name() {
        let check =
            |text, expected: Option<&str>| assert_eq!(sample().host_name(address(text)), expected, "{text}");
        check("10.1.0.5", Some("web"));
        check("::ffff:10.1.0.5", Some("web"));
        check("10.1.0.6", Some("scanner"));
        check("2001:db8::5", Some("web6"));
        check("10.1.0.7", None);
        check("11.0.0.1", None);
    }

    #[test]
    fn networks_of_an_address_are_the_home_ones_without_single_hosts() {
        let check = |text, expected: &[&str]| {
            let networks: Vec<_> =
                sample().home_networks(address(text)).map(|network| network.to_string()).collect();
            assert_eq!(networks, expected, "{text}");
        };
        check("10.1.0.5", &["10.0.0.0/8", "10.1.0.0/16"]);
        check("192.168.0.1", &["192.168.0.0/24"]);
        check("192.168.1.1", &[]);
        check("2001:db8::5", &["2001:db8::/32"]);
        check("11.0.0.1", &[]);
    }

    #[test]
    fn without_assets_nothing_is_home_and_nothing_worth_anything() {
        let none = Assets::default();
        assert!(!none.is_home(address("10.0.0.1")) && !none.is_whitelisted(address("::1")));
        assert_eq!((none.value(address("10.0.0.1")), none.host_name(address("10.0.0.1"))), (0, None));
    }

    #[test]
    fn a_network_may_be_everything() {
        let all = assets(&json!([{"name": "all", "cidr": "0.0.0.0/0", "value": 1}]));
        assert!(all.is_home(address("203.0.113.1")));
        assert!(!all.is_home(address("::1")));
    }
}
