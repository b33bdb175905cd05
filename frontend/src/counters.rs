//! What became of events, as numbers that add up.
//!
//! `received = accepted + refused + in flight` over all reasons, whatever happens to a request: an `Account` is opened
//! with the number of its events, and what is not settled when it is dropped (the sender hung up) is `abandoned`. How
//! many events a request has is not known of one that is refused before it is read, so requests have books of their own:
//! a `RequestAccount` ends with the opening of an account of events, or with a reason.

use axum::http::StatusCode;
use dsiem_runtime::ledger::{Balance, Equation, Outgoing};
use dsiem_runtime::metrics::{Counter, CounterBy, Gauge, Metrics};

/// The books of a frontend, by the names of its metrics.
pub const EQUATIONS: [Equation; 2] = [
    Equation {
        name: "requests with events",
        incoming: "dsiem_frontend_event_requests_received",
        outgoing: &[
            Outgoing::One("read", "dsiem_frontend_event_requests_read"),
            Outgoing::Each("dsiem_frontend_event_requests_refused"),
        ],
        in_flight: "dsiem_frontend_event_requests_in_flight",
    },
    Equation {
        name: "events over HTTP",
        incoming: "dsiem_frontend_events_received",
        outgoing: &[
            Outgoing::One("accepted", "dsiem_frontend_events_accepted"),
            Outgoing::Each("dsiem_frontend_events_refused"),
        ],
        in_flight: "dsiem_frontend_events_in_flight",
    },
];

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
    const ALL: [Self; 8] = [
        Self::Invalid,
        Self::TooLarge,
        Self::RateLimited,
        Self::PeerRateLimited,
        Self::QueueFull,
        Self::NotConnected,
        Self::NotConfirmed,
        Self::Abandoned,
    ];

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

/// Why nobody knows how many events a request had: the values of the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Without the token, or with a wrong one.
    Unauthorized,
    /// Its address was over its rate.
    PeerRateLimited,
    /// It was not what it said it was: JSON, UTF-8, gzip, zstd, or whole.
    Malformed,
    /// It did not arrive in time.
    TooSlow,
    /// Too long, or with too many events.
    TooLarge,
    /// Compressed in a way that we cannot undo.
    UnsupportedEncoding,
    /// Too many bodies were in memory.
    NoMemory,
    /// For a reason that has no name here.
    Other,
    /// The sender hung up before it was read.
    Abandoned,
}

impl Unread {
    const ALL: [Self; 9] = [
        Self::Unauthorized,
        Self::PeerRateLimited,
        Self::Malformed,
        Self::TooSlow,
        Self::TooLarge,
        Self::UnsupportedEncoding,
        Self::NoMemory,
        Self::Other,
        Self::Abandoned,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::PeerRateLimited => "peer_rate_limited",
            Self::Malformed => "malformed",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::NoMemory => "no_memory",
            Self::Other => "other",
            Self::Abandoned => "abandoned",
        }
    }

    /// What the answer to a request that was not read says about why.
    fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Self::PeerRateLimited,
            StatusCode::BAD_REQUEST => Self::Malformed,
            StatusCode::REQUEST_TIMEOUT => Self::TooSlow,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedEncoding,
            StatusCode::SERVICE_UNAVAILABLE => Self::NoMemory,
            _ => Self::Other,
        }
    }
}

/// The counters of events, and of the requests that bring them.
#[derive(Debug, Clone)]
pub(crate) struct EventCounters {
    received: Counter,
    accepted: Counter,
    refused: CounterBy,
    in_flight: Gauge,
    requests: RequestCounters,
}

#[derive(Debug, Clone)]
struct RequestCounters {
    received: Counter,
    read: Counter,
    refused: CounterBy,
    in_flight: Gauge,
}

impl RequestCounters {
    fn new(metrics: &Metrics) -> Self {
        Self {
            received: metrics
                .counter("dsiem_frontend_event_requests_received", "Requests to /events that were received."),
            read: metrics.counter(
                "dsiem_frontend_event_requests_read",
                "Requests to /events whose events are counted one by one.",
            ),
            refused: metrics.counter_by(
                "dsiem_frontend_event_requests_refused",
                "Requests to /events whose events are in no other count, by reason.",
                "reason",
            ),
            in_flight: metrics
                .gauge("dsiem_frontend_event_requests_in_flight", "Requests to /events that are being read."),
        }
    }

    fn balance(&self) -> Balance {
        let refused = Unread::ALL.map(|reason| (reason.label(), self.refused.with(reason.label())));
        let read = ("read", self.read.clone());
        Balance {
            name: EQUATIONS[0].name,
            incoming: self.received.clone(),
            outgoing: std::iter::once(read).chain(refused).collect(),
            in_flight: self.in_flight.clone(),
        }
    }
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
            in_flight: metrics
                .gauge("dsiem_frontend_events_in_flight", "Events received and not yet answered."),
            requests: RequestCounters::new(metrics),
        }
    }

    /// Opens the account of a request, of which nobody knows how many events it has.
    pub(crate) fn receive(&self) -> RequestAccount<'_> {
        self.requests.received.inc();
        self.requests.in_flight.inc();
        RequestAccount { counters: self, is_open: true }
    }

    /// The equations that must hold; see [`EQUATIONS`].
    pub(crate) fn balances(&self) -> Vec<Balance> {
        let refused = Reason::ALL.map(|reason| (reason.label(), self.refused.with(reason.label())));
        let accepted = ("accepted", self.accepted.clone());
        let events = Balance {
            name: EQUATIONS[1].name,
            incoming: self.received.clone(),
            outgoing: std::iter::once(accepted).chain(refused).collect(),
            in_flight: self.in_flight.clone(),
        };
        vec![self.requests.balance(), events]
    }
}

