//! Which way events go on the connection of the moment: over the stream, or over core NATS.
//!
//! Decided anew at every connection. A process that has used the stream once waits for it and never goes back, because
//! what is in the stream would be passed over. Nothing is sent or read while it is undecided.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::Client;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::api::{AccountInfo, Api, Created, StreamConfig, StreamError, StreamInfo, code};
use super::health::{Reports, StreamHealth};
use super::{STREAM, StreamOptions, settings};
use crate::bus::Durability;
use crate::bus::nats::generation;
use crate::bus::nats::link::Link;
use crate::shutdown::Shutdown;

/// The pause before JetStream is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A process that has never used the stream takes it that there is none for it when so many answers say so, or do not
/// come, although the server says that it has JetStream: it may still be starting, but an installation whose permissions
/// are those of core NATS must go on working.
const ANSWERS_AWAITED: u32 = 4;

/// The same for answers that do not come, each of which takes seconds.
const SILENCES_AWAITED: u32 = 2;

/// The way on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bus::nats) enum Way {
    /// Not known yet.
    Undecided,
    /// Core NATS.
    Core,
    /// The stream.
    Stream,
}

/// The decision, for everyone who must know. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::bus::nats) struct Ways {
    /// The way, and the connection that it holds for.
    decided: watch::Receiver<(Way, u64)>,
    again: Arc<Notify>,
    used: Arc<AtomicBool>,
    reports: Reports,
    link: Link,
}

impl Ways {
    /// Starts the task that decides; it ends when nobody has the [`Ways`] any more.
    pub(in crate::bus::nats) fn start(
        link: &Link,
        durability: Durability,
        options: StreamOptions,
        shutdown: &Shutdown,
    ) -> Self {
        let (sender, decided) = watch::channel((Way::Undecided, 0));
        let waiting =
            StreamHealth { unusable: Some("not connected to NATS".to_owned()), ..Default::default() };
        let reports = Reports::new(waiting);
        let (again, used) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let ways = Self {
            decided,
            again: again.clone(),
            used: used.clone(),
            reports: reports.clone(),
            link: link.clone(),
        };
        let task =
            Decide { link: link.clone(), sender, again, used, reports, durability, options, told: None };
        shutdown.spawn_service("event stream", task.run());
        ways
    }

    /// The way on the connection of this moment.
    pub(super) fn now(&self) -> Way {
        let (way, of) = *self.decided.borrow();
        let current = self.link.connected_client().map(generation);
        if current == Some(of) { way } else { Way::Undecided }
    }

    /// The decisions, to wait for changes. What it holds may be of a connection that is gone: ask [`now`](Self::now).
    pub(super) fn watch(&self) -> watch::Receiver<(Way, u64)> {
        self.decided.clone()
    }

    /// The stream does not answer as it should: look again.
    pub(super) fn decide_again(&self) {
        self.again.notify_one();
    }

    /// The stream holds something for this process, so nothing else will do.
    pub(super) fn must_be_stream(&self) {
        self.used.store(true, Ordering::Release);
    }

    /// Where to say how the durable way is.
    pub(super) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// How the durable way is.
    pub(in crate::bus::nats) fn health(&self) -> watch::Receiver<StreamHealth> {
        self.reports.subscribe()
    }
}

struct Decide {
    link: Link,
    sender: watch::Sender<(Way, u64)>,
    again: Arc<Notify>,
    /// Whether the stream has been used by this process, or has to be.
    used: Arc<AtomicBool>,
    reports: Reports,
    durability: Durability,
    options: StreamOptions,
    /// The last thing that was logged, so that it is not repeated at each attempt.
    told: Option<String>,
}

/// What came of one attempt.
enum Found {
    Stream(AccountInfo, Box<StreamInfo>),
    /// There is none to be had.
    Nothing(String),
    /// Not known; try again, and take it for nothing when it is the same after so many attempts.
    Unclear(String, u32),
}

