//! Says every few seconds how this process is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::described::Described;
use super::report::{
    BacklogFigures, Book, DirectiveFigures, MAX_DIRECTIVES, NodeKind, NodeReport, QueueFigures, Rate,
};
use crate::build::VERSION;
use crate::bus::ReportSender;
use crate::clock::Clock;
use crate::ledger::{BALANCED, Samples, Sheet};
use crate::metrics::Metrics;
use crate::program;
use crate::status::Readiness;

/// How often a process reports.
pub const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How many looks at counters make up the last minute.
const LOOKS_KEPT: usize = 13;

/// Reports on a process.
#[derive(Debug)]
pub struct Reporter {
    /// What does not change from report to report.
    head: NodeReport,
    described: Described,
    metrics: Metrics,
    readiness: Readiness,
    sender: ReportSender,
    /// The last looks at the counters of rates, the oldest first.
    looks: VecDeque<Look>,
}

/// Counters at one moment, in the order in which rates are described.
#[derive(Debug)]
struct Look {
    at: Instant,
    counts: Vec<u64>,
}

impl Reporter {
    /// A reporter of this process, which is `node` and begins now.
    #[must_use]
    pub fn new(
        (kind, node): (NodeKind, String),
        described: Described,
        clock: &Clock,
        (metrics, readiness): (&Metrics, &Readiness),
        sender: ReportSender,
    ) -> Self {
        let head = NodeReport {
            node,
            run: format!("{:016x}", program::seed().0),
            kind,
            version: VERSION.to_owned(),
            started: clock.now().secs(),
            ..NodeReport::default()
        };
        let (metrics, readiness) = (metrics.clone(), readiness.clone());
        Self { head, described, metrics, readiness, sender, looks: VecDeque::new() }
    }

    /// By which reports of this process are told from those of others.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.head.run
    }

    /// Reports, now and every [`REPORT_EVERY`], until it is dropped.
    pub async fn run(mut self) {
        let mut ticks = interval(REPORT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            let report = self.report(now);
            self.sender.send(report).await;
        }
    }

    fn report(&mut self, now: Instant) -> NodeReport {
        let samples = Samples::parse(&self.metrics.text());
        let conditions = self.readiness.report();
        let owned = |conditions: BTreeMap<&'static str, String>| {
            conditions.into_iter().map(|(name, reason)| (name.to_owned(), reason)).collect()
        };
        let described = &self.described;
        let books = described.books.iter().filter_map(|equation| equation.read(&samples));
        let queues = described.queues.iter().filter_map(|queue| {
            let waiting = samples.gauge(queue.gauge)?;
            Some(QueueFigures { name: queue.name.to_owned(), waiting: count(waiting), limit: queue.limit })
        });
        NodeReport {
            met: conditions.met.iter().map(|name| (*name).to_owned()).collect(),
            degraded: owned(conditions.degraded),
            unmet: owned(conditions.unmet),
            books: books.map(|sheet| book(sheet, &samples)).collect(),
            queues: queues.collect(),
            backlogs: self.backlogs(&samples),
            directives: self.directives(&samples),
            memory_bytes: memory(),
            rates: self.rates(now, &samples),
            ..self.head.clone()
        }
    }

    fn backlogs(&self, samples: &Samples) -> Option<BacklogFigures> {
        let backlogs = self.described.backlogs.as_ref()?;
        let open = count(samples.gauge(backlogs.gauge)?);
        let by_directive = backlogs.by_directive.top(MAX_DIRECTIVES);
        Some(BacklogFigures { open, limit: Some(backlogs.limit), by_directive })
    }

    fn directives(&self, samples: &Samples) -> Option<DirectiveFigures> {
        let [loaded, active, skipped] = self.described.backlogs.as_ref()?.directives;
        let gauge = |name| samples.gauge(name).map(count);
        let (active, skipped) = (gauge(active).unwrap_or(0), gauge(skipped).unwrap_or(0));
        Some(DirectiveFigures { loaded: gauge(loaded)?, active, skipped })
    }

    /// Rates since the last look, and since the oldest one that is kept. There are none before the second look.
    fn rates(&mut self, now: Instant, samples: &Samples) -> BTreeMap<String, Rate> {
        let rates = &self.described.rates;
        let counts = rates.iter().map(|(_, counter)| samples.counter(counter).unwrap_or(0)).collect();
        let look = Look { at: now, counts };
        let found = match (self.looks.back(), self.looks.front()) {
            (Some(last), Some(oldest)) => {
                let rate = |place| Rate { now: look.rate(last, place), minute: look.rate(oldest, place) };
                rates.iter().enumerate().map(|(place, (name, _))| ((*name).to_owned(), rate(place))).collect()
            }
            _ => BTreeMap::new(),
        };
        self.looks.push_back(look);
        if self.looks.len() >= LOOKS_KEPT {
            self.looks.pop_front();
        }
        found
    }
}

