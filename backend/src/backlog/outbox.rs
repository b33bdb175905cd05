//! What a backlog has to say to the alarm log.
//!
//! The log takes a record at once unless its queue is full, so a backlog says what it has to say without waiting. What
//! was not taken lies here, in its order, and then the backlog waits before it answers or does anything else.

use crate::alarm_log::{AlarmLog, LogRecord};

/// The records that the log has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<LogRecord>);

impl Outbox {
    /// Whether everything was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands `record` to `log`, or keeps it until there is room.
    pub(super) fn put(&mut self, record: LogRecord, log: &AlarmLog) {
        // None overtakes those before it.
        let refused = if self.is_empty() { log.try_write(record).err() } else { Some(record) };
        self.0.extend(refused);
    }

    /// Waits until `log` has taken everything.
    pub(super) async fn empty_into(&mut self, log: &AlarmLog) {
        for record in std::mem::take(&mut self.0) {
            log.write(record).await;
        }
    }
}
