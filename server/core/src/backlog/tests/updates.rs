//! Section 2: when the alarm document is written, and what look-ups add to it.

use serde_json::json;

use super::scenario::{Scenario, scenario, settings};
use crate::backlog::Backlog;
use crate::finding::{Finding, FindingKind};

/// An alarm that is visible from its first stage on.
fn visible() -> Scenario {
    scenario(["sid=1", "sid=2 occurrence=2", "sid=3"])
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
}

#[test]
fn each_completed_stage_writes_it_and_starts_look_ups() {
    visible()
        .asks_for("a document now and look-ups")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .asks_for("nothing")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .asks_for("a document now and look-ups")
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
        .asks_for("a document now and look-ups");
}

#[test]
fn a_backlog_without_risk_is_no_alarm() {
    scenario(["sid=1 reliability=0", "sid=2"])
        .asset("10.0.0.0/8", 5)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .asks_for("nothing")
        .then(Backlog::is_alarm, false)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .asks_for("a document now and look-ups")
        .then(Backlog::is_alarm, true);
}

#[test]
fn created_time_is_the_update_time_of_the_first_update() {
    scenario(["sid=1 reliability=0", "sid=2", "sid=3"])
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1 timestamp=50", "opens")
        .at(200)
        .event("10.0.0.1 -> 2.2.2.2 sid=2 timestamp=60", "counts in 2")
        .shows("created_time", 200)
        .at(300)
        .event("10.0.0.1 -> 2.2.2.2 sid=3 timestamp=70", "counts in 3")
        .shows("created_time", 200)
        .shows("update_time", 300);
}

#[test]
fn networks_are_the_home_networks_of_the_addresses_without_hosts() {
    scenario(["sid=1", "sid=2"])
        .asset("10.0.0.0/8", 1)
        .asset("10.0.0.0/24", 5)
        .asset("10.0.0.1/32", 1)
        .asset("fd00::/8", 1)
        .asset("fd00::1/128", 1)
        .asset("192.168.0.0/16", 1)
        .whitelisted("10.0.0.0/16", 1)
        .event("10.0.0.1 -> fd00::1 sid=1", "opens")
        .shows("networks", json!(["10.0.0.0/8", "10.0.0.0/24", "fd00::/8"]))
        .event("10.0.0.1 -> 192.168.1.1 sid=2", "counts in 2")
        .shows("networks", json!(["10.0.0.0/8", "10.0.0.0/24", "fd00::/8", "192.168.0.0/16"]));
}

#[test]
fn networks_are_gained_at_an_update_and_not_before() {
    visible()
        .asset("192.168.0.0/16", 1)
        .event("10.0.0.1 -> 192.168.0.1 sid=2", "counts in 2")
        .shows("networks", json!(["10.0.0.0/8"]))
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .shows("networks", json!(["10.0.0.0/8", "192.168.0.0/16"]));
}

#[test]
fn findings_accumulate_and_never_disappear() {
    let finding = |term: &str, result: &str| Finding {
        provider: "Wise".to_owned(),
        term: term.to_owned(),
        result: result.to_owned(),
    };
    let mut scenario = visible();
    let mut add = |kind, findings: &[Finding]| {
        let backlog = &mut scenario.backlogs[0];
        let before = backlog.revision();
        let added = backlog.on_findings(kind, findings.to_vec(), &settings());
        assert_eq!(backlog.revision() > before, added, "what adds something makes a new document");
        added
    };
    assert!(add(FindingKind::Intel, &[finding("10.0.0.1", "bad"), finding("10.0.0.1", "bad")]));
    assert!(!add(FindingKind::Intel, &[finding("10.0.0.1", "bad")]));
    assert!(!add(FindingKind::Intel, &[]));
    assert!(add(FindingKind::Intel, &[finding("10.0.0.1", "bad"), finding("10.0.0.1", "worse")]));
    assert!(add(FindingKind::Vulnerability, &[finding("10.0.0.1", "bad")]));
    scenario
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .shows(
            "intel_hits",
            json!([
                {"provider": "Wise", "term": "10.0.0.1", "result": "bad"},
                {"provider": "Wise", "term": "10.0.0.1", "result": "worse"},
            ]),
        )
        .shows("vulnerabilities", json!([{"provider": "Wise", "term": "10.0.0.1", "result": "bad"}]));
}

#[test]
fn an_ended_alarm_still_takes_findings() {
    let mut scenario = visible().at(2000).passes(&[true]);
    let finding =
        Finding { provider: "Wise".to_owned(), term: "2.2.2.2".to_owned(), result: "bad".to_owned() };
    assert!(scenario.backlogs[0].on_findings(FindingKind::Intel, vec![finding], &settings()));
    scenario.shows("intel_hits/0/term", "2.2.2.2");
}
