//! What a user is.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use super::AccountError;
use super::role::Role;
use crate::database::DatabaseError;

/// Characters of a name.
pub const MAX_USER_NAME: usize = 64;

/// The name of a user: letters, digits and `. _ - + @`, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(pub(super) String);

/// Who vouches for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// His password here.
    Local,
    /// A proxy, in a header.
    Header,
    /// An identity provider.
    Oidc,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    #[serde(skip)]
    pub(super) id: i64,
    /// What he is called.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// Whether he is kept out.
    pub disabled: bool,
    /// Who vouches for him.
    pub origin: Origin,
    /// In seconds since 1970.
    pub created: i64,
    /// When he last signed in.
    pub last_login: Option<i64>,
}

impl UserName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let fits = (1..=MAX_USER_NAME).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte));
        if !fits {
            return Err(AccountError::Invalid(format!(
                "a name has 1 to {MAX_USER_NAME} letters (a to z), digits and . _ - + @"
            )));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Header => "header",
            Self::Oidc => "oidc",
        }
    }

    pub(super) fn parse(word: &str) -> Result<Self, DatabaseError> {
        [Self::Local, Self::Header, Self::Oidc]
            .into_iter()
            .find(|origin| origin.as_str() == word)
            .ok_or_else(|| DatabaseError::Damaged(format!("a user of the unknown origin {word:?}")))
    }
}
