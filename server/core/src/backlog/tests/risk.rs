//! Section 5: risk and its class.

use super::scenario::scenario;
use crate::backlog::Backlog;

#[test]
fn it_is_priority_times_reliability_times_asset_value_by_25() {
    let check = |priority: u8, reliability: u8, value: u8, expected: u8| {
        let first = format!("sid=1 reliability={reliability}");
        scenario([first.as_str(), "sid=2"])
            .with("priority", priority.into())
            .asset("10.0.0.0/8", value)
            .event("10.0.0.1 -> 2.2.2.2", "opens")
            .then(Backlog::risk, expected);
    };
    check(5, 10, 5, 10);
    check(3, 4, 2, 0);
    check(5, 5, 1, 1);
    check(4, 6, 4, 3);
    check(1, 0, 5, 0);
}

#[test]
fn the_value_is_the_highest_of_any_source_or_destination() {
    let risk = |event: &str| {
        let scenario = scenario(["sid=1", "sid=2"])
            .asset("10.0.0.0/8", 1)
            .asset("10.0.0.0/24", 3)
            .whitelisted("10.0.0.7/32", 5)
            .event(event, "opens");
        scenario.backlogs[0].risk()
    };
    assert_eq!(risk("10.1.0.1 -> 2.2.2.2"), 1);
    assert_eq!(risk("10.0.0.1 -> 2.2.2.2"), 3);
    assert_eq!(risk("2.2.2.2 -> 10.0.0.1"), 3);
    assert_eq!(risk("10.1.0.1 -> 10.0.0.7"), 5, "whitelisted ones too");
    assert_eq!(risk("2.2.2.2 -> 3.3.3.3"), 0);
}

#[test]
fn the_reliability_is_that_of_the_stage_just_completed() {
    scenario(["sid=1 reliability=2", "sid=2 reliability=8 occurrence=2", "sid=3 reliability=0"])
        .asset("10.0.0.0/8", 5)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .then(Backlog::risk, 2)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then(Backlog::risk, 2)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then(Backlog::risk, 8)
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
        .then(Backlog::risk, 0)
        .asks_for("nothing");
}

#[test]
fn an_address_of_an_earlier_event_counts_once_a_stage_is_complete() {
    scenario(["sid=1", "sid=2 occurrence=2"])
        .asset("10.0.0.0/8", 4)
        .event("3.3.3.3 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then(Backlog::risk, 0)
        .event("3.3.3.3 -> 2.2.2.2 sid=2", "counts in 2")
        .then(Backlog::risk, 4);
}

#[test]
fn the_document_tells_the_class() {
    let check = |reliability: u8, expected: &str| {
        let first = format!("sid=1 reliability={reliability}");
        scenario([first.as_str(), "sid=2"])
            .asset("10.0.0.0/8", 5)
            .event("10.0.0.1 -> 2.2.2.2", "opens")
            .shows("risk", reliability)
            .shows("risk_class", expected);
    };
    check(2, "Low");
    check(3, "Medium");
    check(6, "Medium");
    check(7, "High");
}
