//! The real programs, as they are started, fed, disturbed and stopped in an installation.
//!
//! One file for each thing that is shown. They need the binaries (`cargo build --bins`) and a nats-server.

mod accounts;
mod alarm_store;
mod cluster;
mod configuration;
mod doors;
mod existing_programs;
mod import;
mod lookups;
mod messages;
mod nodes;
mod options;
mod outages;
mod rules;
mod scale;
mod standalone;
mod tools;
mod watchdog;
