//! How far each node is, and removing from the stream what all of them have acknowledged.
//!
//! Each node writes a record of its own every few seconds. Whoever sees that all records are beyond the beginning of the
//! stream removes what lies before them; several nodes may do so, since removing twice changes nothing. A node that has
//! been silent for too long, or was forgotten, is not waited for.
//!
//! The newest of what nobody needs stays. JetStream keeps messages in files of up to 8 MiB, and what is removed from within
//! one has it write the rest of that file anew, in place: a server that is killed at that moment has lost the file. So the
//! file in which removing ends must hold nothing that is needed, and not the end of the stream. (nats-server 2.9: killed
//! at a moment of chance while everything that was acknowledged is removed once a second or more, one time in eight it had
//! lost messages that it had acknowledged.)

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use dsiem_core::time::ReceiptTime;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::api::{Api, StreamError, StreamState};
use super::bucket::Bucket;
use super::reader::consumer_name;
use super::subscription::Parts;
use super::{STREAM, lease, node_token};
use crate::bus::nats::generation;
use crate::bus::{Position, StreamId};
use crate::clock::Clock;

/// How often a node looks whether it has something to say.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often it says that it is there, without progress too.
const ALIVE_EVERY: Duration = Duration::from_secs(10);

/// A node that was heard of within this time is alive, or died just now.
const ALIVE_WITHIN: Duration = Duration::from_secs(30);

/// What nobody needs any more and stays: two of JetStream's files, since messages differ in size.
const KEPT_BYTES: u64 = 16 << 20;

/// A limited stream keeps one part in so many at most. JetStream's files are smaller then.
const KEPT_PART: u64 = 4;

/// Before the name of a node, in the bucket.
const KEYS: &str = "node.";

/// How far a node is, as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) node: String,
    /// When the stream was made that it reads.
    pub(super) created: String,
    /// See [`super::stream_id`].
    pub(super) turn: u64,
    /// The last event that it does not need any more.
    pub(super) sequence: u64,
}

/// A node, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Its name.
    pub node: String,
    /// The last event that it does not need any more; 0 if it has none of this stream.
    pub sequence: u64,
    /// The last event of the stream.
    pub last: u64,
    /// How many events of the stream it still needs.
    pub behind: u64,
    /// How long it has not been heard of.
    pub silent: Duration,
    /// Whether the stream keeps for it what it needs.
    pub holds: bool,
}

impl NodeState {
    /// Whether it is there, as far as others can tell.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.silent <= ALIVE_WITHIN
    }
}

/// What the reader has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) stream: StreamId,
    pub(super) created: String,
    pub(super) turn: u64,
    /// On which connection.
    pub(super) connection: u64,
}

/// The record of a node, if it has one.
pub(super) async fn record_of(bucket: &Bucket, node: &str) -> Result<Option<Record>, StreamError> {
    let entry = bucket.get(&key(node)).await?;
    Ok(entry.and_then(|entry| entry.value).and_then(|value| serde_json::from_slice(&value).ok()))
}

/// Writes a node's record.
pub(super) async fn write(bucket: &Bucket, record: &Record) -> Result<(), StreamError> {
    let value = serde_json::to_vec(record).map_err(|error| StreamError::Unreadable(error.to_string()))?;
    bucket.put(&key(&record.node), Bytes::from(value), None).await.map(drop)
}

fn key(node: &str) -> String {
    format!("{KEYS}{}", node_token(node))
}

