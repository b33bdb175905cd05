//! Section 3: what `:n` means.

use super::scenario::{Scenario, scenario};

/// A backlog whose first event is `first`, and whose next rule asks for `asked`.
fn after(first: &str, asked: &str) -> Scenario {
    let second = format!("sid=2 occurrence=9 {asked}");
    scenario(["sid=1", &second]).event(first, "opens")
}

#[test]
fn on_each_field_it_is_the_same_field_of_the_first_event() {
    let check = |asked: &str, first: &str, equal: &str, different: &str| {
        after(&format!("{first} sid=1"), asked)
            .event(&format!("{different} sid=2"), "nothing")
            .event(&format!("{equal} sid=2"), "counts in 2");
    };
    check("from=:1", "1.1.1.1 -> 2.2.2.2", "1.1.1.1 -> 3.3.3.3", "2.2.2.2 -> 1.1.1.1");
    check("to=:1", "1.1.1.1 -> 2.2.2.2", "3.3.3.3 -> 2.2.2.2", "2.2.2.2 -> 1.1.1.1");
    check("from=:1", "fd00::1 -> 2.2.2.2", "fd00::1 -> ::1", "fd00::2 -> 2.2.2.2");
    check("port_from=:1", "1.1.1.1:5 -> 2.2.2.2:6", "1.1.1.1:5 -> 2.2.2.2:7", "1.1.1.1:6 -> 2.2.2.2:5");
    check("port_to=:1", "1.1.1.1:5 -> 2.2.2.2:6", "1.1.1.1:7 -> 2.2.2.2:6", "1.1.1.1:6 -> 2.2.2.2:5");
    check(
        "protocol=:1",
        "1.1.1.1 -> 2.2.2.2 protocol=TCP",
        "1.1.1.1 -> 2.2.2.2 protocol=TCP",
        "1.1.1.1 -> 2.2.2.2 protocol=tcp",
    );
    for field in ["custom_data1", "custom_data2", "custom_data3"] {
        let of = |value: &str| format!("1.1.1.1 -> 2.2.2.2 {field}={value}");
        check(&format!("{field}=:1"), &of("root"), &of("root"), &of("Root"));
    }
}

#[test]
fn empty_text_and_port_0_compare_like_any_other_value() {
    after("1.1.1.1 -> 2.2.2.2 sid=1", "port_to=:1 custom_data1=:1 protocol=:1")
        .event("1.1.1.1 -> 2.2.2.2:80 sid=2", "nothing")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 custom_data1=x", "nothing")
        .event("1.1.1.1 -> 2.2.2.2 sid=2 protocol=TCP", "nothing")
        .event("1.1.1.1 -> 2.2.2.2 sid=2", "counts in 2");
}

#[test]
fn it_means_the_first_event_of_the_stage_and_no_later_one() {
    scenario(["sid=1", "sid=2 occurrence=2", "sid=3 occurrence=9 from=:2"])
        .event("9.9.9.9 -> 8.8.8.8 sid=1", "opens")
        .event("1.1.1.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("1.1.1.3 -> 2.2.2.2 sid=2", "counts in 2")
        .event("1.1.1.3 -> 2.2.2.2 sid=3", "nothing")
        .event("9.9.9.9 -> 2.2.2.2 sid=3", "nothing")
        .event("1.1.1.1 -> 2.2.2.2 sid=3", "counts in 3");
}

#[test]
fn it_names_a_stage_and_not_a_place_in_the_file() {
    scenario(["stage=9 sid=3 from=:4", "stage=4 sid=2", "stage=1 sid=1"])
        .event("1.1.1.1 -> 2.2.2.2 sid=1", "opens")
        .event("4.4.4.4 -> 2.2.2.2 sid=2", "counts in 4")
        .event("1.1.1.1 -> 2.2.2.2 sid=3", "nothing")
        .event("4.4.4.4 -> 2.2.2.2 sid=3", "counts in 9")
        .shows("rules/2/from", "4.4.4.4")
        .shows("rules/2/stage", 9);
}

#[test]
fn each_backlog_has_first_events_of_its_own() {
    scenario(["sid=1", "sid=2 occurrence=2 from=:1"])
        .event("1.1.1.1 -> 2.2.2.2 sid=1", "opens")
        .event("1.1.1.2 -> 2.2.2.2 sid=1", "opens")
        .event("1.1.1.2 -> 2.2.2.2 sid=2", "counts in 2")
        .event("1.1.1.3 -> 2.2.2.2 sid=2", "nothing");
}

#[test]
fn an_absorbed_event_does_not_become_the_first_one() {
    scenario(["sid=1", "sid=2", "sid=3 from=:2 occurrence=9"])
        .always_active()
        .event("1.1.1.1 -> 2.2.2.2 sid=1", "opens")
        .event("5.5.5.5 -> 2.2.2.2 sid=2", "counts in 2")
        .event("6.6.6.6 -> 2.2.2.2 sid=2", "joins 2")
        .event("6.6.6.6 -> 2.2.2.2 sid=3", "nothing")
        .event("5.5.5.5 -> 2.2.2.2 sid=3", "counts in 3");
}

#[test]
fn one_that_points_nowhere_loaded_leniently_never_matches() {
    after("1.1.1.1 -> 2.2.2.2 sid=1", "from=:7").event("1.1.1.1 -> 2.2.2.2 sid=2", "nothing");
    after("1.1.1.1 -> 2.2.2.2 sid=1", "from=:2").event("1.1.1.1 -> 2.2.2.2 sid=2", "nothing");
}
