//! `logs/rejected_events.json`: what was refused and why, for whoever looks after the senders.
//!
//! One JSON object a line: `{"time", "reason", "event"}`, the event as the text that was sent. This is a help and no
//! promise, so nothing waits for it: its queue, the length of an event and the size of the file have limits, and what
//! does not fit is counted.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dsiem_core::time::ReceiptTime;
use dsiem_runtime::metrics::{Counter, Metrics};
use serde::Serialize;
use tokio::sync::mpsc;

/// Refused events that wait to be written; full: not written, and counted.
pub const MAX_WAITING: usize = 1_024;

/// Bytes of one event's text that are kept.
pub const MAX_EVENT_TEXT: usize = 8 << 10;

/// Bytes of the file; beyond, it becomes [`OLD_NAME`] and a new one is begun, so twice as much is kept.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// The file's name in the folder of logs.
pub const NAME: &str = "rejected_events.json";

/// The name of the file before this one.
pub const OLD_NAME: &str = "rejected_events.old.json";

/// How many are written at once.
const WRITE_BATCH: usize = 256;

/// One refused event.
#[derive(Debug)]
pub(crate) struct Rejection {
    time: ReceiptTime,
    reason: String,
    event: String,
    truncated: bool,
}

/// Where refused events are handed in.
#[derive(Debug, Clone)]
pub(crate) struct RejectedEvents {
    queue: mpsc::Sender<Rejection>,
    unlogged: Counter,
}

impl RejectedEvents {
    /// Keeps what the file has room for; never waits.
    pub(crate) fn offer(&self, time: ReceiptTime, reason: &dyn fmt::Display, event: &str) {
        let Ok(slot) = self.queue.try_reserve() else {
            self.unlogged.inc();
            return;
        };
        let kept = event.floor_char_boundary(MAX_EVENT_TEXT);
        slot.send(Rejection {
            time,
            reason: reason.to_string(),
            event: event[..kept].to_owned(),
            truncated: kept < event.len(),
        });
    }
}

/// The one that owns the file.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Receiver<Rejection>,
    folder: PathBuf,
    max_bytes: u64,
    unlogged: Counter,
    /// Said once per change, not once per event.
    failing: bool,
}

/// The two ends for the file in `folder`.
pub(crate) fn open(folder: &Path, metrics: &Metrics) -> (RejectedEvents, Writer) {
    let (sender, queue) = mpsc::channel(MAX_WAITING);
    let unlogged = metrics.counter(
        "dsiem_frontend_rejected_events_unlogged",
        "Refused events that rejected_events.json has no room for.",
    );
    let folder = folder.to_owned();
    let writer =
        Writer { queue, folder, max_bytes: MAX_FILE_BYTES, unlogged: unlogged.clone(), failing: false };
    (RejectedEvents { queue: sender, unlogged }, writer)
}

impl Writer {
    /// Writes until all the other ends are gone and everything is written.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::with_capacity(WRITE_BATCH);
        while self.queue.recv_many(&mut batch, WRITE_BATCH).await > 0 {
            let lines = lines(&batch);
            let (folder, max_bytes) = (self.folder.clone(), self.max_bytes);
            let written = tokio::task::spawn_blocking(move || append(&folder, max_bytes, &lines)).await;
            self.note(written.unwrap_or_else(|e| Err(io::Error::other(e))), batch.len());
            batch.clear();
        }
    }

    fn note(&mut self, written: io::Result<()>, events: usize) {
        let failed = written.is_err();
        if let Err(error) = written {
            self.unlogged.add(events as u64);
            if !self.failing {
                let folder = self.folder.display();
                tracing::warn!(%folder, %error, "refused events cannot be written to {NAME}; make the folder writable");
            }
        }
        self.failing = failed;
    }
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    reason: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

fn lines(batch: &[Rejection]) -> Vec<u8> {
    let mut lines = Vec::new();
    for rejection in batch {
        let line = Line {
            time: rfc3339(rejection.time),
            reason: &rejection.reason,
            event: &rejection.event,
            truncated: rejection.truncated,
        };
        // Texts have a JSON form, and writing to memory does not fail.
        serde_json::to_writer(&mut lines, &line).expect("a line has a JSON form");
        lines.push(b'\n');
    }
    lines
}

fn rfc3339(time: ReceiptTime) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos())).map(|t| t.to_string()).unwrap_or_default()
}

/// Opened for each write, so that a file that was moved or removed meanwhile is begun anew.
fn append(folder: &Path, max_bytes: u64, lines: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(NAME);
    let open = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
    let mut file: File = open(&path)?;
    let size = file.metadata()?.len();
    if size > 0 && size.saturating_add(lines.len() as u64) > max_bytes {
        fs::rename(&path, folder.join(OLD_NAME))?;
        file = open(&path)?;
    }
    file.write_all(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: PathBuf) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn write(folder: &Path, max_bytes: u64, events: &[&str]) -> u64 {
        let metrics = Metrics::new();
        let (rejected, mut writer) = open(folder, &metrics);
        writer.max_bytes = max_bytes;
        let unlogged = writer.unlogged.clone();
        for event in events {
            rejected.offer(ReceiptTime::from_secs(0), &"src_ip: is missing", event);
        }
        drop(rejected);
        writer.run().await;
        unlogged.get()
    }

    #[tokio::test]
    async fn each_refused_event_is_one_line_with_time_reason_and_text() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("logs"), MAX_FILE_BYTES, &["{\"a\":\n1}", "nonsense\u{1}"]).await;
        let lines = content(folder.path().join("logs").join(NAME));
        assert_eq!(
            lines[0],
            serde_json::json!({"time": "1970-01-01T00:00:00Z", "reason": "src_ip: is missing", "event": "{\"a\":\n1}"})
        );
        assert_eq!(lines[1]["event"], "nonsense\u{1}");
        assert_eq!(lines.len(), 2);
    }

    #[tokio::test]
    async fn long_events_are_cut_at_a_character() {
        let folder = tempfile::tempdir().unwrap();
        let event = format!("x{}", "é".repeat(MAX_EVENT_TEXT));
        write(folder.path(), MAX_FILE_BYTES, &[&event]).await;
        let lines = content(folder.path().join(NAME));
        assert_eq!(lines[0]["event"].as_str().unwrap().len(), MAX_EVENT_TEXT - 1);
        assert_eq!(lines[0]["truncated"], true);
    }

    #[tokio::test]
    async fn a_full_file_makes_way_for_a_new_one_and_one_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for event in ["first", "second", "third"] {
            write(folder.path(), 100, &[event]).await;
        }
        let of = |name| content(folder.path().join(name))[0]["event"].clone();
        assert_eq!((of(OLD_NAME), of(NAME)), ("second".into(), "third".into()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_the_queue_has_no_room_for_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let events = vec!["x"; MAX_WAITING + 7];
        assert_eq!(write(folder.path(), MAX_FILE_BYTES, &events).await, 7);
        assert_eq!(content(folder.path().join(NAME)).len(), MAX_WAITING);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_counted_and_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("logs"), "a file, not a folder").unwrap();
        assert_eq!(write(&folder.path().join("logs"), MAX_FILE_BYTES, &["x", "y"]).await, 2);
    }
}
