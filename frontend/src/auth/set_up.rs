//! The first start: whoever reads the log makes the first user, or the password of `admin` was given.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use super::config::AuthMode;
use super::sign_in::SignedIn;
use super::{Auth, ClientAddress};
use crate::accounts::{AccountError, Accounts, By, SecretId, UserName};
use crate::http::api::problem::Problem;

/// The user that `--admin-password` makes.
pub(crate) const FIRST_ADMIN: &str = "admin";

/// The id in the link of the first start; until it is used, or the process ends.
#[derive(Debug, Default)]
pub(crate) struct SetUp(Mutex<Option<SecretId>>);

impl Auth {
    /// Sees to it that somebody can sign in: makes `admin` where a password was given, or a link that is logged.
    pub(crate) async fn begin(&self, listen: SocketAddr, has_tls: bool) -> Result<(), Problem> {
        if !matches!(self.mode(), AuthMode::On) || self.accounts(Accounts::is_set_up).await? {
            return Ok(());
        }
        if let Some(password) = &self.0.config.admin_password {
            let hash = self.0.hashing.hash(FIRST_ADMIN, password.expose()).await?;
            let (name, now): (UserName, i64) = (FIRST_ADMIN.parse()?, self.now());
            let by = move |accounts: &Accounts| {
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
        Ok(matches!(self.mode(), AuthMode::On) && !self.accounts(Accounts::is_set_up).await?)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dsiem_core::time::ReceiptTime;
    use dsiem_runtime::clock::Clock;
    use dsiem_runtime::metrics::Metrics;

    use super::*;
    use crate::auth::AuthConfig;
    use crate::database::Database;

    struct Starts {
        folder: tempfile::TempDir,
        config: AuthConfig,
    }

    impl Starts {
        fn new(config: AuthConfig) -> Self {
            Self { folder: tempfile::tempdir().unwrap(), config }
        }

        /// A process that starts; one at a time uses the file.
        async fn start(&self) -> (Auth, Result<(), Problem>) {
            let database = Database::open_file(&self.folder.path().join("a.sqlite")).unwrap();
            let clock = Clock::simulated(ReceiptTime::from_secs(1_767_225_600));
            let accounts = Accounts::new(Arc::new(database));
            let auth = Auth::new(self.config.clone(), accounts, false, clock, &Metrics::new());
            let begun = auth.begin("0.0.0.0:8080".parse().unwrap(), false).await;
            (auth, begun)
        }
    }

    fn link(auth: &Auth) -> Option<String> {
        auth.0.set_up.0.lock().unwrap().as_ref().map(SecretId::text)
    }

    fn from_here() -> ClientAddress {
        ClientAddress { ip: [127, 0, 0, 1].into(), text: "127.0.0.1".into() }
    }

    #[tokio::test]
    async fn the_link_works_once_and_until_the_next_start() {
        let starts = Starts::new(AuthConfig::default());
        let (first, _) = starts.start().await;
        let old = link(&first).unwrap();
        assert_eq!(first.address("0.0.0.0:80".parse().unwrap(), true), "https://localhost:80");
        assert_eq!(first.address("[::1]:80".parse().unwrap(), false), "http://[::1]:80");
        drop(first);
        let (auth, _) = starts.start().await;
        let new = link(&auth).unwrap();
        let set_up = async |token: &str, password: &str| {
            let made = auth.set_up(token, "Root", password, &from_here()).await;
            made.map(|made| made.user.name).map_err(|problem| problem.status())
        };
        assert_eq!(set_up(&old, "long enough, this").await, Err(403));
        assert_eq!(set_up("", "long enough, this").await, Err(403));
        assert_eq!(set_up(&new, "short").await, Err(422), "and he may try again");
        assert_eq!(set_up(&new, "long enough, this").await, Ok("root".to_owned()));
        assert_eq!(set_up(&new, "long enough, this").await, Err(403));
        assert!(!auth.is_set_up_needed().await.unwrap());
        drop(auth);
        let (auth, begun) = starts.start().await;
        assert!(begun.is_ok() && link(&auth).is_none(), "there is a user");
    }

    #[tokio::test]
    async fn a_password_makes_the_first_user_and_is_no_way_in_later() {
        let password =
            |password: &str| AuthConfig { admin_password: Some(password.into()), ..AuthConfig::default() };
        let mut starts = Starts::new(password("short"));
        let (auth, begun) = starts.start().await;
        assert_eq!(begun.unwrap_err().status(), 422);
        drop(auth);
        starts.config = password("long enough, this");
        let (auth, begun) = starts.start().await;
        assert!(begun.is_ok() && link(&auth).is_none());
        assert!(auth.sign_in("admin", "long enough, this", &from_here()).await.is_ok());
        drop(auth);
        starts.config = password("another, as long");
        let (auth, _) = starts.start().await;
        assert!(auth.sign_in("admin", "another, as long", &from_here()).await.is_err());
        assert!(auth.sign_in("admin", "long enough, this", &from_here()).await.is_ok());
    }

    #[tokio::test]
    async fn where_nobody_signs_in_there_is_nothing_to_set_up() {
        let starts = Starts::new(AuthConfig { mode: AuthMode::Off, ..AuthConfig::default() });
        let (auth, begun) = starts.start().await;
        assert!(begun.is_ok() && link(&auth).is_none() && !auth.is_set_up_needed().await.unwrap());
    }
}
