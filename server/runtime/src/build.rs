//! What was built, for `version` commands and logs.

/// The version of the programs, which all carry the workspace's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
