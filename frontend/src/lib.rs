//! HTTP in, events out; configuration files and the page served.
//!
//! In the order in which a request goes through it: [`server`] takes the connection, over [`tls`] where that is asked
//! for, `http` knows the paths and asks for tokens, [`body`] reads what was sent, `submission` cuts it into events,
//! [`peers`] and [`limiter`] say whether they may come in, `publisher` puts them on the bus, `counters` and [`rejected`] keep account of them. [`config_store`] holds the files of `/config`,
//! [`alarm_store`] the alarms that people see and handle, which [`alarms`] fills, [`accounts`] the people themselves, both in
//! a [`database`]; [`notifications`] tell people of alarms; [`nodes`] knows the processes of the installation.
//! [`service`] puts all of it together from [`config`], which is what [`args`] mean.

pub mod accounts;
pub mod alarm_store;
pub mod alarms;
pub mod args;
pub mod auth;
pub mod body;
pub mod config;
pub mod config_store;
pub mod connection;
pub mod counters;
pub mod database;
pub mod doors;
mod explanation;
mod fast_path;
mod http;
mod idle;
mod library;
pub mod limiter;
mod lingering;
pub mod nodes;
pub mod notifications;
pub mod peers;
mod places;
mod publisher;
pub mod rejected;
pub mod server;
pub mod service;
mod submission;
pub mod tls;

pub use config::{Config, ServeConfig};
pub use config_store::Choices;
pub use doors::Doors;
pub use http::openapi_json;
pub use nodes::Nodes;
pub use service::{Frontend, Parts, run};
