//! Section 7: ids and titles.

use super::scenario::scenario;
use crate::backlog::AlarmId;

#[test]
fn the_id_comes_from_the_directive_and_the_opening_event() {
    scenario(["sid=1", "sid=2"])
        .event("10.0.0.1 -> 2.2.2.2 id=one", "opens")
        .event("10.0.0.9 -> 2.2.2.9 sid=2", "counts in 2")
        .then(|b| b.id().clone(), AlarmId::of(7, "one"))
        .then(|b| b.id().as_str().len(), 11);
}

#[track_caller]
fn check_title(name: &str, expected: &str) {
    scenario(["sid=1", "sid=2"])
        .with("name", name.into())
        .named_asset("web-1", "10.0.0.1/32", 1, false)
        .named_asset("DST_IP", "10.0.0.3/32", 1, false)
        .named_asset("lan", "10.0.0.0/8", 1, false)
        .named_asset("db-6", "fd00::6/128", 1, false)
        .event("10.0.0.1 -> 10.0.0.2", "opens")
        .event("10.0.0.9 -> 10.0.0.9 sid=2", "counts in 2")
        .then(|b| b.title().to_owned(), expected.to_owned());
}

#[test]
fn in_titles_a_host_asset_stands_for_its_address_and_a_network_does_not() {
    check_title("Flood from SRC_IP", "Flood from web-1");
    check_title("Flood to DST_IP!", "Flood to 10.0.0.2!");
    check_title("SRC_IP to DST_IP (SRC_IP)", "web-1 to 10.0.0.2 (web-1)");
    check_title("Flood", "Flood");
}

#[test]
fn a_host_of_the_name_of_a_placeholder_is_not_replaced_again() {
    scenario(["sid=1", "sid=2"])
        .with("name", "SRC_IP to DST_IP".into())
        .named_asset("DST_IP", "10.0.0.3/32", 1, false)
        .named_asset("db-6", "fd00::6/128", 1, false)
        .event("10.0.0.3 -> fd00::6", "opens")
        .then(|b| b.title().to_owned(), "DST_IP to db-6".to_owned());
}
