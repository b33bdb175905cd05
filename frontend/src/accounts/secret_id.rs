//! Ids that nobody guesses: those of sessions, tokens and set-up links. 256 bits of the system's randomness.
//!
//! Whoever shows one is let in, so what is stored is its SHA-256: who reads the database gets in with none of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const BYTES: usize = 32;

/// An id that is a secret. It shows itself only where it is asked for its text.
#[derive(Clone)]
pub struct SecretId([u8; BYTES]);

/// What is stored of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest([u8; BYTES]);

/// The system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct NoRandomness(getrandom::Error);

impl SecretId {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut id = Self([0; BYTES]);
        getrandom::fill(&mut id.0).map_err(NoRandomness)?;
        Ok(id)
    }

    /// One that somebody shows; `None` if it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What is shown: 43 letters, digits, `-` and `_`.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0).into())
    }

    /// Another secret that follows from this one and does not give it away; each purpose has its own.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> String {
        let hash = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(self.0).finalize();
        URL_SAFE_NO_PAD.encode(hash)
    }

    /// Whether both are the same; how long it takes tells nothing.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Digest {
    /// As it is stored.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl fmt::Debug for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_shows_itself_nowhere_else() {
        let id = SecretId::random().unwrap();
        let text = id.text();
        assert_eq!(text.len(), 43);
        let again = SecretId::parse(&text).unwrap();
        assert!(again.is(&id));
        assert_eq!(again.digest(), id.digest());
        assert_eq!(format!("{id:?}"), "***");
        assert!(!SecretId::random().unwrap().is(&id));
        for wrong in ["", "x", &text[1..], &format!("{text}A"), &format!("{text}=")] {
            assert!(SecretId::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_derived_is_another_secret_for_each_purpose() {
        let id = SecretId::random().unwrap();
        assert_eq!(id.derived("a"), id.derived("a"));
        let all = [id.text(), id.derived("a"), id.derived("b"), SecretId::random().unwrap().derived("a")];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(one));
        }
    }
}
