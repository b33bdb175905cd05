//! What others know about the addresses and ports of an alarm.
//!
//! A backlog asks [`Enrich::terms`] which look-ups its addresses make and awaits their answers beside its work;
//! correlation never waits for one. Each answer is kept for a while, equal questions that are asked at the same time
//! go out once, and each source has its own limits, so that the failure of one takes nothing from the others.

mod breaker;
mod global;
mod javascript;
mod nesd;
mod source;
mod wise;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dsiem_core::finding::{Finding, FindingKind, Term};
use dsiem_core::sources::{Plugin, Source};
use dsiem_runtime::metrics::Metrics;
use futures::stream::{self, Stream, StreamExt as _};
use moka::Expiry;
use moka::future::Cache;
use reqwest::Client;

pub use global::is_global;
use source::{AskedSource, Outcome};

/// What the answer of a source says about an address and, for vulnerabilities, a port of it.
///
/// # Errors
/// In what way it is not the answer of such a source.
pub fn read_answer(plugin: &Plugin, body: &str, address: IpAddr, port: u16) -> Result<Vec<Finding>, String> {
    match plugin {
        Plugin::Wise { .. } => wise::findings(body, address),
        Plugin::Nesd { allow_low_severity, .. } => nesd::findings(body, address, port, *allow_low_severity),
    }
}

/// The limits of look-ups.
#[derive(Debug, Clone)]
pub struct EnrichSettings {
    /// How long an answer is kept.
    pub cache_for: Duration,
    /// Whether threat intelligence is also asked about addresses that are not global.
    pub intel_private_ip: bool,
    /// From the question to the end of the answer.
    pub time_limit: Duration,
    /// The part of the time limit that may be spent waiting for others who ask the same source.
    pub max_wait: Duration,
    /// How many requests a source gets at the same time.
    pub concurrent_requests: usize,
    /// How many more may wait for their turn; beyond, a look-up is not made.
    pub max_waiting: usize,
    /// After how many failures in a row a source is left alone.
    pub failures_to_open: u32,
    /// How long it is left alone before one look-up tries again.
    pub open_for: Duration,
    /// How long a failure is kept in place of an answer.
    pub cache_failures_for: Duration,
    /// How much text the cache may hold.
    pub max_cache_bytes: u64,
    /// How long one answer may be.
    pub max_response_bytes: usize,
    /// How many findings of one answer are used.
    pub max_findings: usize,
}

impl Default for EnrichSettings {
    fn default() -> Self {
        Self {
            cache_for: Duration::from_secs(10 * 60),
            intel_private_ip: false,
            time_limit: Duration::from_secs(10),
            max_wait: Duration::from_secs(3),
            concurrent_requests: 16,
            max_waiting: 10_000,
            failures_to_open: 5,
            open_for: Duration::from_secs(30),
            cache_failures_for: Duration::from_secs(30),
            max_cache_bytes: 64 << 20,
            max_response_bytes: 1 << 20,
            max_findings: 1000,
        }
    }
}

/// All enabled sources; clones share them and the cache.
#[derive(Clone)]
pub struct Enrich {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Box<[AskedSource]>,
    settings: EnrichSettings,
    cache: Cache<Lookup, Outcome>,
    client: Client,
}

/// One question to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The source's position among the enabled ones.
    source: usize,
    term: Term,
}

/// What a source says.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which list of the alarm the findings belong to.
    pub kind: FindingKind,
    /// Empty when the source knows nothing, and when it could not be asked.
    pub findings: Vec<Finding>,
    /// What it was asked about.
    pub term: Term,
    /// The name of the source.
    pub source: Arc<str>,
}

impl Lookup {
    /// What is asked about.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }
}

