//! One source of findings as it is asked: its URL, its limits, and how it has been doing.
//!
//! Asking never fails outward. Whatever goes wrong (no connection, no answer in time, an answer that makes no sense) is
//! this source's own affair: counted, logged when it begins and when it ends, and "nothing found" for who asked.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::finding::{Finding, FindingKind, Term};
use dsiem_core::sources::{Plugin, Source};
use dsiem_runtime::metrics::{Counter, Metrics};
use reqwest::{Client, StatusCode, Url};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::breaker::{Breaker, Change};
use super::{EnrichSettings, read_answer};
use crate::http;

/// What asking came to.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The source answered; it may have nothing to say.
    Answered(Arc<[Finding]>),
    /// It was asked and did not give a usable answer.
    Failed,
    /// It was not asked: too many were waiting, or it has failed too often.
    NotAsked,
}

/// A source that is enabled.
pub(super) struct AskedSource {
    pub(super) name: Arc<str>,
    plugin: Plugin,
    settings: EnrichSettings,
    /// Who waits or asks; beyond these, nobody may even wait.
    places: Semaphore,
    /// Who asks.
    permits: Semaphore,
    /// Guards the one struct; taken for a few instructions and never across an await.
    breaker: Mutex<Breaker>,
    requests: Counter,
    failures: Counter,
    not_asked: Counter,
}

impl AskedSource {
    pub(super) fn new(source: Source, settings: &EnrichSettings, metrics: &Metrics) -> Self {
        let by_source = |name, help| metrics.counter_by(name, help, "source").with(&source.name);
        Self {
            requests: by_source("dsiem_lookup_requests", "Look-ups sent to a source"),
            failures: by_source("dsiem_lookup_failures", "Look-ups that a source did not answer usably"),
            not_asked: by_source(
                "dsiem_lookups_not_asked",
                "Look-ups not sent because the source was busy or has failed too often",
            ),
            name: source.name.into(),
            plugin: source.plugin,
            places: Semaphore::new(settings.max_waiting + settings.concurrent_requests),
            permits: Semaphore::new(settings.concurrent_requests),
            breaker: Mutex::new(Breaker::new(settings.failures_to_open, settings.open_for)),
            settings: settings.clone(),
        }
    }

    /// Which list of an alarm its findings belong to.
    pub(super) fn kind(&self) -> FindingKind {
        match self.plugin {
            Plugin::Wise { .. } => FindingKind::Intel,
            Plugin::Nesd { .. } => FindingKind::Vulnerability,
        }
    }

    /// Asks, within the time limit of the settings.
    pub(super) async fn ask(&self, client: &Client, term: Term) -> Outcome {
        let begun = Instant::now();
        let Some(_permits) = self.turn().await else {
            self.not_asked.inc();
            return Outcome::NotAsked;
        };
        self.requests.inc();
        let left = self.settings.time_limit.saturating_sub(begun.elapsed());
        match self.request(client, term, left).await {
            Ok(findings) => {
                let change = self.breaker().answered();
                self.log(change, None);
                Outcome::Answered(findings.into())
            }
            Err(error) => {
                self.failures.inc();
                let change = self.breaker().failed(Instant::now());
                self.log(change, Some(&error));
                Outcome::Failed
            }
        }
    }

    /// Waits until it may ask; `None` if that takes too long or the source is left alone.
    async fn turn(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        let place = self.places.try_acquire().ok()?;
        let permit = timeout(self.settings.max_wait, self.permits.acquire()).await.ok()?.ok()?;
        self.breaker().admits(Instant::now()).then_some([place, permit])
    }

    async fn request(
        &self,
        client: &Client,
        term: Term,
        time_limit: Duration,
    ) -> anyhow::Result<Vec<Finding>> {
        let url = self.url(term)?;
        let response = http::get(client, url, time_limit, self.settings.max_response_bytes).await?;
        let mut findings = self.read(term, &response)?;
        findings.truncate(self.settings.max_findings);
        Ok(findings)
    }

    /// Where to ask about `term`: only parsed addresses and ports get into it.
    fn url(&self, term: Term) -> anyhow::Result<Url> {
        let template = match &self.plugin {
            Plugin::Wise { url } | Plugin::Nesd { url, .. } => url,
        };
        let (address, port) = parts(term);
        let url = template.replace("${ip}", &address.to_string()).replace("${port}", &port.to_string());
        Url::parse(&url).with_context(|| format!("{url:?} is not a URL"))
    }

    fn read(&self, term: Term, response: &http::Response) -> anyhow::Result<Vec<Finding>> {
        let is_nesd = matches!(self.plugin, Plugin::Nesd { .. });
        if is_nesd && response.status == StatusCode::IM_A_TEAPOT {
            return Ok(Vec::new());
        }
        anyhow::ensure!(response.status.is_success(), "the answer is {}", response.status);
        let body = String::from_utf8_lossy(&response.body);
        let (address, port) = parts(term);
        let findings = read_answer(&self.plugin, &body, address, port);
        findings.map_err(|error| anyhow::anyhow!("the answer cannot be understood: {error}"))
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, change: Option<Change>, error: Option<&anyhow::Error>) {
        let source = &self.name;
        let error = error.map(|error| format!("{error:#}")).unwrap_or_default();
        match change {
            Some(Change::Failing) => {
                tracing::warn!(%source, %error, "a look-up failed; further failures are only counted");
            }
            Some(Change::Opened) => {
                let pause_secs = self.settings.open_for.as_secs();
                tracing::warn!(
                    %source, %error, pause_secs,
                    "look-ups fail again and again; the source is left alone, but for a try now and then"
                );
            }
            Some(Change::Recovered) => tracing::info!(%source, "look-ups work again"),
            None => {}
        }
    }
}

fn parts(term: Term) -> (IpAddr, u16) {
    match term {
        Term::Address(address) => (address, 0),
        Term::Port(address, port) => (address, port),
    }
}
