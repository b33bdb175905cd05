//! Saved views: filters of the list of alarms that a user gave a name. They are his own; nobody else sees them.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AccountError, Accounts};
use crate::database::sql::as_u64;

/// Views of one user.
pub const MAX_VIEWS_PER_USER: usize = 100;
/// Characters of a view's name.
pub const MAX_VIEW_NAME: usize = 100;
/// Bytes of its query.
pub const MAX_VIEW_QUERY: usize = 8_192;

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct View {
    /// What its owner calls it.
    pub name: String,
    /// The query of the page that shows it.
    pub query: String,
}

impl Accounts {
    /// The views of a user, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn views(&self, owner: &str) -> Result<Vec<View>, AccountError> {
        let rows = self.read(|db| {
            db.query("SELECT name, query FROM views WHERE owner = ?1 ORDER BY name", &[owner.into()])
        })?;
        let view = |row: &crate::database::sql::Row| {
            Ok(View { name: row.text(0)?.to_owned(), query: row.text(1)?.to_owned() })
        };
        rows.iter().map(view).collect()
    }

    /// Saves a view, in place of the one with the same name.
    ///
    /// # Errors
    /// If it is too long, or the user has too many.
    pub fn save_view(&self, owner: &str, view: &View) -> Result<(), AccountError> {
        let length = view.name.chars().count();
        if !(1..=MAX_VIEW_NAME).contains(&length) || view.name.chars().any(char::is_control) {
            return Err(AccountError::Invalid(format!("a view's name has 1 to {MAX_VIEW_NAME} characters")));
        }
        if view.query.len() > MAX_VIEW_QUERY {
            return Err(AccountError::Invalid(format!("a view's query has {MAX_VIEW_QUERY} bytes at most")));
        }
        self.write(|db| {
            let rows = db.query(
                "SELECT COUNT(*) FROM views WHERE owner = ?1 AND name <> ?2",
                &[owner.into(), view.name.as_str().into()],
            )?;
            if rows.first().map_or(Ok(0), |row| row.unsigned(0))? >= as_u64(MAX_VIEWS_PER_USER) {
                return Err(AccountError::TooMany("views", MAX_VIEWS_PER_USER));
            }
            db.execute(
                "INSERT INTO views (owner, name, query) VALUES (?1, ?2, ?3)
                 ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query",
                &[owner.into(), view.name.as_str().into(), view.query.as_str().into()],
            )?;
            Ok(())
        })
    }

    /// Deletes a view.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_view(&self, owner: &str, name: &str) -> Result<(), AccountError> {
        self.write(|db| {
            match db
                .execute("DELETE FROM views WHERE owner = ?1 AND name = ?2", &[owner.into(), name.into()])?
            {
                0 => Err(AccountError::Missing(format!("view {name:?}"))),
                _ => Ok(()),
            }
        })
    }
}
