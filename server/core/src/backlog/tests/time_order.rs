//! Section 2: events that come too late, and clocks that are wrong.

use super::scenario::{Scenario, scenario};

/// A backlog whose first stage ended at 100, and that waits for its second.
fn ended_at_100() -> Scenario {
    scenario(["sid=1", "sid=2 occurrence=9", "sid=3"]).at(100).event("10.0.0.1 -> 10.0.0.9 sid=1", "opens")
}

#[test]
fn an_event_at_least_the_tolerance_before_the_end_of_the_stage_before_is_discarded() {
    ended_at_100()
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=95", "out of order")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=96", "counts in 2")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=100", "counts in 2")
        .then(|b| b.stages()[1].events(), 2)
        .lines(&["1 e1", "2 e3", "2 e4"]);
}

#[test]
fn with_a_tolerance_of_0_only_an_event_of_the_same_second_is_still_in_order() {
    ended_at_100()
        .settings(|settings| settings.time_order_tolerance_secs = 0)
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=99", "out of order")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=100", "counts in 2");
}

#[test]
fn what_decides_is_the_latest_end_of_all_earlier_stages() {
    scenario(["sid=1", "sid=2", "sid=3"])
        .at(100)
        .event("10.0.0.1 -> 10.0.0.9 sid=1", "opens")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=97", "counts in 2")
        .event("10.0.0.1 -> 10.0.0.9 sid=3 timestamp=93", "out of order")
        .event("10.0.0.1 -> 10.0.0.9 sid=3 timestamp=95", "out of order")
        .event("10.0.0.1 -> 10.0.0.9 sid=3 timestamp=96", "counts in 3");
}

#[test]
fn an_event_that_is_out_of_order_neither_counts_nor_opens_nor_leaves_anything() {
    scenario(["sid=1", "sid=1 occurrence=2"])
        .at(100)
        .event("10.0.0.1 -> 10.0.0.9", "opens")
        .at(101)
        .event("10.0.0.2:5 -> 10.0.0.8:6 timestamp=90 custom_data1=x", "out of order")
        .then(|b| (b.collected().addresses().count(), b.collected().ports().count()), (2, 0))
        .shows("update_time", 100)
        .shows("custom_data", serde_json::Value::Null);
}

#[test]
fn a_time_more_than_the_skew_after_receipt_is_taken_as_receipt() {
    scenario(["sid=1", "sid=2", "sid=3"])
        .at(1000)
        .event("10.0.0.1 -> 10.0.0.9 sid=1 timestamp=1300", "opens")
        .then(|b| (b.stages()[0].start_secs(), b.stages()[0].end_secs()), (1300, Some(1300)))
        .at(1300)
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=1601", "counts in 2")
        .then(|b| (b.stages()[1].start_secs(), b.stages()[1].end_secs()), (1300, Some(1300)))
        .then(|b| b.stages()[2].start_secs(), 1300)
        .at(1301)
        .event("10.0.0.1 -> 10.0.0.9 sid=3 timestamp=1301", "counts in 3");
}

#[test]
fn a_very_old_time_is_taken_as_it_is() {
    scenario(["sid=1", "sid=2"])
        .at(1_000_000)
        .event("10.0.0.1 -> 10.0.0.9 timestamp=-5", "opens")
        .then(|b| b.stages()[0].start_secs(), -5);
}
