//! How often something is done to the programs, and when: at moments of chance that a seed repeats.

use std::time::Duration;

/// How often, unless `DSIEM_FAULT_ROUNDS` says otherwise.
const ROUNDS: usize = 5;

/// How often something is done to the programs.
pub(crate) fn rounds() -> usize {
    number("DSIEM_FAULT_ROUNDS").and_then(|rounds| rounds.try_into().ok()).unwrap_or(ROUNDS)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Numbers as if by chance, the same for the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    /// From `DSIEM_FAULT_SEED`, or else from the number of this process; says which.
    pub(crate) fn new() -> Self {
        let seed = number("DSIEM_FAULT_SEED").unwrap_or_else(|| std::process::id().into());
        println!("DSIEM_FAULT_SEED={seed}");
        Self(seed)
    }

    /// Waits for up to `most` milliseconds.
    pub(crate) async fn pause(&mut self, most: u64) {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((self.0 >> 33) % (most + 1))).await;
    }
}
