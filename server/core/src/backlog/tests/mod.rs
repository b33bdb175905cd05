//! What a backlog does with events, deadlines and findings, line by line as the specification of correlation says it.
//!
//! Each test is a [`scenario`](scenario::scenario): a directive in a few words, events in a few words, and what became
//! of each.

mod always_active;
mod candidates;
mod documents;
mod events;
mod expiry;
mod identity;
mod limits;
mod references;
mod risk;
pub(crate) mod scenario;
mod sticky;
mod time_order;
mod updates;
