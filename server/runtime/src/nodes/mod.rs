//! What processes tell each other about themselves, so that any frontend can show all of them.
//!
//! A [`Reporter`] in every process says every few seconds how that is ([`NodeReport`]); whoever shows processes keeps the
//! newest report of each. Reports are for people: nothing is decided by them, and one that is lost is followed by the
//! next.

mod described;
mod report;
mod reporter;

/// The name of the rate of events that came in over HTTP.
pub const EVENTS_ACCEPTED: &str = "events_accepted";

/// The name of the rate of events that were taken from the bus.
pub const EVENTS_RECEIVED: &str = "events_received";

/// The name of the rate of new alarms.
pub const ALARMS_RAISED: &str = "alarms_raised";

pub use described::{Backlogs, Described, OpenByDirective, Queue};
pub use report::{
    BacklogFigures, Book, DirectiveFigures, MAX_DIRECTIVES, MAX_REPORT_BYTES, NodeKind, NodeReport,
    QueueFigures, Rate, Unreadable,
};
pub use reporter::{REPORT_EVERY, Reporter};
