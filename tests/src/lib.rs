//! What the tests stand on: the pipeline in process with paused time, and the real binaries with a real nats-server.
//!
//! * [`engine`]: the parts of production in this process, with the clock in the test's hand.
//! * [`installation`]: the real programs, each in a home of its own; begin there for anything that needs processes.
//! * [`nats`], [`http`], [`alarms`], [`lookup`]: what stands around them.

pub mod alarms;
pub mod engine;
pub mod http;
pub mod installation;
pub mod lookup;
pub mod nats;
pub mod ports;
pub mod process;
pub mod samples;
pub mod wait;
