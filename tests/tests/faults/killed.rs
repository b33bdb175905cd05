//! Processes that are killed in the midst of it, at moments of chance, and started again.

use std::time::Instant;

use crate::attacked::{Attacked, durable};
use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::stored;
use crate::written::Written;

/// Milliseconds until the next one is killed, at most.
const AT_MOST: u64 = 1_000;

#[tokio::test]
async fn killed_one_process() {
    let mut attacked = Attacked::start("`dsiem serve` killed", durable()).await;
    let mut chance = Chance::new();
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        chance.pause(AT_MOST).await;
        println!("round {round}: killed after {} attacks", attacked.campaign.attacks());
        let since = Instant::now();
        attacked.kill().await;
        attacked.recover(since).await;
    }
    let sent = attacked.check().await;
    assert!(sent.again > 0, "it was killed under load");
}

#[tokio::test]
async fn killed_backend() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) = (Chance::new(), Recovery::of("backend killed"));
    for round in 0..rounds() {
        campaign.go_on().await;
        chance.pause(AT_MOST).await;
        println!("round {round}: killed after {} attacks", campaign.attacks());
        let since = Instant::now();
        cluster.backend.program.sigkill();
        cluster.backend.start_again().await;
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    let sent = cluster.check(campaign, &recovery).await;
    stored::check(&cluster.frontend.path("logs"), &Written::by(&cluster.backend)).await;
    assert_eq!(sent.again, 0, "senders do not notice");
    cluster.stop().await;
}

#[tokio::test]
async fn killed_frontend() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) = (Chance::new(), Recovery::of("frontend killed"));
    for _ in 0..rounds() {
        campaign.go_on().await;
        chance.pause(AT_MOST).await;
        let since = Instant::now();
        cluster.frontend.program.sigkill();
        cluster.frontend.start_again().await;
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    let sent = cluster.check(campaign, &recovery).await;
    stored::check(&cluster.frontend.path("logs"), &Written::by(&cluster.backend)).await;
    assert!(sent.again > 0, "it was killed under load");
    cluster.stop().await;
}

#[tokio::test]
async fn killed_nats_server() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) = (Chance::new(), Recovery::of("nats-server killed"));
    for _ in 0..rounds() {
        campaign.go_on().await;
        chance.pause(AT_MOST).await;
        let since = Instant::now();
        cluster.nats.kill();
        campaign.wait_refused().await;
        cluster.nats.start_again().await;
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    cluster.check(campaign, &recovery).await;
    stored::check(&cluster.frontend.path("logs"), &Written::by(&cluster.backend)).await;
    for counter in ["dsiem_bus_events_lost_total", "dsiem_bus_streams_replaced_total"] {
        assert_eq!(cluster.backend.http.metric(counter).await, 0, "{counter}");
    }
    cluster.stop().await;
}
