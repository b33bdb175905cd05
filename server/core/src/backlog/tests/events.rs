//! Section 2: consuming, opening and counting.

use super::scenario::scenario;
use crate::backlog::{Backlog, Ending, StageStatus};

const A: &str = "10.0.0.1 -> 10.0.0.9 sid=1";
const B: &str = "10.0.0.1 -> 10.0.0.9 sid=2";

#[test]
fn an_event_of_the_first_stage_opens_a_backlog_and_is_its_first_event() {
    scenario(["sid=1", "sid=2"])
        .at(10)
        .event(B, "nothing")
        .event(A, "opens")
        .then(Backlog::current, 1)
        .then(|b| b.stages()[0].events(), 1)
        .then(|b| b.stages()[0].first().unwrap().src_ip.to_string(), "10.0.0.1".to_owned())
        .lines(&["1 e2"]);
}

#[test]
fn each_open_backlog_sees_the_event_and_several_may_consume_it() {
    scenario(["sid=1", "sid=2 occurrence=2"])
        .event(A, "opens")
        .event(A, "opens")
        .event(B, "counts in 2, counts in 2")
        .lines(&["1 e1", "1 e2", "2 e3", "2 e3"]);
}

#[test]
fn a_consumed_event_opens_nothing_even_if_it_matches_the_first_stage() {
    scenario(["sid=1", "sid=1,2 occurrence=2"])
        .event(A, "opens")
        .event(A, "counts in 2")
        .then(Backlog::current, 1);
}

#[test]
fn a_stage_counts_distinct_event_ids_only() {
    scenario(["sid=1", "sid=2 occurrence=2"])
        .event(A, "opens")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 id=x", "counts in 2")
        .event("10.0.0.2 -> 10.0.0.9 sid=2 id=x", "known")
        .then(|b| b.collected().addresses().count(), 2)
        .event("10.0.0.1 -> 10.0.0.9 sid=2 id=y", "counts in 2")
        .then(Backlog::ending, Some(Ending::Completed))
        .lines(&["1 e1", "2 x", "2 y"]);
}

#[test]
fn the_last_event_that_a_stage_needs_completes_it_and_starts_the_next() {
    scenario(["sid=1", "sid=2 occurrence=2", "sid=3"])
        .at(10)
        .event(A, "opens")
        .at(20)
        .event(B, "counts in 2")
        .then(|b| b.stages()[1].status(), StageStatus::Active)
        .then(|b| b.stages()[1].end_secs(), None)
        .at(30)
        .event(B, "counts in 2")
        .then(|b| b.stages()[1].status(), StageStatus::Finished)
        .then(|b| (b.stages()[1].start_secs(), b.stages()[1].end_secs()), (20, Some(30)))
        .then(Backlog::current, 2)
        .then(|b| (b.stages()[2].start_secs(), b.stages()[2].first().is_none()), (30, true))
        .then(Backlog::ending, None);
}

#[test]
fn the_first_event_of_a_stage_sets_its_start_and_later_ones_leave_it() {
    scenario(["sid=1", "sid=2 occurrence=3"])
        .at(10)
        .event(A, "opens")
        .then(|b| b.stages()[1].start_secs(), 10)
        .at(20)
        .event(B, "counts in 2")
        .then(|b| b.stages()[1].start_secs(), 20)
        .at(30)
        .event(B, "counts in 2")
        .then(|b| b.stages()[1].start_secs(), 20);
}

#[test]
fn completing_the_last_stage_ends_the_backlog_which_consumes_nothing_more() {
    scenario(["sid=1", "sid=2"])
        .event(A, "opens")
        .event(B, "counts in 2")
        .then(Backlog::ending, Some(Ending::Completed))
        .then(|b| b.stages().len(), 2)
        .event(B, "nothing");
}

#[test]
fn stages_may_have_gaps_and_rules_need_not_be_in_their_order() {
    scenario(["stage=9 sid=3", "stage=1 sid=1", "stage=4 sid=2"])
        .event(A, "opens")
        .event("10.0.0.1 -> 10.0.0.9 sid=3", "nothing")
        .event(B, "counts in 4")
        .event("10.0.0.1 -> 10.0.0.9 sid=3", "counts in 9")
        .then(Backlog::ending, Some(Ending::Completed));
}

