//! What the dispatcher counts.

use dsiem_runtime::metrics::{Counter, Gauge, Metrics};

use super::judging::Judged;
use super::outbox::{Counts, State};

/// Counters and gauges of notifications.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    told: Counter,
    held: Counter,
    dropped: Counter,
    sent: Counter,
    failed: Counter,
    given_up: Counter,
    database_errors: Counter,
    waiting: Gauge,
    dead: Gauge,
}

impl Counters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let counter = |name: &str, help| metrics.counter(&format!("dsiem_notifications_{name}"), help);
        let gauge = |name: &str, help| metrics.gauge(&format!("dsiem_notifications_{name}"), help);
        Self {
            told: counter("queued", "Deliveries that rules have put into the outbox."),
            held: counter("held_back", "Occasions that are told later, in a summary."),
            dropped: counter("dropped_in_quiet_hours", "Occasions that are not told, as a rule says."),
            sent: counter("sent", "Deliveries that the other side took."),
            failed: counter("failed_tries", "Tries of deliveries that failed."),
            given_up: counter("given_up", "Deliveries that were given up."),
            database_errors: counter(
                "database_errors",
                "Times that the database did not do what notifications need.",
            ),
            waiting: gauge("waiting", "Deliveries in the outbox that are not sent yet."),
            dead: gauge("dead", "Deliveries that were given up and are kept."),
        }
    }

    pub(super) fn judged(&self, judged: Judged) {
        self.told.add(judged.told);
        self.held.add(judged.held);
        self.dropped.add(judged.dropped);
    }

    /// A try has ended, and the delivery is this now; `None`: another frontend has it.
    pub(super) fn tried(&self, was_sent: bool, state: Option<State>) {
        if !was_sent {
            self.failed.inc();
        }
        match state {
            Some(State::Sent) => self.sent.inc(),
            Some(State::Dead) => self.given_up.inc(),
            Some(State::Waiting | State::Sending) | None => {}
        }
    }

    pub(super) fn database_failed(&self) {
        self.database_errors.inc();
    }

    pub(super) fn are(&self, counts: Counts) {
        self.waiting.set(i64::try_from(counts.open).unwrap_or(i64::MAX));
        self.dead.set(i64::try_from(counts.dead).unwrap_or(i64::MAX));
    }
}
