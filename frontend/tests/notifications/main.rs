//! Notifications over their whole public face: what happens to alarms in a store comes out at real web and mail servers.
//! Each test of what is stored runs on both databases.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

mod crash;
mod mail;
mod outbox;
mod rules;
mod settings;
mod surroundings;

#[expect(
    dead_code,
    reason = "it is the support of the alarm store's own tests, of which some is needed here"
)]
#[path = "../alarm_store/support.rs"]
mod support;
