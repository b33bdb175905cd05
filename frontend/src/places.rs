//! How many connections one address may have open, so that it cannot take the place of all others.
//!
//! A peer is what it is for its [rate](crate::peers): an address of IPv4, or a network of 64 bits of IPv6. Behind a proxy
//! there is only one of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dsiem_runtime::metrics::{Counter, Metrics};

use crate::peers::network;

/// The places of all peers. Clones share one state; without a limit, everybody gets one.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    max: Option<NonZeroU32>,
    /// How many each peer has; none of them 0, so that there are never more than connections. A connection holds it for
    /// one look-up at its beginning and its end.
    taken: Arc<Mutex<HashMap<IpAddr, u32>>>,
    refused: Counter,
}

/// The place of one connection; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// None: there is no limit, and nothing to give back.
    of: Option<(Places, IpAddr)>,
}

impl Places {
    /// So many for each peer.
    pub(crate) fn new(max: Option<NonZeroU32>, metrics: &Metrics) -> Self {
        let refused = metrics.counter(
            "dsiem_frontend_peer_refused_connections",
            "Connections closed at once, because their address had too many open.",
        );
        Self { max, taken: Arc::default(), refused }
    }

    /// A place for `peer`; none if it has as many as it may. Counts what is refused.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Place> {
        let Some(max) = self.max else { return Some(Place { of: None }) };
        let peer = network(peer);
        let mut taken = self.lock();
        let count = taken.entry(peer).or_insert(0);
        if *count >= max.get() {
            self.refused.inc();
            return None;
        }
        *count += 1;
        Some(Place { of: Some((self.clone(), peer)) })
    }

    fn give_back(&self, peer: IpAddr) {
        let mut taken = self.lock();
        if let Some(count) = taken.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&peer);
            }
        }
    }

    /// Each change is one number, so a panic elsewhere cannot leave half of one.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((places, peer)) = self.of.take() {
            places.give_back(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(max: u32) -> Places {
        Places::new(NonZeroU32::new(max), &Metrics::new())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_peer_has_so_many_places_and_gets_them_back() {
        let places = places(2);
        let held = [places.take(ip("10.0.0.1")), places.take(ip("10.0.0.1"))];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(ip("10.0.0.1")).is_none() && places.take(ip("::ffff:10.0.0.1")).is_none());
        assert!(places.take(ip("10.0.0.2")).is_some(), "another address");
        assert_eq!(places.refused.get(), 2);
        drop(held);
        assert!(places.take(ip("10.0.0.1")).is_some());
        assert!(places.lock().is_empty(), "nobody is remembered who has none");
    }

    #[test]
    fn a_host_gains_nothing_by_another_of_its_addresses() {
        let places = places(1);
        let _held = places.take(ip("2001:db8::1"));
        assert!(places.take(ip("2001:db8::2")).is_none());
        assert!(places.take(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let places = places(0);
        let held: Vec<_> = (0..1_000).map(|_| places.take(ip("10.0.0.1"))).collect();
        assert!(held.iter().all(Option::is_some) && places.lock().is_empty());
    }
}
