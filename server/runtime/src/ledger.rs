//! The books of a process, checked once a second: what came in is what went out and what is on its way.
//!
//! Each drop anywhere has a counter with a reason; this is the proof that none was forgotten. The numbers of a balance are
//! counted by different threads and cannot be read at one moment, so that under load they are held to what may be on its
//! way between two of them, and exactly as soon as nothing moves.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info};

use crate::metrics::{Counter, Gauge, Metrics};
use crate::status::Readiness;

/// How often the books are checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A balance that is off is told when it has been so at this many checks in a row.
const PATIENCE: u32 = 3;

/// How far a balance may seem to be off while its numbers move.
const MOVING: u64 = 100_000;

/// The name of the condition in `/readyz`.
const CONDITION: &str = "ledger";

/// One equation: `incoming = outgoing + in flight`.
#[derive(Debug)]
pub struct Balance {
    /// What it is about, for a person.
    pub name: &'static str,
    /// What came in.
    pub incoming: Counter,
    /// Everything that may have become of it, each with a name.
    pub outgoing: Vec<(&'static str, Counter)>,
    /// What is on its way, counted apart from both.
    pub in_flight: Gauge,
}

/// Checks balances.
#[derive(Debug)]
pub struct Ledger {
    balances: Vec<(Balance, Checked)>,
    balanced: Gauge,
    readiness: Readiness,
}

/// What was seen of a balance so far.
#[derive(Debug, Default)]
struct Checked {
    off: u32,
    last: Option<Look>,
}

/// The numbers of a balance, as near to one moment as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    incoming: u64,
    outgoing: u64,
    in_flight: i64,
}

impl Look {
    fn at(balance: &Balance) -> Self {
        let outgoing = balance.outgoing.iter().map(|(_, counter)| counter.get()).sum();
        let in_flight = balance.in_flight.get();
        Self { incoming: balance.incoming.get(), outgoing, in_flight }
    }

    /// How many more came in than are known of; below 0, fewer.
    fn missing(self) -> i64 {
        let known = i64::try_from(self.outgoing).unwrap_or(i64::MAX).saturating_add(self.in_flight);
        i64::try_from(self.incoming).unwrap_or(i64::MAX).saturating_sub(known)
    }
}

impl Checked {
    /// Takes the next look; whether the balance holds as far as can be told.
    fn holds(&mut self, look: Look) -> bool {
        let still = self.last.replace(look) == Some(look);
        if still { look.missing() == 0 } else { look.missing().unsigned_abs() <= MOVING }
    }
}

impl Ledger {
    /// Checks `balances` and shows the result as a metric and in `readiness`.
    #[must_use]
    pub fn new(balances: Vec<Balance>, metrics: &Metrics, readiness: &Readiness) -> Self {
        let balanced =
            metrics.gauge("dsiem_ledger_balanced", "Whether the books of events balance (1) or not (0)");
        balanced.set(1);
        let balances = balances.into_iter().map(|balance| (balance, Checked::default())).collect();
        Self { balances, balanced, readiness: readiness.clone() }
    }

    /// Checks until it is dropped.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.check();
        }
    }

    fn check(&mut self) {
        let mut wrong = None;
        for (balance, checked) in &mut self.balances {
            let look = Look::at(balance);
            if checked.holds(look) {
                checked.off = 0;
                continue;
            }
            checked.off += 1;
            if checked.off >= PATIENCE {
                let told = describe(balance, look);
                if checked.off == PATIENCE {
                    error!(
                        balance = balance.name,
                        missing = look.missing(),
                        "the books do not balance: {told}"
                    );
                }
                wrong.get_or_insert(told);
            }
        }
        self.show(wrong);
    }

    fn show(&self, wrong: Option<String>) {
        let was_balanced = self.balanced.get() == 1;
        self.balanced.set(i64::from(wrong.is_none()));
        match wrong {
            Some(told) => self.readiness.degrade(CONDITION, told),
            None if !was_balanced => {
                info!("the books balance again");
                self.readiness.clear(CONDITION);
            }
            None => {}
        }
    }
}

/// The equation with its numbers.
fn describe(balance: &Balance, look: Look) -> String {
    let parts: Vec<_> =
        balance.outgoing.iter().map(|(name, counter)| format!("{name} {}", counter.get())).collect();
    let (parts, missing) = (parts.join(" + "), look.missing());
    format!(
        "{}: {} came in, {parts} + on their way {}; {missing} are missing",
        balance.name, look.incoming, look.in_flight
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Books {
        ledger: Ledger,
        readiness: Readiness,
        received: Counter,
        accepted: Counter,
        in_flight: Gauge,
    }

    fn books() -> Books {
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let (received, accepted) = (metrics.counter("received", ""), metrics.counter("accepted", ""));
        let in_flight = metrics.gauge("in_flight", "");
        let balance = Balance {
            name: "events",
            incoming: received.clone(),
            outgoing: vec![("accepted", accepted.clone()), ("refused", metrics.counter("refused", ""))],
            in_flight: in_flight.clone(),
        };
        Books {
            ledger: Ledger::new(vec![balance], &metrics, &readiness),
            readiness,
            received,
            accepted,
            in_flight,
        }
    }

    impl Books {
        /// What is wrong after so many checks.
        fn after(&mut self, checks: u32) -> Option<String> {
            (0..checks).for_each(|_| self.ledger.check());
            self.readiness.report().degraded.get(CONDITION).cloned()
        }
    }

    #[test]
    fn one_event_that_nobody_knows_of_is_told_once_nothing_moves() {
        let mut books = books();
        books.received.add(10);
        books.accepted.add(7);
        books.in_flight.set(2);
        assert_eq!(books.after(PATIENCE), None, "it may be on its way between two numbers");
        let told = books.after(1).unwrap();
        assert_eq!(told, "events: 10 came in, accepted 7 + refused 0 + on their way 2; 1 are missing");
        assert_eq!(books.ledger.balanced.get(), 0);
        books.accepted.inc();
        assert_eq!(books.after(1), None, "it has turned up");
        assert_eq!(books.ledger.balanced.get(), 1);
    }

    #[test]
    fn while_events_move_only_what_cannot_be_on_its_way_is_told() {
        let mut books = books();
        for _ in 0..10 {
            books.received.add(1_000);
            books.accepted.add(900);
            assert_eq!(books.after(1), None);
        }
        books.received.add(MOVING);
        for _ in 0..PATIENCE {
            books.received.inc();
            books.ledger.check();
        }
        assert!(books.after(0).is_some());
    }

    #[test]
    fn what_was_counted_twice_is_told_too() {
        let mut books = books();
        books.received.inc();
        books.accepted.add(2);
        assert!(books.after(PATIENCE + 1).unwrap().ends_with("-1 are missing"));
    }
}
