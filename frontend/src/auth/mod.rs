//! Who asks: everybody who uses the API is known by a session, a token or the word of a trusted proxy, or it is
//! switched off.
//!
//! In the order in which a request goes through it: `proxies` says where it comes from, `cross_site` whether another
//! site has sent it, `identify` who it is; `sign_in` and `oidc` open sessions, `attempts` says how often somebody may try,
//! `hashing` how many passwords are looked at at once. What is kept is the business of [`accounts`](crate::accounts).

mod attempts;
pub mod config;
mod cookie;
mod cross_site;
mod hashing;
mod header;
mod identify;
mod oidc;
mod proxies;
mod set_up;
mod sign_in;

use std::sync::Arc;

use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::{CounterBy, Metrics};
use tokio::sync::Semaphore;

use crate::accounts::{AccountError, Accounts};
use crate::http::api::caller::Caller;
use crate::http::api::problem::Problem;
use attempts::Attempts;
use hashing::Hashing;
use proxies::Proxies;
use set_up::SetUp;

pub use config::{AuthConfig, AuthMode};
pub(crate) use identify::{ClientAddress, identify};
pub(crate) use oidc::Return;
pub(crate) use sign_in::SignedIn;

/// Requests that ask the accounts at the same time; further ones wait for their turn.
const ASKING: usize = 16;

/// Says who asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Auth(Arc<Inner>);

struct Inner {
    config: AuthConfig,
    accounts: Accounts,
    asking: Arc<Semaphore>,
    proxies: Proxies,
    attempts: Attempts,
    hashing: Hashing,
    set_up: SetUp,
    provider: oidc::Provider,
    /// Whether browsers reach us over HTTPS.
    is_secure: bool,
    /// How browsers name us, where that is known.
    public_origin: Option<String>,
    clock: Clock,
    logins: CounterBy,
}

impl Auth {
    /// `has_tls`: whether the frontend itself speaks HTTPS.
    pub(crate) fn new(
        config: AuthConfig,
        accounts: Accounts,
        has_tls: bool,
        clock: Clock,
        metrics: &Metrics,
    ) -> Self {
        let public = config.public_url.as_ref();
        Self(Arc::new(Inner {
            is_secure: public.map_or(has_tls, |url| url.scheme() == "https"),
            public_origin: public.map(|url| url.origin().ascii_serialization()),
            proxies: Proxies::new(config.trusted_proxies.clone()),
            attempts: Attempts::default(),
            hashing: Hashing::default(),
            set_up: SetUp::default(),
            provider: oidc::Provider::default(),
            accounts,
            asking: Arc::new(Semaphore::new(ASKING)),
            config,
            clock,
            logins: metrics.counter_by(
                "dsiem_frontend_logins",
                "Attempts to come in, by what became of them: done, failed, limited (too many) or refused (no trusted proxy).",
                "result",
            ),
        }))
    }

    /// The time, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.0.clock.now().secs()
    }

    /// How somebody shows who he is.
    pub(crate) fn mode(&self) -> &AuthMode {
        &self.0.config.mode
    }

    /// What the identity provider is called, if there is one.
    pub(crate) fn oidc_label(&self) -> Option<String> {
        let oidc = self.0.config.oidc.as_ref().filter(|_| matches!(self.mode(), AuthMode::On))?;
        oidc.issuer.url().host_str().map(str::to_owned)
    }

    /// Whether browsers reach us over HTTPS.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.is_secure
    }

    /// Adds a line to the audit log: what a caller has done, to what, and what else is worth knowing.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        action: &'static str,
        object: String,
        detail: String,
    ) -> Result<(), AccountError> {
        let (caller, now) = (caller.clone(), self.now());
        self.accounts(move |accounts| accounts.audit(&caller.by(now), action, &object, &detail)).await
    }

    /// Asks the accounts something, on a thread that may block.
    pub(crate) async fn accounts<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let turn = Arc::clone(&self.0.asking).acquire_owned().await;
        let accounts = self.0.accounts.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&accounts)
        });
        match asked.await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "asking the accounts ended with a fault of ours");
                Err(AccountError::Invalid("this ended with a fault of ours; the log says more".to_owned()))
            }
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Database(error) => error.into(),
            AccountError::Missing(_) => Self::not_found(text),
            AccountError::Exists(_)
            | AccountError::LastAdmin
            | AccountError::SetUp
            | AccountError::TooMany(..) => Self::conflict(text),
            AccountError::Invalid(_) => Self::unprocessable(text),
            AccountError::Disabled => Self::forbidden(text),
        }
    }
}
