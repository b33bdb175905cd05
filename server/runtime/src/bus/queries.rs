//! Asking backends for the open backlogs of a directive, and their answers.
//!
//! Whoever asks does not know which backends have the directive, so all are asked, and those who have it say what is open.
//! Nobody waits for long: who does not answer in time is left out, and the answers that came are told as not all.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::nats;

/// How long answers are waited for.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Backlogs in an answer, at most.
pub const MAX_BACKLOGS: usize = 200;

/// Addresses of each kind that an answer names of a backlog, at most.
pub const MAX_ADDRESSES: usize = 8;

/// Questions that may wait to be answered; full, further ones are not answered, and counted.
pub(super) const QUERIES_WAITING: usize = 16;

/// What one process says of a directive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BacklogAnswer {
    /// Which node.
    pub node: String,
    /// Whether it has the directive.
    pub known: bool,
    /// Whether the directive was too busy to say more.
    pub busy: bool,
    /// How many of its backlogs are open.
    pub open: u64,
    /// Those whose time is up first, [`MAX_BACKLOGS`] at most.
    pub backlogs: Vec<BacklogProgress>,
}

/// An open backlog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogProgress {
    /// The id that its alarm has, or will have.
    pub alarm_id: String,
    /// The stage that it is in; stages count from 1.
    pub stage: u8,
    /// How many stages there are.
    pub stages: u8,
    /// Events that the stage has had.
    pub events: u64,
    /// Events that the stage needs.
    pub needed: u64,
    /// When it was opened, in seconds since 1970.
    pub since: i64,
    /// The last second of its life, unless the stage is completed before.
    pub deadline: i64,
    /// Where its events came from, [`MAX_ADDRESSES`] of them.
    pub src_ips: Vec<IpAddr>,
    /// Where its events went, [`MAX_ADDRESSES`] of them.
    pub dst_ips: Vec<IpAddr>,
    /// 0 to 10; from 1 on it is an alarm.
    pub risk: u8,
}

/// A question that waits for an answer.
#[derive(Debug)]
pub struct BacklogQuery {
    /// Which directive.
    pub directive_id: u64,
    reply: Reply,
}

#[derive(Debug)]
pub(super) enum Reply {
    Here(oneshot::Sender<BacklogAnswer>),
    There(nats::ReplyPublisher),
}

/// Asks. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum BacklogAsker {
    /// There is nobody to ask.
    #[default]
    Nobody,
    /// Correlation in this process.
    Here(mpsc::Sender<BacklogQuery>),
    /// Other processes.
    There(nats::QueryPublisher),
}

/// Where questions come out.
#[derive(Debug)]
pub struct BacklogQueries(mpsc::Receiver<BacklogQuery>);

/// A way for questions within one process.
#[must_use]
pub fn backlog_queries() -> (BacklogAsker, BacklogQueries) {
    let (sender, queries) = mpsc::channel(QUERIES_WAITING);
    (BacklogAsker::Here(sender), BacklogQueries(queries))
}

impl BacklogAsker {
    /// Asks everyone about a directive and returns what was answered within a second, or as soon as `expected`
    /// processes have answered.
    pub async fn ask(&self, directive_id: u64, expected: usize) -> Vec<BacklogAnswer> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Here(queries) => {
                let (reply, answer) = oneshot::channel();
                let query = BacklogQuery { directive_id, reply: Reply::Here(reply) };
                if queries.try_send(query).is_err() {
                    return Vec::new();
                }
                timeout(ANSWER_LIMIT, answer).await.into_iter().flatten().collect()
            }
            Self::There(publisher) => publisher.ask(directive_id, expected).await,
        }
    }
}

impl BacklogQueries {
    pub(super) fn new(queries: mpsc::Receiver<BacklogQuery>) -> Self {
        Self(queries)
    }

    /// The next question; `None` when no more can come. May be cancelled without loss.
    pub async fn next(&mut self) -> Option<BacklogQuery> {
        self.0.recv().await
    }
}

impl BacklogQuery {
    pub(super) fn new(directive_id: u64, reply: Reply) -> Self {
        Self { directive_id, reply }
    }

    /// Answers. That nobody waits any more is no error.
    pub async fn answer(self, answer: BacklogAnswer) {
        match self.reply {
            Reply::Here(reply) => drop(reply.send(answer)),
            Reply::There(publisher) => publisher.send(answer).await,
        }
    }
}
