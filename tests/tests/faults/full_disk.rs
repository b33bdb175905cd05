//! A disk that is full: nothing is acknowledged that cannot be kept, and all goes on by itself when there is room again.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::wait::wait_until;

use crate::attacked::{Attacked, durable};
use crate::cluster::Cluster;
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
    let fault = "disk of logs and state full (`dsiem serve`)";
    let mut attacked = Attacked::start(fault, disk.as_folder("logs", durable())).await;
    attacked.written = Written::in_folder(&disk.folder());
    for round in 0..rounds().div_ceil(2) {
        attacked.campaign.go_on().await;
        disk.fill();
        attacked.campaign.wait_refused().await;
        wait_degraded(&attacked.node, "event_log", true).await;
        if round % 2 == 1 {
            attacked.node.program.sigkill();
        }
        let since = Instant::now();
        disk.free();
        if round % 2 == 1 {
            attacked.node.start_again().await;
        }
        for condition in ["alarm_log", "event_log", "checkpoint"] {
            wait_degraded(&attacked.node, condition, false).await;
        }
        attacked.recover(since).await;
    }
    attacked.check().await;
}

#[tokio::test]
async fn full_disk_of_state() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else { return };
    let fault = "disk of state full (`dsiem serve`)";
    let mut attacked = Attacked::start(fault, disk.as_folder("logs/state", durable())).await;
    for _ in 0..rounds().div_ceil(2) {
        attacked.campaign.go_on().await;
        disk.fill();
        attacked.campaign.wait_refused().await;
        wait_degraded(&attacked.node, "event_log", true).await;
        let since = Instant::now();
        disk.free();
        for condition in ["event_log", "checkpoint"] {
            wait_degraded(&attacked.node, condition, false).await;
        }
        attacked.recover(since).await;
    }
    attacked.check().await;
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
