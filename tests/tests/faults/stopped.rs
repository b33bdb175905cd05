//! Processes that are stopped in order in the midst of it, and started again.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};

use crate::campaign::{Campaign, directives};
use crate::cluster::{Cluster, DURABLE};
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::written::Written;

/// Milliseconds until the next one is stopped, at most.
const AT_MOST: u64 = 500;

#[tokio::test]
async fn stopped_one_process() {
    let mut node = Node::standalone(Setup::new(&directives()).flags(DURABLE)).await;
    let campaign = Campaign::begin(&node.http);
    let (mut chance, mut recovery) = (Chance::new(), Recovery::of("`dsiem serve` stopped with SIGTERM"));
    for _ in 0..rounds() {
        campaign.go_on().await;
        chance.pause(AT_MOST).await;
        let since = Instant::now();
        node.stop().await;
        node.start_again().await;
        node.wait_ready().await;
        recovery.ready(since);
        recovery.caught_up(since, &campaign, &Written::by(&node)).await;
    }
    let sent = campaign.end().await;
    sent.check(&Written::by(&node)).await;
    recovery.show(&sent);
    node.stop().await;
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
