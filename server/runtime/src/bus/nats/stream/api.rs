//! What we ask JetStream, in its own words: JSON requests on `$JS.API.>`.
//!
//! Written by hand and not taken from the client library, so that no request has a field that a server of version 2.9
//! does not know, and so that an answer is one of four things that callers have to tell apart.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::header::HeaderMap;
use async_nats::{Client, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An answer that takes longer does not come.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// The numbers of JetStream's errors that we act on.
pub(super) mod code {
    pub(in super::super) const ACCOUNT_RESOURCES: u64 = 10_002;
    pub(in super::super) const CONSUMER_NOT_FOUND: u64 = 10_014;
    pub(in super::super) const INSUFFICIENT_RESOURCES: u64 = 10_023;
    pub(in super::super) const NO_MESSAGE: u64 = 10_037;
    pub(in super::super) const NOT_ENABLED_FOR_ACCOUNT: u64 = 10_039;
    pub(in super::super) const STORAGE_RESOURCES: u64 = 10_047;
    pub(in super::super) const NAME_EXISTS: u64 = 10_058;
    pub(in super::super) const STREAM_NOT_FOUND: u64 = 10_059;
    pub(in super::super) const SUBJECTS_OVERLAP: u64 = 10_065;
    pub(in super::super) const WRONG_LAST_SEQUENCE: u64 = 10_071;
    pub(in super::super) const NOT_ENABLED: u64 = 10_076;
    pub(in super::super) const STORE_FAILED: u64 = 10_077;
    pub(in super::super) const STREAM_BYTES: u64 = 10_122;
}

/// Why there is no answer that helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Nobody listens for such requests: this NATS has no JetStream, or not for our account.
    #[error("NATS has no JetStream for us; enable it on the server and for our account")]
    Absent,
    /// There is no connection, or no answer came in time.
    #[error("JetStream does not answer; is NATS overloaded, or may we not publish to $JS.API.>?")]
    Unanswered,
    /// JetStream refused.
    #[error("JetStream says: {description} ({code})")]
    Refused {
        /// JetStream's number of the error.
        code: u64,
        /// HTTP's number for its kind.
        status: u16,
        /// Its words.
        description: String,
    },
    /// The answer was not what we asked for.
    #[error("the answer of JetStream cannot be read: {0}")]
    Unreadable(String),
}

impl StreamError {
    pub(super) fn is(&self, wanted: u64) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }

    /// Whether there is no such stream.
    #[must_use]
    pub fn is_no_stream(&self) -> bool {
        self.is(code::STREAM_NOT_FOUND)
    }

    /// Whether asking again can help without anybody doing something.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unanswered => true,
            Self::Refused { status, .. } => *status == 503,
            Self::Absent | Self::Unreadable(_) => false,
        }
    }
}

/// An error as JetStream writes it.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    description: String,
}

impl From<Failure> for StreamError {
    fn from(failure: Failure) -> Self {
        let Failure { code, err_code, description } = failure;
        match err_code {
            code::NOT_ENABLED | code::NOT_ENABLED_FOR_ACCOUNT => Self::Absent,
            _ => Self::Refused { code: err_code, status: code, description },
        }
    }
}

/// What the account may use, and where.
#[derive(Debug, Deserialize)]
pub(super) struct AccountInfo {
    #[serde(default)]
    pub(super) domain: Option<String>,
    #[serde(default)]
    pub(super) limits: AccountLimits,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct AccountLimits {
    #[serde(default)]
    pub(super) max_storage: i64,
}

/// A stream as it is.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    /// When it was made, in RFC 3339.
    pub(super) created: String,
    pub(super) state: StreamState,
    /// The server's time, in RFC 3339; from version 2.10 on.
    #[serde(default)]
    pub(super) ts: Option<String>,
}

