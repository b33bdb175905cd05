//! A disk that is full: nothing is acknowledged that cannot be kept, and all goes on by itself when there is room again.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::wait::wait_until;

use crate::campaign::{Campaign, directives};
use crate::cluster::{Cluster, DURABLE};
use crate::recovery::Recovery;
use crate::rounds::rounds;
use crate::small_disk::SmallDisk;
use crate::written::Written;

/// Enough for what these tests write.
const MEBIBYTES: u32 = 64;

/// Waits until `condition` is degraded, or is not.
async fn wait_degraded(node: &Node, condition: &str, wanted: bool) {
    wait_until(&format!("{condition} to be degraded: {wanted}"), || async {
        node.http.readiness().await["degraded"].get(condition).is_some() == wanted
    })
    .await;
}

#[tokio::test]
async fn full_disk_of_logs_and_state() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let setup = disk.as_folder("logs", Setup::new(&directives()).flags(DURABLE));
    let mut node = Node::standalone(setup).await;
    let written = Written::in_folder(&disk.folder());
    let campaign = Campaign::begin(&node.http);
    let mut recovery = Recovery::of("disk of logs and state full (`dsiem serve`)");
    for round in 0..rounds().div_ceil(2) {
        campaign.go_on().await;
        disk.fill();
        campaign.wait_refused().await;
        wait_degraded(&node, "event_log", true).await;
        if round % 2 == 1 {
            node.program.sigkill();
        }
        let since = Instant::now();
        disk.free();
        if round % 2 == 1 {
            node.start_again().await;
        }
        for condition in ["alarm_log", "event_log", "checkpoint"] {
            wait_degraded(&node, condition, false).await;
        }
        recovery.ready(since);
        recovery.caught_up(since, &campaign, &written).await;
    }
    let sent = campaign.end().await;
    sent.check(&written).await;
    recovery.show(&sent);
    node.stop().await;
}

#[tokio::test]
async fn full_disk_of_state() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let setup = disk.as_folder("logs/state", Setup::new(&directives()).flags(DURABLE));
    let mut node = Node::standalone(setup).await;
    let written = Written::by(&node);
    let campaign = Campaign::begin(&node.http);
    let mut recovery = Recovery::of("disk of state full (`dsiem serve`)");
    for _ in 0..rounds().div_ceil(2) {
        campaign.go_on().await;
        disk.fill();
        campaign.wait_refused().await;
        wait_degraded(&node, "event_log", true).await;
        let since = Instant::now();
        disk.free();
        for condition in ["event_log", "checkpoint"] {
            wait_degraded(&node, condition, false).await;
        }
        recovery.ready(since);
        recovery.caught_up(since, &campaign, &written).await;
    }
    let sent = campaign.end().await;
    sent.check(&written).await;
    recovery.show(&sent);
    node.stop().await;
}

#[tokio::test]
async fn full_disk_of_a_backend() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let cluster = Cluster::start_with(disk.as_folder("logs", Setup::default())).await;
    let written = Written::in_folder(&disk.folder());
    let campaign = cluster.attack();
    let mut recovery = Recovery::of("disk of logs and state full (backend)");
    for _ in 0..rounds().div_ceil(2) {
        campaign.go_on().await;
        disk.fill();
        wait_degraded(&cluster.backend, "alarm_log", true).await;
        campaign.go_on().await;
        let since = Instant::now();
        disk.free();
        for condition in ["alarm_log", "checkpoint"] {
            wait_degraded(&cluster.backend, condition, false).await;
        }
        recovery.ready(since);
        recovery.caught_up(since, &campaign, &written).await;
    }
    let sent = campaign.end().await;
    sent.check(&written).await;
    recovery.show(&sent);
    assert_eq!(sent.again, 0, "the stream has room");
    cluster.stop().await;
}
