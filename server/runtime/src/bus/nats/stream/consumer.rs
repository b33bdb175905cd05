//! One consumer of the stream: asks for messages in time, and finds out whether there are more.
//!
//! It pulls, so that nothing comes that has not been asked for. Beside the pulls it asks from time to time for one message
//! that is there already; the answer "none" proves that everything that was stored before the question has been
//! delivered, which no clock and no silence can prove, and that the consumer still exists.

use async_nats::{Client, StatusCode, Subscriber};
use bytes::Bytes;
use dsiem_core::time::ReceiptTime;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::api::{Api, StreamError};
use super::delivery::Delivery;
use super::{STREAM, start};

/// So many messages are asked for at a time; as soon as half of them have come, for more.
const PULL: usize = 2_048;

/// The server forgets a request for messages after this time.
const PULL_EXPIRES: Duration = Duration::from_secs(30);

/// A consumer from which nothing has been heard for this long, questions notwithstanding, is given up.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// The server would deliver again what is not acknowledged after this time: after a year, that is, not while we read.
const ACK_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a message on the consumer's inbox is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An event.
    Event(Delivery),
    /// Nothing that was stored before this time is still to come.
    Idle(ReceiptTime),
    /// Nothing to act on.
    Nothing,
    /// The consumer has to be made again; why.
    Broken(String),
}

#[derive(Debug)]
pub(super) struct Consumer {
    client: Client,
    pull_subject: String,
    inbox: String,
    pub(super) messages: Subscriber,
    /// How many messages have been asked for and have not come; the server may see it differently for a while.
    wanted: usize,
    /// The newest question whether there are more, and when it was asked.
    probe: (u64, ReceiptTime),
    /// The count of the next delivery.
    next: u64,
    /// When anything was heard last.
    heard: Instant,
}

impl Consumer {
    /// Makes the consumer anew on the server.
    pub(super) async fn create(client: &Client, name: &str, from: start::From) -> Result<Self, StreamError> {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let mut config = json!({
            "durable_name": name,
            "ack_policy": "all",
            "ack_wait": nanos(ACK_WAIT),
            "max_ack_pending": -1,
            "max_deliver": -1,
            "replay_policy": "instant",
            "mem_storage": true,
        });
        match from {
            start::From::Sequence(sequence) => {
                config["deliver_policy"] = json!("by_start_sequence");
                config["opt_start_seq"] = json!(sequence);
            }
            start::From::Time(time) => {
                config["deliver_policy"] = json!("by_start_time");
                config["opt_start_time"] = json!(rfc3339(time));
            }
        }
        let inbox = client.new_inbox();
        let messages = client.subscribe(format!("{inbox}.>")).await.map_err(|_| StreamError::Unanswered)?;
        Api::new(client.clone()).replace_consumer(STREAM, name, &config).await?;
        Ok(Self {
            client: client.clone(),
            pull_subject: format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}"),
            inbox,
            messages,
            wanted: 0,
            probe: (0, ReceiptTime::default()),
            next: 1,
            heard: Instant::now(),
        })
    }

    /// Asks for more messages if few are still to come.
    pub(super) async fn pull(&mut self) -> Result<(), StreamError> {
        if self.wanted > PULL / 2 {
            return Ok(());
        }
        let batch = PULL - self.wanted;
        self.wanted = PULL;
        let nanos = u64::try_from(PULL_EXPIRES.as_nanos()).unwrap_or(u64::MAX);
        self.ask("pull", &json!({ "batch": batch, "expires": nanos })).await
    }

    /// Asks whether there is a message, at the time `now`.
    pub(super) async fn probe(&mut self, now: ReceiptTime) -> Result<(), StreamError> {
        self.probe = (self.probe.0 + 1, now);
        let reply = format!("probe.{}", self.probe.0);
        self.ask(&reply, &json!({ "batch": 1, "no_wait": true })).await
    }

    async fn ask(&self, reply: &str, request: &serde_json::Value) -> Result<(), StreamError> {
        let reply = format!("{}.{reply}", self.inbox);
        let payload = Bytes::from(request.to_string());
        let sent = self.client.publish_with_reply(self.pull_subject.clone(), reply, payload);
        sent.await.map_err(|_| StreamError::Unanswered)
    }

    /// Looks at what came on the inbox.
    pub(super) fn take(&mut self, message: &async_nats::Message) -> Step {
        self.heard = Instant::now();
        match message.status {
            None => self.take_event(message),
            Some(status) => self.take_status(status, message),
        }
    }

    fn take_event(&mut self, message: &async_nats::Message) -> Step {
        let Some(delivery) = message.reply.as_deref().and_then(Delivery::parse) else { return Step::Nothing };
        self.wanted = self.wanted.saturating_sub(1);
        if delivery.nth != self.next {
            return Step::Broken(format!("delivery {} came instead of {}", delivery.nth, self.next));
        }
        self.next += 1;
        Step::Event(delivery)
    }

    fn take_status(&mut self, status: StatusCode, message: &async_nats::Message) -> Step {
        let asked = message.subject.strip_prefix(&self.inbox).unwrap_or_default();
        match status.as_u16() {
            404 if asked.strip_prefix(".probe.").and_then(|number| number.parse().ok())
                == Some(self.probe.0) =>
            {
                Step::Idle(self.probe.1)
            }
            404 | 408 => {
                if asked == ".pull" {
                    let pending =
                        message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
                    let unused =
                        pending.and_then(|pending| pending.as_str().parse().ok()).unwrap_or(self.wanted);
                    self.wanted = self.wanted.saturating_sub(unused);
                }
                Step::Nothing
            }
            100 => Step::Nothing,
            _ => Step::Broken(format!("{status} {}", message.description.as_deref().unwrap_or_default())),
        }
    }

    /// Acknowledges at `subject` an event and all before it.
    pub(super) async fn acknowledge(&self, subject: async_nats::Subject) -> Result<(), StreamError> {
        self.client.publish(subject, Bytes::from_static(b"+ACK")).await.map_err(|_| StreamError::Unanswered)
    }

    /// Whether nothing has been heard for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.heard) > SILENCE_LIMIT
    }

    /// Silence is counted from now: what came before has been waiting to be looked at.
    pub(super) fn not_silent(&mut self, now: Instant) {
        self.heard = now;
    }
}

fn rfc3339(time: ReceiptTime) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}
