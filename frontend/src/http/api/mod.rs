//! `/api/v1`: alarms and everything about them, for the page and for programs.
//!
//! One file per resource. Routes are described where they are made, so that `/api/v1/openapi.json` says what is served;
//! errors are problem documents. Calls of the store block and run on threads for that.

pub(crate) mod caller;
pub(crate) mod problem;