impl Enrich {
    /// Asks the enabled ones of `sources` through `client`; see [`crate::http::client`].
    #[must_use]
    pub fn new(sources: Vec<Source>, settings: EnrichSettings, metrics: &Metrics, client: Client) -> Self {
        let cache = Cache::builder()
            .max_capacity(settings.max_cache_bytes)
            .weigher(|_, outcome: &Outcome| outcome.weight())
            .expire_after(Lifetime { answers: settings.cache_for, failures: settings.cache_failures_for })
            .build();
        let enabled = sources.into_iter().filter(|source| source.enabled);
        let sources = enabled.map(|source| AskedSource::new(source, &settings, metrics)).collect();
        Self { shared: Arc::new(Shared { sources, settings, cache, client }) }
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.sources.is_empty()
    }

    /// The longest that an answer can take.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        self.shared.settings.time_limit
    }

    /// The look-ups that an alarm's addresses and ports make, each once, in their order: threat intelligence about
    /// the global ones of `addresses`, vulnerabilities of those of `ports` whose port is above 0.
    pub fn terms(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
        ports: impl IntoIterator<Item = (IpAddr, u16)>,
    ) -> Vec<Lookup> {
        if self.is_idle() {
            return Vec::new();
        }
        let with_private = self.shared.settings.intel_private_ip;
        let addresses =
            addresses.into_iter().filter(|address| with_private || is_global(*address)).map(Term::Address);
        let ports =
            ports.into_iter().filter(|(_, port)| *port > 0).map(|(address, port)| Term::Port(address, port));
        let mut seen = HashSet::new();
        addresses.chain(ports).filter(|term| seen.insert(*term)).flat_map(|term| self.lookups(term)).collect()
    }

    fn lookups(&self, term: Term) -> impl Iterator<Item = Lookup> {
        let kind = match term {
            Term::Address(_) => FindingKind::Intel,
            Term::Port(..) => FindingKind::Vulnerability,
        };
        let sources = self.shared.sources.iter().enumerate();
        sources.filter(move |(_, asked)| asked.kind() == kind).map(move |(source, _)| Lookup { source, term })
    }

    /// Asks one question. It always answers, within [`time_limit`](Self::time_limit).
    pub async fn ask(&self, lookup: Lookup) -> Answer {
        let source = &self.shared.sources[lookup.source];
        let outcome = self.shared.cache.get_with(lookup, source.ask(&self.shared.client, lookup.term)).await;
        let findings = match outcome {
            Outcome::Answered(findings) => findings.to_vec(),
            Outcome::Failed | Outcome::NotAsked => Vec::new(),
        };
        Answer { kind: source.kind(), findings, term: lookup.term, source: source.name.clone() }
    }

    /// Asks many questions, no more at a time than one source takes, so that they do not crowd each other out. The
    /// answers come as they arrive.
    pub fn ask_all(&self, lookups: Vec<Lookup>) -> impl Stream<Item = Answer> + Send + use<> {
        let enrich = self.clone();
        let at_once = self.shared.settings.concurrent_requests;
        stream::iter(lookups)
            .map(move |lookup| {
                let enrich = enrich.clone();
                async move { enrich.ask(lookup).await }
            })
            .buffer_unordered(at_once)
    }
}

impl Outcome {
    /// About how many bytes it takes.
    fn weight(&self) -> u32 {
        const ENTRY: usize = 128;
        let findings = match self {
            Self::Answered(findings) => findings.iter().map(|f| ENTRY + f.term.len() + f.result.len()).sum(),
            Self::Failed | Self::NotAsked => 0,
        };
        u32::try_from(ENTRY + findings).unwrap_or(u32::MAX)
    }
}

/// How long what is kept.
struct Lifetime {
    answers: Duration,
    failures: Duration,
}

impl Expiry<Lookup, Outcome> for Lifetime {
    fn expire_after_create(&self, _: &Lookup, outcome: &Outcome, _: std::time::Instant) -> Option<Duration> {
        Some(match outcome {
            Outcome::Answered(_) => self.answers,
            Outcome::Failed => self.failures,
            Outcome::NotAsked => Duration::ZERO,
        })
    }
}
