//! A frontend whose configuration disappears: events go on, and a backend starts with its last good copy.

use std::fs;
use std::time::Instant;

use crate::cluster::Cluster;
use crate::recovery::Recovery;

#[tokio::test]
async fn frontend_without_its_configuration() {
    let mut cluster = Cluster::start().await;
    let campaign = cluster.attack();
    let mut recovery = Recovery::of("configuration of the frontend gone, backend killed");
    campaign.go_on().await;
    fs::remove_dir_all(cluster.frontend.path("configs")).expect("its own folder");
    campaign.go_on().await;

    let since = Instant::now();
    cluster.backend.program.sigkill();
    cluster.backend.start_again().await;
    cluster.recover(since, &campaign, &mut recovery).await;
    let readiness = cluster.backend.http.readiness().await;
    assert!(readiness["degraded"].get("configuration").is_some(), "{readiness}");

    // It is there again when the frontend is started the next time.
    cluster.frontend.program.sigkill();
    cluster.frontend.start_again().await;
    let since = Instant::now();
    cluster.backend.program.sigkill();
    cluster.backend.start_again().await;
    cluster.recover(since, &campaign, &mut recovery).await;
    let readiness = cluster.backend.http.readiness().await;
    assert!(readiness["degraded"].get("configuration").is_none(), "{readiness}");
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}
