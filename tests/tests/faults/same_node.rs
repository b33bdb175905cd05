//! Two backends of one name on one machine: one works, the other takes over when the first is gone.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::written::Written;

/// The lease of one that was killed runs out, and the other notices.
const WITHIN: Duration = Duration::from_secs(12);

#[tokio::test]
async fn two_backends_of_one_name() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) =
        (Chance::new(), Recovery::of("one of two backends of a node killed or stopped"));
    // Each takes as long as a lease.
    for round in 0..rounds().div_ceil(2) {
        let other = cluster.backend.launch_beside().await;
        other.program.wait_for_log("standing by to take over").await;
        let unmet = other.http.readiness().await;
        assert!(unmet["unmet"].get("node").is_some(), "two at a time: {unmet}");
        campaign.go_on().await;
        chance.pause(500).await;
        assert!(cluster.backend.program.is_running() && !other.http.is_ready().await);

        let since = Instant::now();
        if round % 2 == 0 {
            cluster.backend.program.sigkill()
        } else {
            cluster.backend.stop().await
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
