//! Sending: one delivery to one channel, once. What becomes of it is said in a word that the outbox understands, and in
//! words for a person.

use std::time::Duration;

use super::channel::Settings;
use super::message::Message;
use super::{mail, webhook};

/// How long one try may take, from the first connection to the last byte of the answer.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Characters of what the other side says that are kept.
const MAX_SAID: usize = 1_000;

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) result: Result<(), Failure>,
    /// What the other side said.
    pub(super) said: String,
}

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// In words.
    pub(super) error: String,
    /// Sending the same again would not help.
    pub(super) is_final: bool,
    /// The other side asks to be left alone for so many seconds.
    pub(super) retry_after: Option<i64>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) message: Message,
    /// The same for each try.
    pub(super) key: String,
    /// In seconds since 1970.
    pub(super) now: i64,
}

/// Sends to any channel. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    webhooks: reqwest::Client,
    public_url: Option<String>,
}

impl Sender {
    /// One whose links lead to `public_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(super) fn new(public_url: Option<String>) -> reqwest::Result<Self> {
        Ok(Self { webhooks: webhook::client(None)?, public_url })
    }

    /// Sends one parcel, once.
    pub(super) async fn send(&self, settings: &Settings, parcel: &Parcel) -> Outcome {
        let public_url = self.public_url.as_deref();
        let sending = async {
            match settings {
                Settings::Webhook(settings) => {
                    webhook::send(&self.webhooks, settings, parcel, public_url).await
                }
                Settings::Mail(settings) => mail::send(settings, parcel, public_url).await,
            }
        };
        match tokio::time::timeout(TIME_LIMIT, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Failure::passing(format!("no answer within {} s", TIME_LIMIT.as_secs())).into(),
        }
    }
}

impl Outcome {
    /// It was sent.
    pub(super) fn sent(said: &str) -> Self {
        Self { result: Ok(()), said: said_by_others(said) }
    }

    /// It was not.
    pub(super) fn failed(mut failure: Failure, said: &str) -> Self {
        failure.error = said_by_others(&failure.error);
        Self { result: Err(failure), said: said_by_others(said) }
    }
}

impl Failure {
    /// One that may pass.
    pub(super) fn passing(error: impl Into<String>) -> Self {
        Self { error: error.into(), is_final: false, retry_after: None }
    }

    /// One that stays.
    pub(super) fn of_content(error: impl Into<String>) -> Self {
        Self { is_final: true, ..Self::passing(error) }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::failed(failure, "")
    }
}

/// What others say, within limits.
fn said_by_others(said: &str) -> String {
    super::message::shortened(said.trim(), MAX_SAID)
}

/// An error with what caused it.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
