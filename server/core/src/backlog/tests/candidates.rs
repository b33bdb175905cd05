//! Routing is exact where it can be: a backlog that waits for fixed values is asked about these only. That nobody is
//! forgotten is held by a property test.

use super::scenario::{Scenario, event, scenario};
use crate::assets::{AssetEntry, Assets};
use crate::routing::{BacklogSlot, Router};

/// Who is asked about the event, by the order in which they were opened.
#[track_caller]
fn asked(scenario: &Scenario, text: &str, expected: &[u32]) {
    asked_with(scenario, &Assets::default(), text, expected);
}

#[track_caller]
fn asked_with(scenario: &Scenario, assets: &Assets, text: &str, expected: &[u32]) {
    let mut router = Router::new(scenario.settings.seed);
    for (slot, backlog) in (0..).map(BacklogSlot).zip(&scenario.backlogs) {
        router.add(slot, backlog.directive(), &backlog.interests(&scenario.settings));
    }
    let mut candidates = Vec::new();
    router.candidates(&event(text, 99, 0), assets, &mut candidates);
    assert_eq!(candidates.iter().map(|slot| slot.0).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn a_value_that_a_reference_fixes_is_looked_up() {
    let mut scenario = scenario(["sid=1", "sid=2 from=:1 port_to=:1"]);
    for host in 0..200 {
        scenario = scenario.event(&format!("10.0.0.{host} -> 2.2.2.2:80"), "opens");
    }
    asked(&scenario, "10.0.0.7 -> 9.9.9.9:80 sid=2", &[7]);
    asked(&scenario, "10.0.0.7 -> 2.2.2.2:81 sid=2", &[]);
    asked(&scenario, "10.0.1.7 -> 2.2.2.2:80 sid=2", &[]);
}

#[test]
fn without_references_all_are_asked_but_only_about_what_the_rule_wants() {
    let scenario = scenario(["sid=1", "sid=2 to=2.2.2.0/24 protocol=TCP"])
        .event("10.0.0.1 -> 2.2.2.2", "opens")
        .event("10.0.0.2 -> 2.2.2.2", "opens");
    asked(&scenario, "10.0.0.9 -> 2.2.2.3 sid=2 protocol=TCP", &[0, 1]);
    asked(&scenario, "10.0.0.9 -> 2.2.3.3 sid=2 protocol=TCP", &[]);
    asked(&scenario, "10.0.0.9 -> 2.2.2.3 sid=2 protocol=UDP", &[]);
    asked(&scenario, "10.0.0.9 -> 2.2.2.3 sid=3 protocol=TCP", &[]);
}

#[test]
fn stage_1_matched_again_is_looked_up_by_the_addresses_of_the_first_event() {
    let scenario = scenario(["sid=1", "sid=2 from=:1"])
        .always_active()
        .event("10.0.0.1 -> 2.2.2.2", "opens")
        .event("10.0.0.2 -> 2.2.2.2", "opens")
        .event("10.0.0.1 -> 2.2.2.3", "opens");
    asked(&scenario, "10.0.0.1 -> 2.2.2.2", &[0]);
    asked(&scenario, "10.0.0.1 -> 2.2.2.3", &[2]);
    asked(&scenario, "10.0.0.3 -> 2.2.2.2", &[]);
    asked(&scenario, "10.0.0.1 -> 9.9.9.9 sid=2", &[0, 2]);
}

#[test]
fn stage_1_matched_again_does_not_ask_what_is_home_now() {
    let scenario = scenario(["sid=1 from=HOME_NET", "sid=2"])
        .always_active()
        .asset("10.0.0.0/8", 5)
        .event("10.0.0.1 -> 2.2.2.2", "opens");
    let home_elsewhere = Assets::new([AssetEntry {
        name: "lan".to_owned(),
        network: "192.168.0.0/16".parse().unwrap(),
        value: 1,
        whitelisted: false,
    }]);
    asked_with(&scenario, &home_elsewhere, "10.0.0.1 -> 2.2.2.2", &[0]);
}

#[test]
fn a_reference_to_a_stage_without_an_event_waits_for_nothing() {
    let scenario = scenario(["sid=1", "sid=2 from=:9"]).event("10.0.0.1 -> 2.2.2.2", "opens");
    asked(&scenario, "10.0.0.1 -> 2.2.2.2 sid=2", &[]);
}
