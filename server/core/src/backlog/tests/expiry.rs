//! Section 2: when a backlog is over.

use super::scenario::{Scenario, scenario};
use crate::backlog::{Backlog, Ending, StageStatus};

/// A visible alarm that waits for its second stage since 100, for 60 seconds.
fn waiting() -> Scenario {
    scenario(["sid=1", "sid=2 occurrence=2 timeout=60", "sid=3 timeout=5"])
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
}

#[test]
fn it_is_over_once_start_plus_timeout_lies_before_now() {
    waiting()
        .then(|b| b.deadline_secs(&super::scenario::settings()), 160)
        .at(160)
        .passes(&[false])
        .asks_for("nothing")
        .at(161)
        .passes(&[true])
        .then(Backlog::ending, Some(Ending::TimedOut));
}

#[test]
fn the_minimum_life_of_an_alarm_is_added_to_every_stage() {
    waiting()
        .settings(|settings| settings.min_alarm_lifetime_secs = 180)
        .at(340)
        .passes(&[false])
        .at(341)
        .passes(&[true]);
}

#[test]
fn the_first_event_of_the_stage_starts_its_time_anew() {
    waiting()
        .at(150)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then_deadline_changed(true)
        .at(210)
        .passes(&[false])
        .at(211)
        .passes(&[true]);
}

#[test]
fn later_events_of_the_stage_do_not() {
    scenario(["sid=1", "sid=2 occurrence=9 timeout=60"])
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .then_deadline_changed(true)
        .at(110)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .at(150)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then_deadline_changed(false)
        .at(171)
        .passes(&[true]);
}

#[test]
fn the_next_stage_can_time_out_before_it_has_an_event() {
    waiting()
        .at(150)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then_deadline_changed(true)
        .at(155)
        .passes(&[false])
        .at(156)
        .passes(&[true])
        .then(|b| b.stages()[1].status(), StageStatus::Finished)
        .then(|b| b.stages()[2].status(), StageStatus::TimedOut);
}

#[test]
fn events_that_do_not_count_do_not_prolong_it() {
    scenario(["sid=1", "sid=2", "sid=3 timeout=60 occurrence=9 sticky=SRC_IP"])
        .always_active()
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
        .at(150)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "joins 2")
        .then_deadline_changed(false)
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "nothing new")
        .then_deadline_changed(false)
        .at(161)
        .passes(&[true]);
}

#[test]
fn the_alarm_is_updated_without_look_ups_and_keeps_its_update_time() {
    waiting()
        .at(161)
        .passes(&[true])
        .asks_for("a document now")
        .shows("rules/1/status", "timeout")
        .shows("rules/1/start_time", 100)
        .shows("rules/1/end_time", serde_json::Value::Null)
        .shows("update_time", 100)
        .shows("risk", 5);
}

#[test]
fn one_that_is_no_alarm_ends_without_a_document() {
    scenario(["sid=1", "sid=2 timeout=60"])
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .at(161)
        .passes(&[true])
        .asks_for("nothing");
}

#[test]
fn over_it_consumes_nothing_and_is_not_over_again() {
    waiting()
        .at(161)
        .passes(&[true])
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "nothing")
        .at(900)
        .passes(&[true])
        .asks_for("nothing");
}

#[test]
fn a_timeout_of_0_lasts_for_the_second_of_its_start() {
    scenario(["sid=1", "sid=2 timeout=0"])
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .passes(&[false])
        .at(101)
        .passes(&[true]);
}
