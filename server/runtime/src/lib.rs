//! What any process of ours needs, and nothing that knows about correlation.
//!
//! - [`bus`]: how events get from frontends to backends, over NATS or within one process.
//! - [`clock`]: the only place that reads the wall clock.
//! - [`shutdown`]: stopping as a value that is passed down.
//! - [`telemetry`], [`metrics`], [`status`]: what a process says about itself.
//! - [`nodes`]: what processes tell each other about themselves.
//! - [`program`]: what every `main` does.
//! - [`secret`]: tokens and passwords, which never show themselves.
//! - [`args`], [`files`], [`tls`], [`build`]: arguments, folders and the like that all our programs share.

pub mod args;
pub mod build;
pub mod bus;
pub mod clock;
pub mod files;
pub mod ledger;
pub mod metrics;
pub mod nodes;
pub mod program;
pub mod quota;
pub mod secret;
pub mod shutdown;
pub mod status;
pub mod telemetry;
pub mod tls;

pub use clock::Clock;
pub use metrics::Metrics;
pub use secret::Secret;
pub use shutdown::Shutdown;
pub use status::Readiness;
