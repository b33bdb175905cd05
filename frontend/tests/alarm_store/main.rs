//! The alarm store over its whole public face, each test on both databases.
//!
//! PostgreSQL is the system's own, started here in a temporary folder behind a socket; where it is not installed, its
//! tests say so and pass.

mod figures;
mod handling;
mod lists;
mod rules;
mod support;
mod upkeep;
