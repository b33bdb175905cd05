//! Two backends of one name on one machine: one works, the other takes over when the first is gone.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::written::Written;

/// The other one looks every second whether the first is gone.
const WITHIN: Duration = Duration::from_secs(5);

/// Longer than a lease lasts that is not renewed.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(7);

#[tokio::test]
async fn two_backends_of_one_name() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) =
        (Chance::new(), Recovery::of("one of two backends of a node killed or stopped"));
    for round in 0..rounds() {
        let other = cluster.backend.launch_beside().await;
        other.program.wait_for_log("standing by to take over").await;
        let unmet = other.http.readiness().await;
        assert!(unmet["unmet"].get("node").is_some(), "two at a time: {unmet}");
        campaign.go_on().await;
        chance.pause(500).await;
        assert!(cluster.backend.program.is_running() && !other.http.is_ready().await);

        let since = Instant::now();
        if round % 2 == 0 {
            cluster.backend.program.sigkill();
        } else {
            cluster.backend.stop().await;
        }
        other.wait_ready().await;
        recovery.ready(since);
        assert!(since.elapsed() < WITHIN, "taken over after {:?}", since.elapsed());
        recovery.caught_up(since, &campaign, &Written::by(&other)).await;
        cluster.backend = other;
    }
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}

#[tokio::test]
async fn one_of_two_backends_stands_still_and_comes_back() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let mut recovery = Recovery::of("one of two backends of a node stands still, and is killed later");
    let other = cluster.backend.launch_beside().await;
    other.program.wait_for_log("standing by to take over").await;
    campaign.go_on().await;

    // It is alive and has the files, so that the other one must not touch them.
    cluster.backend.program.signal("STOP");
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;
    assert!(!other.http.is_ready().await, "two at a time");
    let since = Instant::now();
    cluster.backend.program.signal("CONT");
    cluster.recover(since, &campaign, &mut recovery).await;
    assert!(!other.http.is_ready().await, "two at a time");

    cluster.backend.program.signal("STOP");
    tokio::time::sleep(LONGER_THAN_A_LEASE).await;
    let since = Instant::now();
    cluster.backend.program.sigkill();
    cluster.backend = other;
    cluster.recover(since, &campaign, &mut recovery).await;
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}
