//! The settings of the stream: those that we make it with, and what is to be said of those that it has. No I/O.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::StreamConfig;
use super::{STREAM, StreamOptions};
use crate::bus::nats::EVENTS_SUBJECT;

/// The request that makes the stream. Without fields that a server of version 2.9 does not know.
pub(super) fn to_create(options: &StreamOptions) -> Value {
    json!({
        "name": STREAM,
        "description": "Events until every backend of dsiem has dealt with them",
        "subjects": [EVENTS_SUBJECT],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": options.replicas.max(1),
        "max_age": nanos(options.max_age),
        "max_bytes": options.max_bytes.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1),
        "max_msgs": -1,
        "max_msg_size": -1,
        "max_msgs_per_subject": -1,
        "max_consumers": -1,
        "duplicate_window": nanos(options.duplicate_window),
    })
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Why a stream that exists cannot be used at all, if so.
pub(super) fn obstacle(config: &StreamConfig) -> Option<String> {
    if !config.subjects.iter().any(|subject| subject == EVENTS_SUBJECT || subject == ">" || subject == "*") {
        return Some(format!(
            "the stream {STREAM} does not capture {EVENTS_SUBJECT}; add this subject to it"
        ));
    }
    if config.no_ack {
        return Some(format!("the stream {STREAM} acknowledges nothing (no_ack); make it again without"));
    }
    if config.sealed {
        return Some(format!("the stream {STREAM} is sealed and takes nothing; make it again"));
    }
    None
}

/// How the settings of a stream that exists would lose events, each as a clause.
pub(super) fn doubts(config: &StreamConfig) -> Vec<String> {
    let limited = |limit: i64| limit > 0;
    let old = config.discard != "new";
    let ages = Duration::from_nanos(config.max_age);
    let found = [
        (
            config.storage == "memory",
            "it is kept in memory only, so that a restart of NATS loses it".to_owned(),
        ),
        (
            config.retention != "limits",
            format!("its retention is {}, so that not every backend sees every event", config.retention),
        ),
        (
            old && (limited(config.max_bytes) || limited(config.max_msgs)),
            "it makes room by removing the oldest events (discard), read or not".to_owned(),
        ),
        (
            limited(config.max_msgs_per_subject),
            format!("it keeps only {} events of a subject", config.max_msgs_per_subject),
        ),
        (!ages.is_zero(), format!("it removes events after {ages:?}, read or not")),
        (config.deny_purge, "it may not be purged, so that it grows for ever".to_owned()),
        (limited(config.max_msg_size), format!("it refuses events over {} bytes", config.max_msg_size)),
        (
            config.duplicate_window == 0,
            "it has no duplicate window, so that what is sent again is stored again".to_owned(),
        ),
    ];
    found.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &Value) -> StreamConfig {
        let mut config = to_create(&StreamOptions::default());
        let fields = config.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn what_we_make_is_as_it_should_be() {
        let config = config(&json!({}));
        assert_eq!((obstacle(&config), doubts(&config)), (None, Vec::new()));
        assert_eq!(
            (config.num_replicas, config.discard.as_str(), config.storage.as_str()),
            (1, "new", "file")
        );
    }

    #[test]
    fn each_setting_that_loses_events_is_named() {
        let cases = [
            (json!({ "storage": "memory" }), "memory"),
            (json!({ "retention": "workqueue" }), "workqueue"),
            (json!({ "discard": "old", "max_bytes": 1000 }), "oldest"),
            (json!({ "max_age": 60_000_000_000_u64 }), "60s"),
            (json!({ "deny_purge": true }), "purged"),
            (json!({ "max_msgs_per_subject": 5 }), "5 events"),
            (json!({ "duplicate_window": 0 }), "window"),
        ];
        for (changes, word) in cases {
            let found = doubts(&config(&changes));
            assert!(found.len() == 1 && found[0].contains(word), "{changes}: {found:?}");
        }
        assert!(
            doubts(&config(&json!({ "discard": "old" }))).is_empty(),
            "without a limit nothing is discarded"
        );
    }

    #[test]
    fn what_cannot_work_is_an_obstacle() {
        let obstacles =
            [json!({ "subjects": ["other"] }), json!({ "no_ack": true }), json!({ "sealed": true })];
        for changes in obstacles {
            assert!(obstacle(&config(&changes)).is_some(), "{changes}");
        }
    }
}
