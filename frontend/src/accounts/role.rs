//! What somebody may do.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do; each role may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but accounts.
    Viewer,
    /// Handles alarms.
    Analyst,
    /// Changes the installation: accounts, notifications, configuration.
    Admin,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; there are viewer, analyst and admin")]
pub struct NoRole(String);

impl Role {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The highest role among words of others, such as the groups of an identity provider. A role may be written with
    /// `dsiem-` before it, and in capitals.
    #[must_use]
    pub fn highest<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let role = |word: &str| {
            let word = word.trim().to_ascii_lowercase();
            word.strip_prefix("dsiem-").unwrap_or(&word).parse().ok()
        };
        words.into_iter().filter_map(role).max()
    }
}

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(word: &str) -> Result<Self, NoRole> {
        match word {
            "viewer" => Ok(Self::Viewer),
            "analyst" => Ok(Self::Analyst),
            "admin" => Ok(Self::Admin),
            other => Err(NoRole(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_among_groups_counts() {
        assert_eq!(Role::highest(["staff", " DSIEM-Analyst", "viewer"]), Some(Role::Analyst));
        assert_eq!(Role::highest(["administrators", "dsiem-", ""]), None);
        assert!(Role::Viewer < Role::Analyst && Role::Analyst < Role::Admin);
        for role in [Role::Viewer, Role::Analyst, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }
}
