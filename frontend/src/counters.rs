//! What became of events, as numbers that add up.
//!
//! `received = accepted + refused` over all reasons, whatever happens to a request: an [`Account`] is opened with
//! the number of its events, and what is not settled when it is dropped (the sender hung up) is `abandoned`.

use dsiem_runtime::metrics::{Counter, CounterBy, Metrics};

/// Why an event was refused: the values of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Not a valid event.
    Invalid,
    /// Larger than the bus carries.
    TooLarge,
    /// Over the rate limit.
    RateLimited,
    /// Over what one address may send.
    PeerRateLimited,
    /// The queue to the bus was full.
    QueueFull,
    /// The bus was not there.
    NotConnected,
    /// The bus did not confirm; some of them may have arrived, and the sender was told to send them again.
    NotConfirmed,
    /// The sender hung up before the answer.
    Abandoned,
}

impl Reason {
    /// The value of the label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::PeerRateLimited => "peer_rate_limited",
            Self::QueueFull => "queue_full",
            Self::NotConnected => "not_connected",
            Self::NotConfirmed => "not_confirmed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The counters of events.
#[derive(Debug, Clone)]
pub(crate) struct EventCounters {
    received: Counter,
    accepted: Counter,
    refused: CounterBy,
}

impl EventCounters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            received: metrics.counter("dsiem_frontend_events_received", "Events received over HTTP."),
            accepted: metrics
                .counter("dsiem_frontend_events_accepted", "Events accepted and put on the bus."),
            refused: metrics.counter_by(
                "dsiem_frontend_events_refused",
                "Events not accepted, by reason.",
                "reason",
            ),
        }
    }

    /// Opens the account of a request with `events` events.
    pub(crate) fn open(&self, events: usize) -> Account<'_> {
        self.received.add(events as u64);
        Account { counters: self, open: events as u64 }
    }
}

/// The events of one request that are not settled yet.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    counters: &'a EventCounters,
    open: u64,
}

impl Account<'_> {
    /// `events` of them were refused.
    pub(crate) fn refuse(&mut self, events: usize, reason: Reason) {
        self.settle(events as u64, Some(reason));
    }

    /// The rest was refused.
    pub(crate) fn refuse_rest(mut self, reason: Reason) {
        self.settle(self.open, Some(reason));
    }

    /// The rest was accepted.
    pub(crate) fn accept_rest(mut self) {
        self.settle(self.open, None);
    }

    fn settle(&mut self, events: u64, refused: Option<Reason>) {
        if events == 0 {
            return;
        }
        self.open = self.open.saturating_sub(events);
        match refused {
            Some(reason) => self.counters.refused.with(reason.label()).add(events),
            None => self.counters.accepted.add(events),
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.settle(self.open, Some(Reason::Abandoned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_is_always_accepted_plus_refused() {
        let counters = EventCounters::new(&Metrics::new());
        let mut account = counters.open(10);
        account.refuse(3, Reason::Invalid);
        account.accept_rest();
        counters.open(5).refuse_rest(Reason::QueueFull);
        drop(counters.open(2));
        let refused = |reason: Reason| counters.refused.with(reason.label()).get();
        assert_eq!((counters.received.get(), counters.accepted.get()), (17, 7));
        assert_eq!(
            (refused(Reason::Invalid), refused(Reason::QueueFull), refused(Reason::Abandoned)),
            (3, 5, 2)
        );
    }
}
