//! Who asks, and what he may do. Whoever lets requests in (see `auth`) puts a [`Caller`] to them; a handler of the API
//! says in its arguments which role it takes: [`Viewer`], [`Analyst`] or [`Admin`].

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// What somebody may do; each role may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Sees everything but accounts.
    Viewer,
    /// Handles alarms.
    Analyst,
    /// Changes the installation: accounts, notifications, configuration.
    Admin,
}

impl Role {
    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The user.
    pub(crate) name: Arc<str>,
    /// What he may do with this request: that of the user, or less with a token.
    pub(crate) role: Role,
}

/// Somebody who may look.
pub(crate) struct Viewer(pub(crate) Caller);

/// Somebody who may handle alarms.
pub(crate) struct Analyst(pub(crate) Caller);

/// Somebody who may change the installation.
pub(crate) struct Admin(pub(crate) Caller);

fn at_least(parts: &Parts, role: Role) -> Result<Caller, Problem> {
    let caller = parts.extensions.get::<Caller>();
    let caller = caller
        .ok_or_else(|| Problem::unauthorized("sign in, or send a token: Authorization: Bearer <token>"))?;
    if caller.role < role {
        let (has, needed) = (caller.role.as_str(), role.as_str());
        return Err(Problem::forbidden(format!(
            "this needs the role {needed}, and yours is {has}; ask an admin"
        )));
    }
    Ok(caller.clone())
}

/// Each role is an argument of handlers.
macro_rules! extracted {
    ($($role:ident),*) => {$(
        impl<S: Sync> FromRequestParts<S> for $role {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                at_least(parts, Role::$role).map(Self)
            }
        }
    )*};
}

extracted!(Viewer, Analyst, Admin);
