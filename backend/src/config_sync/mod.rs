//! A backend's configuration comes from its frontend, when it starts.
//!
//! A set that was served whole and passes the check is used, and kept as a copy in the configs folder. When the
//! frontend is away, or serves a set that does not pass, the last good copy does, with a warning. Without one, a
//! backend waits for its frontend for ever, and a bad set stops the start with every problem listed.

mod copy;
mod fetch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::directive::check::Mode;
use dsiem_runtime::{Readiness, Shutdown};
use reqwest::{Client, Url};

use crate::config_files::{self, ConfigFile, Loaded, Selection, Unusable};

/// The name of the configuration in `/readyz`.
const CONDITION: &str = "configuration";

/// Whose configuration is pulled from where.
#[derive(Debug, Clone)]
pub struct SyncConfig {
    /// The frontend's address; a path in it stays.
    pub frontend: Url,
    /// The name of this backend, which says which directives are its own.
    pub node: String,
    /// Where the copy is kept.
    pub configs: PathBuf,
    /// How directives are read.
    pub mode: Mode,
    /// What pulling may take.
    pub limits: SyncLimits,
}

/// What pulling the configuration may take.
#[derive(Debug, Clone)]
pub struct SyncLimits {
    /// From a request to the end of its answer.
    pub time_per_request: Duration,
    /// How long the list of files may be.
    pub max_list_bytes: usize,
    /// How many files may be ours.
    pub max_files: usize,
    /// How long all files together may be.
    pub max_total_bytes: usize,
    /// How often the frontend is asked before the last good copy is used: it may just be starting, too.
    pub attempts_before_copy: u32,
    /// The pause after the first attempt; it doubles up to the last.
    pub first_pause: Duration,
    /// The longest pause.
    pub last_pause: Duration,
}

impl Default for SyncLimits {
    fn default() -> Self {
        Self {
            time_per_request: Duration::from_secs(60),
            max_list_bytes: 4 << 20,
            max_files: 10_000,
            max_total_bytes: 512 << 20,
            attempts_before_copy: 4,
            first_pause: Duration::from_millis(500),
            last_pause: Duration::from_secs(15),
        }
    }
}

/// Gets the set to start with; `None` if the shutdown began while waiting for it.
///
/// # Errors
/// Every problem of a set that is served and cannot be used, when there is no good copy to use instead.
pub async fn pull(
    config: &SyncConfig,
    client: &Client,
    readiness: &Readiness,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Loaded>> {
    let pull = Pull { config, selection: Selection::OfNode(config.node.clone()), client, readiness };
    pull.finish_interrupted().await?;
    tokio::select! {
        biased;
        () = shutdown.begun() => Ok(None),
        loaded = pull.until_there_is_a_set() => loaded.map(Some),
    }
}

struct Pull<'a> {
    config: &'a SyncConfig,
    selection: Selection,
    client: &'a Client,
    readiness: &'a Readiness,
}

impl Pull<'_> {
    async fn until_there_is_a_set(&self) -> anyhow::Result<Loaded> {
        let mut pause = self.config.limits.first_pause;
        let mut told = String::new();
        let mut attempts = 0_u32;
        loop {
            attempts = attempts.saturating_add(1);
            let failure = match fetch::served(self.config, &self.selection, self.client).await {
                Ok(files) => return self.served(files).await,
                Err(error) => format!("{error:#}"),
            };
            if attempts == self.config.limits.attempts_before_copy
                && let Some(copy) = self.copy_instead(&failure).await?
            {
                return Ok(copy);
            }
            if failure != told {
                let frontend = fetch::without_password(&self.config.frontend);
                tracing::warn!(%frontend, error = %failure, "no configuration from the frontend yet, trying again");
                told = failure;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.config.limits.last_pause);
        }
    }

    /// The frontend serves a set: it is used and kept, or refused.
    async fn served(&self, files: Vec<ConfigFile>) -> anyhow::Result<Loaded> {
        let files = Arc::new(files);
        let origin = format!("{} serves", fetch::without_password(&self.config.frontend));
        match self.checked(origin, &files).await? {
            Ok(loaded) => {
                self.keep(&files).await?;
                tracing::info!(
                    files = files.len(),
                    directives = loaded.directives.len(),
                    "configuration is from the frontend"
                );
                Ok(loaded)
            }
            Err(bad) => {
                let reason = format!("the frontend serves a configuration that cannot be used:\n{bad}");
                self.copy_instead(&reason).await?.with_context(|| reason)
            }
        }
    }

    /// Keeps what was served as the copy for bad times. A folder that cannot be written does not stop the start.
    async fn keep(&self, files: &Arc<Vec<ConfigFile>>) -> anyhow::Result<()> {
        let (files, place) = (files.clone(), self.place());
        match blocking(move || place.replace(&files)).await? {
            Ok(()) => self.readiness.clear(CONDITION),
            Err(error) => {
                let reason = format!(
                    "the configuration is from the frontend, but no copy of it can be kept: {error:#}"
                );
                tracing::warn!("{reason}");
                self.readiness.degrade(CONDITION, reason);
            }
        }
        Ok(())
    }

    /// The last good copy, if there is one.
    async fn copy_instead(&self, reason: &str) -> anyhow::Result<Option<Loaded>> {
        let (folder, selection, mode) =
            (self.config.configs.clone(), self.selection.clone(), self.config.mode);
        match blocking(move || config_files::load(&folder, &selection, mode)).await? {
            Ok(loaded) => {
                tracing::warn!(reason, "the last good copy of the configuration is used");
                self.readiness.degrade(CONDITION, format!("the last good copy is used: {reason}"));
                Ok(Some(loaded))
            }
            Err(unusable) => {
                tracing::warn!(
                    "there is no copy of the configuration that could be used instead:\n{unusable}"
                );
                Ok(None)
            }
        }
    }

    async fn checked(
        &self,
        origin: String,
        files: &Arc<Vec<ConfigFile>>,
    ) -> anyhow::Result<Result<Loaded, Unusable>> {
        let (files, selection, mode) = (files.clone(), self.selection.clone(), self.config.mode);
        blocking(move || config_files::check(&origin, &files, &selection, mode)).await
    }

    /// Ends what an earlier process could not.
    async fn finish_interrupted(&self) -> anyhow::Result<()> {
        let place = self.place();
        if let Err(error) = blocking(move || place.finish_interrupted()).await? {
            tracing::warn!(error = %format!("{error:#}"), "an interrupted update of the configuration cannot be finished");
        }
        Ok(())
    }

    fn place(&self) -> copy::Place {
        copy::Place::new(&self.config.configs, &self.config.node)
    }
}

/// Files and thousands of directives take their time; that is not to be a worker's.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("reading the configuration ended with a panic")
}
