//! Signing in with name and password, and out.

use axum::http::HeaderValue;

use super::cookie::Cookie;
use super::identify::csrf_token;
use super::{Auth, AuthMode, ClientAddress};
use crate::accounts::password::PasswordHash;
use crate::accounts::{AccountError, By, Digest, User, UserChange, UserName};
use crate::http::api::problem::Problem;

/// Who is named in the audit log where what was given can be no name: it may have been a password.
const NO_NAME: &str = "(not a name)";

/// Somebody who has just signed in.
pub(crate) struct SignedIn {
    /// Who.
    pub(crate) user: User,
    /// What his requests that change something show.
    pub(crate) csrf_token: String,
    /// What his browser is told to keep.
    pub(crate) cookie: Option<HeaderValue>,
}

impl Auth {
    /// Opens a session for whoever knows the password.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        from: &ClientAddress,
    ) -> Result<SignedIn, Problem> {
        if !matches!(self.mode(), AuthMode::On) {
            return Err(Problem::conflict("nobody signs in with a password here (--auth, DSIEM_AUTH)"));
        }
        let name = name.parse::<UserName>().ok();
        let name = name.as_ref().map_or(NO_NAME, UserName::as_str).to_owned();
        self.pay(from, &name).await?;
        if let Some(proven) = self.prove(&name, password).await? {
            match self.open(name.clone(), Some(proven), from).await {
                Ok(signed_in) => {
                    self.0.attempts.give_back(from.ip, &name);
                    return Ok(signed_in);
                }
                Err(problem) if problem.status() != 403 => return Err(problem),
                Err(_) => {}
            }
        }
        self.failed(name, from).await
    }

    /// The stored form of the password of `name`, if this is the password.
    async fn prove(&self, name: &str, password: &str) -> Result<Option<PasswordHash>, Problem> {
        let asked = name.to_owned();
        let found = self.accounts(move |accounts| accounts.credentials(&asked)).await?;
        let stored = found.and_then(|found| found.password);
        let is_right = self.0.hashing.verify(password, stored.clone()).await?;
        Ok(stored.filter(|_| is_right))
    }

    /// Changes the password of somebody who knows the present one; his other sessions end.
    pub(crate) async fn change_own_password(
        &self,
        name: &str,
        (old, new): (&str, &str),
        session: Option<Digest>,
        from: &ClientAddress,
    ) -> Result<(), Problem> {
        self.pay(from, name).await?;
        if self.prove(name, old).await?.is_none() {
            self.note("password.failed", name.to_owned(), from).await?;
            return Err(Problem::forbidden("the present password is another one"));
        }
        self.0.attempts.give_back(from.ip, name);
        let password = Some(self.0.hashing.hash(name, new).await?);
        let (name, origin, now) = (name.to_owned(), from.text.clone(), self.now());
        let changed = self.accounts(move |accounts| {
            let by = By { who: &name, origin: &origin, now };
            let change = UserChange { password, ..UserChange::default() };
            accounts.change_user(&name, &change, session.as_ref(), &by)
        });
        changed.await?;
        Ok(())
    }

    /// The stored form of a password that an admin gives somebody.
    pub(crate) async fn hash(&self, name: &str, password: &str) -> Result<PasswordHash, Problem> {
        self.0.hashing.hash(name, password).await
    }

    /// Opens a session for somebody who is known now.
    pub(super) async fn open(
        &self,
        name: String,
        proven: Option<PasswordHash>,
        from: &ClientAddress,
    ) -> Result<SignedIn, Problem> {
        let (origin, now) = (from.text.clone(), self.now());
        let opened = self.accounts(move |accounts| {
            accounts.open_session(&name, proven.as_ref(), &By { who: &name, origin: &origin, now })
        });
        let (id, user) = opened.await?;
        self.0.logins.with("done").inc();
        let cookie = Cookie::Session.set(&id.text(), self.is_secure());
        Ok(SignedIn { user, csrf_token: csrf_token(&id), cookie })
    }

    /// What makes a browser forget its session.
    pub(crate) fn forget(&self) -> Option<HeaderValue> {
        Cookie::Session.remove(self.is_secure())
    }

    /// Pays for an attempt, or says when the next one is possible. The first that is refused is in the audit log.
    pub(super) async fn pay(&self, from: &ClientAddress, name: &str) -> Result<(), Problem> {
        let Err(refused) = self.0.attempts.pay(from.ip, name, self.now()) else { return Ok(()) };
        self.0.logins.with("limited").inc();
        if refused.is_first {
            self.note("login.limited", name.to_owned(), from).await?;
        }
        Err(Problem::too_many("too many attempts; wait before the next one", refused.retry_secs))
    }

    async fn failed(&self, name: String, from: &ClientAddress) -> Result<SignedIn, Problem> {
        self.0.logins.with("failed").inc();
        self.note("login.failed", name, from).await?;
        Err(Problem::unauthorized("name or password is wrong"))
    }

    /// Somebody came back from an identity provider, and it is not known who.
    pub(super) async fn failed_elsewhere(&self, from: &ClientAddress) -> Result<(), AccountError> {
        self.0.logins.with("failed").inc();
        self.note("login.failed", "(identity provider)".to_owned(), from).await
    }

    /// A line in the audit log about somebody who is not known.
    async fn note(
        &self,
        action: &'static str,
        name: String,
        from: &ClientAddress,
    ) -> Result<(), AccountError> {
        let (origin, now) = (from.text.clone(), self.now());
        let noted = self.accounts(move |accounts| {
            accounts.audit(&By { who: &name, origin: &origin, now }, action, &name, "")
        });
        noted.await
    }
}
