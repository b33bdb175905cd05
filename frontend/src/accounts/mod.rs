//! Who may, and who did what: users, their sessions, tokens and saved views, and the audit log.
//!
//! It promises that every change of these is in the audit log with who did it and from where, in the same transaction;
//! that no id which lets somebody in is stored, only its digest; and that there always is an admin who can sign in.
//! How somebody proves who he is, is the business of `auth`.
//!
//! Calls block: whoever is in an async task gives them to a blocking thread.

mod audit;
mod external;
pub mod password;
mod role;
mod secret_id;
mod sessions;
mod tokens;
mod user;
mod users;
mod views;

use std::sync::Arc;

use crate::database::sql::Connection;
use crate::database::{Database, DatabaseError};

pub use audit::{AuditEntry, AuditPage, MAX_AUDIT_PAGE};
pub use external::External;
pub use role::{NoRole, Role};
pub use secret_id::{Digest, NoRandomness, SecretId};
pub use sessions::{
    MAX_SESSIONS_PER_USER, OpenSession, SEEN_EVERY_SECS, SESSION_IDLE_SECS, SESSION_LIFETIME_SECS,
};
pub use tokens::{
    MAX_TOKEN_DAYS, MAX_TOKEN_NAME, MAX_TOKENS_PER_USER, NewToken, TOKEN_PREFIX, Token, UsedToken,
};
pub use user::{MAX_USER_NAME, Origin, User, UserName};
pub use users::{Credentials, MAX_USERS, NewUser, UserChange};
pub use views::{MAX_VIEW_NAME, MAX_VIEW_QUERY, MAX_VIEWS_PER_USER, View};

/// The accounts. Shared by whoever asks.
#[derive(Debug, Clone)]
pub struct Accounts {
    database: Arc<Database>,
}

/// Who does something, from where, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// The user.
    pub who: &'a str,
    /// The address.
    pub origin: &'a str,
    /// In seconds since 1970.
    pub now: i64,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// It is there already.
    #[error("there is {0} already; choose another name")]
    Exists(String),
    /// Something of the request cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There would be no admin who can sign in.
    #[error("this is the last admin who can sign in; make another one first")]
    LastAdmin,
    /// There is a user already.
    #[error("this installation has been set up; sign in")]
    SetUp,
    /// The user was disabled, or his password changed, in the meantime.
    #[error("the account cannot be used; ask an admin")]
    Disabled,
    /// A limit.
    #[error("there are {1} {0} already, which is the limit; delete some")]
    TooMany(&'static str, usize),
}

impl Accounts {
    /// Those in `database`.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, AccountError> {
        Ok(self.database.read(work)?)
    }

    /// All of the work or nothing, where what refuses does so before it writes.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AccountError>,
    ) -> Result<T, AccountError> {
        self.database.write(|db| match work(db) {
            Err(AccountError::Database(error)) => Err(error),
            done_or_refused => Ok(done_or_refused),
        })?
    }
}

impl From<NoRandomness> for AccountError {
    fn from(error: NoRandomness) -> Self {
        Self::Invalid(error.to_string())
    }
}
