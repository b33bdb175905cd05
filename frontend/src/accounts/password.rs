//! Passwords: which ones are taken, and how they are stored: as PHC strings of argon2id, each with a salt of its own.
//!
//! Both directions take some 20 MiB and tens of milliseconds on purpose; whoever calls them limits how many do so at once.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// Fewer characters can be guessed.
pub const MIN_PASSWORD: usize = 12;
/// More bytes are no password.
pub const MAX_PASSWORD: usize = 1024;

const SALT_BYTES: usize = 16;
/// What OWASP names for argon2id with one lane: 19 MiB, two passes.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;

/// A password that is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has {MIN_PASSWORD} characters or more")]
    Short,
    /// Too long.
    #[error("a password has {MAX_PASSWORD} bytes at most")]
    Long,
    /// Everybody would try it first.
    #[error("the password must not be the name, and not the same character again and again")]
    Obvious,
    /// The system or the library does not do it.
    #[error("the password cannot be stored: {0}")]
    Failed(String),
}

/// The stored form of a password. It shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub(super) String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Whether `name` may have this password.
///
/// # Errors
/// If it is too easy to guess, or too long.
pub fn check(name: &str, password: &str) -> Result<(), PasswordError> {
    let first = password.chars().next();
    if password.len() > MAX_PASSWORD {
        Err(PasswordError::Long)
    } else if password.chars().count() < MIN_PASSWORD {
        Err(PasswordError::Short)
    } else if password.eq_ignore_ascii_case(name) || password.chars().all(|c| Some(c) == first) {
        Err(PasswordError::Obvious)
    } else {
        Ok(())
    }
}

/// The stored form of a password. Takes its time.
///
/// # Errors
/// If [`check`] refuses it, or the system gives no random numbers.
pub fn hash(name: &str, password: &str) -> Result<PasswordHash, PasswordError> {
    check(name, password)?;
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Failed(error.to_string()))?;
    let hash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| PasswordHash(hash.to_string())).map_err(|error| PasswordError::Failed(error.to_string()))
}

/// What is looked at where there is no password: of the same cost as those that [`hash`] makes.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCBpcw$vWTSwxDbJ84UJW/FGONcC99yesgDRNw7BxqFJXiHHNQ";

/// Whether this is the password. Takes as long where there is none, so that nobody learns which names exist.
#[must_use]
pub fn verify(password: &str, stored: Option<&PasswordHash>) -> bool {
    let hash = stored.map_or(NOBODYS, |stored| &stored.0);
    let fits = password.len() <= MAX_PASSWORD;
    let Ok(argon2) = argon2() else { return false };
    fits && argon2.verify_password(password.as_bytes(), hash).is_ok() && stored.is_some()
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None);
    let params = params.map_err(|error| PasswordError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_stored_with_a_salt_and_known_again() {
        let first = hash("alice", "correct horse").unwrap();
        let second = hash("alice", "correct horse").unwrap();
        assert!(first.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", first.0);
        assert_ne!(first, second);
        assert!(verify("correct horse", Some(&first)) && verify("correct horse", Some(&second)));
        assert!(!verify("correct horsf", Some(&first)));
        assert!(!verify("correct horse", None));
        assert_eq!(format!("{first:?}"), "***");
    }

    #[test]
    fn nobodys_password_costs_as_much_as_anybodys() {
        let cost = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        let hash = hash("alice", "correct horse").unwrap();
        assert_eq!(cost(NOBODYS), cost(&hash.0));
        assert_eq!(NOBODYS.len(), hash.0.len());
        let looked_at = argon2().unwrap().verify_password(b"x", NOBODYS);
        assert_eq!(
            looked_at,
            Err(argon2::password_hash::Error::PasswordInvalid),
            "it is looked at to its end"
        );
    }

    #[test]
    fn what_is_easy_to_guess_is_refused() {
        for (password, error) in [
            ("elevenchars", PasswordError::Short),
            ("aaaaaaaaaaaaaaaa", PasswordError::Obvious),
            ("Alice.Example", PasswordError::Obvious),
            (&"x y".repeat(400), PasswordError::Long),
        ] {
            assert_eq!(check("alice.example", password), Err(error), "{password}");
        }
        assert_eq!(check("alice", "twelve chars"), Ok(()));
        assert_eq!(check("alice", "zwölf zeiche"), Ok(()));
    }
}
