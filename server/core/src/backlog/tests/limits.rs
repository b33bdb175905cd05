//! Section 9: how much one backlog keeps, and who goes when too many are open.

use serde_json::Value;

use super::scenario::scenario;
use crate::backlog::{Backlog, Ending, Limits};

#[test]
fn full_the_sets_stay_as_they_are_and_what_did_not_get_in_is_counted() {
    scenario(["sid=1", "sid=2 occurrence=9"])
        .asset("10.0.0.0/8", 5)
        .settings(|settings| settings.limits = Limits { addresses: 2, ports: 3, custom_data: 1, findings: 9 })
        .event("10.0.0.1:1 -> 2.2.2.1:80 sid=1 custom_data1=a", "opens")
        .event("10.0.0.2:1 -> 2.2.2.1:80 sid=2 custom_data1=a", "counts in 2")
        .shows("truncated", Value::Null)
        // One source, one pair and one custom datum too many.
        .event("10.0.0.3:1 -> 2.2.2.1:80 sid=2 custom_data2=b", "counts in 2")
        .shows("truncated", 3)
        .shows("src_ips", ["10.0.0.1", "10.0.0.2"].to_vec())
        .shows("custom_data", serde_json::json!([{"label": "", "content": "a"}]))
        .then(|b| b.collected().ports().count(), 3)
        // Destinations have a limit of their own.
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .shows("truncated", 3)
        .event("10.0.0.1 -> 2.2.2.3 sid=2", "counts in 2")
        .shows("truncated", 4)
        .shows("dst_ips", ["2.2.2.1", "2.2.2.2"].to_vec());
}

#[test]
fn an_event_that_does_not_get_in_counts_all_the_same() {
    scenario(["sid=1", "sid=2 occurrence=2"])
        .settings(|settings| settings.limits.addresses = 1)
        .event("10.0.0.1 -> 2.2.2.1 sid=1", "opens")
        .event("10.0.0.2 -> 2.2.2.1 sid=2", "counts in 2")
        .event("10.0.0.3 -> 2.2.2.1 sid=2", "counts in 2")
        .then(Backlog::ending, Some(Ending::Completed));
}

#[test]
fn by_default_there_is_room_for_ten_thousand_of_each() {
    let Limits { addresses, ports, custom_data, .. } = Limits::default();
    assert_eq!([addresses, ports, custom_data], [10_000; 3]);
}

#[test]
fn past_its_second_stage_a_backlog_is_not_the_one_to_go() {
    scenario(["sid=1", "sid=2", "sid=3"])
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .then(Backlog::has_passed_second_stage, false)
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2")
        .then(Backlog::has_passed_second_stage, true);
}

#[test]
fn one_that_has_to_go_consumes_nothing_more_and_writes_nothing() {
    let mut scenario = scenario(["sid=1", "sid=2 timeout=9"])
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens");
    scenario.backlogs[0].evict();
    scenario
        .then(Backlog::ending, Some(Ending::Evicted))
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "nothing")
        .at(500)
        .passes(&[true])
        .asks_for("nothing")
        .then(Backlog::ending, Some(Ending::Evicted));
}
