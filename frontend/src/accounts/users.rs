//! Users: who there is, and what admins change of them.

use super::audit::note;
use super::password::PasswordHash;
use super::role::Role;
use super::user::{Origin, User, UserName};
use super::{AccountError, Accounts, By, Digest};
use crate::database::DatabaseError;
use crate::database::sql::{Connection, Row, Value};

/// Users of one installation.
pub const MAX_USERS: usize = 10_000;

pub(super) const COLUMNS: &str = "id, name, role, disabled, origin, created, last_login, password";

/// A local user who is to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// What he is called.
    pub name: UserName,
    /// What he may do.
    pub role: Role,
    /// His password.
    pub password: PasswordHash,
}

/// What is to be changed of a user; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Another role.
    pub role: Option<Role>,
    /// Whether he is kept out.
    pub disabled: Option<bool>,
    /// Another password.
    pub password: Option<PasswordHash>,
}

/// A user, and what he shows to sign in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Who.
    pub user: User,
    /// `None`: nobody signs in with a password as this one.
    pub password: Option<PasswordHash>,
}

impl Accounts {
    /// All users, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn users(&self) -> Result<Vec<User>, AccountError> {
        let rows = self.read(|db| db.query(&format!("SELECT {COLUMNS} FROM users ORDER BY name"), &[]))?;
        Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
    }

    /// Whether there is a user.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn is_set_up(&self) -> Result<bool, AccountError> {
        self.read(|db| Ok(count(db, "SELECT COUNT(*) FROM users")? > 0))
    }

    /// Makes the first user, an admin.
    ///
    /// # Errors
    /// If there is one already.
    pub fn create_first(
        &self,
        name: UserName,
        password: PasswordHash,
        by: &By<'_>,
    ) -> Result<User, AccountError> {
        self.write(|db| {
            if count(db, "SELECT COUNT(*) FROM users")? > 0 {
                return Err(AccountError::SetUp);
            }
            create(db, &NewUser { name, role: Role::Admin, password }, by)
        })
    }

    /// Makes a user.
    ///
    /// # Errors
    /// If the name is taken, or there are too many.
    pub fn create_user(&self, new: &NewUser, by: &By<'_>) -> Result<User, AccountError> {
        self.write(|db| {
            if find(db, &new.name.0)?.is_some() {
                return Err(AccountError::Exists(format!("a user {}", new.name)));
            }
            room_for_one(db)?;
            create(db, new, by)
        })
    }

    /// Changes a user. Another password, or being kept out, ends his sessions at once, but for `kept`.
    ///
    /// # Errors
    /// If there is none, or no admin would be left.
    pub fn change_user(
        &self,
        name: &str,
        change: &UserChange,
        kept: Option<&Digest>,
        by: &By<'_>,
    ) -> Result<User, AccountError> {
        self.write(|db| {
            let old = existing(db, name)?.user;
            let new = User {
                role: change.role.unwrap_or(old.role),
                disabled: change.disabled.unwrap_or(old.disabled),
                ..old.clone()
            };
            if old.role == Role::Admin && (new.role != Role::Admin || new.disabled) {
                another_admin_than(db, &old)?;
            }
            if change.password.is_some() && old.origin != Origin::Local {
                return Err(AccountError::Invalid(format!(
                    "{name} does not sign in with a password of this installation"
                )));
            }
            store_change(db, &old, &new, change.password.as_ref(), by)?;
            if change.password.is_some() || (new.disabled && !old.disabled) {
                let kept = kept.map_or_else(Vec::new, Digest::bytes);
                db.execute(
                    "DELETE FROM sessions WHERE user_id = ?1 AND digest <> ?2",
                    &[old.id.into(), kept.into()],
                )?;
            }
            Ok(new)
        })
    }

    /// Removes a user with his sessions, tokens and views. What he did stays in the audit log.
    ///
    /// # Errors
    /// If there is none, or no admin would be left.
    pub fn delete_user(&self, name: &str, by: &By<'_>) -> Result<(), AccountError> {
        self.write(|db| {
            let user = existing(db, name)?.user;
            if user.role == Role::Admin {
                another_admin_than(db, &user)?;
            }
            for statement in [
                "DELETE FROM sessions WHERE user_id = ?1",
                "DELETE FROM tokens WHERE user_id = ?1",
                "DELETE FROM users WHERE id = ?1",
            ] {
                db.execute(statement, &[user.id.into()])?;
            }
            db.execute("DELETE FROM views WHERE owner = ?1", &[user.name.as_str().into()])?;
            Ok(note(db, by, "user.delete", &user.name, "")?)
        })
    }

    /// A user, and what he shows to sign in; `None` if there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn credentials(&self, name: &str) -> Result<Option<Credentials>, AccountError> {
        self.read(|db| find(db, name))
    }
}

