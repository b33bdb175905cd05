//! What a frontend reports of itself.

use dsiem_runtime::nodes::{Described, EVENTS_ACCEPTED, Queue};

use crate::config::Config;
use crate::counters::EQUATIONS;
use crate::server::MAX_CONNECTIONS;

impl Config {
    /// What is reported of a frontend with this configuration.
    #[must_use]
    pub fn described(&self) -> Described {
        let events = Queue {
            name: "events on their way to the bus",
            gauge: "dsiem_frontend_events_in_flight",
            limit: Some(self.max_queue as u64),
        };
        let connections = Queue {
            name: "HTTP connections",
            gauge: "dsiem_frontend_connections",
            limit: Some(MAX_CONNECTIONS as u64),
        };
        Described {
            books: EQUATIONS.to_vec(),
            rates: vec![(EVENTS_ACCEPTED, "dsiem_frontend_events_accepted")],
            queues: vec![events, connections],
            backlogs: None,
        }
    }
}
