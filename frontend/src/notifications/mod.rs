//! Telling people of alarms: by webhooks and mail, by rules that admins write, through an outbox that outlives a crash.
//!
//! In the order in which something is told: [`occasion`](self) writes down what happened to an alarm, in the transaction
//! that stores it; `judging` holds it against the rules, of which `quiet` knows the quiet hours, and puts `message`s into
//! the `outbox`; the [`Dispatcher`] takes them from there and sends them (`sender`, `webhook`, `mail`), in the forms that
//! the other sides understand (`formats`, `template`), and nowhere that `guard` forbids.
//! Several frontends of one database share the work: what is judged is judged once, what is sent is taken by one.
//!
//! [`Notifications`] blocks, like every store; the dispatcher does not.

mod channel;
mod counters;
mod dispatcher;
mod formats;
mod guard;
mod judging;
mod mail;
mod mail_settings;
mod message;
mod occasion;
mod outbox;
mod quiet;
mod rule;
mod sender;
mod store;
mod template;
mod webhook;
mod webhook_settings;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::database::sql::Dialect;
use crate::database::{Database, DatabaseError};

pub use channel::{ChannelDocument, ChannelRequest};
pub use dispatcher::{Dispatcher, TestResult, Tester};
pub use mail_settings::{MailDocument, MailRequest, MailTls};
pub use occasion::Class;
pub(crate) use occasion::{Event, Occasions};
pub(crate) use outbox::MAX_PAGE;
pub use outbox::{Counts, Delivery, State};
pub use quiet::{Day, Meanwhile, QuietHours, QuietTime};
pub use rule::{Condition, Rule, When};
pub use webhook_settings::{Format, HeaderRequest, WebhookDocument, WebhookRequest};

use judging::Judged;
use outbox::Claimed;
use sender::Outcome;
use store::Channel;

/// Channels, rules and the outbox, in the database of alarms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifications {
    database: Arc<Database>,
}

/// Why something is not done that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is wrong.
    #[error("{0}")]
    Wrong(String),
    /// It does not go with what is there.
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
}

/// A rule, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NotificationRuleDocument)]
pub struct RuleDocument {
    /// Given by us.
    pub id: i64,
    /// What it says.
    #[serde(flatten)]
    pub rule: Rule,
}

/// What was asked, or why it was refused; or the database did not answer.
pub type Answer<T> = Result<Result<T, Refusal>, DatabaseError>;

impl Notifications {
    /// Those of `database`.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// All channels, without their secrets.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn channels(&self) -> Result<Vec<ChannelDocument>, DatabaseError> {
        let channels = self.database.read(store::channels)?;
        Ok(channels.iter().map(|channel| channel.settings.document(channel.id, &channel.name)).collect())
    }

    /// Adds a channel, or changes the one with this id.
    ///
    /// # Errors
    /// When the database does not take it.
    pub fn put_channel(&self, id: Option<i64>, request: ChannelRequest) -> Answer<ChannelDocument> {
        self.write(|db| store::put_channel(db, id, request))
    }

    /// Removes a channel that no rule uses. What waits for it is given up.
    ///
    /// # Errors
    /// When the database does not do it.
    pub fn delete_channel(&self, id: i64, now: i64) -> Answer<()> {
        self.write(|db| store::delete_channel(db, id, now))
    }

    /// All rules.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn rules(&self) -> Result<Vec<RuleDocument>, DatabaseError> {
        let rules = self.database.read(store::rules)?;
        Ok(rules.into_iter().map(|rule| RuleDocument { id: rule.id, rule: rule.rule }).collect())
    }

    /// Adds a rule, or changes the one with this id.
    ///
    /// # Errors
    /// When the database does not take it.
    pub fn put_rule(&self, id: Option<i64>, rule: Rule) -> Answer<RuleDocument> {
        let put = self.write(|db| store::put_rule(db, id, &rule))?;
        Ok(put.map(|id| RuleDocument { id, rule }))
    }

    /// Removes a rule, with what it holds back. What it has put into the outbox is sent.
    ///
    /// # Errors
    /// When the database does not do it.
    pub fn delete_rule(&self, id: i64) -> Answer<()> {
        self.write(|db| store::delete_rule(db, id))
    }

    /// A page of deliveries, the newest first: those of one state, or all; `before` is the last of the page before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn deliveries(
        &self,
        state: Option<State>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        self.database.read(|db| outbox::page(db, state, before, limit))
    }

    /// How many deliveries are how far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn counts(&self) -> Result<Counts, DatabaseError> {
        self.database.read(outbox::counts)
    }

    /// Tries a delivery again that was given up, or that waits.
    ///
    /// # Errors
    /// When the database does not do it.
    pub fn retry(&self, id: i64, now: i64) -> Answer<Delivery> {
        self.write(|db| outbox::retry(db, id, now))
    }

    /// A channel with its secrets.
    fn channel(&self, id: i64) -> Result<Option<Channel>, DatabaseError> {
        self.database.read(|db| store::channel(db, id))
    }

    /// Judges what has happened since the last time; looks first, so that nobody waits for it where nothing has.
    fn judge(&self, now: i64) -> Result<Judged, DatabaseError> {
        if self.database.read(|db| judging::is_due(db, now))? {
            self.write(|db| judging::judge(db, now))
        } else {
            Ok(Judged::default())
        }
    }

    /// Takes what is to be sent now; `room` says how much for a channel.
    fn claim(&self, room: impl Fn(i64) -> usize, now: i64) -> Result<Vec<Claimed>, DatabaseError> {
        let due = self.database.read(|db| outbox::due_channels(db, now))?;
        let room: Vec<(i64, usize)> =
            due.into_iter().map(|channel| (channel, room(channel))).filter(|(_, room)| *room > 0).collect();
        if room.is_empty() { Ok(Vec::new()) } else { self.write(|db| outbox::claim(db, &room, now)) }
    }

    fn finish(&self, of: (i64, i64), outcome: &Outcome, now: i64) -> Result<Option<State>, DatabaseError> {
        self.write(|db| outbox::finish(db, of, outcome, now))
    }

    fn release(&self, of: &[(i64, i64)], now: i64) -> Result<(), DatabaseError> {
        self.write(|db| of.iter().try_for_each(|of| outbox::release(db, *of, now)))
    }

    /// Takes back what an earlier process had taken, where no other can be at it.
    fn take_back(&self, now: i64) -> Result<u64, DatabaseError> {
        self.write(|db| match db.dialect() {
            Dialect::Sqlite => outbox::release_all(db, now),
            Dialect::Postgres => Ok(0),
        })
    }

    fn retain(&self, now: i64) -> Result<u64, DatabaseError> {
        self.write(|db| outbox::retain(db, now))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&mut dyn crate::database::sql::Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.database.write(work)
    }
}

impl Refusal {
    fn missing(what: &str, id: i64) -> Self {
        Self::Missing(format!("there is no {what} {id}"))
    }
}

/// A document of ours as it is stored.
fn as_json<T: Serialize>(document: &T) -> Result<String, DatabaseError> {
    serde_json::to_string(document)
        .map_err(|error| DatabaseError::Damaged(format!("a document has no JSON form: {error}")))
}

/// A document of ours that was stored.
fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(text)
        .map_err(|error| DatabaseError::Damaged(format!("a stored document cannot be read: {error}")))
}
