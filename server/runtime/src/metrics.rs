//! Counters and gauges, and their text form for `/metrics`.
//!
//! A thin layer over prometheus-client: asking twice for the same name gives the same metric, so that parts that do not
//! know each other can count the same thing, and nobody hands registries around.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge;
use prometheus_client::registry::Registry;

/// The metrics of a process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    // A lock, because any part may register a metric while `/metrics` is read; never on the path of an event.
    registered: Arc<Mutex<Registered>>,
}

#[derive(Debug, Default)]
struct Registered {
    registry: Registry,
    counters: BTreeMap<String, Counter>,
    counters_by: BTreeMap<String, CounterBy>,
    gauges: BTreeMap<String, Gauge>,
    gauges_by: BTreeMap<String, GaugeBy>,
}

impl Metrics {
    /// No metrics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter `name` (without `_total`, which the text form adds).
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let mut guard = self.lock();
        let Registered { registry, counters, .. } = &mut *guard;
        let found = counters.entry(name.to_owned()).or_insert_with(|| {
            let counter = Counter::default();
            registry.register(name, help, counter.0.clone());
            counter
        });
        found.clone()
    }

    /// The counter `name` (without `_total`) that is split by the values of `label`.
    #[must_use]
    pub fn counter_by(&self, name: &str, help: &str, label: &'static str) -> CounterBy {
        let mut guard = self.lock();
        let Registered { registry, counters_by, .. } = &mut *guard;
        let found = counters_by.entry(name.to_owned()).or_insert_with(|| {
            let counter = CounterBy { label, family: Family::default() };
            registry.register(name, help, counter.family.clone());
            counter
        });
        found.clone()
    }

    /// The gauge `name`.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        let mut guard = self.lock();
        let Registered { registry, gauges, .. } = &mut *guard;
        let found = gauges.entry(name.to_owned()).or_insert_with(|| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.0.clone());
            gauge
        });
        found.clone()
    }

    /// The gauge `name` that is split by the values of `label`.
    #[must_use]
    pub fn gauge_by(&self, name: &str, help: &str, label: &'static str) -> GaugeBy {
        let mut guard = self.lock();
        let Registered { registry, gauges_by, .. } = &mut *guard;
        let found = gauges_by.entry(name.to_owned()).or_insert_with(|| {
            let gauge = GaugeBy { label, family: Family::default() };
            registry.register(name, help, gauge.family.clone());
            gauge
        });
        found.clone()
    }

    /// All of them in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail, and what was written is worth more than nothing if it ever does.
        text::encode(&mut text, &self.lock().registry).ok();
        text
    }

    /// A panic while registering leaves at worst a metric that nobody counts.
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that only grows. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counter(counter::Counter<u64, AtomicU64>);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.inc_by(n);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// Counters that differ in the value of one label. Keep the values few: each stays for the life of the process.
#[derive(Clone, Debug)]
pub struct CounterBy {
    label: &'static str,
    family: Family<[(&'static str, String); 1], counter::Counter<u64, AtomicU64>>,
}

impl CounterBy {
    /// The counter for `value`.
    #[must_use]
    pub fn with(&self, value: &str) -> Counter {
        Counter(self.family.get_or_create_owned(&[(self.label, value.to_owned())]))
    }
}

/// A number that goes up and down. Cheap to clone; clones show the same number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(gauge::Gauge);

impl Gauge {
    /// Shows `value`.
    pub fn set(&self, value: i64) {
        self.0.set(value);
    }

    /// What it shows.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.get()
    }

    /// One more.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// One less.
    pub fn dec(&self) {
        self.0.dec();
    }

    /// So many more, or fewer.
    pub fn add(&self, n: i64) {
        self.0.inc_by(n);
    }
}

/// Gauges that differ in the value of one label. Keep the values few: each stays for the life of the process.
#[derive(Clone, Debug)]
pub struct GaugeBy {
    label: &'static str,
    family: Family<[(&'static str, String); 1], gauge::Gauge>,
}

impl GaugeBy {
    /// The gauge for `value`.
    #[must_use]
    pub fn with(&self, value: &str) -> Gauge {
        Gauge(self.family.get_or_create_owned(&[(self.label, value.to_owned())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_has_each_metric_with_its_help() {
        let metrics = Metrics::new();
        metrics.counter("dsiem_events", "Events received").add(3);
        metrics.counter_by("dsiem_dropped", "Events dropped", "reason").with("queue_full").inc();
        metrics.gauge("dsiem_backlogs", "Open backlogs").set(-7);
        metrics.gauge_by("dsiem_balanced", "Balanced", "balance").with("events").set(1);
        let text = metrics.text();
        assert!(text.contains("# HELP dsiem_events Events received"), "{text}");
        assert!(text.contains("dsiem_events_total 3\n"), "{text}");
        assert!(text.contains("dsiem_dropped_total{reason=\"queue_full\"} 1\n"), "{text}");
        assert!(text.contains("dsiem_backlogs -7\n"), "{text}");
        assert!(text.contains("dsiem_balanced{balance=\"events\"} 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn the_same_name_is_the_same_metric() {
        let metrics = Metrics::new();
        metrics.counter("a", "A").inc();
        metrics.counter("a", "A").inc();
        assert_eq!(metrics.counter("a", "A").get(), 2);
        let by = metrics.counter_by("b", "B", "why");
        by.with("x").inc();
        assert_eq!(metrics.clone().counter_by("b", "B", "why").with("x").get(), 1);
        assert_eq!(by.with("y").get(), 0);
        let gauge = metrics.gauge("c", "C");
        gauge.inc();
        gauge.inc();
        gauge.dec();
        assert_eq!(metrics.gauge("c", "C").get(), 1);
        assert_eq!(metrics.text().matches("# TYPE").count(), 3);
    }
}
