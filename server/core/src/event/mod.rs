//! A normalized event: what correlation works on.
//!
//! An [`Event`] is valid by construction: it has an id, a sensor, a time, two addresses and the key of at least one
//! kind of rule. [`json`] reads and writes its wire form; [`keys`] reads just the four fields that decide which
//! directives it may concern, for the many events that concern none.

pub mod json;
pub mod keys;

use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::time::ReceiptTime;

pub use json::{CheckedEvent, EventError, FieldProblem};
pub use keys::EventKeys;

/// Text of an event. Empty text takes no allocation.
pub type Text = Box<str>;

/// Default of `--max-clock-skew`: how far, in seconds, an event's timestamp may lie after its receipt before the
/// receipt time is used instead.
pub const DEFAULT_MAX_CLOCK_SKEW_SECS: u32 = 300;

/// An event id in 16 bytes: the first half of its SHA-256. Sets of seen ids hold these and not the text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(pub [u8; 16]);

impl EventKey {
    /// The key of an event id.
    #[must_use]
    pub fn of(event_id: &str) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(event_id.as_bytes())[..16]);
        Self(key)
    }

    /// 32 hexadecimal digits, as state files hold it.
    #[must_use]
    pub fn to_hex(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Reads what [`to_hex`](Self::to_hex) wrote; `None` for anything else.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        if hex.len() != 32 || !hex.is_ascii() {
            return None;
        }
        let mut key = [0; 16];
        for (byte, digits) in key.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }
}

impl std::fmt::Debug for EventKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// One normalized event.
///
/// Numbers that were not sent are 0 and texts that were not sent are empty, as on the wire; both compare like any
/// other value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event_id`: unique per event, not empty.
    pub id: Text,
    /// The id in 16 bytes.
    pub key: EventKey,
    /// `timestamp`: when it happened, as the sender says.
    pub timestamp: Timestamp,
    /// When the frontend received it: the `now` of all it causes.
    pub received: ReceiptTime,
    /// `conn_id`: the frontend's number of the request it came with; 0 if it is not known.
    pub conn_id: u64,
    /// `title`: may be empty.
    pub title: Text,
    /// `sensor`: not empty.
    pub sensor: Text,
    /// `plugin_id`: 0 for an event without plugin key.
    pub plugin_id: u64,
    /// `plugin_sid`: 0 for an event without plugin key.
    pub plugin_sid: u64,
    /// `product`: empty for an event without taxonomy key.
    pub product: Text,
    /// `category`: empty for an event without taxonomy key.
    pub category: Text,
    /// `subcategory`: may be empty.
    pub subcategory: Text,
    /// `src_ip`; an IPv4-mapped IPv6 address is held as IPv4.
    pub src_ip: IpAddr,
    /// `dst_ip`; as above.
    pub dst_ip: IpAddr,
    /// `src_port`; 0 if there is none.
    pub src_port: u16,
    /// `dst_port`; 0 if there is none.
    pub dst_port: u16,
    /// `protocol`: may be empty.
    pub protocol: Text,
    /// `custom_data1` to `custom_data3`: may be empty.
    pub custom_data: [Text; 3],
    /// `custom_label1` to `custom_label3`: may be empty.
    pub custom_labels: [Text; 3],
}

impl Event {
    /// Whether it says that it happened more than `max_skew_secs` after it was received, so that
    /// [`time_secs`](Self::time_secs) is its receipt time.
    #[must_use]
    pub fn is_from_the_future(&self, max_skew_secs: u32) -> bool {
        self.timestamp.as_second() > self.received.secs().saturating_add(i64::from(max_skew_secs))
    }

    /// The time at which it happened, in whole seconds since 1970, as correlation takes it: its timestamp, or its receipt
    /// time where the timestamp lies more than `max_skew_secs` after that.
    #[must_use]
    pub fn time_secs(&self, max_skew_secs: u32) -> i64 {
        if self.is_from_the_future(max_skew_secs) { self.received.secs() } else { self.timestamp.as_second() }
    }
}
