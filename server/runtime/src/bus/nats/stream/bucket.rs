//! A few keys and values on NATS: how far each node is, and which process is a node.
//!
//! A stream with one message for each key, in the form of NATS's key-value buckets, so that its tools show it.
//!
//! nats-server 2.9 ends with an error when it is asked for a message, or for subjects, of a stream that it is about to make
//! for somebody else, as happens where several processes start at the same moment. It tells the state of such a stream,
//! though, as that of an empty one. So nothing is asked of a bucket before something was stored in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::header::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dsiem_core::time::ReceiptTime;
use serde_json::json;

use super::api::{Api, StoredMessage, StreamError, code};

/// The bucket.
pub const BUCKET: &str = "DSIEM_NODES";

/// The stream that it is.
const STREAM: &str = "KV_DSIEM_NODES";

/// Before each key.
const PREFIX: &str = "$KV.DSIEM_NODES.";

/// Only if the key's newest message is this one.
const EXPECTED: HeaderName = HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");

/// The header that marks a removed key.
const OPERATION: HeaderName = HeaderName::from_static("KV-Operation");

/// The header that removes what is older.
const ROLLUP: HeaderName = HeaderName::from_static("Nats-Rollup");

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which change of the bucket it was.
    pub(super) revision: u64,
    /// None: the key was removed.
    pub(super) value: Option<Bytes>,
    /// When the server stored it, by its clock.
    pub(super) stored: ReceiptTime,
}

/// The bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    api: Api,
    /// Something was stored in it: it can be asked.
    is_filled: Arc<AtomicBool>,
}

impl Bucket {
    /// The bucket, which is made if there is none.
    pub(super) async fn open(api: Api, replicas: usize) -> Result<Self, StreamError> {
        let config = json!({
            "name": STREAM,
            "description": "How far each node of dsiem is, and which process it is",
            "subjects": [format!("{PREFIX}>")],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": replicas.max(1),
            "max_msgs_per_subject": 1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "max_consumers": -1,
            "allow_rollup_hdrs": true,
            "deny_delete": true,
        });
        match api.stream(STREAM).await {
            Err(error) if error.is(code::STREAM_NOT_FOUND) => {
                drop(api.create_stream(STREAM, &config).await?);
            }
            found => drop(found?),
        }
        Ok(Self::of(api))
    }

    /// The bucket, if it is known to be there.
    pub(super) fn of(api: Api) -> Self {
        Self { api, is_filled: Arc::default() }
    }

    /// Whether anything was ever stored in it.
    async fn is_filled(&self) -> Result<bool, StreamError> {
        if !self.is_filled.load(Ordering::Relaxed) {
            let stream = self.api.stream(STREAM).await?;
            self.is_filled.store(stream.state.last_seq > 0, Ordering::Relaxed);
        }
        Ok(self.is_filled.load(Ordering::Relaxed))
    }

    /// What `key` holds; None: there never was one.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Entry>, StreamError> {
        if !self.is_filled().await? {
            return Ok(None);
        }
        self.api.last(STREAM, &format!("{PREFIX}{key}")).await?.as_ref().map(entry).transpose()
    }

    /// Sets `key`, and returns the revision. With `expected`, only if that is the key's revision (0: there is none);
    /// otherwise the error is [`code::WRONG_LAST_SEQUENCE`].
    pub(super) async fn put(
        &self,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
    ) -> Result<u64, StreamError> {
        let mut headers = HeaderMap::new();
        if let Some(expected) = expected {
            headers.insert(EXPECTED, expected.to_string());
        }
        Ok(self.api.store(format!("{PREFIX}{key}"), headers, value).await?.seq)
    }

    /// Removes `key`.
    pub(super) async fn remove(&self, key: &str) -> Result<(), StreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "PURGE");
        headers.insert(ROLLUP, "sub");
        self.api.store(format!("{PREFIX}{key}"), headers, Bytes::new()).await.map(drop)
    }

    /// The keys that begin with `start`, removed ones included.
    pub(super) async fn keys(&self, start: &str) -> Result<Vec<String>, StreamError> {
        if !self.is_filled().await? {
            return Ok(Vec::new());
        }
        let subjects = self.api.subjects(STREAM, &format!("{PREFIX}{start}>")).await?;
        Ok(subjects.iter().filter_map(|subject| subject.strip_prefix(PREFIX)).map(str::to_owned).collect())
    }
}

fn entry(message: &StoredMessage) -> Result<Entry, StreamError> {
    let unreadable = |what: String| StreamError::Unreadable(what);
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| unreadable(error.to_string()));
    let time: jiff::Timestamp =
        message.time.parse().map_err(|error: jiff::Error| unreadable(error.to_string()))?;
    let nanos = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
    let headers = decode(&message.hdrs)?;
    let removed = headers.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"KV-Operation:"));
    let value = if removed { None } else { Some(Bytes::from(decode(&message.data)?)) };
    Ok(Entry { revision: message.seq, value, stored: ReceiptTime::from_nanos(nanos) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_value_or_says_that_there_is_none() {
        let message = |data: &str, hdrs: &str| StoredMessage {
            seq: 5,
            data: STANDARD.encode(data),
            hdrs: STANDARD.encode(hdrs),
            time: "2026-01-02T03:04:05.5Z".to_owned(),
        };
        let set = entry(&message("x", "")).unwrap();
        assert_eq!((set.revision, set.value), (5, Some(Bytes::from("x"))));
        assert_eq!(set.stored.nanos() % 1_000_000_000, 500_000_000);
        let removed =
            entry(&message("", "NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n")).unwrap();
        assert_eq!(removed.value, None);
        assert!(entry(&StoredMessage { time: "yesterday".to_owned(), ..message("", "") }).is_err());
    }
}
