//! By what the stream knows an event that comes a second time.
//!
//! A sender that gets no answer sends again, and everything that it wrote is the same; what the frontend adds (receipt
//! time, number of the request, trace context) is not. Our own wire form ends with exactly these three, so that the
//! rest is one slice; any other form counts as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// The header that carries it.
pub(super) const HEADER: &str = "Nats-Msg-Id";

/// So many characters of base64 hold [`BYTES`].
pub(super) const CHARS: usize = 22;

/// How much of the hash is used.
const BYTES: usize = 16;

/// The hash of an event without what the frontend adds, as text.
pub(super) fn of(event: &[u8]) -> String {
    let hash = Sha256::digest(as_sent(event));
    STANDARD_NO_PAD.encode(&hash[..BYTES])
}

/// The part of the wire form that is from the sender.
fn as_sent(event: &[u8]) -> &[u8] {
    let stripped = event
        .strip_suffix(b",\"carrier\":{}}")
        .and_then(|rest| without_number(rest).strip_suffix(b",\"rcvd_time\":"))
        .and_then(|rest| without_number(rest).strip_suffix(b",\"conn_id\":"));
    stripped.unwrap_or(event)
}

fn without_number(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b'0'..=b'9' | b'-'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(title: &str, conn_id: u64, received: i64) -> Vec<u8> {
        let text = format!(
            "{{\"event_id\":\"a\",\"title\":\"{title}\",\"custom_label3\":\"\",\"conn_id\":{conn_id},\"rcvd_time\":{received},\"carrier\":{{}}}}"
        );
        text.into_bytes()
    }

    #[test]
    fn what_the_frontend_adds_does_not_count() {
        assert_eq!(of(&event("x", 1, 1_700_000_000_000_000_000)), of(&event("x", 999, -5)));
        assert_ne!(of(&event("x", 1, 1)), of(&event("y", 1, 1)));
        assert_eq!(of(&event("x", 1, 1)).len(), CHARS);
    }

    #[test]
    fn a_text_that_looks_like_what_the_frontend_adds_counts() {
        let (a, b) = (",\\\"conn_id\\\":1", ",\\\"conn_id\\\":2");
        assert_ne!(of(&event(a, 1, 1)), of(&event(b, 1, 1)));
    }

    #[test]
    fn other_forms_count_as_they_are() {
        let others =
            ["", "7", "{}", "{\"conn_id\":1}", "{\"a\":1,\"conn_id\":2,\"rcvd_time\":3}", ",\"carrier\":{}}"];
        for form in others {
            assert_eq!(as_sent(form.as_bytes()), form.as_bytes());
        }
    }

    #[test]
    fn the_form_that_we_write_is_recognized() {
        let text = r#"{"event_id":"a","timestamp":"2024-01-02T03:04:05Z","title":"t","sensor":"s","plugin_id":1,"plugin_sid":2,"src_ip":"10.0.0.1","dst_ip":"10.0.0.2"}"#;
        let mut event = dsiem_core::event::json::check(text).unwrap();
        let mut wire = Vec::new();
        event.encode(&mut wire);
        event.conn_id = 77;
        event.received = dsiem_core::time::ReceiptTime::from_secs(5);
        let mut again = Vec::new();
        event.encode(&mut again);
        assert_ne!(wire, again);
        assert_eq!(of(&wire), of(&again));
    }
}
