//! Look-ups of the real program: however slow a source is, alarms are not, and what is known of an alarm only grows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::lookup::LookUp;
use dsiem_tests::samples::{attack, brute_force, directive_file};
use serde_json::{Value, json};

/// How long a source takes that is slow.
const SLOW: Duration = Duration::from_secs(5);

/// What five alarms may take on a busy machine and still have waited for nobody.
const WELL_BEFORE: Duration = Duration::from_secs(3);

fn setup(service: &LookUp) -> Setup {
    Setup::new(&directive_file(&[brute_force(1, 2)]))
        .file("intel_test.json", &json!({"intel_sources": [service.wise_source("wise")]}))
        .file("vuln_test.json", &json!({"vuln_sources": [service.nesd_source("nesd")]}))
}

fn findings(alarm: &Value, list: &str) -> BTreeSet<(String, String)> {
    let all = alarm[list].as_array().map_or(&[][..], Vec::as_slice);
    let pair = |finding: &Value| (finding["term"].to_string(), finding["result"].to_string());
    all.iter().map(pair).collect()
}

#[tokio::test]
async fn while_look_ups_take_five_seconds_five_sources_are_five_alarms_at_once() {
    let service = LookUp::start(Some("known attacker")).await;
    service.set_delay(SLOW);
    let mut node = Node::standalone(setup(&service)).await;
    let begun = Instant::now();
    for source in 1..=5 {
        node.http.send(&attack(&format!("s{source}"), &format!("8.8.8.{source}"), 2)).await;
    }
    node.http.wait_for_metric("dsiem_backlogs_completed_total", 5).await;
    let alarms = node.wait_for_alarms(5).await;
    assert!(begun.elapsed() < WELL_BEFORE, "{:?} is as if it had waited", begun.elapsed());
    assert!(alarms.iter().all(|alarm| alarm.get("intel_hits").is_none()), "nothing is known yet");

    for source in 1..=5 {
        let term = format!("\"8.8.8.{source}\"");
        let with_findings = |alarm: &Value| {
            findings(alarm, "intel_hits").iter().any(|(found, _)| *found == term)
                && findings(alarm, "vulnerabilities").len() == 2
        };
        let alarm = node.wait_for_alarm(&format!("findings about {term}"), with_findings).await;
        assert_eq!(alarm["intel_hits"][0]["provider"], "Wise");
        assert_eq!(alarm["intel_hits"][0]["result"], "tags: known attacker");
        assert_eq!(alarm["risk"], 10);
    }
    assert!(begun.elapsed() >= SLOW);
    assert_eq!(
        (node.alarms().len(), service.hits("10.0.0.1")),
        (5, 0),
        "private addresses are not asked about"
    );
    node.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_no_look_up_longer_than_it_may() {
    let service = LookUp::start(Some("known attacker")).await;
    service.set_delay(Duration::from_secs(60));
    let mut node = Node::standalone(setup(&service)).await;
    node.http.send(&attack("a", "8.8.8.8", 2)).await;
    node.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    let begun = Instant::now();
    node.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(node.alarms().len(), 1);
}

#[tokio::test]
async fn private_addresses_are_asked_about_when_wanted() {
    let service = LookUp::start(Some("known attacker")).await;
    let mut node = Node::standalone(setup(&service).env("DSIEM_INTELPRIVATEIP", "1")).await;
    node.http.send(&attack("a", "192.168.0.9", 2)).await;
    let both = |alarm: &Value| findings(alarm, "intel_hits").len() == 2;
    node.wait_for_alarm("findings about both addresses", both).await;
    assert_eq!((service.hits("192.168.0.9"), service.hits("10.0.0.1")), (1, 1));
    node.stop().await;
}
