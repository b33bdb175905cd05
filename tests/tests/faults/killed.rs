//! Processes that are killed in the midst of it, at moments of chance, and started again.

use std::time::Duration;

use dsiem_tests::installation::{Node, Setup};

use crate::campaign::{Campaign, directives};

/// How often, unless `DSIEM_FAULT_ROUNDS` says otherwise.
const ROUNDS: usize = 5;

fn rounds() -> usize {
    number("DSIEM_FAULT_ROUNDS").and_then(|rounds| rounds.try_into().ok()).unwrap_or(ROUNDS)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Numbers as if by chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    /// From `DSIEM_FAULT_SEED`, or else from the number of this process; says which.
    fn new() -> Self {
        let seed = number("DSIEM_FAULT_SEED").unwrap_or_else(|| std::process::id().into());
        println!("DSIEM_FAULT_SEED={seed}");
        Self(seed)
    }

    /// A time of up to `most` milliseconds.
    fn millis(&mut self, most: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % (most + 1))
    }
}

#[tokio::test]
async fn one_process_is_killed_again_and_again() {
    let setup = Setup::new(&directives()).flags("--durability require --checkpoint-interval 1");
    let mut node = Node::standalone(setup).await;
    let campaign = Campaign::begin(&node.http);
    let mut chance = Chance::new();
    for round in 0..rounds() {
        campaign.go_on().await;
        tokio::time::sleep(chance.millis(1_500)).await;
        println!("round {round}: killed after {} attacks", campaign.attacks());
        node.program.sigkill();
        node.start_again().await;
        node.wait_ready().await;
    }
    let sent = campaign.end().await;
    sent.check(&node).await;
    println!("{sent:?}");
    assert!(sent.again > 0, "it was killed under load");
    node.stop().await;
}
