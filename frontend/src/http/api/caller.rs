//! Who asks, and what he may do. Whoever lets requests in (see `auth`) puts a [`Caller`] to them; a handler of the API
//! says in its arguments which role it takes: [`Viewer`], [`Analyst`] or [`Admin`].

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::accounts::{By, Digest};

pub(crate) use crate::accounts::Role;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The user.
    pub(crate) name: Arc<str>,
    /// What he may do with this request: that of the user, or less with a token.
    pub(crate) role: Role,
    /// The address that he asks from, for the audit log.
    pub(crate) origin: Arc<str>,
    /// How he is known.
    pub(crate) via: Via,
}

/// How a caller is known.
#[derive(Debug, Clone)]
pub(crate) enum Via {
    /// He has signed in.
    Session {
        /// To which session.
        digest: Digest,
        /// What his requests that change something show.
        csrf_token: Arc<str>,
    },
    /// He shows a token.
    Token,
    /// A proxy says who he is.
    Proxy,
    /// Everybody is let in.
    Open,
}

impl Caller {
    /// Who does something at this time, for the audit log.
    pub(crate) fn by(&self, now: i64) -> By<'_> {
        By { who: &self.name, origin: &self.origin, now }
    }
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
