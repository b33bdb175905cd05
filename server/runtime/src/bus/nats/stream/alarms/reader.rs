//! Reads alarms from NATS for a store: from the stream, by a consumer that the frontends of the store share, or from core
//! NATS, where they are one queue group.
//!
//! What is not acknowledged within [`ACK_WAIT`] is delivered again, to whichever frontend asks next.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures::stream::SelectAll;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::super::api::{Api, StreamError};
use super::super::ways::{Way, Ways};
use super::{AGAIN, ALARM_EVENTS_SUBJECT, ALARMS_STREAM, ALARMS_SUBJECT, ensure_stream};
use crate::bus::alarms::AlarmMessage;
use crate::bus::nats::generation;
use crate::bus::nats::link::Link;

/// So many messages are asked for at a time, and are in one batch at most.
const PULL: usize = 512;

/// The server forgets a request for messages after this time.
const PULL_EXPIRES: Duration = Duration::from_secs(20);

/// When nothing was heard for so long, not even that a request has expired, it is asked again.
const SILENCE_LIMIT: Duration = Duration::from_secs(25);

/// What is not acknowledged after this time comes again.
const ACK_WAIT: Duration = Duration::from_secs(15);

/// So many messages may be with frontends and not acknowledged.
const MAX_ACK_PENDING: usize = 8 * PULL;

/// While nothing comes, it is looked so often whether it is still the right place to wait.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long is waited for messages that follow close behind others.
const MORE_WAIT: Duration = Duration::from_millis(5);

/// What a reader is made of.
pub(in crate::bus::nats) struct Parts {
    pub(in crate::bus::nats) link: Link,
    pub(in crate::bus::nats) ways: Option<Ways>,
    /// What the store is called: letters, digits, `-` and `_`.
    pub(in crate::bus::nats) store: String,
    pub(in crate::bus::nats) replicas: usize,
    pub(in crate::bus::nats) stopping: CancellationToken,
}

/// Reads alarms for a store.
pub struct AlarmReader {
    parts: Parts,
    source: Source,
    failing: bool,
}

/// Where it reads at the moment.
enum Source {
    Nowhere,
    /// The subjects of core NATS.
    Core(SelectAll<Subscriber>),
    Stream(Box<Pulling>),
}

/// A consumer of the stream.
struct Pulling {
    client: Client,
    connection: u64,
    pull_subject: String,
    inbox: String,
    messages: Subscriber,
    /// How many of the messages that were asked for are still to come.
    wanted: usize,
    heard: Instant,
    /// The consumer has to be made again.
    broken: bool,
}

/// Some messages, and where to acknowledge them.
type Read = (Vec<AlarmMessage>, Vec<String>);

impl AlarmReader {
    pub(in crate::bus::nats) fn new(parts: Parts) -> Self {
        Self { parts, source: Source::Nowhere, failing: false }
    }

    /// The next messages and where to acknowledge them; `None` once the process stops.
    pub(in crate::bus) async fn next(&mut self) -> Option<Read> {
        let stopping = self.parts.stopping.clone();
        stopping.run_until_cancelled(self.read()).await
    }

    /// Says that messages need not come again.
    pub(in crate::bus) async fn acknowledge(&self, subjects: Vec<String>) {
        let Some(client) = self.parts.link.connected_client() else { return };
        for subject in subjects {
            // What is not acknowledged comes again, which is no harm.
            client.publish(subject, "+ACK".into()).await.ok();
        }
        client.flush().await.ok();
    }

    async fn read(&mut self) -> Read {
        let client = self.parts.link.client().await;
        loop {
            let way = self.parts.ways.as_ref().map_or(Way::Core, Ways::now);
            let read = match (way, &mut self.source) {
                (Way::Core, Source::Core(messages)) => read_core(messages).await,
                (Way::Stream, Source::Stream(pulling)) if pulling.connection == generation(&client) => {
                    pulling.read().await
                }
                (Way::Undecided, _) => Ok(None),
                (way, _) => self.open(&client, way).await.map(|()| None),
            };
            match read {
                Ok(Some(read)) if !read.0.is_empty() => {
                    self.failing = false;
                    return read;
                }
                Ok(Some(_)) => {}
                Ok(None) => tokio::time::sleep(AGAIN).await,
                Err(error) => self.failed(&error).await,
            }
        }
    }

