//! Alarms over NATS: one message for each update, and messages of many events, on two subjects.
//!
//! Where events are kept in a stream, alarms are too, in a stream of their own. It has limits of age and size, beyond
//! which the oldest go, because nobody need be there to take them. Whoever keeps alarms reads it with a consumer of the
//! store's, which all frontends of that store share. On core NATS alarms are sent and forgotten, as everything is there.

mod publisher;
mod reader;

use std::time::Duration;

use serde_json::{Value, json};
use tracing::info;

use super::api::{Api, Created, StreamError, code};

pub(in crate::bus::nats) use publisher::start as start_alarm_publisher;
pub use reader::AlarmReader;
pub(in crate::bus::nats) use reader::Parts as AlarmReaderParts;

/// Where updates of alarms go: a JSON object each.
pub const ALARMS_SUBJECT: &str = "dsiem_alarms";

/// Where events of alarms go: JSON objects, one a line.
pub const ALARM_EVENTS_SUBJECT: &str = "dsiem_alarm_events";

/// The stream of both.
pub const ALARMS_STREAM: &str = "DSIEM_ALARMS";

/// What is older goes, read or not.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// With more bytes than this, the oldest go, read or not. A server with little room for streams is asked for less.
const MAX_BYTES: [u64; 2] = [1 << 30, 64 << 20];

/// The pause before something is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Makes the stream unless it is there.
async fn ensure_stream(api: &Api, replicas: usize) -> Result<(), StreamError> {
    let mut refused = match api.stream(ALARMS_STREAM).await {
        Err(error) if error.is_no_stream() => error,
        found => return found.map(drop),
    };
    for max_bytes in MAX_BYTES {
        match api.create_stream(ALARMS_STREAM, &settings(replicas, max_bytes)).await {
            Ok(Created::Now(_)) => {
                info!(stream = ALARMS_STREAM, max_bytes, "made the stream of alarms");
                return Ok(());
            }
            Ok(Created::Before(_)) => return Ok(()),
            Err(error) if is_for_want_of_room(&error) => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

fn is_for_want_of_room(error: &StreamError) -> bool {
    [code::ACCOUNT_RESOURCES, code::INSUFFICIENT_RESOURCES, code::STORAGE_RESOURCES, code::STREAM_BYTES]
        .into_iter()
        .any(|code| error.is(code))
}

fn settings(replicas: usize, max_bytes: u64) -> Value {
    json!({
        "name": ALARMS_STREAM,
        "description": "Alarms of dsiem and their events, until they are in the alarm store",
        "subjects": [ALARMS_SUBJECT, ALARM_EVENTS_SUBJECT],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas.max(1),
        "max_age": u64::try_from(MAX_AGE.as_nanos()).unwrap_or(u64::MAX),
        "max_bytes": max_bytes,
        "max_msgs": -1,
        "max_msg_size": -1,
        "max_msgs_per_subject": -1,
        "max_consumers": -1,
    })
}
