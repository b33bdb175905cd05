//! A NATS server that stands still, or loses what it has kept.

use std::time::Instant;

use crate::campaign::Campaign;
use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::written::Written;

#[tokio::test]
async fn paused_nats_server() {
    let cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let (mut chance, mut recovery) = (Chance::new(), Recovery::of("nats-server paused"));
    // A round takes the time after which events count as not confirmed.
    for round in 0..rounds().div_ceil(3) {
        campaign.go_on().await;
        let since = Instant::now();
        cluster.nats.pause();
        if round % 2 == 0 {
            campaign.wait_refused().await;
        }
        chance.pause(500).await;
        cluster.nats.resume();
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}

/// What is lost with the disk is lost, and said; everything that comes later is complete.
async fn loses_its_disk(fault: &'static str, remove: impl Fn(&mut Cluster)) {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let mut recovery = Recovery::of(fault);
    campaign.go_on().await;
    assert!(cluster.backend.http.readiness().await["degraded"].get("event_stream").is_none());

    // What it has never written down it cannot miss.
    cluster.backend.http.wait_for_metric("dsiem_checkpoints_total", 1).await;
    // So that there is something in the stream that it has not read.
    cluster.backend.program.sigkill();
    campaign.go_on().await;
    let since = Instant::now();
    remove(&mut cluster);
    cluster.nats.start_again().await;
    cluster.backend.start_again().await;
    cluster.recover(since, &campaign, &mut recovery).await;
    let before = campaign.end().await;
    let written = Written::by(&cluster.backend);
    let lost = before.check_what_came(&written);
    println!("of {} events, {lost} were lost with the disk", before.events());
    assert!(lost > 0, "nothing was lost, so that nothing is shown here");

    let flagged = cluster.backend.http.readiness().await;
    assert!(
        flagged["degraded"]["event_stream"].as_str().is_some_and(|why| why.contains("lost")),
        "{flagged}"
    );
    assert_eq!(cluster.backend.http.metric("dsiem_bus_streams_replaced_total").await, 1);

    let campaign = Campaign::begin_behind(&cluster.frontend.http, &before);
    campaign.go_on().await;
    let after = campaign.end().await;
    after.check(&written).await;
    recovery.show(&after);

    // A process that starts later knows the new stream.
    cluster.backend.program.sigkill();
    let campaign = Campaign::begin_behind(&cluster.frontend.http, &after);
    cluster.backend.start_again().await;
    cluster.backend.wait_ready().await;
    campaign.go_on().await;
    campaign.end().await.check(&written).await;
    cluster.stop().await;
}

#[tokio::test]
async fn nats_server_loses_its_disk_while_it_is_away() {
    loses_its_disk("nats-server killed and its data removed", |cluster| {
        cluster.nats.kill();
        cluster.nats.lose_store();
    })
    .await;
}

#[tokio::test]
async fn nats_server_loses_its_disk_while_it_runs() {
    loses_its_disk("data of nats-server removed, then it killed", |cluster| {
        cluster.nats.lose_store();
        cluster.nats.kill();
    })
    .await;
}
