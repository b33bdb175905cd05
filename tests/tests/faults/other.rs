//! What else goes wrong around processes that go on: a server that pauses or loses its data, a second process of the same
//! name, log files that are renamed, a stop in the midst of load.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::wait::wait_until;

use crate::campaign::{Campaign, directives};
use crate::cluster::{BACKEND_FLAGS, Cluster};

#[tokio::test]
async fn processes_are_stopped_and_started_under_load() {
    let Cluster { nats: _nats, mut frontend, mut backend, .. } = Cluster::start().await;
    let campaign = Campaign::begin(&frontend.http);
    for _ in 0..2 {
        campaign.go_on().await;
        backend.stop().await;
        campaign.go_on().await;
        backend.start_again().await;
        backend.wait_ready().await;
        frontend.stop().await;
        frontend.start_again().await;
        frontend.wait_ready().await;
    }
    campaign.end().await.check(&backend).await;
    backend.stop().await;
}

#[tokio::test]
async fn a_second_process_of_the_same_name_stands_by_and_takes_over() {
    let Cluster { nats: _nats, frontend, mut backend, .. } = Cluster::start().await;
    let campaign = Campaign::begin(&frontend.http);
    let setup = Setup::default().flags(BACKEND_FLAGS);
    let second = Node::launch_backend(&_nats, frontend.http.url(), "be-1", setup).await;
    campaign.go_on().await;
    assert!(second.http.readiness().await["unmet"]["node"].is_string(), "it stands by");
    let sent = campaign.end().await;
    sent.check(&backend).await;
    backend.program.sigkill();
    second.wait_ready().await;
    // A home of its own: it begins with what the stream still has for the node.
    let campaign = Campaign::begin_at(&frontend.http, sent.attacks);
    campaign.go_on().await;
    let more = campaign.end().await;
    wait_until("the new attacks", || async { second.alarms().len() >= more.attacks - sent.attacks }).await;
}

#[tokio::test]
async fn log_files_that_are_renamed_hold_everything_together() {
    let setup = Setup::new(&directives()).flags("--durability require --checkpoint-interval 1");
    let mut node = Node::standalone(setup).await;
    let campaign = Campaign::begin(&node.http);
    for n in 0..3 {
        campaign.go_on().await;
        for file in ["siem_alarms.json", "siem_alarm_events.json"] {
            let path = node.path("logs").join(file);
            std::fs::rename(&path, path.with_extension(format!("json.{n}"))).expect("it is there");
        }
        campaign.go_on().await;
        node.program.sigkill();
        node.start_again().await;
        node.wait_ready().await;
    }
    let sent = campaign.end().await;
    let links = || {
        let files = (0..3).map(|n| format!("logs/siem_alarm_events.json.{n}"));
        let files = files.chain(["logs/siem_alarm_events.json".to_owned()]);
        files.map(|file| dsiem_tests::alarms::read_lines(&node.path(&file)).len()).sum::<usize>()
    };
    let expected = sent.events();
    wait_until("every line", || async { links() >= expected }).await;
    assert_eq!(links(), expected);
    node.stop().await;
}

#[tokio::test]
async fn a_server_that_has_lost_its_data_is_counted_and_flagged_and_the_node_goes_on() {
    let Cluster { mut nats, frontend, mut backend, data } = Cluster::start().await;
    let campaign = Campaign::begin(&frontend.http);
    campaign.go_on().await;
    let sent = campaign.end().await;
    sent.check(&backend).await;
    nats.kill();
    std::fs::remove_dir_all(data.path().join("jetstream")).expect("the server's data is there");
    nats.start_again().await;
    backend.http.wait_for_metric("dsiem_bus_streams_replaced_total", 1).await;
    frontend.wait_ready().await;
    backend.wait_ready().await;
    assert!(backend.http.readiness().await["degraded"]["event_stream"].is_string());
    let campaign = Campaign::begin_at(&frontend.http, sent.attacks);
    campaign.go_on().await;
    campaign.end().await.check(&backend).await;
    backend.stop().await;
}
