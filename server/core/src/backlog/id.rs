//! The id of an alarm: a pure function of the directive and the event that opened the backlog.
//!
//! Processing the same events again gives the same ids, so whatever reads alarms can upsert.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

/// Eleven characters of base64url for alarms of ours; any text for alarms that dsiem-rs saved. The text is in the value
/// itself: an id goes with each event of an alarm from thread to thread, and a text elsewhere would be waited for there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmId(SmolStr);

impl AlarmId {
    /// The first 66 bits of SHA-256 over the directive id (8 bytes, big-endian) and the event id.
    #[must_use]
    pub fn of(directive_id: u64, event_id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(directive_id.to_be_bytes());
        hash.update(event_id.as_bytes());
        // Nine bytes are twelve characters; the first eleven hold 66 bits.
        let mut text = URL_SAFE_NO_PAD.encode(&hash.finalize()[..9]);
        text.truncate(11);
        Self(text.into())
    }

    /// An id that was saved.
    #[must_use]
    pub fn saved(text: &str) -> Self {
        Self(text.into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AlarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_pure_function_of_directive_and_event() {
        // printf '\0\0\0\0\0\0\0\1e1' | sha256sum: its first nine bytes in base64url, cut to eleven characters.
        let id = AlarmId::of(1, "e1");
        assert_eq!(id.as_str(), "NY0xfkfSxaD");
        assert_ne!(id, AlarmId::of(2, "e1"));
        assert_ne!(id, AlarmId::of(1, "e2"));
    }
}
