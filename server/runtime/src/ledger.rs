//! The books of a process, checked once a second: what came in is what went out and what is on its way.
//!
//! Each drop anywhere has a counter with a reason; this is the proof that none was forgotten. A process may have several
//! ledgers, each with a condition of its own in `/readyz`; all of them share one metric, with a label for each balance.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info};

use crate::metrics::{Counter, Gauge, Metrics};
use crate::status::Readiness;

mod equation;
mod look;

pub use equation::{Equation, Outgoing, Samples, Sheet};
pub use look::{Checked, Look, MOVING};

/// The gauge that says of each balance, by its name, whether it holds.
pub const BALANCED: &str = "dsiem_ledger_balanced";

/// How often the books are checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A balance that is off is told when it has been so at this many checks in a row.
const PATIENCE: u32 = 3;

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
    /// The name of the condition in `/readyz`.
    condition: &'static str,
    books: Vec<Book>,
    readiness: Readiness,
    /// What was told last; `None`: everything balances.
    told: Option<String>,
}

/// A balance that is being checked.
#[derive(Debug)]
struct Book {
    balance: Balance,
    checked: Checked,
    /// At how many checks in a row it was off.
    off: u32,
    /// 1 while it balances.
    balanced: Gauge,
}

/// Whether each balance of a ledger holds, for others to look at. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Standing(Vec<(&'static str, Gauge)>);

impl Standing {
    /// The balances that are off.
    pub fn off(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|(_, balanced)| balanced.get() == 0).map(|(name, _)| *name)
    }
}

impl Look {
    fn at(balance: &Balance) -> Self {
        let outgoing = balance.outgoing.iter().map(|(_, counter)| counter.get()).sum();
        let in_flight = balance.in_flight.get();
        Self { incoming: balance.incoming.get(), outgoing, in_flight }
    }
}

impl Book {
    /// The next check; what is wrong, if it has been so for long enough.
    fn check(&mut self) -> Option<String> {
        let look = Look::at(&self.balance);
        self.off = if self.checked.holds(look) { 0 } else { self.off.saturating_add(1) };
        let is_off = self.off >= PATIENCE;
        self.balanced.set(i64::from(!is_off));
        if !is_off {
            return None;
        }
        let told = describe(&self.balance, look);
        if self.off == PATIENCE {
            let (name, missing) = (self.balance.name, look.missing());
            error!(balance = name, missing, "the books do not balance: {told}");
        }
        Some(told)
    }
}

