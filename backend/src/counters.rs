//! The books of the pipeline: what came in and what became of it.
//!
//! Two balances: events (received = invalid + whitelisted + concerning no directive + dispatched + failed) and pairs of
//! event and directive (offered = consumed + opened + discarded + not matching + failed + in flight). Every drop anywhere
//! has a counter and a reason.

use dsiem_runtime::ledger::{Balance, Equation, Outgoing};
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};

/// The books of correlation, by the names of its metrics.
pub const EQUATIONS: [Equation; 2] = [
    Equation {
        name: "events",
        incoming: "dsiem_events_received",
        outgoing: &[
            Outgoing::One("invalid", "dsiem_events_invalid"),
            Outgoing::One("whitelisted", "dsiem_events_whitelisted"),
            Outgoing::One("concerning no directive", "dsiem_events_unconcerned"),
            Outgoing::One("dispatched", "dsiem_events_dispatched"),
            Outgoing::One("failed", "dsiem_events_failed"),
        ],
        in_flight: "dsiem_events_in_flight",
    },
    Equation {
        name: "pairs of event and directive",
        incoming: "dsiem_pairs_offered",
        outgoing: &[
            Outgoing::One("consumed", "dsiem_pairs_consumed"),
            Outgoing::One("opened", "dsiem_pairs_opened"),
            Outgoing::Each("dsiem_pairs_discarded"),
            Outgoing::One("not matching", "dsiem_pairs_not_matching"),
            Outgoing::One("failed", "dsiem_pairs_failed"),
        ],
        in_flight: "dsiem_pairs_in_flight",
    },
];

/// Counters and gauges that more than one part of the pipeline touches. Clones count together.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Events taken from the bus.
    pub events_received: Counter,
    /// Events that are not valid.
    pub events_invalid: Counter,
    /// Events from whitelisted sources.
    pub events_whitelisted: Counter,
    /// Events that concern no directive.
    pub events_unconcerned: Counter,
    /// Events that may concern at least one directive, be it one that sleeps and has no use for them.
    pub events_dispatched: Counter,
    /// Events that were lost to a fault of ours while they were looked at.
    pub events_failed: Counter,
    /// Events given up because the process had to stop. They are not among those received.
    pub events_dropped_at_stop: Counter,
    /// Events whose timestamp lies too far after their receipt.
    pub events_from_the_future: Counter,
    /// Pairs of event and directive.
    pub pairs_offered: Counter,
    /// Pairs where an open backlog took the event and counted or absorbed it.
    pub pairs_consumed: Counter,
    /// Pairs where the event opened a backlog.
    pub pairs_opened: Counter,
    /// Pairs where the event matched nothing.
    pub pairs_not_matching: Counter,
    /// Pairs where the directive's manager failed, with everything that waited for it.
    pub pairs_failed: Counter,
    /// Pairs where the event had made the directive fail twice, and was set aside.
    pub pairs_poisoned: Counter,
    /// Pairs where the directive had had the event lately.
    pub discarded_duplicate: Counter,
    /// Pairs where the stage had the event already.
    pub discarded_same_event: Counter,
    /// Pairs where the event brought no new value of the sticky-different field.
    pub discarded_nothing_new: Counter,
    /// Pairs where the event lay before the end of an earlier stage.
    pub discarded_out_of_order: Counter,
    /// Pairs where the event would have opened a backlog, but too many are open that must not go.
    pub discarded_no_room: Counter,
    /// Backlogs that completed their last stage.
    pub backlogs_completed: Counter,
    /// Backlogs whose current stage took too long.
    pub backlogs_expired: Counter,
    /// Backlogs that went because too many were open.
    pub backlogs_evicted: Counter,
    /// Backlogs that were lost to a fault of ours.
    pub backlogs_failed: Counter,
    /// Saved backlogs that were not taken over.
    pub backlogs_discarded: Counter,
    /// Alarms: backlogs whose risk became 1 or more.
    pub alarms_raised: Counter,
    /// Event ids forgotten before the end of the duplicate window.
    pub remembered_dropped: Counter,
    /// Terms of alarms that were not looked up because there were too many.
    pub look_ups_skipped: Counter,
    /// Times that an event waited for backlogs longer than the time budget of one event.
    pub budget_missed: Counter,
    /// Nanoseconds that managers spent on events.
    pub processing_nanos: Counter,
    /// Events between the bus and the directives.
    pub events_in_flight: Gauge,
    /// Pairs of event and directive on their way to an answer.
    pub pairs_in_flight: Gauge,
    /// Open backlogs.
    pub backlogs_open: Gauge,
    /// Directives whose manager is awake.
    pub directives_active: Gauge,
    /// Directives loaded.
    pub directives_loaded: Gauge,
}

