//! Directives that are sent over HTTP with everything that can be wrong with one; each problem has its place and reason.

use serde_json::{Value, json};

use crate::case::Case;
use crate::config_content::{self, Told};

fn changed(mut whole: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("{changes} is no object") };
    for (key, value) in changes {
        whole[key] = value;
    }
    whole
}

fn rule(stage: u64, changes: Value) -> Value {
    let rule = json!({"name": "r", "stage": stage, "type": "PluginRule", "plugin_id": 1001, "plugin_sid": [1], "occurrence": 1,
        "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY", "reliability": 1, "timeout": 60});
    changed(rule, changes)
}

fn directive(id: u64, rules: Value, changes: Value) -> Value {
    let mut directive = json!({"id": id, "name": "d", "priority": 3, "kingdom": "k", "category": "c"});
    directive["rules"] = rules;
    changed(directive, changes)
}

pub(crate) fn cases() -> Vec<Case> {
    let file = |directives: Value| json!({ "directives": directives }).to_string();
    let refuse = |what: &str, directives: Value, problems: &[Told<'_>]| {
        config_content::refuse(what, "directives_x.json", file(directives), problems)
    };
    let rules = || json!([rule(1, json!({})), rule(2, json!({}))]);
    let of = |what: &str, change: Value, field: &str, message: &str| {
        refuse(what, json!([directive(7, rules(), change)]), &[("directive 7", None, field, message)])
    };
    let second = |what: &str, change: Value, field: &str, message: &str| {
        let rules = json!([rule(1, json!({})), rule(2, change)]);
        refuse(what, json!([directive(7, rules, json!({}))]), &[("directive 7", Some(2), field, message)])
    };
    let numbered = |what: &str, stages: [Value; 2], entry: &str, message: &str| {
        let [first, other] = stages.map(|stage| rule(1, json!({ "stage": stage })));
        refuse(
            what,
            json!([directive(7, json!([first, other]), json!({}))]),
            &[(entry, None, "stage", message)],
        )
    };
    let no_address = "is not an address or network such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32, nor ANY, HOME_NET, !HOME_NET or :n";
    let no_port = "is not a port: ports are 1 to 65535, separated by commas";
    let sticky = "is no field: write one of PLUGIN_SID, SRC_IP, DST_IP, SRC_PORT, DST_PORT, CUSTOM_DATA1, CUSTOM_DATA2, CUSTOM_DATA3, or none";
    let no_stage = "refers to no stage: write the number of a lower stage; the stages are 1, 2";
    let mut cases = vec![
        of("priority 9", json!({"priority": 9}), "priority", "9 is out of range: it must be 1 to 5"),
        of("priority 0", json!({"priority": 0}), "priority", "0 is out of range: it must be 1 to 5"),
        of(
            "priority in quotes",
            json!({"priority": "3"}),
            "priority",
            "\"3\" is not a number: write it without quotes",
        ),
        of("no name", json!({"name": ""}), "name", "is empty: it needs a text"),
        of("no kingdom", json!({"kingdom": null}), "kingdom", "is missing"),
        of(
            "a flag that is none",
            json!({"all_rules_always_active": 1}),
            "all_rules_always_active",
            "1 is not true or false, without quotes",
        ),
        of("no rules", json!({"rules": null}), "rules", "is missing"),
        of("rules that are no list", json!({"rules": {}}), "rules", "an object is not a list: write [ … ]"),
        of(
            "an empty list of rules",
            json!({"rules": []}),
            "rules",
            "has 0 of them, and a directive needs at least 2",
        ),
        of(
            "one rule",
            json!({"rules": [rule(1, json!({}))]}),
            "rules",
            "has 1 of them, and a directive needs at least 2",
        ),
        numbered(
            "stage 0",
            [json!(0), json!(2)],
            "directive 7: rule 1",
            "0 is out of range: it must be 1 to 255",
        ),
        numbered(
            "stage 256",
            [json!(1), json!(256)],
            "directive 7: rule 2",
            "256 is out of range: it must be 1 to 255",
        ),
        numbered(
            "stage -1",
            [json!(1), json!(-1)],
            "directive 7: rule 2",
            "-1 is out of range: it must be 1 to 255",
        ),
        numbered("no stage", [json!(1), Value::Null], "directive 7: rule 2", "is missing"),
        numbered(
            "a stage twice",
            [json!(1), json!(1)],
            "directive 7: rule 2",
            "1 stands twice: each stage of a directive has a number of its own",
        ),
        refuse(
            "an id twice",
            json!([directive(7, rules(), json!({})), directive(7, rules(), json!({}))]),
            &[("directive 7", None, "id", "7 stands in this file already: ids are unique over all files")],
        ),
        refuse(
            "a negative id",
            json!([directive(1, rules(), json!({"id": -1}))]),
            &[("entry 1", None, "id", "-1 is too small: it must be 0 or more")],
        ),
        refuse(
            "occurrence 2 of the first stage",
            json!([directive(7, json!([rule(1, json!({"occurrence": 2})), rule(2, json!({}))]), json!({}))]),
            &[("directive 7", Some(1), "occurrence", "2 must be 1")],
        ),
        second(
            "occurrence 0",
            json!({"occurrence": 0}),
            "occurrence",
            "0 is out of range: it must be 1 to 4294967295",
        ),
        second(
            "reliability 11",
            json!({"reliability": 11}),
            "reliability",
            "11 is out of range: it must be 0 to 10",
        ),
        second(
            "reliability -1",
            json!({"reliability": -1}),
            "reliability",
            "-1 is out of range: it must be 0 to 10",
        ),
        second(
            "timeout -1",
            json!({"timeout": -1}),
            "timeout",
            "-1 is out of range: it must be 0 to 4294967295",
        ),
        second(
            "a type that is none",
            json!({"type": "pluginrule"}),
            "type",
            "\"pluginrule\" is no kind of rule: write \"PluginRule\" or \"TaxonomyRule\"",
        ),
        second("plugin_id 0", json!({"plugin_id": 0}), "plugin_id", "0 is too small: it must be 1 or more"),
        second(
            "no plugin_sid",
            json!({"plugin_sid": []}),
            "plugin_sid",
            "is an empty list: it needs at least one item",
        ),
        second(
            "plugin_sid 0",
            json!({"plugin_sid": [1, 0]}),
            "plugin_sid",
            "item 2: 0 is too small: it must be 1 or more",
        ),
        second(
            "a product that is no text",
            json!({"type": "TaxonomyRule", "product": [1], "category": "c"}),
            "product",
            "item 1: 1 is not a text",
        ),
        second("no from", json!({"from": ""}), "from", "is empty: it needs a text"),
        second("half an address", json!({"from": "10.0.0"}), "from", &format!("\"10.0.0\" {no_address}")),
        second(
            "a control character in an address",
            json!({"to": "10.0.0.1\u{7}"}),
            "to",
            &format!("\"10.0.0.1\\u{{7}}\" {no_address}"),
        ),
        second(
            "ANY in a list",
            json!({"to": "10.0.0.1,ANY"}),
            "to",
            "\"ANY\" must stand alone, not in a list",
        ),
        second(
            "a negated reference",
            json!({"to": "!:1"}),
            "to",
            "\"!:1\" must stand alone, not in a list and not negated",
        ),
        second("only a comma", json!({"to": ","}), "to", "\",\" names nothing: write \"ANY\" for any"),
        second(
            "a reference to itself",
            json!({"from": ":2"}),
            "from",
            "\":2\" must refer to a stage lower than its own, which is 2",
        ),
        second("a reference to nothing", json!({"from": ":9"}), "from", &format!("\":9\" {no_stage}")),
        second("a reference to stage 0", json!({"from": ":0"}), "from", &format!("\":0\" {no_stage}")),
        second(
            "a reference beyond 64 bits",
            json!({"port_to": ":99999999999999999999"}),
            "port_to",
            &format!("\":{}\" {no_stage}", u64::MAX),
        ),
        second(
            "a reference in custom data",
            json!({"custom_data1": ":3"}),
            "custom_data1",
            &format!("\":3\" {no_stage}"),
        ),
        second(
            "a reference in the protocol",
            json!({"protocol": ":2"}),
            "protocol",
            "\":2\" must refer to a stage lower than its own, which is 2",
        ),
        second("port 0", json!({"port_to": "0"}), "port_to", &format!("\"0\" {no_port}")),
        second("port 65536", json!({"port_from": "80,65536"}), "port_from", &format!("\"65536\" {no_port}")),
        second(
            "a port that is a number",
            json!({"port_from": 80}),
            "port_from",
            "80 is not a text: write \"80\", in quotes",
        ),
        second("a range of ports", json!({"port_to": "1-1024"}), "port_to", &format!("\"1-1024\" {no_port}")),
        second(
            "a sticky field that is none",
            json!({"sticky_different": "SRC"}),
            "sticky_different",
            &format!("\"SRC\" {sticky}"),
        ),
        refuse(
            "a reference forward",
            json!([directive(7, json!([rule(1, json!({"from": ":2"})), rule(2, json!({}))]), json!({}))]),
            &[(
                "directive 7",
                Some(1),
                "from",
                "\":2\" must refer to a stage lower than its own, which is 1",
            )],
        ),
    ];
    cases.push(refuse(
        "every problem at once",
        every_problem(),
        &told_of_every_problem(no_address, no_port, sticky),
    ));
    cases
}