impl Decide {
    async fn run(mut self) {
        let everyone_gone = self.sender.clone();
        tokio::select! {
            () = everyone_gone.closed() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        let client = self.link.client().await;
        let mut connected = self.link.connected();
        loop {
            if connected.wait_for(|connected| *connected).await.is_err() {
                return;
            }
            let connection = generation(&client);
            let again = self.again.clone();
            tokio::select! {
                biased;
                _ = connected.changed() => {}
                () = async {
                    self.decide(&client, connection).await;
                    again.notified().await;
                } => {}
            }
            self.sender.send_replace((Way::Undecided, connection));
            self.reports
                .send_modify(|health| health.unusable = Some("the way of events is not decided".to_owned()));
        }
    }

    /// Asks until there is an answer that holds, and says what it is.
    async fn decide(&mut self, client: &Client, connection: u64) {
        for attempt in 1.. {
            let found = self.look(client).await;
            let may_fall_back = self.durability == Durability::Auto && !self.used.load(Ordering::Acquire);
            match found {
                Found::Stream(account, stream) => return self.use_stream(&account, &stream, connection),
                Found::Nothing(why) if may_fall_back => return self.use_core(&why, connection),
                Found::Unclear(why, attempts) if may_fall_back && attempt >= attempts => {
                    return self.use_core(&why, connection);
                }
                Found::Nothing(why) | Found::Unclear(why, _) => self.wait(why),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn look(&self, client: &Client) -> Found {
        let api = &Api::new(client.clone());
        let found = async {
            let account = api.account().await?;
            let stream = match api.stream(STREAM).await {
                Err(error) if error.is(code::STREAM_NOT_FOUND) => self.create(api).await?,
                found => found?,
            };
            Ok::<_, StreamError>((account, stream))
        };
        match found.await {
            Ok((_, stream)) if settings::obstacle(&stream.config).is_some() => {
                Found::Nothing(settings::obstacle(&stream.config).unwrap_or_default())
            }
            Ok((account, stream)) => Found::Stream(account, Box::new(stream)),
            Err(StreamError::Absent) if client.server_info().jetstream => {
                Found::Unclear(StreamError::Absent.to_string(), ANSWERS_AWAITED)
            }
            Err(StreamError::Unanswered) => {
                Found::Unclear(StreamError::Unanswered.to_string(), SILENCES_AWAITED)
            }
            // Another stream has the subject. It may be one that is just being made under our name.
            Err(error) if error.is_passing() || error.is(code::SUBJECTS_OVERLAP) => {
                Found::Unclear(error.to_string(), ANSWERS_AWAITED)
            }
            Err(error) => Found::Nothing(error.to_string()),
        }
    }

    async fn create(&self, api: &Api) -> Result<StreamInfo, StreamError> {
        match api.create_stream(STREAM, &settings::to_create(&self.options)).await? {
            Created::Now(stream) => {
                info!(stream = STREAM, "made the stream of events");
                Ok(stream)
            }
            Created::Before(stream) => Ok(stream),
        }
    }

    fn use_stream(&mut self, account: &AccountInfo, stream: &StreamInfo, connection: u64) {
        self.used.store(true, Ordering::Release);
        let doubts = settings::doubts(&stream.config).join("; ");
        let news = self.news(format!("stream {} {doubts}", stream.created));
        if news {
            log_stream(account, stream);
        }
        if news && !doubts.is_empty() {
            warn!(stream = STREAM, doubts, "the settings of the stream of events would lose events");
        }
        let doubts = (!doubts.is_empty()).then(|| format!("settings of the stream {STREAM}: {doubts}"));
        // First the decision: whoever hears that all is well may use it at once.
        self.sender.send_replace((Way::Stream, connection));
        self.reports.send_modify(|health| {
            (health.unusable, health.not_kept, health.settings) = (None, None, doubts);
        });
    }

    fn use_core(&mut self, why: &str, connection: u64) {
        if self.news(format!("core {why}")) {
            warn!(
                reason = why,
                "events are not kept: what a backend does not read at once is lost. Enable JetStream in NATS, or say --durability off"
            );
        }
        self.sender.send_replace((Way::Core, connection));
        self.reports.send_modify(|health| {
            (health.unusable, health.not_kept) = (None, Some(format!("events are not kept: {why}")));
        });
    }

    fn wait(&mut self, why: String) {
        if self.news(format!("wait {why}")) {
            error!(reason = why, stream = STREAM, "the stream of events cannot be used, waiting for it");
        }
        self.reports.send_modify(|health| health.unusable = Some(why));
    }

    fn news(&mut self, text: String) -> bool {
        let is_news = self.told.as_ref() != Some(&text);
        self.told = Some(text);
        is_news
    }
}

/// What the server lets one know of how well events are kept.
fn log_stream(account: &AccountInfo, stream: &StreamInfo) {
    let StreamConfig {
        storage, num_replicas, discard, retention, max_bytes, max_age, duplicate_window, ..
    } = &stream.config;
    info!(
        stream = STREAM,
        domain = account.domain.as_deref().unwrap_or("none"),
        account_max_bytes = account.limits.max_storage,
        storage,
        replicas = num_replicas,
        retention,
        discard,
        max_bytes,
        max_age = ?Duration::from_nanos(*max_age),
        duplicate_window = ?Duration::from_nanos(*duplicate_window),
        created = stream.created,
        first = stream.state.first_seq,
        last = stream.state.last_seq,
        bytes = stream.state.bytes,
        "events are kept in a stream; how soon NATS forces them to disk is its sync_interval, which it does not tell"
    );
}
