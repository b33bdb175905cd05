//! The alarm store and the accounts over their whole public face, each test on both databases.
//!
//! PostgreSQL is the system's own, started here in a temporary folder behind a socket; where it is not installed, its
//! tests say so and pass.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

mod accounts;
mod figures;
mod handling;
mod lists;
mod rules;
mod sharing;
mod support;
mod upkeep;
