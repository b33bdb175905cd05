//! What must hold for any directive and any events: the index and the routing against asking everyone, the engine
//! against a naive model, saved state against an undisturbed run.
//!
//! Values come from small domains, so that collisions are frequent. `PROPTEST_CASES` says how many cases each test
//! tries; a failing one prints the directives and events that are needed to see it again.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod index;
mod manager;
mod model;
mod model_agrees;
mod reach;
mod revision;
mod routing;
mod snapshot;

use proptest::prelude::ProptestConfig;

/// The number of cases comes from `PROPTEST_CASES`; nothing is kept in files.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
