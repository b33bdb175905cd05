//! What a consumer says of each message that it delivers, in the subject to acknowledge it at.
//!
//! `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`; newer servers may
//! put domain and account before the stream, and something behind the last number.

use dsiem_core::time::ReceiptTime;

/// Where a delivered message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Its number in the stream.
    pub(super) sequence: u64,
    /// Its number among what the consumer has delivered, counted from 1.
    pub(super) nth: u64,
    /// When the stream stored it, by the server's clock.
    pub(super) stored: ReceiptTime,
}

impl Delivery {
    /// Reads the subject; None: it is not one of these.
    pub(super) fn parse(subject: &str) -> Option<Self> {
        let rest = subject.strip_prefix("$JS.ACK.")?;
        let tokens = rest.split('.').count();
        // Stream and consumer, or domain, account, stream and consumer; then the count of deliveries.
        let before = if tokens >= 9 { 5 } else { 3 };
        let mut numbers = rest.split('.').skip(before);
        let sequence = numbers.next()?.parse().ok()?;
        let nth = numbers.next()?.parse().ok()?;
        let stored = ReceiptTime::from_nanos(numbers.next()?.parse().ok()?);
        Some(Self { sequence, nth, stored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_subject_are_read() {
        let expected =
            Delivery { sequence: 100, nth: 7, stored: ReceiptTime::from_nanos(1_700_000_000_000_000_123) };
        for subject in [
            "$JS.ACK.DSIEM_EVENTS.be-0.1.100.7.1700000000000000123.42",
            "$JS.ACK.hub.szMpdrwD.DSIEM_EVENTS.be-0.1.100.7.1700000000000000123.42",
            "$JS.ACK._.szMpdrwD.DSIEM_EVENTS.be-0.1.100.7.1700000000000000123.42.random",
        ] {
            assert_eq!(Delivery::parse(subject), Some(expected), "{subject}");
        }
    }

    #[test]
    fn other_subjects_are_not_deliveries() {
        for subject in ["", "dsiem_seq.fe-0.r.1", "$JS.ACK.", "$JS.ACK.a.b.1.x.7.8.9", "$JS.ACK.a.b.1"] {
            assert_eq!(Delivery::parse(subject), None, "{subject}");
        }
    }
}
