//! What correlation reports of itself.

use dsiem_runtime::nodes::{ALARMS_RAISED, Backlogs, Described, EVENTS_RECEIVED, OpenByDirective, Queue};

use crate::alarm_log::QUEUE_RECORDS;
use crate::config::EngineConfig;
use crate::counters::EQUATIONS;

impl EngineConfig {
    /// What is reported of a process with this configuration, which counts open backlogs in `by_directive`.
    #[must_use]
    pub fn described(&self, by_directive: OpenByDirective) -> Described {
        let queue = |name, gauge, limit: usize| Queue { name, gauge, limit: Some(limit as u64) };
        Described {
            books: EQUATIONS.to_vec(),
            rates: vec![(EVENTS_RECEIVED, "dsiem_events_received"), (ALARMS_RAISED, "dsiem_alarms_raised")],
            queues: vec![
                queue("events in the receive queue", "dsiem_queue_length", self.max_queue),
                queue("lines for the alarm files", "dsiem_alarm_log_queue_length", QUEUE_RECORDS),
            ],
            backlogs: Some(Backlogs {
                gauge: "dsiem_backlogs",
                limit: self.pipeline.max_backlogs as u64,
                directives: ["dsiem_directives_ttl", "dsiem_directives_active", "dsiem_directives_skipped"],
                by_directive,
            }),
        }
    }
}
