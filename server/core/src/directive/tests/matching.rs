//! Which events match which rules: one line for each line of the contract.

use super::*;
use crate::assets::{self, Assets};
use crate::matcher::NoFirstEvents;

/// 10.0.0.0/8 and 2001:db8::/32 are home, 10.9.0.0/16 is whitelisted as well, 192.168.0.0/16 is only whitelisted.
fn assets() -> Assets {
    let file = json!({"assets": [
        {"name": "lan", "cidr": "10.0.0.0/8", "value": 2},
        {"name": "lan6", "cidr": "2001:db8::/32", "value": 2},
        {"name": "scanners", "cidr": "10.9.0.0/16", "value": 1, "whitelisted": true},
        {"name": "partner", "cidr": "192.168.0.0/16", "value": 1, "whitelisted": true},
    ]});
    let checked = assets::read("assets_x.json", file.to_string().as_bytes());
    assert_eq!(checked.problems, []);
    Assets::new(checked.value)
}

/// Whether a rule that works with `rule` changed matches the event with `event` changed. Its stage 1 has had the
/// event without changes.
#[track_caller]
fn check(rule: &Value, changes: &Value, expected: bool) {
    let first = Firsts(vec![FirstEvent::from(&event(&json!({})))]);
    let matches = second_rule(rule, STRICT).matches(&event(changes), &assets(), &first);
    assert_eq!(matches, expected, "{rule} {changes}");
}

#[test]
fn the_plugin_is_equal_and_the_sid_in_the_list() {
    check(&json!({}), &json!({}), true);
    check(&json!({}), &json!({"plugin_sid": 51}), true);
    check(&json!({}), &json!({"plugin_sid": 52}), false);
    check(&json!({}), &json!({"plugin_id": 1002}), false);
}

#[test]
fn the_category_is_equal_and_product_and_subcategory_are_in_their_lists() {
    let rule = |subcategory: Value| {
        json!({"type": "TaxonomyRule", "product": ["IDS", "Firewall"], "category": "Packet",
               "subcategory": subcategory})
    };
    check(&rule(Value::Null), &json!({}), true);
    check(&rule(json!([])), &json!({}), true);
    check(&rule(json!(["Allowed", "Denied"])), &json!({}), true);
    check(&rule(json!(["Allowed"])), &json!({}), false);
    check(&rule(json!(["Allowed", "ANY"])), &json!({}), true);
    check(&rule(json!(["Allowed"])), &json!({"subcategory": ""}), false);
    check(&rule(Value::Null), &json!({"product": "IDS"}), true);
    check(&rule(Value::Null), &json!({"product": "firewall"}), false);
    check(&rule(Value::Null), &json!({"category": "Packets"}), false);
    // The plugin of the event has nothing to do with it.
    check(&rule(Value::Null), &json!({"plugin_id": 9, "plugin_sid": 9}), true);
}

#[test]
fn a_protocol_is_any_or_that_of_a_first_event_or_equal_to_the_letter() {
    for any in [json!("ANY"), json!(""), Value::Null] {
        check(&json!({"protocol": any}), &json!({"protocol": "whatever"}), true);
        check(&json!({"protocol": any}), &json!({"protocol": ""}), true);
    }
    check(&json!({"protocol": "TCP"}), &json!({}), true);
    check(&json!({"protocol": "tcp"}), &json!({}), false);
    check(&json!({"protocol": "TCP "}), &json!({}), false);
    check(&json!({"protocol": ":1"}), &json!({}), true);
    check(&json!({"protocol": ":1"}), &json!({"protocol": "UDP"}), false);
    // No list and no negation: protocols are exact.
    check(&json!({"protocol": "TCP,UDP"}), &json!({}), false);
    check(&json!({"protocol": "!UDP"}), &json!({}), false);
}

#[test]
fn ignored_protocols_match_any_and_keep_their_text() {
    let rule = second_rule(&json!({"protocol": "ICMP"}), Mode { ignore_protocol: true, ..STRICT });
    assert!(rule.matches(&event(&json!({})), &assets(), &NoFirstEvents));
    assert_eq!(&*rule.protocol.text, "ICMP");
}

/// The same for `from` and for `to`.
#[track_caller]
fn check_address(text: &str, address: &str, expected: bool) {
    check(&json!({"from": text}), &json!({"src_ip": address}), expected);
    check(&json!({"to": text}), &json!({"dst_ip": address}), expected);
}

#[test]
fn an_address_is_any_home_or_not_home() {
    check_address("ANY", "203.0.113.1", true);
    check_address("HOME_NET", "10.1.2.3", true);
    check_address("HOME_NET", "2001:db8::1", true);
    check_address("HOME_NET", "203.0.113.1", false);
    // What is only whitelisted is not home; what is in a home network as well is.
    check_address("HOME_NET", "192.168.0.1", false);
    check_address("HOME_NET", "10.9.0.1", true);
    check_address("!HOME_NET", "203.0.113.1", true);
    check_address("!HOME_NET", "192.168.0.1", true);
    check_address("!HOME_NET", "10.1.2.3", false);
}

