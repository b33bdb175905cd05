//! A balance by the names of its metrics, for whoever looks at a process from outside.
//!
//! A process checks its own books with counters in its hand; a person, or `dsiem ledger`, has what `/metrics` says. An
//! equation stands beside the [`Balance`](super::Balance) that it describes, and a test there holds the one against the
//! other.

use std::collections::BTreeMap;

use super::Look;

/// One equation: `incoming = outgoing + in flight`.
#[derive(Debug, Clone, Copy)]
pub struct Equation {
    /// What it is about, as in the balance.
    pub name: &'static str,
    /// The counter of what came in, without `_total`.
    pub incoming: &'static str,
    /// Everything that may have become of it.
    pub outgoing: &'static [Outgoing],
    /// The gauge of what is on its way.
    pub in_flight: &'static str,
}

/// Something that may have become of what came in.
#[derive(Debug, Clone, Copy)]
pub enum Outgoing {
    /// One counter: what it is called, and its name without `_total`.
    One(&'static str, &'static str),
    /// A counter that is split by the values of a label, such as reasons, which also say what they are called.
    Each(&'static str),
}

/// An equation with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it is about.
    pub name: &'static str,
    /// What came in.
    pub incoming: u64,
    /// What became of it, by name.
    pub outgoing: Vec<(String, u64)>,
    /// What is on its way.
    pub in_flight: i64,
}

impl Sheet {
    /// The numbers that decide.
    #[must_use]
    pub fn look(&self) -> Look {
        let outgoing = self.outgoing.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        Look { incoming: self.incoming, outgoing, in_flight: self.in_flight }
    }
}

impl Equation {
    /// With the numbers of a process; `None` where it has no such books.
    #[must_use]
    pub fn read(&self, samples: &Samples) -> Option<Sheet> {
        let incoming = samples.counter(self.incoming)?;
        let mut outgoing = Vec::new();
        for part in self.outgoing {
            match part {
                Outgoing::One(name, metric) => {
                    outgoing.push(((*name).to_owned(), samples.counter(metric).unwrap_or(0)));
                }
                Outgoing::Each(metric) => outgoing.extend(samples.each(metric)),
            }
        }
        let in_flight = samples.gauge(self.in_flight).unwrap_or(0);
        Some(Sheet { name: self.name, incoming, outgoing, in_flight })
    }
}

/// What `/metrics` of a process says. Numbers that are not whole are left out: nothing here counts in parts.
#[derive(Debug, Default)]
pub struct Samples {
    /// By name, then by the value of the only label (empty without one).
    values: BTreeMap<String, BTreeMap<String, i128>>,
}

impl Samples {
    /// Reads the OpenMetrics text form, as far as our own programs write it. What cannot be read is left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut samples = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse() else { continue };
            let (name, label) = series.split_once('{').map_or((series, ""), |(name, labels)| {
                (name, labels.split_once("=\"").map_or("", |(_, rest)| rest.trim_end_matches("\"}")))
            });
            samples.values.entry(name.to_owned()).or_default().insert(label.to_owned(), value);
        }
        samples
    }

    /// The counter `name` (without `_total`).
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<u64> {
        let value = self.values.get(&format!("{name}_total"))?.get("")?;
        u64::try_from(*value).ok()
    }

    fn each(&self, name: &str) -> impl Iterator<Item = (String, u64)> {
        let values = self.values.get(&format!("{name}_total")).into_iter().flatten();
        values.filter_map(|(label, value)| Some((label.replace('_', " "), u64::try_from(*value).ok()?)))
    }

    /// The gauge `name`.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<i64> {
        self.gauge_of(name, "")
    }

    /// The gauge `name` for this value of its label.
    #[must_use]
    pub fn gauge_of(&self, name: &str, value: &str) -> Option<i64> {
        i64::try_from(*self.values.get(name)?.get(value)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    const EVENTS: Equation = Equation {
        name: "events",
        incoming: "received",
        outgoing: &[Outgoing::One("taken", "accepted"), Outgoing::Each("refused")],
        in_flight: "waiting",
    };

    #[test]
    fn the_numbers_are_those_that_a_process_shows() {
        let metrics = Metrics::new();
        metrics.counter("received", "").add(u64::MAX / 2);
        metrics.counter("accepted", "").add(4);
        metrics.gauge("waiting", "").set(-3);
        let refused = metrics.counter_by("refused", "", "reason");
        refused.with("queue_full").add(2);
        refused.with("invalid").inc();
        metrics.counter_by("refused_otherwise", "", "reason").with("not_counted").inc();
        let sheet = EVENTS.read(&Samples::parse(&metrics.text())).unwrap();
        let outgoing = [("taken", 4), ("invalid", 1), ("queue full", 2)];
        assert_eq!(sheet.outgoing, outgoing.map(|(name, count)| (name.to_owned(), count)));
        assert_eq!(sheet.look(), Look { incoming: u64::MAX / 2, outgoing: 7, in_flight: -3 });
    }

    #[test]
    fn a_process_without_such_books_has_no_numbers() {
        let metrics = Metrics::new();
        metrics.counter("accepted", "").add(4);
        assert_eq!(EVENTS.read(&Samples::parse(&metrics.text())), None);
        assert_eq!(EVENTS.read(&Samples::parse("<html>not metrics</html>\n{ \nreceived_total x\n")), None);
    }

    #[test]
    fn sums_beyond_all_numbers_do_not_wrap() {
        let sheet = Sheet {
            name: "events",
            incoming: 1,
            outgoing: vec![("a".to_owned(), u64::MAX), ("b".to_owned(), 2)],
            in_flight: i64::MAX,
        };
        assert!(sheet.look().missing() < 0);
    }
}