impl Counters {
    /// Registers all of them.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let events = |name: &str, help: &str| metrics.counter(&format!("dsiem_events_{name}"), help);
        let pairs = |name: &str, help: &str| metrics.counter(&format!("dsiem_pairs_{name}"), help);
        let discarded = metrics.counter_by(
            "dsiem_pairs_discarded",
            "Pairs of event and directive where the event was discarded",
            "reason",
        );
        let backlogs = |name: &str, help: &str| metrics.counter(&format!("dsiem_backlogs_{name}"), help);
        Self {
            events_received: events("received", "Events taken from the bus"),
            events_invalid: events("invalid", "Events from the bus that are not valid"),
            events_whitelisted: events("whitelisted", "Events from whitelisted sources"),
            events_unconcerned: events("unconcerned", "Events that concern no directive"),
            events_dispatched: events("dispatched", "Events that concern at least one directive"),
            events_failed: events("failed", "Events lost to a fault in this program"),
            events_dropped_at_stop: events(
                "dropped_at_stop",
                "Events given up because the process had to stop",
            ),
            events_from_the_future: events(
                "from_the_future",
                "Events whose timestamp lies more than the allowed skew after their receipt",
            ),
            pairs_offered: pairs("offered", "Pairs of event and directive"),
            pairs_consumed: pairs(
                "consumed",
                "Pairs of event and directive where an open backlog took the event",
            ),
            pairs_opened: pairs("opened", "Pairs of event and directive where the event opened a backlog"),
            pairs_not_matching: pairs(
                "not_matching",
                "Pairs of event and directive where the event matched nothing",
            ),
            pairs_failed: pairs("failed", "Pairs of event and directive lost to a fault in this program"),
            pairs_poisoned: discarded.with("poison"),
            discarded_duplicate: discarded.with("duplicate"),
            discarded_same_event: discarded.with("same_event"),
            discarded_nothing_new: discarded.with("nothing_new"),
            discarded_out_of_order: discarded.with("out_of_order"),
            discarded_no_room: discarded.with("no_room"),
            backlogs_completed: backlogs("completed", "Backlogs that completed their last stage"),
            backlogs_expired: backlogs("expired", "Backlogs whose current stage took too long"),
            backlogs_evicted: backlogs("evicted", "Backlogs that went because too many were open"),
            backlogs_failed: backlogs("failed", "Backlogs lost to a fault in this program"),
            backlogs_discarded: backlogs("discarded", "Saved backlogs that were not taken over"),
            alarms_raised: metrics
                .counter("dsiem_alarms_raised", "Backlogs whose risk became high enough for an alarm"),
            remembered_dropped: metrics.counter(
                "dsiem_remembered_dropped",
                "Event ids forgotten before the end of the duplicate window",
            ),
            look_ups_skipped: metrics
                .counter("dsiem_look_ups_skipped", "Terms not looked up because one alarm had too many"),
            budget_missed: metrics.counter(
                "dsiem_budget_missed",
                "Times that an event waited for backlogs longer than the time budget of one event",
            ),
            processing_nanos: metrics
                .counter("dsiem_processing_nanoseconds", "Nanoseconds that directives spent on events"),
            events_in_flight: metrics
                .gauge("dsiem_events_in_flight", "Events taken from the bus and not yet looked at"),
            pairs_in_flight: metrics
                .gauge("dsiem_pairs_in_flight", "Pairs of event and directive that are not yet decided"),
            backlogs_open: metrics.gauge("dsiem_backlogs", "Open backlogs"),
            directives_active: metrics.gauge("dsiem_directives_active", "Directives whose manager is awake"),
            directives_loaded: metrics.gauge("dsiem_directives_ttl", "Directives loaded"),
        }
    }

    /// The two equations that must hold; see [`EQUATIONS`].
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        let events = Balance {
            name: EQUATIONS[0].name,
            incoming: self.events_received.clone(),
            outgoing: vec![
                ("invalid", self.events_invalid.clone()),
                ("whitelisted", self.events_whitelisted.clone()),
                ("concerning no directive", self.events_unconcerned.clone()),
                ("dispatched", self.events_dispatched.clone()),
                ("failed", self.events_failed.clone()),
            ],
            in_flight: self.events_in_flight.clone(),
        };
        let pairs = Balance {
            name: EQUATIONS[1].name,
            incoming: self.pairs_offered.clone(),
            outgoing: vec![
                ("consumed", self.pairs_consumed.clone()),
                ("opened", self.pairs_opened.clone()),
                ("poison", self.pairs_poisoned.clone()),
                ("duplicate", self.discarded_duplicate.clone()),
                ("same event", self.discarded_same_event.clone()),
                ("nothing new", self.discarded_nothing_new.clone()),
                ("out of order", self.discarded_out_of_order.clone()),
                ("no room", self.discarded_no_room.clone()),
                ("not matching", self.pairs_not_matching.clone()),
                ("failed", self.pairs_failed.clone()),
            ],
            in_flight: self.pairs_in_flight.clone(),
        };
        vec![events, pairs]
    }
}

#[cfg(test)]
mod tests {
    use dsiem_runtime::ledger::{Look, Samples};

    use super::*;

    /// Whoever adds a counter to a balance has to add it to the equation, and the other way round.
    #[test]
    fn the_books_that_are_checked_are_those_that_are_shown() {
        let metrics = Metrics::new();
        let balances = Counters::new(&metrics).balances();
        assert_eq!(balances.len(), EQUATIONS.len());
        for (balance, equation) in balances.iter().zip(EQUATIONS) {
            balance.incoming.add(10_000);
            balance.in_flight.set(77);
            for (n, (_, counter)) in balance.outgoing.iter().enumerate() {
                counter.add(1 << n);
            }
            let sheet = equation.read(&Samples::parse(&metrics.text())).unwrap();
            let outgoing = (1 << balance.outgoing.len()) - 1;
            assert_eq!(sheet.look(), Look { incoming: 10_000, outgoing, in_flight: 77 });
            assert_eq!((sheet.name, sheet.outgoing.len()), (balance.name, balance.outgoing.len()));
        }
    }
}
