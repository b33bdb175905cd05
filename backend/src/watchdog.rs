//! The line every ten seconds that says how the process is doing, with the field names that existing dashboards read.
//! Whatever else there is to say is a line of its own, so that the fields stay those.

use std::time::Duration;

use dsiem_runtime::ledger::Standing;
use dsiem_runtime::metrics::Gauge;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use crate::counters::Counters;

/// How often the line is written.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// What the watchdog compares with.
#[derive(Debug, Clone)]
pub struct Watchdog {
    /// The books.
    pub counters: Counters,
    /// Whether they balance.
    pub books: Standing,
    /// Events waiting in the receive queue.
    pub queue_length: Gauge,
    /// The rate, in events a second, that the process is meant to sustain.
    pub target_eps: u32,
}

/// The counts at one look.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    received: u64,
    matched: u64,
    processing_nanos: u64,
    budget_missed: u64,
}

impl Watchdog {
    /// Writes the line every [`INTERVAL`], until it is dropped.
    pub async fn run(self) {
        let mut ticks = tokio::time::interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut before, mut at) = (self.look(), Instant::now());
        loop {
            let tick = ticks.tick().await;
            let look = self.look();
            self.report(before, look, tick.duration_since(at));
            (before, at) = (look, tick);
        }
    }

    fn look(&self) -> Look {
        let counters = &self.counters;
        Look {
            received: counters.events_received.get(),
            matched: counters.pairs_consumed.get() + counters.pairs_opened.get(),
            processing_nanos: counters.processing_nanos.get(),
            budget_missed: counters.budget_missed.get(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for a person to read")]
    fn report(&self, before: Look, now: Look, elapsed: Duration) {
        let received = now.received - before.received;
        let matched = now.matched - before.matched;
        let millis = (now.processing_nanos - before.processing_nanos) as f64 / 1e6;
        let average_ms = if matched == 0 { 0.0 } else { millis / matched as f64 };
        let queue_length = self.queue_length.get();
        info!(
            target: "dsiem::watchdog",
            eps = rounded(received as f64 / elapsed.as_secs_f64().max(1e-3), 100.0),
            queue_length,
            avg_proc_time_ms = rounded(average_ms, 1000.0),
            directives_ttl = self.counters.directives_loaded.get(),
            directives_active = self.counters.directives_active.get(),
            events_rcvd = received,
            events_matched = matched,
            backlogs = self.counters.backlogs_open.get(),
            backlogs_timedout = now.budget_missed - before.budget_missed,
            "watchdog report"
        );
        let target_ms = 1_000.0 / f64::from(self.target_eps.max(1));
        if queue_length != 0 && average_ms > target_ms {
            warn!(
                target: "dsiem::watchdog",
                avg_proc_time_ms = rounded(average_ms, 1000.0),
                "avg. processing time maybe too long to sustain the target {} event/sec (or {target_ms} ms/event)",
                self.target_eps,
            );
        }
        self.report_books();
    }

    /// When that began, the ledger has said so; this is for whoever looks later.
    fn report_books(&self) {
        let off: Vec<_> = self.books.off().collect();
        if !off.is_empty() {
            let off = off.join(", ");
            warn!(target: "dsiem::watchdog", off, "the books do not balance; dsiem ledger and /readyz say by how much");
        }
    }
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}
