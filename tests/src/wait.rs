//! Waiting for what another process does: a condition is looked at again and again until a deadline.
//!
//! Nothing waits for a fixed time, so that tests are as fast as the machine and as patient as a slow one needs.

use std::time::Duration;

use tokio::time::Instant;

/// Everything that a test waits for happens within this time, or the test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks at `condition` until it gives a value.
///
/// # Panics
/// When it has not within `deadline`, with `what` was waited for.
pub async fn wait_for<T, F: Future<Output = Option<T>>>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Looks at `condition` until it holds.
///
/// # Panics
/// When it does not within [`DEADLINE`], with `what` was waited for.
pub async fn wait_until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    wait_for(what, DEADLINE, || {
        let holds = condition();
        async { holds.await.then_some(()) }
    })
    .await;
}
