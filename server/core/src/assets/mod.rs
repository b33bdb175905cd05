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
