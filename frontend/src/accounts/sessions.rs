//! Sessions: what a browser shows after somebody signed in. They end when nobody uses them, after a day, when the user
//! signs out, is kept out or gets another password.

use super::audit::note;
use super::password::PasswordHash;
use super::user::User;
use super::users;
use super::{AccountError, Accounts, By, Digest, SecretId};
use crate::database::sql::Connection;

/// A session that nobody used for so long has ended.
pub const SESSION_IDLE_SECS: i64 = 8 * 3600;
/// A session ends after this time, however much it is used.
pub const SESSION_LIFETIME_SECS: i64 = 24 * 3600;
/// Beyond, the oldest session of the user ends.
pub const MAX_SESSIONS_PER_USER: usize = 20;
/// How often it is written down that a session or token is used.
pub const SEEN_EVERY_SECS: i64 = 60;

/// A session that goes on.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Whose it is.
    pub user: User,
    /// Which one.
    pub digest: Digest,
}

impl Accounts {
    /// Opens a session for whoever has shown that he is `name`. With `proven`, that is still his password.
    ///
    /// # Errors
    /// If he is kept out, or his password is another one by now.
    pub fn open_session(
        &self,
        name: &str,
        proven: Option<&PasswordHash>,
        by: &By<'_>,
    ) -> Result<(SecretId, User), AccountError> {
        let id = SecretId::random()?;
        self.write(|db| {
            let credentials = users::existing(db, name)?;
            let user = credentials.user;
            if user.disabled || proven.is_some_and(|proven| credentials.password.as_ref() != Some(proven)) {
                return Err(AccountError::Disabled);
            }
            sweep(db, user.id, by.now)?;
            db.execute(
                "INSERT INTO sessions (digest, user_id, created, seen) VALUES (?1, ?2, ?3, ?3)",
                &[id.digest().bytes().into(), user.id.into(), by.now.into()],
            )?;
            db.execute("UPDATE users SET last_login = ?1 WHERE id = ?2", &[by.now.into(), user.id.into()])?;
            note(db, by, "login", &user.name, if proven.is_some() { "password" } else { "single sign-on" })?;
            Ok((id, User { last_login: Some(by.now), ..user }))
        })
    }

    /// The session with this id, if it goes on; notes that it is used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn session(&self, id: &SecretId, now: i64) -> Result<Option<OpenSession>, AccountError> {
        let digest = id.digest();
        let found = self.read(|db| {
            let rows = db.query(
                "SELECT u.name, s.created, s.seen FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.digest = ?1 AND u.disabled = 0 AND s.created > ?2 AND s.seen > ?3",
                &[
                    digest.bytes().into(),
                    (now - SESSION_LIFETIME_SECS).into(),
                    (now - SESSION_IDLE_SECS).into(),
                ],
            )?;
            let Some(row) = rows.first() else { return Ok(None) };
            Ok(Some((row.text(0)?.to_owned(), row.int(2)?)))
        })?;
        let Some((name, seen)) = found else { return Ok(None) };
        let Some(credentials) = self.credentials(&name)? else { return Ok(None) };
        if now - seen >= SEEN_EVERY_SECS {
            self.write(|db| {
                db.execute(
                    "UPDATE sessions SET seen = ?1 WHERE digest = ?2",
                    &[now.into(), digest.bytes().into()],
                )?;
                Ok(())
            })?;
        }
        Ok(Some(OpenSession { user: credentials.user, digest }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn close_session(&self, digest: &Digest, by: &By<'_>) -> Result<(), AccountError> {
        self.write(|db| {
            let ended = db.execute("DELETE FROM sessions WHERE digest = ?1", &[digest.bytes().into()])?;
            if ended > 0 {
                note(db, by, "logout", by.who, "")?;
            }
            Ok(())
        })
    }
}

/// Removes the sessions that have ended, and of this user those that would be too many with one more.
fn sweep(db: &mut dyn Connection, user: i64, now: i64) -> Result<(), AccountError> {
    db.execute(
        "DELETE FROM sessions WHERE created <= ?1 OR seen <= ?2",
        &[(now - SESSION_LIFETIME_SECS).into(), (now - SESSION_IDLE_SECS).into()],
    )?;
    let kept = i64::try_from(MAX_SESSIONS_PER_USER - 1).unwrap_or(i64::MAX);
    db.execute(
        "DELETE FROM sessions WHERE digest IN
            (SELECT digest FROM sessions WHERE user_id = ?1 ORDER BY created DESC, digest LIMIT 1000 OFFSET ?2)",
        &[user.into(), kept.into()],
    )?;
    Ok(())
}
