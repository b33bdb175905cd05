//! Section 2: `all_rules_always_active`.

use serde_json::json;

use super::scenario::{Scenario, scenario};
use crate::backlog::{Backlog, Ending, StageStatus};

/// Three stages, of which the first two are complete at 100; the alarm is visible.
fn in_stage_3() -> Scenario {
    scenario(["sid=1 from=HOME_NET", "sid=2 sticky=SRC_PORT", "sid=3 occurrence=2"])
        .always_active()
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1:1 -> 2.2.2.2:80 sid=1", "opens")
        .event("10.0.0.1:1 -> 2.2.2.2:80 sid=2", "counts in 2")
}

#[test]
fn without_it_earlier_rules_absorb_nothing() {
    scenario(["sid=1", "sid=2", "sid=3"])
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "nothing")
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens");
}

#[test]
fn an_event_that_joins_an_earlier_stage_is_consumed_and_gathered() {
    in_stage_3()
        .at(200)
        .event("10.0.0.7:9 -> 2.2.2.3:81 sid=2 custom_data1=x custom_label1=l", "joins 2")
        .lines(&["1 e1", "2 e2", "2 e3"])
        .shows("src_ips", json!(["10.0.0.1", "10.0.0.7"]))
        .shows("dst_ips", json!(["2.2.2.2", "2.2.2.3"]))
        .shows("custom_data", json!([{"label": "l", "content": "x"}]))
        .shows("update_time", 200)
        .then(|b| b.collected().ports().count(), 4)
        .then(|b| b.stages()[1].events(), 2);
}

#[test]
fn times_and_statuses_stay_as_they_are() {
    in_stage_3()
        .at(200)
        .event("10.0.0.7:9 -> 2.2.2.3:81 sid=2", "joins 2")
        .then(|b| (b.stages()[1].start_secs(), b.stages()[1].end_secs()), (100, Some(100)))
        .then(|b| b.stages()[1].status(), StageStatus::Finished)
        .then(|b| (b.stages()[2].start_secs(), b.stages()[2].end_secs()), (100, None))
        .then(|b| b.stages()[2].status(), StageStatus::Active)
        .then(Backlog::current, 2);
}

#[test]
fn sticky_different_and_time_order_do_not_apply() {
    in_stage_3()
        .event("10.0.0.1:1 -> 2.2.2.2:80 sid=2", "joins 2")
        .event("10.0.0.1:1 -> 2.2.2.2:80 sid=2 timestamp=5", "joins 2")
        .then(|b| b.stages()[1].events(), 3);
}

#[test]
fn the_alarm_is_updated_without_look_ups_and_not_at_once() {
    in_stage_3().event("10.0.0.1 -> 2.2.2.2 sid=2", "joins 2").asks_for("a document soon");
}

#[test]
fn an_invisible_alarm_is_not_updated() {
    scenario(["sid=1", "sid=2 occurrence=2"])
        .always_active()
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "joins 1")
        .asks_for("nothing");
}

#[test]
fn the_current_rule_comes_first_then_the_earlier_ones_in_order() {
    scenario(["sid=1", "sid=1,2", "sid=1,2,3", "sid=3,4 occurrence=9"])
        .always_active()
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 3")
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 4")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "joins 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "joins 1");
}

#[test]
fn an_event_id_joins_a_stage_once() {
    in_stage_3()
        .event("10.0.0.1 -> 2.2.2.2 sid=2 id=x", "joins 2")
        .event("10.0.0.1 -> 2.2.2.2 sid=2 id=x", "known")
        .lines(&["1 e1", "2 e2", "2 x"]);
}

#[test]
fn stage_1_matched_again_means_the_addresses_of_the_first_event() {
    in_stage_3()
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "joins 1")
        // Other hosts' attacks are theirs.
        .event("10.0.0.2 -> 2.2.2.2 sid=1", "opens");
    in_stage_3().event("10.0.0.1 -> 2.2.2.3 sid=1", "opens");
}

#[test]
fn the_document_goes_on_showing_what_the_directive_says_of_stage_1() {
    in_stage_3()
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "joins 1")
        .shows("rules/0/from", "HOME_NET")
        .shows("rules/0/to", "ANY");
}

#[test]
fn stage_1_matched_again_asks_the_rest_of_its_rule() {
    scenario(["sid=1 port_to=80 protocol=TCP custom_data1=x", "sid=2"])
        .always_active()
        .event("10.0.0.1 -> 2.2.2.2:80 protocol=TCP custom_data1=x", "opens")
        .event("10.0.0.1 -> 2.2.2.2:81 protocol=TCP custom_data1=x", "nothing")
        .event("10.0.0.1 -> 2.2.2.2:80 protocol=UDP custom_data1=x", "nothing")
        .event("10.0.0.1 -> 2.2.2.2:80 protocol=TCP custom_data1=y", "nothing")
        .event("10.0.0.1 -> 2.2.2.2:80 sid=9 protocol=TCP custom_data1=x", "nothing")
        .event("10.0.0.1 -> 2.2.2.2:80 protocol=TCP custom_data1=x", "joins 1");
}

#[test]
fn other_earlier_stages_keep_their_addresses_and_references() {
    scenario(["sid=1", "sid=2 from=:1 to=2.2.2.0/24", "sid=3"])
        .always_active()
        .event("10.0.0.1 -> 3.3.3.3 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .event("10.0.0.1 -> 2.2.2.9 sid=2", "joins 2")
        .event("10.0.0.2 -> 2.2.2.2 sid=2", "nothing")
        .event("10.0.0.1 -> 3.3.3.3 sid=2", "nothing");
}

#[test]
fn an_ended_backlog_absorbs_nothing() {
    in_stage_3()
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
        .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
        .then(Backlog::ending, Some(Ending::Completed))
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "nothing");
}
