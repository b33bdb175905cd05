//! Secrets: tokens, passwords and keys, given as a word, a variable or a file.
//!
//! A [`Secret`] never shows itself: its `Debug` has no text of it, it has no `Display`, and whoever needs the text has
//! to write [`Secret::expose`]. Files are for systems that hand secrets out as files; what they hold is read once, at
//! start.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

/// No file with a secret is longer; beyond, it is some other file.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// A shorter token can be guessed.
const SHORT_TOKEN: usize = 16;

/// A text that must not get into a log. Cheap to clone.
#[derive(Clone)]
pub struct Secret(Arc<str>);

/// One secret among the arguments: its flag, and its variable.
///
/// Its file is given with `-file` behind the flag and `_FILE` behind the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Such as `--events-token`.
    pub flag: &'static str,
    /// Such as `DSIEM_EVENTS_TOKEN`.
    pub variable: &'static str,
}

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// As a word and as a file.
    #[error("{flag} ({variable}) and {flag}-file ({variable}_FILE) are both given; leave one of them away", flag = .0.flag, variable = .0.variable)]
    Twice(Name),
    /// A file that cannot be read.
    #[error("cannot read {} ({origin}): {source}; make it readable for the user of this process", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The flag and the variable that named it.
        origin: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing in it.
    #[error("{0} is empty; write the secret into it, or leave it away")]
    Empty(String),
    /// Characters that a header cannot carry.
    #[error(
        "{flag} ({variable}) has characters that no token has; use letters, digits and - . _ ~ + / =",
        flag = .0.flag, variable = .0.variable
    )]
    NotAToken(Name),
}

impl Secret {
    /// The text itself, for whoever must send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is this secret. How long it takes tells nothing but whether the lengths are the same.
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// Whether the value of an `Authorization` header is `Bearer` and this secret.
    #[must_use]
    pub fn is_bearer(&self, authorization: &[u8]) -> bool {
        let Some((scheme, rest)) = authorization.split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.is(rest.trim_ascii())
    }

    /// What a file holds, without the white space around it. `origin` says how the file was named.
    ///
    /// # Errors
    /// If it cannot be read, is too long or empty.
    pub fn from_file(path: &Path, origin: &str) -> Result<Self, SecretError> {
        let text = read(path).map_err(|source| SecretError::Unreadable {
            path: path.to_owned(),
            origin: origin.to_owned(),
            source,
        })?;
        match text.trim() {
            "" => Err(SecretError::Empty(format!("{} ({origin})", path.display()))),
            text => Ok(text.into()),
        }
    }
}

impl Name {
    /// The secret that was given as a word or as a file, if any.
    ///
    /// # Errors
    /// If both were given, or what was given cannot be used.
    pub fn secret(self, word: Option<&Secret>, file: Option<&Path>) -> Result<Option<Secret>, SecretError> {
        let Self { flag, variable } = self;
        match (word, file) {
            (Some(_), Some(_)) => Err(SecretError::Twice(self)),
            (Some(word), None) if word.expose().is_empty() => {
                Err(SecretError::Empty(format!("{flag} ({variable})")))
            }
            (Some(word), None) => Ok(Some(word.clone())),
            (None, Some(file)) => Secret::from_file(file, &format!("{flag}-file, {variable}_FILE")).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The same for a bearer token, which a header must be able to carry. A short one is worth a warning.
    ///
    /// # Errors
    /// As [`secret`](Self::secret), and if it is no token.
    pub fn token(self, word: Option<&Secret>, file: Option<&Path>) -> Result<Option<Secret>, SecretError> {
        let token = self.secret(word, file)?;
        let Some(text) = token.as_ref().map(Secret::expose) else { return Ok(None) };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
            return Err(SecretError::NotAToken(self));
        }
        if text.len() < SHORT_TOKEN {
            let Self { flag, variable } = self;
            tracing::warn!("{flag} ({variable}) has fewer than {SHORT_TOKEN} characters and can be guessed");
        }
        Ok(token)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name = Name { flag: "--events-token", variable: "DSIEM_EVENTS_TOKEN" };

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::from("s3cret");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.expose(), "s3cret");
    }

    #[test]
    fn a_bearer_is_known_by_scheme_and_token() {
        let secret = Secret::from("s3cret");
        for right in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "] {
            assert!(secret.is_bearer(right.as_bytes()), "{right}");
        }
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "s3cret",
            "Basic s3cret",
            "Bearers3cret",
            "Bearer s3cre",
            "Bearer s3cret2",
            "Bearer S3cret",
        ] {
            assert!(!secret.is_bearer(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_file_counts_without_the_white_space_around_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " s3cret-s3cret-s3cret \n").unwrap();
        let secret = NAME.token(None, Some(file.path())).unwrap().unwrap();
        assert_eq!(secret.expose(), "s3cret-s3cret-s3cret");
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let missing = file.path().with_extension("missing");
        let word = Secret::from("two words");
        let error =
            |word: Option<&Secret>, file: Option<&Path>| NAME.token(word, file).unwrap_err().to_string();
        for (text, part) in [
            (error(Some(&word), Some(file.path())), "both"),
            (error(None, Some(&missing)), "missing"),
            (error(None, Some(file.path())), "is empty"),
            (error(Some(&Secret::from("")), None), "is empty"),
            (error(Some(&word), None), "letters, digits"),
        ] {
            assert!(text.contains(part) && text.contains("--events-token"), "{text}");
            assert!(text.contains("DSIEM_EVENTS_TOKEN") && !text.contains("two words"), "{text}");
        }
        std::fs::write(file.path(), "x".repeat(70_000)).unwrap();
        assert!(error(None, Some(file.path())).contains("longer than"));
        assert!(NAME.token(None, None).unwrap().is_none());
    }
}
