//! Everything that a file can have wrong, and what its author is told.

use super::*;

/// One directive that works but for `changes`: what a strict reader says.
#[track_caller]
fn check(changes: &[(&str, Value)], expected: &[&str]) {
    let checked = load(&[directive_with(changes)], STRICT);
    assert_says(&said(&checked), expected);
    let errors = checked.problems.iter().any(crate::problem::Problem::is_error);
    assert_eq!(checked.value.directives.is_empty(), errors, "{changes:?}");
    assert_eq!(checked.value.skipped, usize::from(errors));
}

/// The same with one field of the second rule.
#[track_caller]
fn check_rule(field: &str, value: Value, expected: &[&str]) {
    check(&[(&format!("/rules/1/{field}"), value)], expected);
}

#[test]
fn a_directive_that_works_has_no_problem() {
    check(&[], &[]);
    check(&[("/disabled", json!(false)), ("/all_rules_always_active", json!(true))], &[]);
    check(&[("/custom_field", json!({"a": [1]})), ("/rules/0/custom_label1", json!(5))], &[]);
    check(&[("/id", json!(0))], &[]);
}

#[test]
fn rules_may_leave_out_what_go_dsiem_lets_them_leave_out() {
    for field in ["name", "port_from", "port_to", "protocol", "timeout", "custom_data1", "sticky_different"] {
        check_rule(field, Value::Null, &[]);
    }
    let rule = second_rule(&json!({"timeout": null, "port_to": null}), STRICT);
    assert_eq!((rule.timeout_secs, &*rule.port_to.text), (0, ""));
}

#[test]
fn what_is_missing_is_named() {
    for field in ["id", "name", "priority", "kingdom", "category", "rules"] {
        check(&[(&format!("/{field}"), Value::Null)], &[&format!("{field}: is missing")]);
    }
    for field in ["type", "plugin_id", "plugin_sid", "occurrence", "from", "to", "reliability"] {
        check_rule(field, Value::Null, &[&format!("directive 7: stage 2: {field}: is missing")]);
    }
    check_rule("stage", Value::Null, &["directive 7: rule 2: stage: is missing"]);
    check(&[("/id", Value::Null)], &["directives_x.json: entry 1: id: is missing"]);
}

#[test]
fn fields_of_a_directive() {
    check(&[("/id", json!(-1))], &["entry 1: id: -1 is too small: it must be 0 or more"]);
    check(&[("/id", json!("7"))], &["id: \"7\" is not a number: write it without quotes"]);
    check(&[("/id", json!(1e30))], &["id: 1e+30 is not a whole number"]);
    check(&[("/name", json!(""))], &["directive 7: name: is empty"]);
    check(&[("/name", json!(["a"]))], &["name: a list is not a text"]);
    check(&[("/kingdom", json!("  "))], &["kingdom: is empty"]);
    check(&[("/category", json!(3))], &["category: 3 is not a text: write \"3\", in quotes"]);
    check(&[("/priority", json!(0))], &["priority: 0 is out of range: it must be 1 to 5"]);
    check(&[("/priority", json!(6))], &["priority: 6 is out of range: it must be 1 to 5"]);
    check(&[("/priority", json!(2.5))], &["priority: 2.5 is not a whole number"]);
    check(&[("/all_rules_always_active", json!("yes"))], &["\"yes\" is not true or false"]);
    check(&[("/disabled", json!(1))], &["disabled: 1 is not true or false"]);
    check(&[("/rules", json!({}))], &["rules: an object is not a list"]);
    check(&[("/rules", json!([]))], &["rules: has 0 of them, and a directive needs at least 2"]);
    check(&[("/rules", json!([directive()["rules"][0]]))], &["rules: has 1 of them"]);
    check(&[("/rules/1", json!("x"))], &["directive 7: rule 2: \"x\" is not an object"]);
}

#[test]
fn stages() {
    for (bad, expected) in [(0, "0 is out of range: it must be 1 to 255"), (256, "256 is out of range")] {
        check_rule("stage", json!(bad), &[&format!("rule 2: stage: {expected}")]);
    }
    check_rule("stage", json!(1), &["rule 2: stage: 1 stands twice"]);
    check_rule("stage", json!(255), &[]);
    // The lowest stage is the first one, wherever it stands.
    check(&[("/rules/0/stage", json!(9))], &["directive 7: stage 2: occurrence: 2 must be 1"]);
    check(&[("/rules/0/occurrence", json!(2))], &["stage 1: occurrence: 2 must be 1"]);
}

