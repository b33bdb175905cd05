//! Section 4: sticky-different.

use super::scenario::{Scenario, scenario};

/// A backlog that waits for events of sid 2 or 3 that each bring a new value of `field`.
fn sticky(field: &str) -> Scenario {
    let second = format!("sid=2,3 occurrence=9 sticky={field}");
    scenario(["sid=1", &second]).at(100).event("9.9.9.9 -> 8.8.8.8 sid=1", "opens")
}

/// Of events with these values one after the other, each different one counts, and each repeated one does not.
#[track_caller]
fn check(field: &str, one: &str, other: &str) {
    sticky(field)
        .event(one, "counts in 2")
        .event(one, "nothing new")
        .event(other, "counts in 2")
        .event(one, "nothing new")
        .event(other, "nothing new")
        .then(|b| b.stages()[1].events(), 2);
}

#[test]
fn each_of_the_eight_fields_wants_a_new_value() {
    check("PLUGIN_SID", "1.1.1.1 -> 2.2.2.2 sid=2", "1.1.1.1 -> 2.2.2.2 sid=3");
    check("SRC_IP", "1.1.1.1 -> 2.2.2.2 sid=2", "1.1.1.3 -> 2.2.2.2 sid=2");
    check("DST_IP", "1.1.1.1 -> 2.2.2.2 sid=2", "1.1.1.1 -> 2.2.2.3 sid=2");
    check("SRC_PORT", "1.1.1.1:1 -> 2.2.2.2:7 sid=2", "1.1.1.1:2 -> 2.2.2.2:7 sid=2");
    check("DST_PORT", "1.1.1.1:7 -> 2.2.2.2:1 sid=2", "1.1.1.1:7 -> 2.2.2.2:2 sid=2");
    for field in ["custom_data1", "custom_data2", "custom_data3"] {
        let of = |value: &str| format!("1.1.1.1 -> 2.2.2.2 sid=2 {field}={value}");
        check(&field.to_uppercase(), &of("a"), &of("A"));
    }
}

#[test]
fn empty_text_and_port_0_are_values() {
    check("SRC_PORT", "1.1.1.1 -> 2.2.2.2 sid=2", "1.1.1.1:2 -> 2.2.2.2 sid=2");
    check("CUSTOM_DATA1", "1.1.1.1 -> 2.2.2.2 sid=2", "1.1.1.1 -> 2.2.2.2 sid=2 custom_data1=x");
}

#[test]
fn none_means_no_sticky_different() {
    let event = "1.1.1.1 -> 2.2.2.2 sid=2";
    sticky("none").event(event, "counts in 2").event(event, "counts in 2");
}

#[test]
fn an_event_without_a_new_value_is_consumed_and_opens_nothing() {
    scenario(["sid=1", "sid=1 occurrence=3 sticky=DST_PORT"])
        .event("1.1.1.1:1 -> 2.2.2.2:80", "opens")
        .event("1.1.1.1:1 -> 2.2.2.2:80", "counts in 2")
        .event("1.1.1.1:1 -> 2.2.2.2:80", "nothing new")
        .then(|b| b.stages()[1].events(), 1)
        .lines(&["1 e1", "2 e2"]);
}

#[test]
fn values_of_an_earlier_stage_are_new_to_the_next() {
    scenario(["sid=1 sticky=SRC_IP", "sid=2 sticky=SRC_IP", "sid=3 sticky=SRC_IP"])
        .event("1.1.1.1 -> 2.2.2.2 sid=1", "opens")
        .event("1.1.1.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("1.1.1.1 -> 2.2.2.2 sid=3", "counts in 3");
}

#[test]
fn a_value_is_remembered_only_for_an_event_that_matches_the_whole_rule() {
    scenario(["sid=1", "sid=2 occurrence=9 sticky=SRC_IP custom_data3=!bad"])
        .event("9.9.9.9 -> 8.8.8.8 sid=1", "opens")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 custom_data3=bad", "nothing")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 custom_data3=good", "counts in 2");
}

#[test]
fn an_event_that_is_out_of_order_does_not_use_its_value_up() {
    sticky("SRC_IP")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 timestamp=90", "out of order")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 timestamp=100", "counts in 2");
}