#[test]
fn an_address_reference_is_the_address_of_the_same_side_of_the_first_event() {
    check(&json!({"from": ":1"}), &json!({}), true);
    check(&json!({"from": ":1"}), &json!({"src_ip": "10.0.0.9"}), false);
    check(&json!({"to": ":1"}), &json!({}), true);
    check(&json!({"to": ":1"}), &json!({"dst_ip": "10.0.0.5"}), false);
}

#[test]
fn a_stage_that_has_no_event_yet_matches_nothing() {
    for rule in [
        json!({"from": ":1"}),
        json!({"to": ":1"}),
        json!({"port_from": ":1"}),
        json!({"port_to": ":1"}),
        json!({"protocol": ":1"}),
        json!({"custom_data1": ":1"}),
        json!({"custom_data3": ":1"}),
    ] {
        let rule = second_rule(&rule, STRICT);
        assert!(!rule.matches(&event(&json!({})), &assets(), &NoFirstEvents), "{rule:?}");
        let firsts = Firsts(vec![FirstEvent::from(&event(&json!({})))]);
        assert!(rule.matches(&event(&json!({})), &assets(), &firsts), "{rule:?}");
    }
}

#[test]
fn an_address_list_holds_addresses_and_networks_of_both_kinds() {
    check_address("10.0.0.5", "10.0.0.5", true);
    check_address("10.0.0.5", "10.0.0.6", false);
    check_address("10.1.0.0/16", "10.1.255.255", true);
    check_address("10.1.0.0/16", "10.2.0.0", false);
    check_address("0.0.0.0/0", "203.0.113.1", true);
    check_address("0.0.0.0/0", "2001:db8::1", false);
    check_address("2001:db8::1", "2001:db8::1", true);
    check_address("2001:db8::1", "2001:db8::2", false);
    check_address("::1", "::1", true);
    check_address("2001:db8::/32,10.0.0.5", "2001:db8:ffff::1", true);
    check_address("2001:db8::/32,10.0.0.5", "10.0.0.5", true);
    check_address("::ffff:10.0.0.5", "10.0.0.5", true);
    check_address("::ffff:10.0.0.0/104", "10.200.0.5", true);
    check_address("10.0.0.5", "::ffff:10.0.0.5", true);
    // Separated by commas or blanks, with host bits masked.
    check_address("10.0.0.1, 10.0.0.2", "10.0.0.2", true);
    check_address(" 10.0.0.1\t10.0.0.2,,", "10.0.0.2", true);
    check_address("10.1.2.3/16", "10.1.0.1", true);
}

#[test]
fn in_an_address_list_the_first_item_that_decides_wins() {
    check_address("!10.0.0.5,10.0.0.0/8", "10.0.0.5", false);
    check_address("!10.0.0.5,10.0.0.0/8", "10.0.0.6", true);
    // The negation accepts it.
    check_address("!10.0.0.5,10.0.0.0/8", "192.168.1.1", true);
    check_address("10.0.0.0/8,!10.0.0.5", "10.0.0.5", true);
    check_address("10.0.0.0/8,!10.0.0.5", "192.168.1.1", true);
    check_address("!10.0.0.5,!10.0.0.6", "10.0.0.6", false);
    check_address("!10.0.0.5,!10.0.0.6", "10.0.0.7", true);
    check_address("!10.0.0.0/8", "10.0.0.7", false);
}

#[track_caller]
fn check_port(text: &Value, port: u16, expected: bool) {
    check(&json!({"port_from": text}), &json!({"src_port": port}), expected);
    check(&json!({"port_to": text}), &json!({"dst_port": port}), expected);
}

#[test]
fn a_port_is_any_or_in_a_list() {
    for any in [json!("ANY"), json!(""), Value::Null] {
        check_port(&any, 0, true);
        check_port(&any, 65535, true);
    }
    check_port(&json!("22"), 22, true);
    check_port(&json!("22"), 0, false);
    check_port(&json!("1,65535"), 65535, true);
    check_port(&json!("22, 23 24"), 24, true);
    check_port(&json!("!22"), 22, false);
    check_port(&json!("!22"), 0, true);
    check_port(&json!("!22,23"), 80, true);
    check_port(&json!("22,!22"), 22, true);
}

#[test]
fn a_port_reference_is_the_port_of_the_same_side_of_the_first_event() {
    check(&json!({"port_from": ":1"}), &json!({}), true);
    check(&json!({"port_from": ":1"}), &json!({"src_port": 80}), false);
    check(&json!({"port_to": ":1"}), &json!({}), true);
    check(&json!({"port_to": ":1"}), &json!({"dst_port": 5000}), false);
}

