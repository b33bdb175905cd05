//! Passwords are looked at by a few threads at once: each takes 20 MiB and a CPU for tens of milliseconds, and whoever
//! asks is not known yet.

use tokio::sync::Semaphore;

use crate::accounts::password::{self, PasswordError, PasswordHash};
use crate::http::api::problem::Problem;

/// Passwords that are looked at at once.
pub(crate) const HASHES_AT_ONCE: usize = 2;
/// Requests that may wait for that; full: 503.
pub(crate) const HASHES_WAITING: usize = 64;

/// The places.
#[derive(Debug)]
pub(crate) struct Hashing {
    working: Semaphore,
    waiting: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            working: Semaphore::new(HASHES_AT_ONCE),
            waiting: Semaphore::new(HASHES_AT_ONCE + HASHES_WAITING),
        }
    }
}

impl Hashing {
    /// The stored form of a password.
    pub(crate) async fn hash(&self, name: &str, password: &str) -> Result<PasswordHash, Problem> {
        // What is refused anyway takes no place.
        password::check(name, password).map_err(|error| refused(&error))?;
        let (name, password) = (name.to_owned(), password.to_owned());
        self.run(move || password::hash(&name, &password)).await?.map_err(|error| refused(&error))
    }

    /// Whether this is the password; takes as long where there is none.
    pub(crate) async fn verify(&self, password: &str, stored: Option<PasswordHash>) -> Result<bool, Problem> {
        let password = password.to_owned();
        self.run(move || password::verify(&password, stored.as_ref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::unavailable("too many sign in at this moment; try again");
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let _working = self.working.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "looking at a password ended with a fault of ours");
            busy()
        })
    }
}

fn refused(error: &PasswordError) -> Problem {
    match error {
        PasswordError::Failed(_) => Problem::unavailable(error.to_string()),
        _ => Problem::unprocessable(error.to_string()),
    }
}
