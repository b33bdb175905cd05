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

#[cfg(test)]
mod tests {
    use dsiem_runtime::metrics::Metrics;
    use tokio::sync::mpsc;

    use super::*;

    fn record(document: &[u8]) -> LogRecord {
        LogRecord::Alarm { document: document.to_vec(), standing: None }
    }

    fn taken(log: &mut mpsc::Receiver<LogRecord>) -> Option<Vec<u8>> {
        match log.try_recv() {
            Ok(LogRecord::Alarm { document, .. }) => Some(document),
            _ => None,
        }
    }

    #[tokio::test]
    async fn what_a_full_log_does_not_take_waits_and_nothing_overtakes_it() {
        let (queue, mut written) = mpsc::channel(1);
        let (log, mut outbox) = (AlarmLog::to(queue, &Metrics::new()), Outbox::default());
        outbox.put(record(b"1"), &log);
        assert!(outbox.is_empty(), "there was room");
        outbox.put(record(b"2"), &log);
        assert_eq!(taken(&mut written).unwrap(), b"1");
        outbox.put(record(b"3"), &log);
        assert_eq!(taken(&mut written), None, "there is room, but not for the third before the second");
        let emptying = tokio::spawn(async move {
            outbox.empty_into(&log).await;
            outbox.is_empty()
        });
        for document in [b"2", b"3"] {
            let Some(LogRecord::Alarm { document: next, .. }) = written.recv().await else { panic!() };
            assert_eq!(next, document);
        }
        assert!(emptying.await.unwrap());
    }
}