#[test]
fn numbers_of_a_rule() {
    check_rule("occurrence", json!(0), &["occurrence: 0 is out of range: it must be 1 to 4294967295"]);
    check_rule("occurrence", json!(4_294_967_296_u64), &["occurrence: 4294967296 is out of range"]);
    check_rule("occurrence", json!("2"), &["occurrence: \"2\" is not a number"]);
    check_rule("reliability", json!(11), &["reliability: 11 is out of range: it must be 0 to 10"]);
    check_rule("reliability", json!(-1), &["reliability: -1 is out of range"]);
    check_rule("reliability", json!(0), &[]);
    check_rule("timeout", json!(-1), &["timeout: -1 is out of range"]);
    check_rule("timeout", json!(4_294_967_296_u64), &["timeout: 4294967296 is out of range"]);
    check_rule("timeout", json!("60"), &["timeout: \"60\" is not a number"]);
    check_rule("plugin_id", json!(0), &["plugin_id: 0 is too small: it must be 1 or more"]);
    check_rule("plugin_sid", json!([]), &["plugin_sid: is an empty list"]);
    check_rule("plugin_sid", json!(50), &["plugin_sid: 50 is not a list"]);
    check_rule(
        "plugin_sid",
        json!([0, 1, "2", -3]),
        &["item 1: 0 is too small", "item 3: \"2\"", "item 4: -3"],
    );
}

#[test]
fn kinds_of_rules() {
    check_rule(
        "type",
        json!("pluginrule"),
        &["type: \"pluginrule\" is no kind of rule: write \"PluginRule\""],
    );
    check_rule("type", json!(1), &["type: 1 is not a text"]);
    let taxonomy = |field: &str, value: Value| {
        let mut rule = directive()["rules"][1].clone();
        for (name, value) in
            [("type", json!("TaxonomyRule")), ("product", json!(["p"])), ("category", json!("c"))]
        {
            rule[name] = value;
        }
        rule[field] = value;
        [("/rules/1", rule)]
    };
    check(&taxonomy("plugin_id", Value::Null), &[]);
    check(&taxonomy("product", Value::Null), &["stage 2: product: is missing"]);
    check(&taxonomy("product", json!([])), &["product: is an empty list"]);
    check(&taxonomy("product", json!("p")), &["product: \"p\" is not a list"]);
    check(&taxonomy("product", json!(["p", ""])), &["product: item 2: an empty text"]);
    check(&taxonomy("category", json!("")), &["category: is empty"]);
    check(&taxonomy("subcategory", json!(["s", 4])), &["subcategory: item 2: 4 is not a text"]);
    check(&taxonomy("subcategory", json!([])), &[]);
}

#[test]
fn addresses() {
    for field in ["from", "to"] {
        check_rule(field, json!(""), &["is empty"]);
        check_rule(field, json!(7), &["7 is not a text"]);
        check_rule(field, json!(","), &["\",\" names nothing"]);
        check_rule(field, json!("10.0.0"), &["\"10.0.0\" is not an address or network such as 10.0.0.1"]);
        check_rule(field, json!("10.0.0.0/33"), &["\"10.0.0.0/33\" is not an address or network"]);
        check_rule(field, json!("10.0.0.256,1.2.3.4,!x"), &["\"10.0.0.256\" is not", "\"!x\" is not"]);
        check_rule(field, json!("!!10.0.0.1"), &["\"!!10.0.0.1\" is not"]);
        check_rule(field, json!("! 10.0.0.1"), &["\"!\" is not an address"]);
        check_rule(field, json!("2001:db8::/129"), &["is not an address"]);
        check_rule(field, json!("home_net"), &["\"home_net\" is not an address or network"]);
        check_rule(field, json!("10.0.0.1,HOME_NET"), &["\"HOME_NET\" must stand alone"]);
        check_rule(field, json!("10.0.0.1,!HOME_NET"), &["\"!HOME_NET\" must stand alone"]);
        check_rule(field, json!("10.0.0.1,:1"), &["\":1\" must stand alone"]);
        check_rule(field, json!("!:1"), &["\"!:1\" must stand alone"]);
        check_rule(field, json!("10.0.0.1\u{7}"), &["\"10.0.0.1\\u{7}\" is not an address"]);
        check_rule(
            field,
            json!("10.1.2.3/8"),
            &["warning: \"10.1.2.3/8\" has bits behind its prefix: 10.0.0.0/8"],
        );
        check_rule(field, json!("any"), &["warning: \"any\" is taken for \"ANY\""]);
    }
}

