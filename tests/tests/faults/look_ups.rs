//! Look-up services that are slow, dead, or both by turns: no alarm waits for them.

use std::time::{Duration, Instant};

use dsiem_tests::lookup::LookUp;
use dsiem_tests::ports;
use serde_json::json;

use crate::attacked::{Attacked, durable};
use crate::rounds::rounds;

/// Longer than anybody waits for an answer.
const TOO_SLOW: Duration = Duration::from_secs(15);

#[tokio::test]
async fn slow_and_dead_look_up_services() {
    let (slow, turning) = (LookUp::start(Some("slow")).await, LookUp::start(None).await);
    slow.set_delay(TOO_SLOW);
    let dead = json!({"name": "dead", "type": "IP", "enabled": true, "plugin": "Nesd",
        "config": json!({"url": format!("http://127.0.0.1:{}/?ip=${{ip}}&port=${{port}}", ports::free())}).to_string()});
    let setup = durable()
        .file(
            "intel_test.json",
            &json!({"intel_sources": [slow.wise_source("slow"), turning.wise_source("turning")]}),
        )
        .file("vuln_test.json", &json!({"vuln_sources": [dead]}))
        .flags("--intelPrivateIP");
    let fault = "look-up services slow, dead, and `dsiem serve` killed meanwhile";
    let mut attacked = Attacked::start(fault, setup).await;
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        turning.set_delay(if round % 2 == 0 { TOO_SLOW } else { Duration::ZERO });
        if round % 2 == 1 {
            attacked.kill().await;
        }
        attacked.recover(since).await;
    }
    assert!(slow.total_hits() > 0 && turning.total_hits() > 0, "nobody was asked");
    attacked.check().await;
}
