//! Ports for servers that must be told one.
//!
//! They lie below the range from which the system takes the ports of outgoing connections, so that nobody gets one of
//! them by chance while its server is down for a while, and a client that tries again and again cannot meet itself.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// Ports handed out by this process, from a start that differs between processes that run at the same time.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// What shows other processes that a port is taken, also while its server is down: the port of the same number for UDP,
/// which no server of ours uses.
static CLAIMED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A port of this machine that nobody listens on at this moment, and that no other test gets while this process runs.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free() -> u16 {
    let start = start();
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok() && claim(*port))
        .expect("some port is free")
}

fn claim(port: u16) -> bool {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { return false };
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    true
}

fn start() -> u16 {
    static START: std::sync::OnceLock<u16> = std::sync::OnceLock::new();
    *START.get_or_init(|| {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let mixed = (nanos ^ std::process::id().rotate_left(16)) % u32::from(COUNT);
        u16::try_from(mixed).expect("smaller than the count") / 2
    })
}