#[test]
fn references_compare_empty_text_and_port_0_like_any_other_value() {
    let nothing = json!({"src_port": 0, "custom_data1": "", "protocol": ""});
    let firsts = Firsts(vec![FirstEvent::from(&event(&nothing))]);
    let rule = second_rule(&json!({"port_from": ":1", "custom_data1": ":1", "protocol": ":1"}), STRICT);
    assert!(rule.matches(&event(&nothing), &assets(), &firsts));
    for (field, value) in [("src_port", json!(1)), ("custom_data1", json!("x")), ("protocol", json!("TCP"))] {
        let mut other = nothing.clone();
        other[field] = value;
        assert!(!rule.matches(&event(&other), &assets(), &firsts), "{other}");
    }
}

#[track_caller]
fn check_custom(text: &Value, data: &str, expected: bool) {
    for field in ["custom_data1", "custom_data2", "custom_data3"] {
        check(&json!({field: text}), &json!({field: data}), expected);
    }
}

#[test]
fn custom_data_without_a_comma_is_equal_ignoring_case() {
    for any in [json!("ANY"), json!(""), Value::Null] {
        check_custom(&any, "anything", true);
        check_custom(&any, "", true);
    }
    check_custom(&json!("Login Failed"), "login failed", true);
    check_custom(&json!("Login Failed"), "login", false);
    check_custom(&json!("ÄRGER"), "ärger", true);
    check_custom(&json!("ärger"), "arger", false);
    check_custom(&json!("!root"), "ROOT", false);
    check_custom(&json!("!root"), "alice", true);
    check_custom(&json!("!root"), "", true);
    check_custom(&json!("any"), "something", false);
    // Nothing, negated: anything but nothing.
    check_custom(&json!("!"), "", false);
    check_custom(&json!("!"), "x", true);
    // Blanks around the text of a rule are never meant.
    check_custom(&json!(" root "), "root", true);
}

#[test]
fn custom_data_with_a_comma_is_equal_to_one_item_to_the_letter() {
    check_custom(&json!("alpha,beta"), "beta", true);
    check_custom(&json!("alpha,beta"), "Beta", false);
    check_custom(&json!("alpha, beta"), "beta", true);
    check_custom(&json!("alpha,beta"), "alpha,beta", false);
    check_custom(&json!("!alpha,beta"), "alpha", false);
    check_custom(&json!("!alpha,!beta"), "gamma", true);
    check_custom(&json!("alpha,!beta"), "alpha", true);
    check_custom(&json!("alpha,"), "ALPHA", false);
}

#[test]
fn a_custom_data_reference_is_the_same_field_of_the_first_event() {
    check(&json!({"custom_data1": ":1"}), &json!({}), true);
    check(&json!({"custom_data1": ":1"}), &json!({"custom_data1": "Alpha"}), false);
    check(&json!({"custom_data2": ":1"}), &json!({"custom_data2": "alpha"}), false);
    check(&json!({"custom_data3": ":1"}), &json!({}), true);
    // Only digits make it a reference.
    check_custom(&json!(":x"), ":X", true);
}

#[test]
fn references_point_at_stages_and_not_at_places_in_the_file() {
    let mut value = directive();
    let mut third = value["rules"][1].clone();
    put(&mut value, "/rules/1/stage", json!(200));
    put(&mut value, "/rules/1/from", json!(":30"));
    put(&mut value, "/rules/1/to", json!(":4"));
    put(&mut value, "/rules/0/stage", json!(30));
    put(&mut value, "/rules/0/to", json!(":4"));
    third["stage"] = json!(4);
    third["occurrence"] = json!(1);
    value["rules"].as_array_mut().unwrap().push(third);
    let directive = compiled(value, STRICT);

    assert_eq!(directive.rules.iter().map(|rule| rule.stage).collect::<Vec<_>>(), [4, 30, 200]);
    let [_, second, third] = &*directive.rules else { panic!() };
    assert_eq!((second.from.test.reference(), second.to.test.reference()), (None, Some(0)));
    assert_eq!((third.from.test.reference(), third.to.test.reference()), (Some(1), Some(0)));
}

#[test]
fn pinned_a_rule_asks_for_the_addresses_of_the_first_event() {
    let firsts = Firsts(vec![FirstEvent::from(&event(&json!({})))]);
    let rule = second_rule(&json!({"from": "HOME_NET", "protocol": "TCP"}), STRICT);
    assert!(rule.matches_pinned(&event(&json!({})), &firsts));
    assert!(!rule.matches_pinned(&event(&json!({"src_ip": "10.0.0.6"})), &firsts));
    assert!(!rule.matches_pinned(&event(&json!({"dst_ip": "10.0.0.6"})), &firsts));
    assert!(!rule.matches_pinned(&event(&json!({"protocol": "UDP"})), &firsts));
    assert!(!rule.matches_pinned(&event(&json!({"plugin_sid": 1})), &firsts));
    assert!(!rule.matches_pinned(&event(&json!({})), &NoFirstEvents));
}

#[test]
fn plugin_and_taxonomy_rules_may_stand_in_one_directive() {
    let taxonomy = json!({"type": "TaxonomyRule", "product": ["Firewall"], "category": "Packet"});
    let rule = second_rule(&taxonomy, STRICT);
    assert!(rule.matches(&event(&json!({"plugin_id": 0, "plugin_sid": 0})), &assets(), &NoFirstEvents));
}