impl Look {
    /// Times a second since an earlier look.
    #[expect(clippy::cast_precision_loss, reason = "figures for a person to read")]
    fn rate(&self, before: &Self, place: usize) -> f64 {
        let count = self.counts[place].saturating_sub(before.counts[place]);
        let secs = self.at.duration_since(before.at).as_secs_f64();
        if secs > 0.0 { (count as f64 / secs * 100.0).round() / 100.0 } else { 0.0 }
    }
}

fn book(sheet: Sheet, samples: &Samples) -> Book {
    let balanced = samples.gauge_of(BALANCED, sheet.name) != Some(0);
    let Sheet { name, incoming, outgoing, in_flight } = sheet;
    Book { name: name.to_owned(), incoming, outgoing, in_flight, balanced }
}

/// A gauge that is below 0 for a moment, because its parts are counted by different threads, is 0.
fn count(gauge: i64) -> u64 {
    u64::try_from(gauge).unwrap_or(0)
}

/// Memory that this process has from the system, where that says so.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::super::described::{Backlogs, OpenByDirective, Queue};
    use super::*;
    use crate::bus::reports;
    use crate::ledger::{Equation, Outgoing};
    use dsiem_core::time::ReceiptTime;

    fn described(by_directive: OpenByDirective) -> Described {
        let events = Equation {
            name: "events",
            incoming: "received",
            outgoing: &[Outgoing::One("taken", "taken")],
            in_flight: "on_the_way",
        };
        Described {
            books: vec![events],
            rates: vec![("events_received", "received")],
            queues: vec![Queue { name: "receive queue", gauge: "waiting", limit: Some(10) }],
            backlogs: Some(Backlogs {
                gauge: "backlogs",
                limit: 100,
                directives: ["loaded", "active", "skipped"],
                by_directive,
            }),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_has_what_the_metrics_say_with_rates_of_both_times() {
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        let clock = Clock::simulated(ReceiptTime::from_secs(1_000));
        let (sender, mut receiver) = reports(&metrics);
        let open = OpenByDirective::default();
        readiness.set("bus", Ok(()));
        readiness.set("node", Err("stands by".to_owned()));
        let received = metrics.counter("received", "");
        let who = (NodeKind::Backend, "be-1".to_owned());
        let reporter = Reporter::new(who, described(open.clone()), &clock, (&metrics, &readiness), sender);
        let task = tokio::spawn(reporter.run());
        let first = receiver.recv().await.unwrap();
        assert_eq!((first.node.as_str(), first.kind, first.started), ("be-1", NodeKind::Backend, 1_000));
        assert_eq!((first.met, first.unmet["node"].as_str()), (vec!["bus".to_owned()], "stands by"));
        assert!(first.rates.is_empty() && first.backlogs.is_none() && first.directives.is_none());
        assert!(first.queues.is_empty(), "a queue that is not there yet");

        metrics.gauge("waiting", "").set(4);
        metrics.gauge("backlogs", "").set(2);
        metrics.gauge("loaded", "").set(20);
        metrics.gauge_by(BALANCED, "", "balance").with("events").set(0);
        open.set(|limit| vec![(7, limit as u64)]);
        received.add(500);
        receiver.recv().await.unwrap();
        received.add(50);
        let third = receiver.recv().await.unwrap();
        assert_eq!(third.run, first.run);
        assert_eq!(third.rate("events_received"), Rate { now: 10.0, minute: 55.0 });
        assert_eq!((third.books[0].incoming, third.books[0].balanced), (550, false));
        assert_eq!((third.queues[0].waiting, third.queues[0].limit), (4, Some(10)));
        let backlogs = third.backlogs.unwrap();
        assert_eq!((backlogs.open, backlogs.limit), (2, Some(100)));
        assert_eq!(backlogs.by_directive, [(7, MAX_DIRECTIVES as u64)]);
        assert_eq!(third.directives.unwrap().loaded, 20);
        for _ in 0..20 {
            receiver.recv().await.unwrap();
        }
        assert_eq!(
            receiver.recv().await.unwrap().rate("events_received").minute,
            0.0,
            "that is over a minute ago"
        );
        task.abort();
    }

    #[test]
    fn the_system_says_how_much_memory_this_takes() {
        assert!(memory().is_none_or(|bytes| bytes > 100_000));
    }
}