/// All nodes that have a record, by name.
pub(in crate::bus::nats) async fn list(
    client: &Client,
    expiry: Duration,
    clock: &Clock,
) -> Result<Vec<NodeState>, StreamError> {
    let api = Api::new(client.clone());
    let info = api.stream(STREAM).await?;
    let records = match records(&Bucket::of(api)).await {
        Err(error) if error.is_no_stream() => Vec::new(),
        records => records?,
    };
    let newest = records.iter().map(|(_, stored)| *stored).max().unwrap_or_default();
    // Times of records are the server's; its own clock is the better one to compare them with.
    let now = info.ts.as_deref().and_then(parse_time).unwrap_or_else(|| clock.now()).max(newest);
    let state = |(record, stored): (Record, ReceiptTime)| {
        let silent = Duration::from_nanos(u64::try_from(now.since(stored)).unwrap_or(0));
        let sequence = if record.created == info.created { record.sequence } else { 0 };
        let last = info.state.last_seq;
        // What is gone waits for nobody.
        let behind = last.saturating_sub(sequence.max(info.state.first_seq.saturating_sub(1)));
        NodeState { node: record.node, sequence, last, behind, silent, holds: silent <= expiry }
    };
    let mut nodes: Vec<_> = records.into_iter().map(state).collect();
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(nodes)
}

fn parse_time(text: &str) -> Option<ReceiptTime> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(ReceiptTime::from_nanos)
}

/// Removes what is there of a node; true if there was a record.
pub(in crate::bus::nats) async fn forget(client: &Client, node: &str) -> Result<bool, StreamError> {
    let api = Api::new(client.clone());
    let bucket = Bucket::of(api.clone());
    let existed = record_of(&bucket, node).await?.is_some();
    if existed {
        bucket.remove(&key(node)).await?;
    }
    if bucket.get(&lease::key(node)).await?.is_some_and(|entry| entry.value.is_some()) {
        bucket.remove(&lease::key(node)).await?;
    }
    api.delete_consumer(STREAM, &consumer_name(node)).await?;
    Ok(existed)
}

async fn records(bucket: &Bucket) -> Result<Vec<(Record, ReceiptTime)>, StreamError> {
    let mut records = Vec::new();
    for key in bucket.keys(KEYS).await? {
        let Some(entry) = bucket.get(&key).await? else { continue };
        let Some(value) = entry.value else { continue };
        match serde_json::from_slice(&value) {
            Ok(record) => records.push((record, entry.stored)),
            Err(error) => return Err(StreamError::Unreadable(format!("{key}: {error}"))),
        }
    }
    Ok(records)
}

/// The task that tells others how far this node is, and removes what nobody needs.
pub(super) struct Progress {
    parts: Parts,
    acknowledged: watch::Receiver<Option<Position>>,
    opened: watch::Receiver<Option<Opened>>,
    /// What was written last, and when.
    written: Option<(Record, Instant)>,
    /// None: it has to be looked for.
    bucket: Option<Bucket>,
    /// Nodes that are not waited for any more.
    expired: BTreeSet<String>,
}

impl Progress {
    pub(super) fn new(
        parts: Parts,
        acknowledged: &Arc<watch::Sender<Option<Position>>>,
        opened: watch::Receiver<Option<Opened>>,
    ) -> Self {
        Self {
            parts,
            acknowledged: acknowledged.subscribe(),
            opened,
            written: None,
            bucket: None,
            expired: BTreeSet::new(),
        }
    }