#[test]
fn plugin_and_taxonomy_rules_may_be_mixed() {
    scenario(["sid=1", "product=Firewall,Proxy category=Access subcategory=Denied occurrence=2"])
        .event(A, "opens")
        .event(
            "10.0.0.1 -> 10.0.0.9 plugin_id=0 sid=0 product=Proxy category=Access subcategory=Granted",
            "nothing",
        )
        .event(
            "10.0.0.1 -> 10.0.0.9 plugin_id=0 sid=0 product=Proxy category=Access subcategory=Denied",
            "counts in 2",
        )
        .event(
            "10.0.0.1 -> 10.0.0.9 sid=5 product=Firewall category=Access subcategory=Denied",
            "counts in 2",
        );
}

#[test]
fn a_counted_event_adds_its_addresses_in_the_order_in_which_they_came() {
    scenario(["sid=1 reliability=10", "sid=2 occurrence=9"])
        .event("10.0.0.3 -> 10.0.0.9 sid=1", "opens")
        .event("10.0.0.1 -> 10.0.0.9 sid=2", "counts in 2")
        .event("10.0.0.3 -> 10.0.0.7 sid=2", "counts in 2")
        .shows("src_ips", ["10.0.0.3", "10.0.0.1"].to_vec())
        .shows("dst_ips", ["10.0.0.9", "10.0.0.7"].to_vec());
}

#[test]
fn no_address_leaves_a_set_once_another_one_is_in_it() {
    scenario(["sid=1", "sid=2 occurrence=9"])
        .event("0.0.0.0 -> 0.0.0.0 sid=1", "opens")
        .shows("src_ips", ["0.0.0.0"].to_vec())
        .event("10.0.0.1 -> 0.0.0.0 sid=2", "counts in 2")
        .shows("src_ips", ["10.0.0.1"].to_vec())
        .shows("dst_ips", ["0.0.0.0"].to_vec())
        .event("0.0.0.0 -> 10.0.0.9 sid=2", "counts in 2")
        .shows("src_ips", ["10.0.0.1"].to_vec())
        .shows("dst_ips", ["10.0.0.9"].to_vec());
}

#[test]
fn pairs_of_address_and_port_are_collected_without_port_0() {
    scenario(["sid=1", "sid=2 occurrence=9"])
        .event("10.0.0.1:1000 -> 10.0.0.9:80 sid=1", "opens")
        .event("10.0.0.1 -> 10.0.0.9:443 sid=2", "counts in 2")
        .event("10.0.0.1:1000 -> [fd00::1]:53 sid=2", "counts in 2")
        .then(
            |b| b.collected().ports().map(|(address, port)| format!("{address} {port}")).collect::<Vec<_>>(),
            ["10.0.0.1 1000", "10.0.0.9 80", "10.0.0.9 443", "fd00::1 53"].map(ToOwned::to_owned).to_vec(),
        );
}

#[test]
fn custom_data_is_collected_where_not_empty_unique_by_label_and_content() {
    scenario(["sid=1", "sid=2 occurrence=9"])
        .event("10.0.0.1 -> 10.0.0.9 sid=1 custom_label1=user custom_data1=root custom_label2=empty", "opens")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 custom_label3=user custom_data3=root", "counts in 2")
        .event("10.0.0.1 -> 10.0.0.9 sid=2 custom_label1=host custom_data1=root custom_data2=x", "counts in 2")
        .shows(
            "custom_data",
            serde_json::json!([
                {"label": "user", "content": "root"}, {"label": "host", "content": "root"}, {"label": "", "content": "x"},
            ]),
        );
}

#[test]
fn update_time_is_the_receipt_time_of_the_last_event_that_counted() {
    scenario(["sid=1", "sid=2 occurrence=9"])
        .at(100)
        .event("10.0.0.1 -> 10.0.0.9 sid=1 timestamp=50", "opens")
        .shows("update_time", 100)
        .at(200)
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=60 id=x", "counts in 2")
        .shows("update_time", 200)
        .at(300)
        .event("10.0.0.1 -> 10.0.0.9 sid=2 timestamp=70 id=x", "known")
        .shows("update_time", 200);
}