#[test]
fn ports() {
    for field in ["port_from", "port_to"] {
        check_rule(field, json!(22), &["22 is not a text: write \"22\", in quotes"]);
        for bad in ["0", "65536", "-1", "+22", "1-1024", "ssh", "22.0", "99999999999999999999"] {
            check_rule(field, json!(bad), &[&format!("\"{bad}\" is not a port: ports are 1 to 65535")]);
        }
        check_rule(field, json!("22,x,!y"), &["\"x\" is not a port", "\"!y\" is not a port"]);
        check_rule(field, json!("22,ANY"), &["\"ANY\" must stand alone"]);
        check_rule(field, json!("any"), &["\"any\" is not a port"]);
    }
}

#[test]
fn references_name_an_existing_lower_stage() {
    for field in
        ["from", "to", "port_from", "port_to", "protocol", "custom_data1", "custom_data2", "custom_data3"]
    {
        check_rule(field, json!(":1"), &[]);
        let own = format!("{field}: \":2\" must refer to a stage lower than its own, which is 2");
        check_rule(field, json!(":2"), &[&own]);
        for missing in [0, 3, 256] {
            let expected =
                format!("{field}: \":{missing}\" refers to no stage: write the number of a lower stage");
            check_rule(field, json!(format!(":{missing}")), &[&expected]);
        }
        check_rule(field, json!(":99999999999999999999"), &["refers to no stage"]);
        let first = format!("stage 1: {field}: \":1\" must refer to a stage lower than its own, which is 1");
        check(&[(&format!("/rules/0/{field}"), json!(":1"))], &[&first]);
    }
    check_rule("from", json!(":3"), &["the stages are 1, 2"]);
    // While a stage is bad, nobody knows which ones there are.
    check(
        &[("/rules/1/from", json!(":3")), ("/rules/0/stage", json!("x"))],
        &["rule 1: stage: \"x\" is not a number"],
    );
}

#[test]
fn sticky_different_names_a_field_or_nothing() {
    for nothing in ["", "none"] {
        check_rule("sticky_different", json!(nothing), &[]);
    }
    for field in crate::sticky::StickyField::ALL {
        check_rule("sticky_different", json!(field.as_str()), &[]);
        let rule = second_rule(&json!({"sticky_different": field.as_str()}), STRICT);
        assert_eq!(rule.sticky_different, Some(field));
    }
    for unknown in ["src_ip", "NONE", "CUSTOM_DATA4"] {
        let expected = format!("\"{unknown}\" is no field: write one of PLUGIN_SID, SRC_IP,");
        check_rule("sticky_different", json!(unknown), &[&expected]);
    }
}

#[test]
fn items_that_can_never_decide_are_warned_of() {
    let decided = "warning: \"!10.0.0.5\" can never decide: the items before it decide about all of it";
    check_rule("from", json!("10.0.0.0/8,!10.0.0.5"), &[decided]);
    let accepted =
        "to: warning: \"10.0.0.0/8\" can never decide: a negated item before it accepts everything";
    check_rule("to", json!("!10.0.0.5,10.0.0.0/8"), &[accepted]);
    check_rule("port_to", json!("22,23,22"), &["port_to: warning: \"22\" can never decide"]);
    check_rule("custom_data1", json!("a,b,!a"), &["custom_data1: warning: \"!a\" can never decide"]);
    check_rule("from", json!("10.0.0.5,10.0.0.6"), &[]);
    check_rule("from", json!("!10.0.0.5,!10.0.0.6"), &[]);
}

#[test]
fn custom_data_is_warned_of_where_blanks_mislead() {
    check_rule("custom_data1", json!(" a"), &["warning: the blanks around \" a\" are left out"]);
    check_rule(
        "custom_data1",
        json!("a b,c"),
        &["warning: blanks separate items as commas do, so \"a b\" is several"],
    );
    check_rule("custom_data1", json!("a, b"), &[]);
    check_rule("custom_data1", json!("a b"), &[]);
}

