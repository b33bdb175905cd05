//! Look-up services that are slow, dead, or both by turns: no alarm waits for them.

use std::time::{Duration, Instant};

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::lookup::LookUp;
use dsiem_tests::ports;
use serde_json::json;

use crate::campaign::{Campaign, directives};
use crate::cluster::DURABLE;
use crate::recovery::Recovery;
use crate::rounds::rounds;
use crate::written::Written;

/// Longer than anybody waits for an answer.
const TOO_SLOW: Duration = Duration::from_secs(15);

#[tokio::test]
async fn slow_and_dead_look_up_services() {
    let (slow, turning) = (LookUp::start(Some("slow")).await, LookUp::start(None).await);
    slow.set_delay(TOO_SLOW);
    let dead = json!({"name": "dead", "type": "IP", "enabled": true, "plugin": "Nesd",
        "config": json!({"url": format!("http://127.0.0.1:{}/?ip=${{ip}}&port=${{port}}", ports::free())}).to_string()});
    let setup = Setup::new(&directives())
        .file(
            "intel_test.json",
            &json!({"intel_sources": [slow.wise_source("slow"), turning.wise_source("turning")]}),
        )
        .file("vuln_test.json", &json!({"vuln_sources": [dead]}))
        .flags(DURABLE)
        .flags("--intelPrivateIP");
    let mut node = Node::standalone(setup).await;
    let campaign = Campaign::begin(&node.http);
    let mut recovery = Recovery::of("look-up services slow, dead, and `dsiem serve` killed meanwhile");
    for round in 0..rounds() {
        campaign.go_on().await;
        let since = Instant::now();
        turning.set_delay(if round % 2 == 0 { TOO_SLOW } else { Duration::ZERO });
        if round % 2 == 1 {
            node.program.sigkill();
            node.start_again().await;
            node.wait_ready().await;
        }
        recovery.ready(since);
        recovery.caught_up(since, &campaign, &Written::by(&node)).await;
    }
    assert!(slow.total_hits() > 0 && turning.total_hits() > 0, "nobody was asked");
    let sent = campaign.end().await;
    sent.check(&Written::by(&node)).await;
    recovery.show(&sent);
    node.stop().await;
}