impl Ledger {
    /// Checks `balances` and shows the result as a metric and as `condition` of `readiness`.
    #[must_use]
    pub fn new(
        condition: &'static str,
        balances: Vec<Balance>,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Self {
        let help = "Whether the books of events balance (1) or not (0)";
        let gauges = metrics.gauge_by(BALANCED, help, "balance");
        let books = balances.into_iter().map(|balance| {
            let balanced = gauges.with(balance.name);
            balanced.set(1);
            Book { balance, checked: Checked::default(), off: 0, balanced }
        });
        Self { condition, books: books.collect(), readiness: readiness.clone(), told: None }
    }

    /// How the books stand at any later time.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing(self.books.iter().map(|book| (book.balance.name, book.balanced.clone())).collect())
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
        let wrong: Vec<_> = self.books.iter_mut().filter_map(Book::check).collect();
        let told = (!wrong.is_empty()).then(|| wrong.join("; "));
        match (&self.told, &told) {
            (_, Some(told)) => self.readiness.degrade(self.condition, told.clone()),
            (Some(_), None) => {
                info!(ledger = self.condition, "the books balance again");
                self.readiness.clear(self.condition);
            }
            (None, None) => {}
        }
        self.told = told;
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

    /// Two ledgers of one process, the first with two balances.
    struct Books {
        ledgers: [Ledger; 2],
        metrics: Metrics,
        readiness: Readiness,
    }

    fn balance(metrics: &Metrics, name: &'static str) -> Balance {
        let counter = |what| metrics.counter(&format!("{name}_{what}"), "");
        Balance {
            name,
            incoming: counter("received"),
            outgoing: vec![("accepted", counter("accepted")), ("refused", counter("refused"))],
            in_flight: metrics.gauge(&format!("{name}_in_flight"), ""),
        }
    }

    fn books() -> Books {
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let first = vec![balance(&metrics, "events"), balance(&metrics, "pairs")];
        let second = vec![balance(&metrics, "requests")];
        let ledgers = [
            Ledger::new("ledger", first, &metrics, &readiness),
            Ledger::new("frontend_ledger", second, &metrics, &readiness),
        ];
        Books { ledgers, metrics, readiness }
    }

    impl Books {
        fn counter(&self, name: &str) -> Counter {
            self.metrics.counter(name, "")
        }

        fn check(&mut self, checks: u32) {
            for _ in 0..checks {
                self.ledgers.iter_mut().for_each(Ledger::check);
            }
        }

        /// What `/readyz` says is wrong with a ledger after so many checks.
        fn after(&mut self, checks: u32, condition: &str) -> Option<String> {
            self.check(checks);
            self.readiness.report().degraded.get(condition).cloned()
        }
    }

    #[test]
    fn one_event_that_nobody_knows_of_is_told_once_nothing_moves() {
        let mut books = books();
        books.counter("events_received").add(10);
        books.counter("events_accepted").add(7);
        books.metrics.gauge("events_in_flight", "").set(2);
        assert_eq!(books.after(PATIENCE, "ledger"), None, "it may be on its way between two numbers");
        let told = books.after(1, "ledger").unwrap();
        assert_eq!(told, "events: 10 came in, accepted 7 + refused 0 + on their way 2; 1 are missing");
        books.counter("events_accepted").inc();
        assert_eq!(books.after(1, "ledger"), None, "it has turned up");
    }

    #[test]
    fn each_balance_is_told_by_itself_and_one_ledger_does_not_clear_another() {
        let mut books = books();
        let standing = books.ledgers[0].standing();
        for name in ["events_received", "pairs_received", "requests_received"] {
            books.counter(name).inc();
        }
        books.check(PATIENCE + 1);
        assert_eq!(standing.off().collect::<Vec<_>>(), ["events", "pairs"]);
        books.counter("events_refused").inc();
        books.check(1);
        assert_eq!(standing.off().collect::<Vec<_>>(), ["pairs"]);
        let told = books.after(0, "ledger").unwrap();
        assert!(told.starts_with("pairs: 1 came in") && !told.contains("events"), "{told}");
        let text = books.metrics.text();
        for (balance, balanced) in [("events", 1), ("pairs", 0), ("requests", 0)] {
            let line = format!("dsiem_ledger_balanced{{balance=\"{balance}\"}} {balanced}\n");
            assert!(text.contains(&line), "{text}");
        }
        books.counter("pairs_refused").inc();
        assert_eq!(books.after(1, "ledger"), None);
        assert!(books.after(1, "frontend_ledger").unwrap().starts_with("requests: "), "still off");
    }

    #[test]
    fn while_events_move_only_what_cannot_be_on_its_way_is_told() {
        let mut books = books();
        for _ in 0..10 {
            books.counter("events_received").add(1_000);
            books.counter("events_accepted").add(900);
            assert_eq!(books.after(1, "ledger"), None);
        }
        books.counter("events_received").add(MOVING);
        for _ in 0..PATIENCE {
            books.counter("events_received").inc();
            books.check(1);
        }
        assert!(books.after(0, "ledger").is_some());
    }

    #[test]
    fn what_was_counted_twice_is_told_too() {
        let mut books = books();
        books.counter("events_received").inc();
        books.counter("events_accepted").add(2);
        assert!(books.after(PATIENCE + 1, "ledger").unwrap().ends_with("-1 are missing"));
    }
}
