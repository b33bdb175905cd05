//! What the tests stand on: the pipeline in process with paused time, and the real binaries with a real nats-server.

pub mod engine;
