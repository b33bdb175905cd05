//! What Go dsiem accepts is accepted, what it repairs is repaired, and what cannot work is skipped.

use super::*;
use crate::matcher::NoFirstEvents;
use crate::problem::Severity;

/// A directive that is used, with what was said about it.
#[track_caller]
fn check_used(changes: &[(&str, Value)], expected: &[&str]) -> Directive {
    let mut checked = load(&[directive_with(changes)], LENIENT);
    assert_says(&said(&checked), expected);
    assert_eq!(checked.value.skipped, 0);
    checked.value.directives.pop().unwrap()
}

#[test]
fn a_priority_out_of_range_is_1() {
    for bad in [0, 6, -3] {
        let expected =
            format!("directive 7: priority: repaired: {bad} is out of range: it must be 1 to 5; 1 is used");
        assert_eq!(check_used(&[("/priority", json!(bad))], &[&expected]).priority, 1);
    }
    assert_eq!(check_used(&[("/priority", Value::Null)], &["priority: repaired: 0"]).priority, 1);
}

#[test]
fn a_reliability_is_brought_into_range() {
    let reliability = |written: Value, expected: &[&str]| {
        check_used(&[("/rules/1/reliability", written)], expected).rules[1].reliability
    };
    assert_eq!(reliability(json!(-5), &["stage 2: reliability: repaired: -5"]), 0);
    assert_eq!(reliability(json!(11), &["stage 2: reliability: repaired: 11"]), 10);
    assert_eq!(reliability(Value::Null, &[]), 0);
}

#[test]
fn an_occurrence_is_1_in_the_first_stage_and_at_least_1_in_the_others() {
    let occurrences = |changes: &[(&str, Value)], expected: &[&str]| {
        check_used(changes, expected).rules.iter().map(|rule| rule.occurrence).collect::<Vec<_>>()
    };
    let first = |written: Value| [("/rules/0/occurrence", written)];
    let second = |written: Value| [("/rules/1/occurrence", written)];
    assert_eq!(
        occurrences(&first(json!(5)), &["stage 1: occurrence: repaired: 5 must be 1; 1 is used"]),
        [1, 2]
    );
    assert_eq!(occurrences(&first(Value::Null), &["stage 1: occurrence: repaired: 0 must be 1"]), [1, 2]);
    assert_eq!(occurrences(&second(json!(0)), &["stage 2: occurrence: repaired: 0"]), [1, 1]);
    assert_eq!(occurrences(&second(json!(-9)), &["stage 2: occurrence: repaired: -9"]), [1, 1]);
    assert_eq!(occurrences(&second(json!(1_u64 << 40)), &["repaired: 1099511627776"]), [1, u32::MAX]);
}

#[test]
fn a_timeout_is_brought_into_range() {
    let timeout = |written: Value, expected: &[&str]| {
        check_used(&[("/rules/1/timeout", written)], expected).rules[1].timeout_secs
    };
    assert_eq!(timeout(json!(-1), &["timeout: repaired: -1"]), 0);
    assert_eq!(timeout(json!(1_u64 << 40), &["timeout: repaired: 1099511627776"]), u32::MAX);
}

#[test]
fn a_reference_that_points_nowhere_matches_nothing() {
    for field in ["from", "to", "port_from", "port_to", "protocol", "custom_data1"] {
        for text in [":2", ":9", ":0"] {
            let pointer = format!("/rules/1/{field}");
            let expected = format!("stage 2: {field}: warning: \"{text}\"");
            let directive = check_used(&[(&pointer, json!(text))], &[&expected]);
            let rule = &directive.rules[1];
            let firsts = Firsts(vec![FirstEvent::from(&event(&json!({}))); 9]);
            assert!(
                !rule.matches(&event(&json!({})), &crate::assets::Assets::default(), &firsts),
                "{field} {text}"
            );
            assert!(!rule.matches(&event(&json!({})), &crate::assets::Assets::default(), &NoFirstEvents));
        }
    }
}

#[test]
fn what_cannot_work_is_skipped_with_a_warning_and_counted() {
    for (pointer, value) in [
        ("/name", json!("")),
        ("/kingdom", Value::Null),
        ("/id", json!(-1)),
        ("/priority", json!("high")),
        ("/rules", json!([])),
        ("/rules/1/stage", json!(1)),
        ("/rules/1/stage", json!(0)),
        ("/rules/1/type", json!("Rule")),
        ("/rules/1/plugin_id", json!(0)),
        ("/rules/1/plugin_sid", json!([])),
        ("/rules/1/from", json!("")),
        ("/rules/1/to", json!("10.0.0")),
        ("/rules/1/port_to", json!("x")),
        ("/rules/1/sticky_different", json!("SENSOR")),
    ] {
        let good = directive_with(&[("/id", json!(8))]);
        let checked = load(&[directive_with(&[(pointer, value)]), good], LENIENT);
        assert_eq!(checked.value.skipped, 1, "{pointer}");
        assert_eq!(checked.value.directives.iter().map(|directive| directive.id).collect::<Vec<_>>(), [8]);
        assert!(checked.problems.iter().all(|problem| problem.severity == Severity::Warning), "{pointer}");
        assert!(said(&checked).last().unwrap().ends_with("warning: is skipped"), "{pointer}");
    }
}

#[test]
fn the_second_of_two_ids_is_skipped() {
    let second = directive_with(&[("/name", json!("second"))]);
    let checked = load(&[directive(), second], LENIENT);
    assert_says(
        &said(&checked),
        &["directive 7: id: warning: 7 stands in this file already", "directive 7: warning: is skipped"],
    );
    assert_eq!((checked.value.directives.len(), checked.value.skipped), (1, 1));
    assert_eq!(&*checked.value.directives[0].name, "SRC_IP scans");
}

#[test]
fn a_directive_that_is_skipped_leaves_its_id_to_others() {
    let bad = directive_with(&[("/kingdom", json!(""))]);
    let checked = load(&[bad, directive()], LENIENT);
    assert_eq!((checked.value.directives.len(), checked.value.skipped), (1, 1));
}

#[test]
fn strictly_none_of_this_is_used() {
    for (pointer, value) in [
        ("/priority", json!(0)),
        ("/rules/0/occurrence", json!(2)),
        ("/rules/1/occurrence", json!(0)),
        ("/rules/1/reliability", json!(11)),
        ("/rules/1/from", json!(":2")),
    ] {
        assert!(load(&[directive_with(&[(pointer, value)])], STRICT).has_errors(), "{pointer}");
    }
}