/// The settings that we look at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StreamConfig {
    #[serde(default)]
    pub(super) subjects: Vec<String>,
    #[serde(default)]
    pub(super) retention: String,
    #[serde(default)]
    pub(super) storage: String,
    #[serde(default)]
    pub(super) discard: String,
    #[serde(default)]
    pub(super) num_replicas: usize,
    #[serde(default)]
    pub(super) max_msgs: i64,
    #[serde(default)]
    pub(super) max_bytes: i64,
    /// Nanoseconds.
    #[serde(default)]
    pub(super) max_age: u64,
    #[serde(default)]
    pub(super) max_msgs_per_subject: i64,
    #[serde(default)]
    pub(super) max_msg_size: i64,
    /// Nanoseconds.
    #[serde(default)]
    pub(super) duplicate_window: u64,
    #[serde(default)]
    pub(super) no_ack: bool,
    #[serde(default)]
    pub(super) sealed: bool,
    #[serde(default)]
    pub(super) deny_purge: bool,
}

/// A stream that was to be made.
#[derive(Debug)]
pub(super) enum Created {
    /// This process made it.
    Now(StreamInfo),
    /// Another had made it, maybe with other settings.
    Before(StreamInfo),
}

/// What is in a stream.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct StreamState {
    #[serde(default)]
    pub(super) first_seq: u64,
    #[serde(default)]
    pub(super) last_seq: u64,
    #[serde(default)]
    pub(super) bytes: u64,
}

/// What JetStream says to a message that was published to a stream.
#[derive(Debug, Deserialize)]
pub(super) struct PubAck {
    #[serde(default)]
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
    #[serde(default)]
    pub(super) error: Option<Failure>,
}

impl PubAck {
    /// Reads one; `Ok` means that the message is stored.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, StreamError> {
        let ack: Self =
            serde_json::from_slice(payload).map_err(|error| StreamError::Unreadable(error.to_string()))?;
        match ack.error {
            Some(failure) => Err(failure.into()),
            None if ack.seq == 0 => Err(StreamError::Unreadable("no sequence".to_owned())),
            None => Ok(ack),
        }
    }
}

