//! How many events per second one address may send, so that none of them takes the place of all others.
//!
//! Each peer has a bucket of its own, of which there is a limited number. A bucket that is full again is as good as
//! none, so those make way when a new peer comes; while there are none of those, all further peers share one bucket:
//! whoever has many addresses gains nothing by it. A peer of IPv6 is a network of 64 bits, which is what one host has.
//!
//! An address is that of the connection. Behind a proxy there is only one of them, and no header is believed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsiem_core::throttle::{Bucket, RetryAfter};
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};
use tokio::time::Instant;

/// Peers that have a bucket of their own; full: further ones share one.
pub const MAX_PEERS: usize = 16_384;

/// How often it is looked for buckets that are no longer needed, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The limits of all peers. Clones share one state; without a rate, everything is admitted.
#[derive(Clone)]
pub(crate) struct Peers {
    start: Instant,
    /// A request holds it for one look-up and one subtraction; nothing waits meanwhile.
    table: Option<Arc<Mutex<Table>>>,
}

struct Table {
    per_sec: NonZeroU32,
    buckets: HashMap<IpAddr, Bucket>,
    max: usize,
    /// For those who have none.
    shared: Bucket,
    swept_nanos: u64,
    known: Gauge,
    refused: Counter,
    without_place: Counter,
}

impl Peers {
    /// Peers that may send so many events per second each.
    pub(crate) fn new(per_sec: Option<NonZeroU32>, metrics: &Metrics) -> Self {
        Self::with_places(per_sec, MAX_PEERS, metrics)
    }

    fn with_places(per_sec: Option<NonZeroU32>, max: usize, metrics: &Metrics) -> Self {
        let table = per_sec.map(|per_sec| Table {
            per_sec,
            buckets: HashMap::new(),
            max,
            shared: Bucket::new(per_sec, 0),
            swept_nanos: 0,
            known: metrics
                .gauge("dsiem_frontend_peers", "Addresses that have a rate limit of their own now."),
            refused: metrics.counter(
                "dsiem_frontend_peer_refused_requests",
                "Requests refused before they were read, because their address was over its rate.",
            ),
            without_place: metrics.counter(
                "dsiem_frontend_peers_without_place",
                "Requests that shared one rate limit with others, because there were too many addresses.",
            ),
        });
        Self { start: Instant::now(), table: table.map(|table| Arc::new(Mutex::new(table))) }
    }

    /// Whether a request of `peer` is worth reading, or when it will be. Counts what is refused.
    pub(crate) fn greet(&self, peer: IpAddr) -> Result<(), RetryAfter> {
        self.with(|table, now| {
            let answer = table.bucket(peer, now).admit(0, now);
            if answer.is_err() {
                table.refused.inc();
            }
            answer
        })
    }

    /// Lets so many events of `peer` in, all or none, or says when to try again.
    pub(crate) fn admit(&self, peer: IpAddr, events: usize) -> Result<(), RetryAfter> {
        self.with(|table, now| table.bucket(peer, now).admit(events as u64, now))
    }

    fn with(&self, work: impl FnOnce(&mut Table, u64) -> Result<(), RetryAfter>) -> Result<(), RetryAfter> {
        let Some(table) = &self.table else { return Ok(()) };
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Whoever panicked in there left numbers that are still within their bounds.
        work(&mut table.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

impl Table {
    fn bucket(&mut self, peer: IpAddr, now: u64) -> &mut Bucket {
        let peer = network(peer);
        if !self.buckets.contains_key(&peer) {
            if self.buckets.len() >= self.max {
                self.sweep(now);
            }
            if self.buckets.len() >= self.max {
                self.without_place.inc();
                return &mut self.shared;
            }
            self.known.set(i64::try_from(self.buckets.len() + 1).unwrap_or(i64::MAX));
        }
        self.buckets.entry(peer).or_insert_with(|| Bucket::new(self.per_sec, now))
    }

    /// Forgets buckets that are full again.
    fn sweep(&mut self, now: u64) {
        let every = u64::try_from(SWEEP_EVERY.as_nanos()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.swept_nanos) >= every {
            self.swept_nanos = now;
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
    }
}

/// What counts as one peer.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(per_sec: u32, places: usize) -> (Peers, Metrics) {
        let metrics = Metrics::new();
        (Peers::with_places(NonZeroU32::new(per_sec), places, &metrics), metrics)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_everything_is_admitted_and_nobody_is_remembered() {
        let (peers, _) = peers(0, 1);
        assert!(peers.table.is_none());
        for _ in 0..100 {
            assert_eq!(peers.admit(ip("10.0.0.1"), 1_000_000), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_peer_over_its_rate_does_not_hold_up_another() {
        let (peers, metrics) = peers(10, 10);
        let (first, second) = (ip("10.0.0.1"), ip("10.0.0.2"));
        assert_eq!(peers.admit(first, 25), Ok(()));
        assert_eq!(peers.admit(first, 1).map_err(RetryAfter::secs), Err(2));
        assert_eq!(peers.greet(first).map_err(RetryAfter::secs), Err(2));
        assert_eq!((peers.greet(second), peers.admit(second, 5)), (Ok(()), Ok(())));
        assert!(
            metrics.text().contains("dsiem_frontend_peer_refused_requests_total 1"),
            "{}",
            metrics.text()
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!((peers.greet(first), peers.admit(first, 1)), (Ok(()), Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_gains_nothing_by_another_of_its_addresses() {
        let (peers, _) = peers(10, 10);
        assert_eq!(peers.admit(ip("2001:db8::1"), 25), Ok(()));
        assert!(peers.admit(ip("2001:db8::ffff:2"), 1).is_err());
        assert!(peers.admit(ip("2001:db8:0:1::1"), 1).is_ok());
        assert_eq!(peers.admit(ip("10.0.0.1"), 25), Ok(()));
        assert!(peers.admit(ip("::ffff:10.0.0.1"), 1).is_err(), "the same address, written as IPv6");
    }

    #[tokio::test(start_paused = true)]
    async fn peers_without_a_place_share_one_bucket_until_others_make_way() {
        let (peers, metrics) = peers(10, 2);
        for peer in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            assert_eq!(peers.admit(ip(peer), 30), Ok(()), "{peer}");
        }
        assert!(peers.admit(ip("10.0.0.4"), 1).is_err(), "shares with 10.0.0.3");
        assert!(metrics.text().contains("dsiem_frontend_peers_without_place_total 2"), "{}", metrics.text());
        // 20 below nothing: full again after three seconds.
        tokio::time::advance(Duration::from_millis(2_900)).await;
        assert_eq!(peers.admit(ip("10.0.0.4"), 1), Ok(()), "the shared one has refilled, too");
        assert!(metrics.text().contains("dsiem_frontend_peers_without_place_total 3"), "{}", metrics.text());
        tokio::time::advance(Duration::from_millis(1_100)).await;
        assert_eq!(peers.admit(ip("10.0.0.5"), 1), Ok(()));
        assert!(metrics.text().contains("dsiem_frontend_peers_without_place_total 3"), "{}", metrics.text());
    }
}
