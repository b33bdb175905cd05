//! Questions for open backlogs over NATS: a message that all backends hear, and an inbox for their answers.

use async_nats::{Client, StatusCode, Subject};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::BACKLOGS_SUBJECT;
use super::link::Link;
use crate::bus::queries::{ANSWER_LIMIT, MAX_BACKLOGS, QUERIES_WAITING, Reply};
use crate::bus::{BacklogAnswer, BacklogQueries, BacklogQuery};
use crate::metrics::{Counter, Metrics};
use crate::shutdown::Shutdown;

/// A question in more bytes than this is none of ours.
const MAX_QUERY_BYTES: usize = 1 << 10;

/// An answer in more bytes than this is not read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Answers to one question that are read, at most.
const MAX_ANSWERS: usize = 256;

/// A question as it is on the bus.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    directive_id: u64,
}

/// Asks all backends on the bus.
#[derive(Clone, Debug)]
pub struct QueryPublisher {
    link: Link,
}

impl QueryPublisher {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }

    /// See [`BacklogAsker::ask`](crate::bus::BacklogAsker::ask).
    pub(in crate::bus) async fn ask(&self, directive_id: u64, expected: usize) -> Vec<BacklogAnswer> {
        let mut answers = Vec::new();
        let Some(client) = self.link.connected_client() else { return answers };
        let limit = Instant::now() + ANSWER_LIMIT;
        let gathered = gather(client, directive_id, expected, &mut answers);
        if let Ok(Err(error)) = timeout_at(limit, gathered).await {
            debug!(error, "backends cannot be asked for backlogs");
        }
        answers
    }
}

async fn gather(
    client: &Client,
    directive_id: u64,
    expected: usize,
    answers: &mut Vec<BacklogAnswer>,
) -> Result<(), String> {
    let inbox = client.new_inbox();
    let mut replies = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
    let question = serde_json::to_vec(&Question { directive_id }).map_err(|error| error.to_string())?;
    let asked = client.publish_with_reply(BACKLOGS_SUBJECT, inbox, question.into()).await;
    asked.map_err(|error| error.to_string())?;
    while let Some(reply) = replies.next().await {
        if reply.status == Some(StatusCode::NO_RESPONDERS) {
            break;
        }
        let answer = Some(&reply.payload).filter(|payload| payload.len() <= MAX_ANSWER_BYTES);
        match answer.and_then(|payload| serde_json::from_slice::<BacklogAnswer>(payload).ok()) {
            Some(mut answer) => {
                answer.backlogs.truncate(MAX_BACKLOGS);
                answers.push(answer);
            }
            None => debug!("an answer about backlogs cannot be read"),
        }
        if answers.len() == expected || answers.len() >= MAX_ANSWERS {
            break;
        }
    }
    Ok(())
}

/// Where an answer goes.
#[derive(Debug)]
pub struct ReplyPublisher {
    client: Client,
    subject: Subject,
    max_bytes: usize,
}

impl ReplyPublisher {
    /// Sends an answer, with as many backlogs as the server takes in one message.
    pub(in crate::bus) async fn send(self, mut answer: BacklogAnswer) {
        let max_bytes = self.max_bytes.min(MAX_ANSWER_BYTES);
        let payload = loop {
            let payload = serde_json::to_vec(&answer).unwrap_or_default();
            if payload.len() <= max_bytes || answer.backlogs.is_empty() {
                break payload;
            }
            answer.backlogs.truncate(answer.backlogs.len() / 2);
        };
        if let Err(error) = self.client.publish(self.subject, payload.into()).await {
            debug!(%error, "an answer about backlogs was not sent");
        }
    }
}

/// Starts to hear questions; ends when nobody takes them any more.
pub(super) fn listen(link: &Link, metrics: &Metrics, shutdown: &Shutdown) -> BacklogQueries {
    let (sender, queries) = mpsc::channel(QUERIES_WAITING);
    let help = "Questions for open backlogs that were not answered because too many waited";
    let dropped = metrics.counter("dsiem_backlog_queries_dropped", help);
    let link = link.clone();
    shutdown.spawn_service("backlog queries", async move {
        tokio::select! {
            () = sender.closed() => {}
            () = forward(&link, &sender, &dropped) => {}
        }
    });
    BacklogQueries::new(queries)
}

async fn forward(link: &Link, queries: &mpsc::Sender<BacklogQuery>, dropped: &Counter) {
    let client = link.client().await;
    let mut messages = match client.subscribe(BACKLOGS_SUBJECT).await {
        Ok(messages) => messages,
        Err(error) => return debug!(%error, "the NATS client is closed"),
    };
    while let Some(message) = messages.next().await {
        let question = Some(&message.payload).filter(|payload| payload.len() <= MAX_QUERY_BYTES);
        let question = question.and_then(|payload| serde_json::from_slice::<Question>(payload).ok());
        let (Some(Question { directive_id }), Some(subject)) = (question, message.reply) else {
            debug!("not a question for backlogs, ignored");
            continue;
        };
        let reply = ReplyPublisher { client: client.clone(), subject, max_bytes: link.max_message_bytes() };
        if queries.try_send(BacklogQuery::new(directive_id, Reply::There(reply))).is_err() {
            dropped.inc();
        }
    }
}