/// A request whose events are not counted yet.
#[derive(Debug)]
pub(crate) struct RequestAccount<'a> {
    counters: &'a EventCounters,
    is_open: bool,
}

impl<'a> RequestAccount<'a> {
    /// It has so many events, which have an account of their own from now on.
    pub(crate) fn open(&mut self, events: usize) -> Account<'a> {
        let (counters, events) = (self.counters, events as u64);
        counters.received.add(events);
        counters.in_flight.add(as_gauge(events));
        self.settle(&counters.requests.read);
        Account { counters, open: events }
    }

    /// It was refused unread, with this answer.
    pub(crate) fn refuse(&mut self, status: StatusCode) {
        self.refuse_for(Unread::of(status));
    }

    fn refuse_for(&mut self, reason: Unread) {
        if self.is_open {
            self.settle(&self.counters.requests.refused.with(reason.label()));
        }
    }

    fn settle(&mut self, became: &Counter) {
        if self.is_open {
            self.is_open = false;
            became.inc();
            self.counters.requests.in_flight.dec();
        }
    }
}

impl Drop for RequestAccount<'_> {
    fn drop(&mut self) {
        self.refuse_for(Unread::Abandoned);
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
        self.counters.in_flight.add(-as_gauge(events));
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.settle(self.open, Some(Reason::Abandoned));
    }
}

fn as_gauge(events: u64) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use dsiem_runtime::ledger::{Look, Samples};

    use super::*;

    /// Both books as `/metrics` shows them.
    fn looks(metrics: &Metrics) -> [Look; 2] {
        let samples = Samples::parse(&metrics.text());
        EQUATIONS.map(|equation| equation.read(&samples).unwrap().look())
    }

    #[test]
    fn received_is_always_accepted_plus_refused_plus_in_flight() {
        let metrics = Metrics::new();
        let counters = EventCounters::new(&metrics);
        let mut account = counters.receive().open(10);
        account.refuse(3, Reason::Invalid);
        let [_, events] = looks(&metrics);
        assert_eq!(events, Look { incoming: 10, outgoing: 3, in_flight: 7 });
        account.accept_rest();
        counters.receive().open(5).refuse_rest(Reason::QueueFull);
        drop(counters.receive().open(2));
        let refused = |reason: Reason| counters.refused.with(reason.label()).get();
        assert_eq!((counters.received.get(), counters.accepted.get()), (17, 7));
        assert_eq!(
            (refused(Reason::Invalid), refused(Reason::QueueFull), refused(Reason::Abandoned)),
            (3, 5, 2)
        );
        let [requests, events] = looks(&metrics);
        assert_eq!(events, Look { incoming: 17, outgoing: 17, in_flight: 0 });
        assert_eq!(requests, Look { incoming: 3, outgoing: 3, in_flight: 0 });
    }

    #[test]
    fn a_request_is_read_or_refused_or_abandoned_and_only_one_of_them() {
        let metrics = Metrics::new();
        let counters = EventCounters::new(&metrics);
        let mut refused = counters.receive();
        let waiting = counters.receive();
        refused.refuse(StatusCode::PAYLOAD_TOO_LARGE);
        drop(refused);
        let [requests, _] = looks(&metrics);
        assert_eq!(requests, Look { incoming: 2, outgoing: 1, in_flight: 1 });
        drop(waiting);
        drop(counters.receive().open(1));
        let count = |reason: Unread| counters.requests.refused.with(reason.label()).get();
        assert_eq!((count(Unread::TooLarge), count(Unread::Abandoned)), (1, 1));
        assert_eq!(counters.requests.read.get(), 1);
        let [requests, _] = looks(&metrics);
        assert_eq!(requests, Look { incoming: 3, outgoing: 3, in_flight: 0 });
    }

    /// Whoever adds a counter to a balance has to add it to the equation, and the other way round.
    #[test]
    fn the_books_that_are_checked_are_those_that_are_shown() {
        let metrics = Metrics::new();
        let counters = EventCounters::new(&metrics);
        let balances = counters.balances();
        assert_eq!(balances.len(), EQUATIONS.len());
        for (balance, equation) in balances.iter().zip(EQUATIONS) {
            balance.incoming.add(1_000);
            balance.in_flight.set(77);
            for (n, (_, counter)) in balance.outgoing.iter().enumerate() {
                counter.add(1 << n);
            }
            let sheet = equation.read(&Samples::parse(&metrics.text())).unwrap();
            let outgoing = (1 << balance.outgoing.len()) - 1;
            assert_eq!(sheet.look(), Look { incoming: 1_000, outgoing, in_flight: 77 });
            assert_eq!((sheet.name, sheet.outgoing.len()), (balance.name, balance.outgoing.len()));
        }
    }
}