pub(super) fn room_for_one(db: &mut dyn Connection) -> Result<(), AccountError> {
    let there_are = usize::try_from(count(db, "SELECT COUNT(*) FROM users")?).unwrap_or(usize::MAX);
    if there_are >= MAX_USERS { Err(AccountError::TooMany("users", MAX_USERS)) } else { Ok(()) }
}

fn create(db: &mut dyn Connection, new: &NewUser, by: &By<'_>) -> Result<User, AccountError> {
    insert(db, &new.name, new.role, (Origin::Local, None), Some(&new.password), by)
}

pub(super) fn insert(
    db: &mut dyn Connection,
    name: &UserName,
    role: Role,
    (origin, subject): (Origin, Option<&str>),
    password: Option<&PasswordHash>,
    by: &By<'_>,
) -> Result<User, AccountError> {
    let values: [Value; 6] = [
        name.0.as_str().into(),
        role.as_str().into(),
        password.map(|password| password.0.clone()).into(),
        origin.as_str().into(),
        subject.map(str::to_owned).into(),
        by.now.into(),
    ];
    db.execute(
        "INSERT INTO users (name, role, disabled, password, origin, subject, created) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)",
        &values,
    )?;
    note(db, by, "user.create", &name.0, &format!("role {}, {}", role.as_str(), origin.as_str()))?;
    Ok(existing(db, &name.0)?.user)
}

pub(super) fn store_change(
    db: &mut dyn Connection,
    old: &User,
    new: &User,
    password: Option<&PasswordHash>,
    by: &By<'_>,
) -> Result<(), AccountError> {
    let mut changes = Vec::new();
    if old.role != new.role {
        changes.push(format!("role {} to {}", old.role.as_str(), new.role.as_str()));
    }
    if old.disabled != new.disabled {
        changes.push(if new.disabled { "disabled" } else { "enabled" }.to_owned());
    }
    if let Some(password) = password {
        changes.push("another password".to_owned());
        db.execute(
            "UPDATE users SET password = ?1 WHERE id = ?2",
            &[password.0.as_str().into(), old.id.into()],
        )?;
    }
    if changes.is_empty() {
        return Ok(());
    }
    db.execute(
        "UPDATE users SET role = ?1, disabled = ?2 WHERE id = ?3",
        &[new.role.as_str().into(), i64::from(new.disabled).into(), old.id.into()],
    )?;
    Ok(note(db, by, "user.change", &old.name, &changes.join(", "))?)
}

/// Somebody must be left who can let others in.
fn another_admin_than(db: &mut dyn Connection, user: &User) -> Result<(), AccountError> {
    let rows = db.query(
        "SELECT COUNT(*) FROM users WHERE role = 'admin' AND disabled = 0 AND id <> ?1",
        &[user.id.into()],
    )?;
    match rows.first().map_or(Ok(0), |row| row.int(0))? {
        // One who is kept out already is no loss.
        0 if !user.disabled => Err(AccountError::LastAdmin),
        _ => Ok(()),
    }
}

fn count(db: &mut dyn Connection, sql: &str) -> Result<i64, DatabaseError> {
    db.query(sql, &[])?.first().map_or(Ok(0), |row| row.int(0))
}

pub(super) fn find(db: &mut dyn Connection, name: &str) -> Result<Option<Credentials>, DatabaseError> {
    let rows = db.query(&format!("SELECT {COLUMNS} FROM users WHERE name = ?1"), &[name.into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let password = row.optional_text(7)?.map(|text| PasswordHash(text.to_owned()));
    Ok(Some(Credentials { user: user(row)?, password }))
}

pub(super) fn existing(db: &mut dyn Connection, name: &str) -> Result<Credentials, AccountError> {
    find(db, name)?.ok_or_else(|| AccountError::Missing(format!("user {name}")))
}

pub(super) fn user(row: &Row) -> Result<User, DatabaseError> {
    Ok(User {
        id: row.int(0)?,
        name: row.text(1)?.to_owned(),
        role: role(row.text(2)?)?,
        disabled: row.int(3)? != 0,
        origin: Origin::parse(row.text(4)?)?,
        created: row.int(5)?,
        last_login: row.optional_int(6)?,
    })
}

pub(super) fn role(word: &str) -> Result<Role, DatabaseError> {
    word.parse().map_err(|error: super::NoRole| DatabaseError::Damaged(error.to_string()))
}
