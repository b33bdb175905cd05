//! Events in, alarms out: the correlation process.
//!
//! [`pipeline`] is the place to start reading: it makes the queues and starts the parts, in the order in which an event
//! meets them.

pub mod alarm_feed;
pub mod alarm_log;
pub mod answers;
pub mod args;
pub mod backlog;
pub mod catalog;
pub mod census;
pub mod checkpoint;
pub mod config;
pub mod config_files;
pub mod config_sync;
pub mod counters;
mod described;
pub mod enrich;
pub mod filter;
#[cfg(test)]
mod fixtures;
pub mod http;
pub mod ingest;
pub mod inquiry;
pub mod mailbox;
pub mod manager;
pub mod pipeline;
pub mod pressure;
pub mod roster;
pub mod service;
pub mod state;
pub mod watchdog;
pub mod workers;
