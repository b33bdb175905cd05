//! The task that publishes alarms: what comes out of the queue goes to the stream until that has acknowledged it, or to
//! core NATS once.

use std::time::Duration;

use async_nats::Client;
use async_nats::header::HeaderMap;
use futures::StreamExt as _;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::super::api::{Api, StreamError};
use super::super::ways::{Way, Ways};
use super::{AGAIN, ALARM_EVENTS_SUBJECT, ALARMS_STREAM, ALARMS_SUBJECT, ensure_stream};
use crate::bus::alarms::{self, AlarmMessage, AlarmPublisher, AlarmQueue};
use crate::bus::nats::generation;
use crate::bus::nats::link::Link;
use crate::metrics::{Counter, CounterBy, Metrics};
use crate::shutdown::Shutdown;

/// So many messages are on their way at a time.
const WINDOW: usize = 256;

/// When the stream has never taken anything of this process, and refuses or does not answer for so long with a connection, it
/// is not for us: an installation whose permissions do not have alarms must go on working. Not with `--durability require`.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a message has beside its payload: subject, reply subject and protocol.
const OVERHEAD_BYTES: usize = 1_024;

struct Publishing {
    queue: AlarmQueue,
    link: Link,
    /// None: alarms are never kept.
    ways: Option<Ways>,
    replicas: usize,
    /// Whether alarms must be kept, whatever that takes.
    required: bool,
    /// Whether the stream has taken anything of this process.
    proven: bool,
    /// Since when it has been refusing or silent.
    failing_since: Option<Instant>,
    /// The connection on which the stream was found.
    ensured_on: Option<u64>,
    /// Whether it was said that alarms are left out.
    told: bool,
    published: Counter,
    dropped: CounterBy,
}

/// Starts the task. It ends when nobody has the publisher any more and everything is published.
pub(in crate::bus::nats) fn start(
    link: &Link,
    ways: Option<&Ways>,
    replicas: usize,
    required: bool,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> AlarmPublisher {
    let (publisher, queue) = alarms::queue(metrics);
    let publishing = Publishing {
        queue,
        link: link.clone(),
        ways: ways.cloned(),
        replicas,
        required,
        proven: false,
        failing_since: None,
        ensured_on: None,
        told: false,
        published: metrics.counter("dsiem_bus_alarm_messages", "Messages about alarms that NATS has"),
        dropped: metrics.counter_by(
            "dsiem_bus_alarm_messages_dropped",
            "Messages about alarms that were not published",
            "reason",
        ),
    };
    shutdown.spawn("alarm publisher", publishing.run());
    publisher
}

impl Publishing {
    async fn run(mut self) {
        while let Some((messages, groups)) = self.queue.next().await {
            self.deliver(messages).await;
            self.queue.confirm(groups);
        }
    }

    async fn deliver(&mut self, mut messages: Vec<AlarmMessage>) {
        let client = self.link.client().await;
        loop {
            self.leave_out_too_large(&mut messages);
            match self.ways.as_ref().map_or(Way::Core, Ways::now) {
                Way::Core => return self.send(&client, &messages).await,
                Way::Stream => messages = self.store(&client, messages).await,
                Way::Undecided => {}
            }
            if messages.is_empty() {
                return;
            }
            if self.is_not_for_us() {
                self.dropped.with("not_permitted").add(count(&messages));
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn leave_out_too_large(&self, messages: &mut Vec<AlarmMessage>) {
        let max = self.link.max_message_bytes().saturating_sub(OVERHEAD_BYTES);
        messages.retain(|message| {
            let bytes = message.payload().len();
            if bytes > max {
                self.dropped.with("too_large").inc();
                error!(bytes, max, "a message about an alarm is larger than NATS takes; the alarm files have it. Raise max_payload of the NATS server");
            }
            bytes <= max
        });
    }

    /// To core NATS, which keeps nothing: what cannot be sent now is not sent.
    async fn send(&self, client: &Client, messages: &[AlarmMessage]) {
        if self.link.connected_client().is_none() {
            self.dropped.with("not_connected").add(count(messages));
            return;
        }
        for message in messages {
            if client.publish(subject(message), message.payload().clone()).await.is_err() {
                self.dropped.with("not_connected").inc();
            }
        }
        if client.flush().await.is_ok() {
            self.published.add(count(messages));
        }
    }

    /// To the stream; what it has not acknowledged.
    async fn store(&mut self, client: &Client, messages: Vec<AlarmMessage>) -> Vec<AlarmMessage> {
        let (api, connection) = (Api::new(client.clone()), generation(client));
        if self.ensured_on != Some(connection) {
            if let Err(error) = ensure_stream(&api, self.replicas).await {
                self.failed(&error);
                return messages;
            }
            self.ensured_on = Some(connection);
        }
        let store = |message: AlarmMessage| {
            let api = &api;
            async move {
                let stored = api.store(subject(&message), HeaderMap::new(), message.payload().clone()).await;
                stored.err().map(|error| (message, error))
            }
        };
        let total = count(&messages);
        let failed = futures::stream::iter(messages).map(store).buffered(WINDOW);
        let failed: Vec<_> = failed.filter_map(std::future::ready).collect().await;
        self.published.add(total - failed.len() as u64);
        match failed.first() {
            Some((_, error)) => {
                // Without a stream nobody answers; on a connection that is gone, neither.
                self.ensured_on = None;
                self.failed(error);
            }
            None if self.failing_since.take().is_some() => info!("alarms are published again"),
            None => {}
        }
        self.proven |= total > failed.len() as u64;
        failed.into_iter().map(|(message, _)| message).collect()
    }

    fn failed(&mut self, error: &StreamError) {
        if self.failing_since.is_none() {
            self.failing_since = Some(Instant::now());
            warn!(%error, stream = ALARMS_STREAM, "alarms cannot be published; they wait and it is tried again. May this process publish to {ALARMS_SUBJECT} and {ALARM_EVENTS_SUBJECT}?");
        }
    }

    /// Whether alarms are left out: nothing was ever taken, and it has been tried for long enough.
    fn is_not_for_us(&mut self) -> bool {
        let since = self.failing_since.filter(|_| !self.proven && !self.required);
        let given_up =
            since.is_some_and(|since| since.elapsed() > PATIENCE) && self.link.connected_client().is_some();
        if given_up && !std::mem::replace(&mut self.told, true) {
            error!(
                "alarms are left out, because NATS takes none of this process; they are in the alarm files only"
            );
        }
        given_up
    }
}

fn subject(message: &AlarmMessage) -> String {
    match message {
        AlarmMessage::Update(_) => ALARMS_SUBJECT.to_owned(),
        AlarmMessage::Events(_) => ALARM_EVENTS_SUBJECT.to_owned(),
    }
}

fn count(messages: &[AlarmMessage]) -> u64 {
    u64::try_from(messages.len()).unwrap_or(u64::MAX)
}
