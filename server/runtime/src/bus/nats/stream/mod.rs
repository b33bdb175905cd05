//! The durable way over NATS: a JetStream stream that keeps every event until all backends have dealt with it.
//!
//! The stream captures the subject that core NATS uses, so that publishers that know nothing of it are captured too.
//! `ways` decides for each connection whether the stream is used. The `publisher` has each event confirmed, the
//! `subscription` reads in the order of the stream and behind a given place, and `nodes` removes what every node has
//! acknowledged. `alarms` is the way back: what backends make of events, for whoever keeps alarms.

use std::time::Duration;

use async_nats::Client;
use sha2::{Digest, Sha256};

use crate::bus::{Kept, StreamId};

mod alarms;
mod api;
mod bucket;
mod consumer;
mod delivery;
mod health;
mod holder_file;
mod lease;
mod message_id;
mod nodes;
mod publisher;
mod reader;
mod reading;
mod settings;
mod start;
mod subscription;
mod unconfirmed;
mod ways;

pub use alarms::{ALARM_EVENTS_SUBJECT, ALARMS_STREAM, ALARMS_SUBJECT, AlarmReader};
pub use api::StreamError;
pub use bucket::BUCKET;
pub use health::StreamHealth;
pub use lease::Lease;
pub use nodes::NodeState;
pub use publisher::DurablePublisher;
pub use subscription::{DurableSubscription, StreamAcknowledger};

pub(super) use alarms::{AlarmReaderParts, start_alarm_publisher};
pub(super) use lease::{Wanted as WantedLease, take as take_lease};
pub(super) use nodes::{forget as forget_node, list as list_nodes};
pub(super) use subscription::Parts;
pub(super) use ways::Ways;
pub(super) use {publisher::start as start_publisher, subscription::start as start_subscription};

/// The stream of events.
pub const STREAM: &str = "DSIEM_EVENTS";

/// What the stream keeps, and its limits.
///
/// # Errors
/// When there is no stream, or no answer.
pub(super) async fn kept(client: &Client) -> Result<Kept, StreamError> {
    let info = api::Api::new(client.clone()).stream(STREAM).await?;
    let (config, state) = (info.config, info.state);
    Ok(Kept {
        bytes: state.bytes,
        max_bytes: u64::try_from(config.max_bytes).ok().filter(|limit| *limit > 0),
        events: Some(state.last_seq.saturating_add(1).saturating_sub(state.first_seq)),
        max_age: Some(Duration::from_nanos(config.max_age)).filter(|age| !age.is_zero()),
    })
}

/// How the stream is to be. Only replicas, age, bytes and window of a stream that does not exist yet: one that exists is
/// used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// How many servers of a cluster keep each event.
    pub replicas: usize,
    /// Events older than this are removed, whoever still needs them; zero: never.
    pub max_age: Duration,
    /// When it has more bytes than this, new events are refused. None: the server's own limit.
    pub max_bytes: Option<u64>,
    /// An event that comes again within this time is stored once.
    pub duplicate_window: Duration,
    /// A node that has been silent for longer no longer holds events for itself.
    pub node_expiry: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            replicas: 1,
            max_age: Duration::ZERO,
            max_bytes: None,
            duplicate_window: Duration::from_secs(120),
            node_expiry: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// The identity of a stream that was made at `created`. `turn` tells apart what is the same stream to the server, but was
/// seen to have gone back to an earlier state.
fn stream_id(created: &str, turn: u64) -> StreamId {
    let mut hash = Sha256::new();
    for part in [STREAM.as_bytes(), b"\0", created.as_bytes(), b"\0", &turn.to_be_bytes()] {
        hash.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    StreamId(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// A name for things on the server that belong to a node: of letters, digits, `-` and `_`, and different for different
/// nodes.
fn node_token(node: &str) -> String {
    let token = super::sequence::token(node);
    if token == node {
        return token;
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(node.as_bytes()));
    format!("{token}_{:08x}", u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_made_anew_is_another_one() {
        let first = stream_id("2026-01-02T03:04:05.000000001Z", 0);
        assert_eq!(first, stream_id("2026-01-02T03:04:05.000000001Z", 0));
        assert_ne!(first, stream_id("2026-01-02T03:04:05.000000002Z", 0));
        assert_ne!(first, stream_id("2026-01-02T03:04:05.000000001Z", 1));
    }

    #[test]
    fn different_nodes_have_different_names_on_the_server() {
        assert_eq!(node_token("be-0"), "be-0");
        assert!(node_token("be.0").starts_with("be_0_"));
        assert_ne!(node_token("be.0"), node_token("be 0"));
        assert_ne!(node_token("be.0"), node_token("be_0"));
    }
}