    /// Ends when nobody can acknowledge anything any more, after saying the last word.
    pub(super) async fn run(mut self) {
        let client = self.parts.link.client().await;
        loop {
            let ended = tokio::select! {
                biased;
                () = closed(&mut self.acknowledged) => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            if let Err(error) = self.look(&client).await {
                self.bucket = None;
                debug!(%error, "cannot tell how far this node is, trying again");
            }
            if ended {
                return;
            }
        }
    }

    async fn look(&mut self, client: &Client) -> Result<(), StreamError> {
        let Some(opened) = self.opened.borrow().clone() else { return Ok(()) };
        let current = self.parts.link.connected_client().map(generation);
        let Some(position) = *self.acknowledged.borrow() else { return Ok(()) };
        // On a new connection, the stream may be another one until the reader has looked.
        if current != Some(opened.connection) || position.stream != opened.stream {
            return Ok(());
        }
        let record = Record {
            node: self.parts.node.clone(),
            created: opened.created,
            turn: opened.turn,
            sequence: position.sequence,
        };
        let is_fresh = |(last, at): &(Record, Instant)| *last == record && at.elapsed() < ALIVE_EVERY;
        if self.written.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let api = Api::new(client.clone());
        let bucket = match &self.bucket {
            Some(bucket) => bucket.clone(),
            None => Bucket::open(api.clone(), self.parts.replicas).await?,
        };
        self.bucket = Some(bucket.clone());
        let written = write(&bucket, &record).await;
        // Removing comes in any case: it is what helps when there is no room to write.
        let removed = self.remove_unneeded(&api, &bucket, &record).await;
        written?;
        self.written = Some((record, Instant::now()));
        removed
    }

    async fn remove_unneeded(&mut self, api: &Api, bucket: &Bucket, own: &Record) -> Result<(), StreamError> {
        let records = records(bucket).await?;
        let needless = self.needless(own, &records);
        let info = api.stream(STREAM).await?;
        let is_sound = info.created == own.created && needless <= info.state.last_seq;
        match removable(needless, info.state, info.config.max_bytes) {
            Some(last) if is_sound => api.purge_before(STREAM, last + 1).await,
            _ => Ok(()),
        }
    }

    /// The last event that no live node needs.
    fn needless(&mut self, own: &Record, records: &[(Record, ReceiptTime)]) -> u64 {
        let now = records.iter().map(|(_, stored)| *stored).max().unwrap_or_default();
        let mut needless = own.sequence;
        for (record, stored) in records.iter().filter(|(record, _)| record.node != own.node) {
            let silent = Duration::from_nanos(u64::try_from(now.since(*stored)).unwrap_or(0));
            if silent > self.parts.node_expiry {
                self.note_expired(&record.node, silent);
                continue;
            }
            self.expired.remove(&record.node);
            needless = needless.min(if record.created == own.created { record.sequence } else { 0 });
        }
        needless
    }

    fn note_expired(&mut self, node: &str, silent: Duration) {
        if self.expired.insert(node.to_owned()) {
            warn!(
                silent_secs = silent.as_secs(),
                silent_node = node,
                "a node has been silent for too long; the stream no longer keeps events for it"
            );
        }
    }
}

/// The last event that is to be removed, where those up to `needless` may be: about [`KEPT_BYTES`] before that one.
fn removable(needless: u64, state: StreamState, max_bytes: i64) -> Option<u64> {
    let kept_bytes = match u64::try_from(max_bytes) {
        Ok(limit) if limit > 0 => KEPT_BYTES.min(limit / KEPT_PART),
        _ => KEPT_BYTES,
    };
    let first = state.first_seq.max(1);
    let messages = (state.last_seq + 1).saturating_sub(first);
    let mean_bytes = (state.bytes / messages.max(1)).max(1);
    let last = needless.checked_sub(kept_bytes / mean_bytes)?;
    (last >= first).then_some(last)
}

/// Waits until nobody can change the value any more.
async fn closed(acknowledged: &mut watch::Receiver<Option<Position>>) {
    while acknowledged.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 100,000 messages of 1 KiB, the first that is left being number 1,001.
    const STATE: StreamState = StreamState { first_seq: 1_001, last_seq: 101_000, bytes: 100_000 << 10 };
    const NO_LIMIT: i64 = -1;

    #[test]
    fn the_newest_of_what_nobody_needs_stays() {
        let kept = KEPT_BYTES >> 10;
        assert_eq!(removable(101_000, STATE, NO_LIMIT), Some(101_000 - kept));
        assert_eq!(removable(50_000, STATE, NO_LIMIT), Some(50_000 - kept), "however much is needed");
        assert_eq!(removable(1_001 + kept, STATE, NO_LIMIT), Some(1_001));
        assert_eq!(removable(1_000 + kept, STATE, NO_LIMIT), None);
        assert_eq!(removable(0, STATE, NO_LIMIT), None);
        assert_eq!(removable(0, StreamState::default(), NO_LIMIT), None);
    }

    #[test]
    fn a_limited_stream_keeps_no_more_than_a_part() {
        assert_eq!(removable(101_000, STATE, 8 << 20), Some(101_000 - 2_048));
        assert_eq!(removable(101_000, STATE, 1 << 30), removable(101_000, STATE, NO_LIMIT));
    }
}