#[test]
fn every_problem_of_every_directive_is_told() {
    let bad = directive_with(&[
        ("/name", json!("")),
        ("/priority", json!(9)),
        ("/rules/0/from", json!("x")),
        ("/rules/0/port_to", json!("y")),
        ("/rules/1/reliability", json!(99)),
        ("/rules/1/type", json!("z")),
    ]);
    let other = directive_with(&[("/id", json!(8)), ("/kingdom", json!(null))]);
    let checked = load(&[bad, json!(5), directive_with(&[("/id", json!(9))]), other], STRICT);
    let expected = [
        "directive 7: name: is empty",
        "directive 7: priority: 9",
        "directive 7: stage 1: from: \"x\"",
        "directive 7: stage 1: port_to: \"y\"",
        "directive 7: stage 2: type: \"z\"",
        "directive 7: stage 2: reliability: 99",
        "entry 2: 5 is not an object",
        "directive 8: kingdom: is missing",
    ];
    assert_says(&said(&checked), &expected);
    assert_eq!((checked.value.directives.len(), checked.value.skipped), (1, 3));
}

#[test]
fn disabled_directives_are_not_looked_at() {
    let checked = load(
        &[json!({"disabled": true, "id": "x"}), directive(), directive_with(&[("/disabled", json!(true))])],
        STRICT,
    );
    assert_eq!(checked.problems, []);
    assert_eq!((checked.value.directives.len(), checked.value.disabled, checked.value.skipped), (1, 2, 0));
}

#[test]
fn an_id_that_stands_twice_is_told_with_both_files() {
    let (one, two) = (file_of(&[directive()]), file_of(&[directive(), directive()]));
    let checked = check::read_all([("directives_a.json", &*one), ("directives_b.json", &*two)], STRICT);
    let expected = "directives_b.json: directive 7: id: 7 stands in directives_a.json already";
    assert_says(&said(&checked), &[expected, expected]);

    let checked = check::read("directives_b.json", &two, STRICT);
    assert_says(&said(&checked), &["directives_b.json: directive 7: id: 7 stands in this file already"]);
    assert!(checked.has_errors());
}

#[test]
fn an_id_that_stands_twice_is_told_even_if_one_of_them_is_bad() {
    let bad = directive_with(&[("/name", json!(""))]);
    let checked = load(&[bad, directive()], STRICT);
    assert_says(&said(&checked), &["name: is empty", "id: 7 stands in this file already"]);
}

#[test]
fn a_file_that_cannot_be_read_is_one_error_in_both_modes() {
    for mode in [STRICT, LENIENT] {
        let good = file_of(&[directive()]);
        let checked = check::read_all(
            [("directives_a.json", &b"{\"directives\": [}"[..]), ("directives_b.json", &good)],
            mode,
        );
        assert_says(&said(&checked), &["directives_a.json: is not JSON: expected value at line 1 column 17"]);
        assert!(checked.has_errors());
        assert_eq!(checked.value.directives.len(), 1);
    }
    let empty = check::read("directives_x.json", br#"{"directives": []}"#, STRICT);
    assert_says(&said(&empty), &["directives: warning: is empty"]);
}

#[test]
fn hostile_texts_do_no_harm() {
    check_rule("port_to", json!("1x,".repeat(50_000)), &vec!["\"1x\" is not a port"; 50_000]);
    let deep = format!(r#"{{"directives": [{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let checked = check::read("directives_x.json", deep.as_bytes(), STRICT);
    assert_says(&said(&checked), &["entry 1: cannot be read: recursion limit exceeded"]);
    let many = format!(r#"{{"directives": [{}0]}}"#, "0,".repeat(300_000));
    let checked = check::read("directives_x.json", many.as_bytes(), STRICT);
    assert_eq!(said(&checked).last().unwrap(), "directives_x.json: 200001 more problems are not listed");
    let rules = vec![directive()["rules"][0].clone(); 1000];
    let checked = load(&[directive_with(&[("/rules", json!(rules))])], STRICT);
    assert_eq!(checked.problems.len(), 999);
}
