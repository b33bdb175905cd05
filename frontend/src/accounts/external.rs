//! Users for whom others vouch: a proxy, or an identity provider. They are made as they come.

use super::user::{Origin, User, UserName};
use super::users::{COLUMNS, find, insert, room_for_one, store_change, user};
use super::{AccountError, Accounts, By, Role};
use crate::database::DatabaseError;
use crate::database::sql::Connection;

/// Somebody for whom others vouch.
#[derive(Debug, Clone)]
pub struct External<'a> {
    /// Who vouches.
    pub origin: Origin,
    /// Which one he is to an identity provider; never changes, and no other has it. A proxy knows him by his name.
    pub subject: Option<&'a str>,
    /// What he is to be called.
    pub name: &'a UserName,
    /// What they say he may do; `None`: they do not say.
    pub role: Option<Role>,
    /// What he may do if they do not say, and he is new; `None`: he does not come in.
    pub default_role: Option<Role>,
}

impl Accounts {
    /// The user for whom others vouch: made if he is new, his role changed to what they say.
    ///
    /// # Errors
    /// If he is kept out, has no role, or a user of another origin has his name.
    pub fn external_user(&self, external: &External<'_>, by: &By<'_>) -> Result<User, AccountError> {
        let found = self.read(|db| find_external(db, external))?;
        match found {
            Some(user) if user.disabled => Err(AccountError::Disabled),
            Some(user) if external.role.is_none_or(|role| role == user.role) => Ok(user),
            _ => self.write(|db| note_external(db, external, by)),
        }
    }
}

fn note_external(
    db: &mut dyn Connection,
    external: &External<'_>,
    by: &By<'_>,
) -> Result<User, AccountError> {
    if let Some(old) = find_external(db, external)? {
        if old.disabled {
            return Err(AccountError::Disabled);
        }
        let new = User { role: external.role.unwrap_or(old.role), ..old.clone() };
        store_change(db, &old, &new, None, by)?;
        return Ok(new);
    }
    let name = external.name;
    let role = external.role.or(external.default_role).ok_or_else(|| {
        AccountError::Invalid(format!("{name} has no role here (viewer, analyst or admin); ask an admin"))
    })?;
    if find(db, &name.0)?.is_some() {
        return Err(AccountError::Exists(format!("another user {name}")));
    }
    room_for_one(db)?;
    insert(db, name, role, (external.origin, external.subject), None, by)
}

/// An identity provider says which of its users it is, and any of them may call himself what he likes. A proxy says who
/// it is.
fn find_external(db: &mut dyn Connection, external: &External<'_>) -> Result<Option<User>, DatabaseError> {
    let Some(subject) = external.subject else {
        return Ok(find(db, &external.name.0)?.map(|found| found.user));
    };
    let rows = db.query(&format!("SELECT {COLUMNS} FROM users WHERE subject = ?1"), &[subject.into()])?;
    rows.first().map(user).transpose()
}