    async fn open(&mut self, client: &Client, way: Way) -> Result<(), StreamError> {
        self.source = match way {
            Way::Core => {
                let mut both = SelectAll::new();
                for subject in [ALARMS_SUBJECT, ALARM_EVENTS_SUBJECT] {
                    let messages = client.queue_subscribe(subject, self.parts.store.clone()).await;
                    both.push(messages.map_err(|_| StreamError::Unanswered)?);
                }
                Source::Core(both)
            }
            Way::Stream => Source::Stream(Box::new(Pulling::begin(client, &self.parts).await?)),
            Way::Undecided => Source::Nowhere,
        };
        info!(store = self.parts.store, kept = way == Way::Stream, "reading alarms from NATS");
        Ok(())
    }

    async fn failed(&mut self, error: &StreamError) {
        self.source = Source::Nowhere;
        if !std::mem::replace(&mut self.failing, true) {
            warn!(%error, stream = ALARMS_STREAM, "alarms cannot be read from NATS; it is tried again");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn read_core(messages: &mut SelectAll<Subscriber>) -> Result<Option<Read>, StreamError> {
    // Now and then it is looked whether there is a stream meanwhile.
    let Ok(first) = tokio::time::timeout(LOOK_EVERY, messages.next()).await else {
        return Ok(Some(Read::default()));
    };
    let mut read: Vec<_> = first.into_iter().filter_map(message).collect();
    while read.len() < PULL
        && let Some(Some(more)) = messages.next().now_or_never()
    {
        read.extend(message(more));
    }
    if read.is_empty() { Err(StreamError::Unanswered) } else { Ok(Some((read, Vec::new()))) }
}

impl Pulling {
    async fn begin(client: &Client, parts: &Parts) -> Result<Self, StreamError> {
        let connection = generation(client);
        let api = Api::new(client.clone());
        ensure_stream(&api, parts.replicas).await?;
        let config = json!({
            "durable_name": parts.store,
            "description": "The alarm store of this id",
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": nanos(ACK_WAIT),
            "max_ack_pending": MAX_ACK_PENDING,
            "max_deliver": -1,
            "replay_policy": "instant",
        });
        api.ensure_consumer(ALARMS_STREAM, &parts.store, &config).await?;
        let inbox = client.new_inbox();
        let messages = client.subscribe(inbox.clone()).await.map_err(|_| StreamError::Unanswered)?;
        Ok(Self {
            client: client.clone(),
            connection,
            pull_subject: format!("$JS.API.CONSUMER.MSG.NEXT.{ALARMS_STREAM}.{}", parts.store),
            inbox,
            messages,
            wanted: 0,
            heard: Instant::now(),
            broken: false,
        })
    }
}

impl Pulling {
    /// What has come, which may be nothing for a while.
    async fn read(&mut self) -> Result<Option<Read>, StreamError> {
        if self.broken {
            return Err(StreamError::Unanswered);
        }
        if self.wanted == 0 || self.heard.elapsed() > SILENCE_LIMIT {
            self.pull().await?;
        }
        let mut read = Read::default();
        let mut wait = LOOK_EVERY;
        while let Ok(next) = tokio::time::timeout(wait, self.messages.next()).await {
            self.take(next.ok_or(StreamError::Unanswered)?, &mut read);
            if self.wanted == 0 {
                break;
            }
            wait = MORE_WAIT;
        }
        Ok(Some(read))
    }

    /// Asks for messages.
    async fn pull(&mut self) -> Result<(), StreamError> {
        let request = json!({ "batch": PULL, "expires": nanos(PULL_EXPIRES) }).to_string();
        let asked =
            self.client.publish_with_reply(self.pull_subject.clone(), self.inbox.clone(), request.into());
        asked.await.map_err(|_| StreamError::Unanswered)?;
        self.wanted = PULL;
        self.heard = Instant::now();
        Ok(())
    }

    fn take(&mut self, message: Message, read: &mut Read) {
        self.heard = Instant::now();
        match message.status {
            None => {
                self.wanted = self.wanted.saturating_sub(1);
                read.1.extend(message.reply.as_ref().map(ToString::to_string));
                // What is on neither subject is acknowledged and passed over.
                read.0.extend(self::message(message));
            }
            Some(status) => {
                // The request is over; where it is not known any more, the consumer has to be made again.
                self.wanted = 0;
                let said = message.description.unwrap_or_default();
                self.broken = status == StatusCode::NO_RESPONDERS || said.contains("Deleted");
            }
        }
    }
}

fn message(message: Message) -> Option<AlarmMessage> {
    match message.subject.as_str() {
        ALARMS_SUBJECT => Some(AlarmMessage::Update(message.payload)),
        ALARM_EVENTS_SUBJECT => Some(AlarmMessage::Events(message.payload)),
        _ => None,
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for AlarmReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlarmReader").field("store", &self.parts.store).finish_non_exhaustive()
    }
}