/// Asks JetStream. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
}

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) async fn account(&self) -> Result<AccountInfo, StreamError> {
        self.ask("INFO", None).await
    }

    pub(super) async fn stream(&self, name: &str) -> Result<StreamInfo, StreamError> {
        self.ask(&format!("STREAM.INFO.{name}"), None).await
    }

    /// Makes a stream. If another process is quicker, it is as that one made it.
    pub(super) async fn create_stream(&self, name: &str, config: &Value) -> Result<Created, StreamError> {
        match self.ask(&format!("STREAM.CREATE.{name}"), Some(config)).await {
            Ok(stream) => Ok(Created::Now(stream)),
            // The second says a server that is asked by two at the same moment: it names the subjects before the name.
            Err(error) if error.is(code::NAME_EXISTS) || error.is(code::SUBJECTS_OVERLAP) => {
                match self.stream(name).await {
                    Err(none) if none.is_no_stream() => Err(error),
                    found => Ok(Created::Before(found?)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what lies before `sequence`.
    pub(super) async fn purge_before(&self, name: &str, sequence: u64) -> Result<(), StreamError> {
        let request = json!({ "seq": sequence });
        self.ask::<Value>(&format!("STREAM.PURGE.{name}"), Some(&request)).await.map(drop)
    }

    /// The subjects in a stream that `filter` fits.
    pub(super) async fn subjects(&self, name: &str, filter: &str) -> Result<Vec<String>, StreamError> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
        }
        #[derive(Deserialize)]
        struct State {
            #[serde(default)]
            subjects: HashMap<String, u64>,
        }
        let request = json!({ "subjects_filter": filter });
        let info: Info = self.ask(&format!("STREAM.INFO.{name}"), Some(&request)).await?;
        Ok(info.state.subjects.into_keys().collect())
    }

    /// The newest message of `subject` in a stream, if there is one.
    pub(super) async fn last(&self, name: &str, subject: &str) -> Result<Option<StoredMessage>, StreamError> {
        #[derive(Deserialize)]
        struct Found {
            message: StoredMessage,
        }
        let request = json!({ "last_by_subj": subject });
        match self.ask::<Found>(&format!("STREAM.MSG.GET.{name}"), Some(&request)).await {
            Ok(found) => Ok(Some(found.message)),
            Err(error) if error.is(code::NO_MESSAGE) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a durable consumer in the place of one of the same name.
    pub(super) async fn replace_consumer(
        &self,
        stream: &str,
        consumer: &str,
        config: &Value,
    ) -> Result<(), StreamError> {
        self.delete_consumer(stream, consumer).await?;
        self.ensure_consumer(stream, consumer, config).await
    }

    /// Makes a durable consumer, unless it is there.
    pub(super) async fn ensure_consumer(
        &self,
        stream: &str,
        consumer: &str,
        config: &Value,
    ) -> Result<(), StreamError> {
        let request = json!({ "stream_name": stream, "config": config });
        let subject = format!("CONSUMER.DURABLE.CREATE.{stream}.{consumer}");
        self.ask::<Value>(&subject, Some(&request)).await.map(drop)
    }

    /// Removes a consumer; that there is none is no error.
    pub(super) async fn delete_consumer(&self, stream: &str, consumer: &str) -> Result<(), StreamError> {
        match self.ask::<Value>(&format!("CONSUMER.DELETE.{stream}.{consumer}"), None).await {
            Err(error) if error.is(code::CONSUMER_NOT_FOUND) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Publishes to a stream and waits until it is stored.
    pub(super) async fn store(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<PubAck, StreamError> {
        let request = Request::new().headers(headers).payload(payload);
        PubAck::parse(&self.send(subject, request).await?)
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, body: Option<&Value>) -> Result<T, StreamError> {
        let payload = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let answer = self.send(format!("$JS.API.{what}"), Request::new().payload(payload)).await?;
        read(&answer)
    }

    async fn send(&self, subject: String, request: Request) -> Result<Bytes, StreamError> {
        // A request waits in the client while there is no connection, so this limit is the only one.
        let answer =
            tokio::time::timeout(ANSWER_LIMIT, self.client.send_request(subject, request.timeout(None)));
        match answer.await {
            Ok(Ok(message)) => Ok(message.payload),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => Err(StreamError::Absent),
            Ok(Err(_)) | Err(_) => Err(StreamError::Unanswered),
        }
    }
}

/// A message as it lies in a stream, for keys and values.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct StoredMessage {
    pub(super) seq: u64,
    /// Base64.
    #[serde(default)]
    pub(super) data: String,
    /// Base64.
    #[serde(default)]
    pub(super) hdrs: String,
    /// RFC 3339.
    pub(super) time: String,
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, StreamError> {
    #[derive(Deserialize)]
    struct Outcome {
        error: Option<Failure>,
    }
    let unreadable = |error: serde_json::Error| StreamError::Unreadable(error.to_string());
    if let Some(failure) = serde_json::from_slice::<Outcome>(answer).map_err(unreadable)?.error {
        return Err(failure.into());
    }
    serde_json::from_slice(answer).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_one_only_with_a_sequence() {
        let ack =
            PubAck::parse(br#"{"stream":"DSIEM_EVENTS","domain":"hub","seq":7,"duplicate":true}"#).unwrap();
        assert_eq!((ack.seq, ack.duplicate), (7, true));
        assert!(matches!(PubAck::parse(b"{}"), Err(StreamError::Unreadable(_))));
        assert!(matches!(PubAck::parse(b""), Err(StreamError::Unreadable(_))));
        let full =
            br#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"seq":0}"#;
        let error = PubAck::parse(full).unwrap_err();
        assert!(error.is(code::STORE_FAILED) && error.is_passing(), "{error}");
    }

    #[test]
    fn a_server_without_jetstream_says_so_in_two_ways() {
        let answer = br#"{"error":{"code":503,"err_code":10039,"description":"not enabled for account"}}"#;
        assert_eq!(read::<Value>(answer).unwrap_err(), StreamError::Absent);
        let busy = br#"{"error":{"code":503,"err_code":10008,"description":"temporarily unavailable"}}"#;
        assert!(read::<Value>(busy).unwrap_err().is_passing());
    }
}
