//! A saved directive, read back, is the same directive.

use proptest::prelude::*;

use super::*;
use crate::directive::file::{from_value, to_value};

#[track_caller]
fn check(directive: &Directive) {
    let text = to_value(directive).to_string();
    let saved: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(from_value(&saved).as_ref(), Ok(directive), "{text}");
}

#[test]
fn whatever_mode_it_was_loaded_in() {
    check(&compiled(directive(), STRICT));
    let protocol =
        directive_with(&[("/rules/0/protocol", json!("ICMP")), ("/rules/1/protocol", json!(":1"))]);
    check(&compiled(protocol.clone(), STRICT));
    check(&compiled(protocol, Mode { ignore_protocol: true, ..STRICT }));
    check(&compiled(
        directive_with(&[("/rules/1/from", json!(":9")), ("/rules/1/protocol", json!(":2"))]),
        LENIENT,
    ));
    let repaired =
        [("/priority", json!(77)), ("/rules/0/occurrence", json!(5)), ("/rules/1/reliability", json!(11))];
    check(&compiled(directive_with(&repaired), LENIENT));
}

#[test]
fn in_a_file_ignore_protocol_means_nothing() {
    let rule = compiled(
        directive_with(&[("/ignore_protocol", json!(true)), ("/rules/1/protocol", json!("ICMP"))]),
        STRICT,
    );
    assert_eq!(rule.rules[1].protocol.test, crate::matcher::TextTest::Exact("ICMP".into()));
}

#[test]
fn one_that_does_not_work_is_refused_with_every_problem() {
    let bad = directive_with(&[("/name", json!("")), ("/rules/1/from", json!("x"))]);
    let said: Vec<_> = from_value(&bad).unwrap_err().iter().map(ToString::to_string).collect();
    assert_says(
        &said,
        &["saved directive: directive 7: name: is empty", "saved directive: directive 7: stage 2: from"],
    );
    for other in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(from_value(&other).is_err(), "{other}");
    }
}

fn any_kind() -> impl Strategy<Value = Value> {
    let texts = || prop::collection::vec("[a-zA-Z ]{1,6}", 1..4);
    prop_oneof![
        (1u64.., prop::collection::vec(1u64.., 1..5))
            .prop_map(|(id, sids)| json!({"type": "PluginRule", "plugin_id": id, "plugin_sid": sids})),
        (texts(), "[a-z]{1,5}", prop::collection::vec("[a-z]{1,5}|ANY", 0..3)).prop_map(|(products, category, subs)| {
            json!({"type": "TaxonomyRule", "product": products, "category": category, "subcategory": subs})
        }),
    ]
}

fn any_rule() -> impl Strategy<Value = Value> {
    let address =
        "ANY|HOME_NET|!HOME_NET|:[123]|!?10\\.[0-9]\\.0\\.0/1[0-9](, ?!?1\\.2\\.3\\.[1-9])?|2001:db8::/32";
    let port = "|ANY|:[12]|!?[1-9][0-9]{0,3}(,!?[1-9][0-9]{0,3}){0,3}";
    let custom = "|ANY|:[1-4]|!?[a-zA-Zäß ]{1,8}|[a-z]{1,3},!?[a-z]{1,3},,[a-z]";
    let sticky = "|none|SRC_IP|DST_PORT|CUSTOM_DATA2|PLUGIN_SID";
    let texts = (address, address, port, port, "|ANY|TCP|:[12]|udp", custom, custom, custom, sticky);
    (any_kind(), texts, 1u32.., 0u8..=10, any::<u32>()).prop_map(
        |(mut rule, texts, occurrence, reliability, timeout)| {
            let names = [
                "from",
                "to",
                "port_from",
                "port_to",
                "protocol",
                "custom_data1",
                "custom_data2",
                "custom_data3",
                "sticky_different",
            ];
            let texts = [texts.0, texts.1, texts.2, texts.3, texts.4, texts.5, texts.6, texts.7, texts.8];
            for (name, text) in names.into_iter().zip(texts) {
                rule[name] = text.into();
            }
            rule["occurrence"] = occurrence.into();
            rule["reliability"] = reliability.into();
            rule["timeout"] = timeout.into();
            rule
        },
    )
}

proptest! {
    #[test]
    fn any_directive_reads_back_equal(
        rules in prop::collection::btree_map(1u8.., any_rule(), 2..5),
        active in any::<bool>(),
        ignore_protocol in any::<bool>(),
        name in "[a-zA-Z]\\PC{0,10}",
    ) {
        let rules: Vec<_> = rules.into_iter().rev().map(|(stage, mut rule)| {
            rule["stage"] = stage.into();
            rule
        }).collect();
        let value = directive_with(&[("/rules", json!(rules)), ("/all_rules_always_active", json!(active)),
            ("/name", json!(name))]);
        check(&compiled(value, Mode { lenient: true, ignore_protocol }));
    }
}