fn every_problem() -> Value {
    let bad = json!({"plugin_id": -1, "plugin_sid": ["x"], "occurrence": 0, "from": "x", "to": ":9", "port_from": "0", "port_to": ":2",
        "protocol": 6, "reliability": 11, "timeout": "long", "sticky_different": "SRC", "custom_data1": ":2", "name": 5});
    let first = directive(
        7,
        json!([rule(1, json!({})), rule(2, bad)]),
        json!({"priority": 9, "name": "", "category": 1}),
    );
    json!([first, {"id": "8"}, directive(7, json!([rule(1, json!({})), rule(2, json!({}))]), json!({}))])
}

fn told_of_every_problem<'a>(no_address: &'a str, no_port: &'a str, sticky: &'a str) -> Vec<Told<'a>> {
    let text = |text: String| &*text.leak();
    vec![
        ("directive 7", None, "name", "is empty: it needs a text"),
        ("directive 7", None, "priority", "9 is out of range: it must be 1 to 5"),
        ("directive 7", None, "category", "1 is not a text: write \"1\", in quotes"),
        ("directive 7", Some(2), "name", "5 is not a text: write \"5\", in quotes"),
        ("directive 7", Some(2), "plugin_id", "-1 is too small: it must be 1 or more"),
        ("directive 7", Some(2), "plugin_sid", "item 1: \"x\" is not a number: write it without quotes"),
        ("directive 7", Some(2), "occurrence", "0 is out of range: it must be 1 to 4294967295"),
        ("directive 7", Some(2), "from", text(format!("\"x\" {no_address}"))),
        (
            "directive 7",
            Some(2),
            "to",
            "\":9\" refers to no stage: write the number of a lower stage; the stages are 1, 2",
        ),
        ("directive 7", Some(2), "port_from", text(format!("\"0\" {no_port}"))),
        ("directive 7", Some(2), "port_to", "\":2\" must refer to a stage lower than its own, which is 2"),
        ("directive 7", Some(2), "protocol", "6 is not a text: write \"6\", in quotes"),
        (
            "directive 7",
            Some(2),
            "custom_data1",
            "\":2\" must refer to a stage lower than its own, which is 2",
        ),
        ("directive 7", Some(2), "reliability", "11 is out of range: it must be 0 to 10"),
        ("directive 7", Some(2), "timeout", "\"long\" is not a number: write it without quotes"),
        ("directive 7", Some(2), "sticky_different", text(format!("\"SRC\" {sticky}"))),
        ("entry 2", None, "id", "\"8\" is not a number: write it without quotes"),
        ("entry 2", None, "name", "is missing"),
        ("entry 2", None, "priority", "is missing"),
        ("entry 2", None, "kingdom", "is missing"),
        ("entry 2", None, "category", "is missing"),
        ("entry 2", None, "rules", "is missing"),
        ("directive 7", None, "id", "7 stands in this file already: ids are unique over all files"),
    ]
}
