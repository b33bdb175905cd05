//! Thousands of directives share the memory of their texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::directive::{RuleKind, Text};

#[test]
fn equal_texts_of_a_load_are_one_allocation() {
    let second = directive_with(&[("/id", json!(8)), ("/rules/0/name", json!("r"))]);
    let (one, two) = (file_of(&[directive()]), file_of(&[second]));
    let checked = check::read_all([("directives_a.json", &*one), ("directives_b.json", &*two)], STRICT);
    let [a, b] = &*checked.value.directives else { panic!("{:?}", checked.problems) };
    assert!(Arc::ptr_eq(&a.kingdom, &b.kingdom));
    assert!(Arc::ptr_eq(&a.rules[0].name, &b.rules[1].name));
    assert!(Arc::ptr_eq(&a.rules[0].from.text, &b.rules[1].port_to.text));
}

#[test]
fn a_rule_without_lists_is_small() {
    assert!(size_of::<Rule>() <= 448, "{}", size_of::<Rule>());
    assert!(size_of::<Directive>() <= 96, "{}", size_of::<Directive>());
}

/// Every text of a directive.
fn texts(directive: &Directive) -> impl Iterator<Item = &Text> {
    let of_rules = directive.rules.iter().flat_map(|rule| {
        let written = [&rule.name, &rule.from.text, &rule.to.text, &rule.port_from.text, &rule.port_to.text];
        written
            .into_iter()
            .chain([&rule.protocol.text])
            .chain(rule.custom_data.iter().map(|custom| &custom.text))
    });
    [&directive.name, &directive.kingdom, &directive.category].into_iter().chain(of_rules)
}

#[test]
fn twenty_thousand_directives_would_take_less_than_40_mib() {
    const DIRECTIVES: usize = 1000;
    let third = {
        let mut rule = directive()["rules"][1].clone();
        put(&mut rule, "/stage", json!(3));
        put(&mut rule, "/from", json!(":1"));
        rule
    };
    let list: Vec<_> = (0..DIRECTIVES)
        .map(|n| {
            let name =
                format!("Directive {n} about something that takes a few words to say, SRC_IP to DST_IP");
            let mut directive = directive_with(&[("/id", json!(n)), ("/name", json!(name))]);
            directive["rules"].as_array_mut().unwrap().push(third.clone());
            directive
        })
        .collect();
    let checked = load(&list, STRICT);
    assert_eq!(checked.problems, []);
    let loaded = &checked.value.directives;
    assert_eq!(loaded.len(), DIRECTIVES);

    let distinct: BTreeSet<_> =
        loaded.iter().flat_map(texts).map(|text| (text.as_ptr(), text.len())).collect();
    let text_bytes: usize = distinct.iter().map(|(_, len)| len + 2 * size_of::<usize>()).sum();
    let rules = || loaded.iter().flat_map(|directive| &*directive.rules);
    let sids: usize =
        rules().map(|rule| if let RuleKind::Plugin { sids, .. } = &rule.kind { sids.len() } else { 0 }).sum();
    let bytes = DIRECTIVES * size_of::<Directive>()
        + rules().count() * size_of::<Rule>()
        + sids * size_of::<u64>()
        + text_bytes;
    assert!(distinct.len() < DIRECTIVES + 10, "{} texts", distinct.len());
    assert!(bytes / DIRECTIVES * 20_000 < 40 << 20, "{} bytes a directive", bytes / DIRECTIVES);
}
