//! Personal API tokens: what a program shows that works for a user. A token may do at most what its owner may, at any
//! time; it is shown once, when it is made.

use serde::Serialize;
use utoipa::ToSchema;

use super::audit::note;
use super::role::Role;
use super::user::User;
use super::users;
use super::{AccountError, Accounts, By, SEEN_EVERY_SECS, SecretId};
use crate::database::DatabaseError;
use crate::database::sql::{Row, Statement, as_u64};

/// What every token begins with, so that it is known where it should not be.
pub const TOKEN_PREFIX: &str = "dsiem_";
/// Tokens of one user.
pub const MAX_TOKENS_PER_USER: usize = 50;
/// Characters of a token's name.
pub const MAX_TOKEN_NAME: usize = 100;
/// How long a token that expires may be good, in days.
pub const MAX_TOKEN_DAYS: u32 = 3_650;

const DAY: i64 = 86_400;

/// A token, without what is shown to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Which one.
    pub id: u64,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, if its owner may.
    pub role: Role,
    /// In seconds since 1970.
    pub created: i64,
    /// Until when it is good; `null`: until it is deleted.
    pub expires: Option<i64>,
    /// When it was used, to the minute.
    pub last_used: Option<i64>,
    /// Whose it is.
    pub owner: String,
}

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// Whose.
    pub owner: &'a str,
    /// What he calls it.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// How long it is good; `None`: until it is deleted.
    pub days: Option<u32>,
}

/// A token that was shown.
#[derive(Debug, Clone)]
pub struct UsedToken {
    /// Whose it is.
    pub user: User,
    /// What it may do now.
    pub role: Role,
}

impl Accounts {
    /// Makes a token; gives what is to be shown, which is stored nowhere.
    ///
    /// # Errors
    /// If the owner may not do that himself, has too many, or something of it cannot be.
    pub fn create_token(&self, new: &NewToken<'_>, by: &By<'_>) -> Result<(String, Token), AccountError> {
        check(new)?;
        let id = SecretId::random()?;
        let expires = new.days.map(|days| by.now + i64::from(days) * DAY);
        let token = self.write(|db| {
            let user = users::existing(db, new.owner)?.user;
            if new.role > user.role {
                return Err(AccountError::Invalid(format!(
                    "a token may do what its owner may, and your role is {}",
                    user.role.as_str()
                )));
            }
            let rows = db.query("SELECT COUNT(*) FROM tokens WHERE user_id = ?1", &[user.id.into()])?;
            if rows.first().map_or(Ok(0), |row| row.unsigned(0))? >= as_u64(MAX_TOKENS_PER_USER) {
                return Err(AccountError::TooMany("tokens", MAX_TOKENS_PER_USER));
            }
            let rows = db.query(
                "INSERT INTO tokens (digest, user_id, name, role, created, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                &[
                    id.digest().bytes().into(),
                    user.id.into(),
                    new.name.into(),
                    new.role.as_str().into(),
                    by.now.into(),
                    expires.into(),
                ],
            )?;
            let number = rows.first().map_or(Ok(0), |row| row.unsigned(0))?;
            note(
                db,
                by,
                "token.create",
                &format!("{number} {}", new.name),
                &format!("role {}", new.role.as_str()),
            )?;
            Ok(Token {
                id: number,
                name: new.name.to_owned(),
                role: new.role,
                created: by.now,
                expires,
                last_used: None,
                owner: user.name,
            })
        })?;
        Ok((format!("{TOKEN_PREFIX}{}", id.text()), token))
    }

    /// The tokens of `owner`, or of all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tokens(&self, owner: Option<&str>) -> Result<Vec<Token>, AccountError> {
        let mut statement = Statement::default();
        let whose =
            owner.map(|owner| format!("WHERE u.name = {}", statement.bind(owner))).unwrap_or_default();
        statement.text = format!(
            "SELECT t.id, t.name, t.role, t.created, t.expires, t.last_used, u.name
             FROM tokens t JOIN users u ON u.id = t.user_id {whose} ORDER BY u.name, t.id"
        );
        let rows = self.read(|db| statement.rows(db))?;
        Ok(rows.iter().map(token).collect::<Result<_, _>>()?)
    }

    /// Deletes a token, if it is one of `owner`'s; with `None`, whosever it is.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_token(&self, id: u64, owner: Option<&str>, by: &By<'_>) -> Result<(), AccountError> {
        self.write(|db| {
            let rows = db.query(
                "SELECT t.name, u.name FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.id = ?1",
                &[id.into()],
            )?;
            let missing = || AccountError::Missing(format!("token {id}"));
            let row = rows.first().ok_or_else(missing)?;
            let (name, of) = (row.text(0)?, row.text(1)?);
            if owner.is_some_and(|owner| owner != of) {
                return Err(missing());
            }
            db.execute("DELETE FROM tokens WHERE id = ?1", &[id.into()])?;
            Ok(note(db, by, "token.delete", &format!("{id} {name}"), &format!("of {of}"))?)
        })
    }

    /// What may be done with a token that was shown; `None` if it is none, or none any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn token(&self, shown: &str, now: i64) -> Result<Option<UsedToken>, AccountError> {
        let Some(id) = shown.strip_prefix(TOKEN_PREFIX).and_then(SecretId::parse) else { return Ok(None) };
        let found = self.read(|db| {
            let rows = db.query(
                "SELECT t.id, t.role, t.last_used, u.name FROM tokens t JOIN users u ON u.id = t.user_id
                 WHERE t.digest = ?1 AND u.disabled = 0 AND (t.expires IS NULL OR t.expires > ?2)",
                &[id.digest().bytes().into(), now.into()],
            )?;
            let Some(row) = rows.first() else { return Ok(None) };
            Ok(Some((row.int(0)?, users::role(row.text(1)?)?, row.optional_int(2)?, row.text(3)?.to_owned())))
        })?;
        let Some((number, role, used, owner)) = found else { return Ok(None) };
        let Some(credentials) = self.credentials(&owner)? else { return Ok(None) };
        if used.is_none_or(|used| now - used >= SEEN_EVERY_SECS) {
            self.write(|db| {
                db.execute("UPDATE tokens SET last_used = ?1 WHERE id = ?2", &[now.into(), number.into()])?;
                Ok(())
            })?;
        }
        let role = role.min(credentials.user.role);
        Ok(Some(UsedToken { user: credentials.user, role }))
    }
}

fn check(new: &NewToken<'_>) -> Result<(), AccountError> {
    let length = new.name.chars().count();
    if !(1..=MAX_TOKEN_NAME).contains(&length) || new.name.chars().any(char::is_control) {
        return Err(AccountError::Invalid(format!("a token's name has 1 to {MAX_TOKEN_NAME} characters")));
    }
    if new.days.is_some_and(|days| !(1..=MAX_TOKEN_DAYS).contains(&days)) {
        return Err(AccountError::Invalid(format!(
            "a token is good for 1 to {MAX_TOKEN_DAYS} days, or until it is deleted"
        )));
    }
    Ok(())
}

fn token(row: &Row) -> Result<Token, DatabaseError> {
    Ok(Token {
        id: row.unsigned(0)?,
        name: row.text(1)?.to_owned(),
        role: users::role(row.text(2)?)?,
        created: row.int(3)?,
        expires: row.optional_int(4)?,
        last_used: row.optional_int(5)?,
        owner: row.text(6)?.to_owned(),
    })
}
