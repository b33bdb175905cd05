//! The first start: whoever reads the log makes the first user, or the password of `admin` was given.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use super::config::AuthMode;
use super::sign_in::SignedIn;
use super::{Auth, ClientAddress};
use crate::accounts::{AccountError, By, SecretId, UserName};
use crate::http::api::problem::Problem;

/// The user that `--admin-password` makes.
pub(crate) const FIRST_ADMIN: &str = "admin";

/// The id in the link of the first start; until it is used, or the process ends.
#[derive(Debug, Default)]
pub(crate) struct SetUp(Mutex<Option<SecretId>>);

impl Auth {
    /// Sees to it that somebody can sign in: makes `admin` where a password was given, or a link that is logged.
    pub(crate) async fn begin(&self, listen: SocketAddr, has_tls: bool) -> Result<(), Problem> {
        if !matches!(self.mode(), AuthMode::On) || self.accounts(|accounts| accounts.is_set_up()).await? {
            return Ok(());
        }
        if let Some(password) = &self.0.config.admin_password {
            let hash = self.0.hashing.hash(FIRST_ADMIN, password.expose()).await?;
            let (name, now): (UserName, i64) = (FIRST_ADMIN.parse()?, self.now());
            let by = move |accounts: &crate::accounts::Accounts| {
                accounts.create_first(name, hash, &By { who: FIRST_ADMIN, origin: "start", now })
            };
            return match self.accounts(by).await {
                Ok(_) => {
                    tracing::info!("there was no user yet: {FIRST_ADMIN} has the password that was given");
                    Ok(())
                }
                // Another frontend of the same database was faster.
                Err(AccountError::SetUp) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        let id = SecretId::random().map_err(AccountError::from)?;
        let link = format!("{}/ui/#/set-up?token={}", self.address(listen, has_tls), id.text());
        tracing::warn!("there is no user yet; open this link to make the first one, it works once: {link}");
        *self.0.set_up.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(())
    }

    /// How a browser on this machine reaches us.
    fn address(&self, listen: SocketAddr, has_tls: bool) -> String {
        if let Some(origin) = &self.0.public_origin {
            return origin.clone();
        }
        let scheme = if has_tls { "https" } else { "http" };
        match listen.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{}", listen.port()),
            false => format!("{scheme}://{listen}"),
        }
    }

    /// Whether there is no user yet.
    pub(crate) async fn is_set_up_needed(&self) -> Result<bool, Problem> {
        Ok(matches!(self.mode(), AuthMode::On) && !self.accounts(|accounts| accounts.is_set_up()).await?)
    }

    /// Makes the first user, for whoever shows the id of the link, and signs him in.
    pub(crate) async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: &str,
        from: &ClientAddress,
    ) -> Result<SignedIn, Problem> {
        self.pay(from, "").await?;
        let expected = self.0.set_up.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shown = SecretId::parse(token);
        if !shown.zip(expected).is_some_and(|(shown, expected)| shown.is(&expected)) {
            let refused = "this link is not good, or not any more: take the newest one from the log, or sign in if somebody has used it";
            return Err(Problem::forbidden(refused));
        }
        self.0.attempts.give_back(from.ip, "");
        let name: UserName = name.parse()?;
        let hash = self.0.hashing.hash(name.as_str(), password).await?;
        let (origin, now) = (from.text.clone(), self.now());
        let user = name.clone();
        let made = self.accounts(move |accounts| {
            let by = By { who: user.as_str(), origin: &origin, now };
            accounts.create_first(user.clone(), hash, &by)
        });
        let made = made.await;
        if matches!(made, Ok(_) | Err(AccountError::SetUp)) {
            *self.0.set_up.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let user = made?;
        self.open(user.name, None, from).await
    }
}
