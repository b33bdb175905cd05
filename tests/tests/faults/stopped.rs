//! Processes that are stopped in order in the midst of it, and started again.

use std::time::Instant;

use crate::attacked::{Attacked, durable};
use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};

/// Milliseconds until the next one is stopped, at most.
const AT_MOST: u64 = 500;

#[tokio::test]
async fn stopped_one_process() {
    let mut attacked = Attacked::start("`dsiem serve` stopped with SIGTERM", durable()).await;
    let mut chance = Chance::new();
    for _ in 0..rounds() {
        attacked.campaign.go_on().await;
        chance.pause(AT_MOST).await;
        let since = Instant::now();
        attacked.restart().await;
        attacked.recover(since).await;
    }
    attacked.check().await;
}

#[tokio::test]
async fn stopped_frontend_and_backend() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) =
        (Chance::new(), Recovery::of("frontend or backend stopped with SIGTERM"));
    for round in 0..rounds() {
        campaign.go_on().await;
        chance.pause(AT_MOST).await;
        let since = Instant::now();
        let node = if round % 2 == 0 { &mut cluster.backend } else { &mut cluster.frontend };
        node.stop().await;
        node.start_again().await;
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}
