//! State at rest: what a file looks like, what comes back from it, and what a broken one is told.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::alarm::AlarmDocument;
use crate::backlog::Ending;
use crate::backlog::tests::scenario::{Scenario, scenario, settings};
use crate::finding::{Finding, FindingKind};

/// A backlog in its second stage, with something of everything.
fn example() -> Scenario {
    let mut scenario =
        scenario(["sid=1", "sid=2 occurrence=3 from=:1 custom_data1=:1 sticky=DST_PORT timeout=60", "sid=3"])
            .with("name", "Scan by SRC_IP".into())
            .asset("10.0.0.0/8", 5)
            .at(100)
            .event("10.0.0.1:1000 -> 2.2.2.2:80 protocol=TCP custom_data1=root custom_label1=user", "opens")
            .at(110)
            .event("10.0.0.1:1001 -> 2.2.2.2:81 sid=2 custom_data1=root custom_label1=user", "counts in 2");
    let hit = Finding { provider: "Wise".to_owned(), term: "2.2.2.2".to_owned(), result: "bad".to_owned() };
    scenario.backlogs[0].on_findings(FindingKind::Intel, vec![hit], &settings());
    scenario
}

fn saved(scenario: &Scenario) -> Vec<u8> {
    let open = |backlog: &Backlog| OpenBacklog { backlog: backlog.clone(), look_ups_pending: false };
    let remembered = vec![(ReceiptTime::from_secs(100), EventKey::of("e1"))];
    let state = DirectiveState { backlogs: scenario.backlogs.iter().map(open).collect(), remembered };
    write("be-1", 7, &state, ReceiptTime::from_secs(120))
}

/// The example's file after a change.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&saved(&example())).unwrap();
    change(&mut file);
    file.to_string().into_bytes()
}

/// The same scenario with the backlogs of a file.
fn go_on(mut scenario: Scenario, file: SavedFile) -> Scenario {
    scenario.backlogs = file.state.backlogs.into_iter().map(|open| open.backlog).collect();
    scenario
}

#[test]
fn a_person_can_read_the_file() {
    insta::assert_snapshot!(String::from_utf8(saved(&example())).unwrap(), @r#"
    {
      "format": "dsiem-backlogs",
      "version": 1,
      "node": "be-1",
      "saved_at": 120,
      "directive_id": 7,
      "directives": [
        {
          "all_rules_always_active": false,
          "category": "Category",
          "id": 7,
          "kingdom": "Kingdom",
          "name": "Scan by SRC_IP",
          "priority": 5,
          "rules": [
            {
              "from": "ANY",
              "name": "",
              "occurrence": 1,
              "plugin_id": 1,
              "plugin_sid": [
                1
              ],
              "port_from": "ANY",
              "port_to": "ANY",
              "protocol": "ANY",
              "reliability": 5,
              "stage": 1,
              "timeout": 1000,
              "to": "ANY",
              "type": "PluginRule"
            },
            {
              "custom_data1": ":1",
              "from": ":1",
              "name": "",
              "occurrence": 3,
              "plugin_id": 1,
              "plugin_sid": [
                2
              ],
              "port_from": "ANY",
              "port_to": "ANY",
              "protocol": "ANY",
              "reliability": 5,
              "stage": 2,
              "sticky_different": "DST_PORT",
              "timeout": 60,
              "to": "ANY",
              "type": "PluginRule"
            },
            {
              "from": "ANY",
              "name": "",
              "occurrence": 1,
              "plugin_id": 1,
              "plugin_sid": [
                3
              ],
              "port_from": "ANY",
              "port_to": "ANY",
              "protocol": "ANY",
              "reliability": 5,
              "stage": 3,
              "timeout": 1000,
              "to": "ANY",
              "type": "PluginRule"
            }
          ]
        }
      ],
      "backlogs": [
        {"alarm_id":"RGW-tPGBd3K","directive":0,"title":"Scan by 10.0.0.1","risk":5,"created_time":100,"update_time":110,"revision":4194305,"ending":null,"look_ups_pending":false,"stages":[{"stage":1,"status":"finished","start_time":100,"end_time":100,"first_event":{"src_ip":"10.0.0.1","dst_ip":"2.2.2.2","src_port":1000,"dst_port":80,"protocol":"TCP","custom_data":["root","",""]},"event_ids":["8b5cc4df7eec7d32a7814eca4af047ae"],"sticky_values":[]},{"stage":2,"status":"active","start_time":110,"end_time":null,"first_event":{"src_ip":"10.0.0.1","dst_ip":"2.2.2.2","src_port":1001,"dst_port":81,"protocol":"","custom_data":["root","",""]},"event_ids":["ac0f09c0f8bf5e7a4b063d863255f16d"],"sticky_values":[81]}],"src_ips":["10.0.0.1"],"dst_ips":["2.2.2.2"],"ports":["10.0.0.1:1000","2.2.2.2:80","10.0.0.1:1001","2.2.2.2:81"],"custom_data":[{"content":"root","label":"user"}],"networks":["10.0.0.0/8"],"intel_hits":[{"provider":"Wise","result":"bad","term":"2.2.2.2"}],"vulnerabilities":[],"truncated":0}
      ],
      "remembered": [
        ["8b5cc4df7eec7d32a7814eca4af047ae",100000000000]
      ]
    }
    "#);
}

#[test]
fn node_and_form_are_told_without_reading_the_rest() {
    let of = |bytes: &[u8]| Header::read(bytes).map(|header| (header.node, header.directive_id));
    assert_eq!(of(&saved(&example())), Some(("be-1".to_owned(), 7)));
    assert_eq!(of(&changed(|file| file["backlogs"] = json!("damaged"))), Some(("be-1".to_owned(), 7)));
    for other in [
        "",
        "[]",
        "{}",
        r#"{"format":"other","node":"n","directive_id":7}"#,
        r#"{"format":"dsiem-backlogs"}"#,
    ] {
        assert_eq!(of(other.as_bytes()), None, "{other}");
    }
    assert!(is_from_dsiem_rs(b" \n[ {} ]"));
    assert!(!is_from_dsiem_rs(&saved(&example())));
    assert!(!is_from_dsiem_rs(b""));
}

#[test]
fn references_sticky_values_event_ids_and_times_go_on_after_a_restart() {
    let before = example();
    let file = read(&saved(&before), Some(&before.directive), &before.settings).unwrap();
    assert_eq!((&*file.node, file.directive_id), ("be-1", 7));
    assert_eq!(file.state.remembered, [(ReceiptTime::from_secs(100), EventKey::of("e1"))]);
    let document = before.document();
    let after = go_on(before, file);
    assert_eq!(after.document(), document);
    after
        .then(|b| b.title().to_owned(), "Scan by 10.0.0.1".to_owned())
        .then(|b| b.deadline_secs(&settings()), 170)
        .at(120)
        .event("10.0.0.2:1 -> 2.2.2.2:82 sid=2 custom_data1=root", "nothing")
        .event("10.0.0.1:1 -> 2.2.2.2:82 sid=2 custom_data1=other", "nothing")
        .event("10.0.0.1:1 -> 2.2.2.2:81 sid=2 custom_data1=root", "nothing new")
        .event("10.0.0.1:1 -> 2.2.2.2:82 sid=2 custom_data1=root id=e2", "known")
        .event("10.0.0.1:1 -> 2.2.2.2:82 sid=2 custom_data1=root timestamp=90", "out of order")
        .event("10.0.0.1:1 -> 2.2.2.2:82 sid=2 custom_data1=root", "counts in 2")
        .event("10.0.0.1:1 -> 2.2.2.2:83 sid=2 custom_data1=root", "counts in 2")
        .then(Backlog::current, 2)
        .shows("intel_hits/0/result", "bad")
        .shows("created_time", 100);
}

#[test]
fn an_ended_backlog_that_waits_for_answers_is_kept_with_its_end() {
    let example = example().at(171).passes(&[true]);
    let state = DirectiveState {
        backlogs: vec![OpenBacklog { backlog: example.backlogs[0].clone(), look_ups_pending: true }],
        remembered: Vec::new(),
    };
    let bytes = write("n", 7, &state, ReceiptTime::from_secs(0));
    let file = read(&bytes, None, &settings()).unwrap();
    assert!(file.state.backlogs[0].look_ups_pending);
    assert_eq!(file.state.backlogs[0].backlog.ending(), Some(Ending::TimedOut));
    go_on(example, file)
        .shows("rules/1/status", "timeout")
        .event("10.0.0.1:1 -> 2.2.2.2:82 sid=2", "nothing");
}

#[test]
fn what_did_not_get_in_stays_counted() {
    let scenario = scenario(["sid=1", "sid=2 occurrence=9"])
        .asset("10.0.0.0/8", 5)
        .settings(|settings| settings.limits.ports = 1)
        .event("10.0.0.1:1 -> 2.2.2.2:80", "opens")
        .shows("truncated", 1);
    let file = read(&saved(&scenario), None, &scenario.settings).unwrap();
    go_on(scenario, file)
        .shows("truncated", 1)
        .event("10.0.0.1:5 -> 2.2.2.2:80 sid=2", "counts in 2")
        .shows("truncated", 3);
}

#[test]
fn an_equal_directive_is_shared_and_a_changed_one_kept_as_it_was() {
    let example = example();
    let bytes = saved(&example);
    let directive_of = |today: Option<&Arc<Directive>>| {
        read(&bytes, today, &settings()).unwrap().state.backlogs[0].backlog.directive().clone()
    };
    let today = Arc::new((*example.directive).clone());
    assert!(Arc::ptr_eq(&directive_of(Some(&today)), &today));
    let mut changed = (*example.directive).clone();
    changed.rules[1].occurrence = 99;
    for other in [Some(&Arc::new(changed)), None] {
        assert_eq!(directive_of(other), example.directive);
    }
}

#[test]
fn backlogs_of_one_old_directive_share_it() {
    let scenario = scenario(["sid=1", "sid=2"])
        .event("10.0.0.1 -> 2.2.2.2", "opens")
        .event("10.0.0.1 -> 2.2.2.2", "opens");
    let file = read(&saved(&scenario), None, &settings()).unwrap();
    let [a, b] = &file.state.backlogs[..] else { panic!("two backlogs") };
    assert!(Arc::ptr_eq(a.backlog.directive(), b.backlog.directive()));
}

#[test]
fn a_file_that_is_none_of_ours_says_why() {
    let whole = saved(&example());
    let message = |bytes: &[u8]| read(bytes, None, &settings()).unwrap_err().to_string();
    let check = |bytes: &[u8], expected: &str| {
        let message = message(bytes);
        assert!(message.starts_with("it is not a file of saved backlogs: "), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    check(b"", "EOF while parsing");
    check(&whole[..whole.len() / 2], "EOF while parsing");
    check(b"not json", "expected ident at line 1 column 2");
    check(b"[]", r#"its "format" is not "dsiem-backlogs""#);
    check(b"{}", r#"its "format" is not "dsiem-backlogs""#);
    check(&changed(|file| file["format"] = json!("other")), r#"its "format" is not "dsiem-backlogs""#);
    check(&changed(|file| file["version"] = Value::Null), "invalid type: null, expected u32");
    check(&changed(|file| file["backlogs"] = json!({})), "expected a sequence");
    check(&changed(|file| drop(file.as_object_mut().unwrap().remove("node"))), "missing field `node`");
}

#[test]
fn a_file_of_a_later_release_is_not_guessed_at() {
    for version in [2_u64, u64::MAX] {
        let bytes = changed(|file| {
            file["version"] = version.into();
            file["backlogs"] = json!("of another form");
        });
        let error = read(&bytes, None, &settings()).unwrap_err();
        assert_eq!(error, SnapshotError::TooNew { found: version });
        assert_eq!(
            error.to_string(),
            format!(
                "it has format version {version}, and this release reads up to 1: start the newer release again, or move the file away"
            )
        );
    }
}

#[test]
fn one_bad_backlog_is_set_aside_with_the_reason_and_the_others_are_read() {
    let check = |spoil: &dyn Fn(&mut Value), expected: &str| {
        let bytes = changed(|file| {
            let mut bad = file["backlogs"][0].clone();
            bad["alarm_id"] = "bad".into();
            spoil(&mut bad);
            file["backlogs"].as_array_mut().unwrap().insert(0, bad);
        });
        let file = read(&bytes, None, &settings()).unwrap();
        assert_eq!(file.state.backlogs.len(), 1, "{expected}");
        let [(id, reason)] = &file.set_aside[..] else { panic!("one is set aside: {expected}") };
        assert_eq!(id, "bad");
        assert!(reason.contains(expected), "{reason}");
    };
    check(&|bad| bad["directive"] = 1.into(), "it refers to definition 1 of 1");
    check(&|bad| bad["stages"] = json!([]), "it has 0 stages, and its directive 3");
    check(
        &|bad| {
            let stage = bad["stages"][1].clone();
            bad["stages"] = json!([stage, stage, stage, stage]);
        },
        "it has 4 stages, and its directive 3",
    );
    check(&|bad| bad["stages"][1]["stage"] = 9.into(), "it has a stage 9 where its directive has stage 2");
    check(
        &|bad| bad["stages"][1]["event_ids"] = json!(["e2"]),
        "stage 2 has an event id that is not one of ours",
    );
    check(&|bad| bad["stages"][0]["status"] = "done".into(), "unknown variant `done`");
    check(&|bad| bad["src_ips"] = json!(["10.0.0"]), "invalid IP address syntax");
    check(&|bad| bad["risk"] = 256.into(), "invalid value: integer `256`");
    check(&|bad| drop(bad.as_object_mut().unwrap().remove("title")), "missing field `title`");
}

#[test]
fn backlogs_of_a_directive_that_cannot_be_read_are_set_aside() {
    let bytes = changed(|file| file["directives"][0]["rules"] = json!([]));
    let file = read(&bytes, None, &settings()).unwrap();
    assert!(file.state.backlogs.is_empty());
    let [(id, reason)] = &file.set_aside[..] else { panic!("one is set aside") };
    assert_eq!(id, example().backlogs[0].id().as_str());
    assert!(reason.starts_with("its directive cannot be read: saved directive: directive 7: "), "{reason}");
}

/// What dsiem-rs saved: alarms with the rules as they were, and a few things more.
mod from_dsiem_rs {
    use super::*;

    /// A directive whose third stage does not look back.
    fn today() -> Scenario {
        scenario(["sid=1 name=first", "sid=2 occurrence=3 sticky=DST_PORT timeout=60 from=HOME_NET", "sid=3"])
            .with("name", "Scan by SRC_IP".into())
            .asset("10.0.0.0/8", 5)
    }

    /// A backlog with one of three events in its second stage.
    fn alarm() -> Value {
        let text = r#"{
            "alarm_id": "wmaaeLgAB", "title": "Scan by web-1", "status": "Open", "kingdom": "Kingdom",
            "category": "Category", "created_time": 101, "update_time": 111, "risk": 5, "risk_class": "Medium",
            "tag": "Identified Threat", "src_ips": ["10.0.0.1"], "dst_ips": ["2.2.2.2", "2.2.2.3"],
            "networks": ["10.0.0.0/8"],
            "intel_hits": [{"provider": "Wise", "result": "bad", "term": "2.2.2.2"}],
            "custom_data": [{"content": "root", "label": "user"}],
            "saved_src_socketaddr": ["10.0.0.1:1000"], "saved_dst_socketaddr": ["2.2.2.2:80", "2.2.2.2:0"],
            "rules": [
                {
                    "name": "first", "stage": 1, "type": "PluginRule", "plugin_id": 1, "plugin_sid": [1], "occurrence": 1,
                    "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY",
                    "reliability": 5, "timeout": 1000, "start_time": 100, "end_time": 100, "status": "finished",
                    "saved_event_ids": ["e1"], "saved_sticky_diffdata": {"sdiff_string": [], "sdiff_int": []}
                },
                {
                    "name": "", "stage": 2, "type": "PluginRule", "plugin_id": 1, "plugin_sid": [2], "occurrence": 3,
                    "from": "HOME_NET", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY",
                    "reliability": 5, "timeout": 60, "start_time": 110, "sticky_different": "DST_PORT",
                    "saved_event_ids": ["x"], "saved_sticky_diffdata": {"sdiff_string": [], "sdiff_int": [80]}
                },
                {
                    "name": "", "stage": 3, "type": "PluginRule", "plugin_id": 1, "plugin_sid": [3], "occurrence": 1,
                    "from": "ANY", "to": "ANY", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY",
                    "reliability": 5, "timeout": 1000, "saved_event_ids": [],
                    "saved_sticky_diffdata": {"sdiff_string": [], "sdiff_int": []}
                }
            ]
        }"#;
        serde_json::from_str(text).unwrap()
    }

    fn read_alarms(alarms: &[Value], today: Option<&Arc<Directive>>) -> SavedFile {
        let bytes = serde_json::to_vec_pretty(alarms).unwrap();
        assert!(is_from_dsiem_rs(&bytes));
        dsiem_rs::read(&bytes, 7, today, &settings()).unwrap()
    }

    #[test]
    fn a_backlog_goes_on_where_it_was() {
        let today = today();
        let file = read_alarms(&[alarm()], Some(&today.directive));
        assert_eq!(file.set_aside, []);
        assert_eq!((&*file.node, file.directive_id), ("", 7));
        assert!(Arc::ptr_eq(file.state.backlogs[0].backlog.directive(), &today.directive));
        go_on(today, file)
            .then(
                |b| (b.id().as_str().to_owned(), b.title().to_owned()),
                ("wmaaeLgAB".into(), "Scan by web-1".into()),
            )
            .then(|b| (b.current(), b.stages()[1].events(), b.risk()), (1, 1, 5))
            .then(|b| b.collected().ports().count(), 2)
            .shows("created_time", 101)
            .shows("update_time", 111)
            .shows("networks", json!(["10.0.0.0/8"]))
            .shows("intel_hits/0/result", "bad")
            .shows("custom_data/0/content", "root")
            .shows("rules/0/end_time", 100)
            .at(150)
            .event("2.2.2.2 -> 3.3.3.3:81 sid=2", "nothing")
            .event("10.0.0.1 -> 2.2.2.2:80 sid=2", "nothing new")
            .event("10.0.0.1 -> 2.2.2.2:81 sid=2 id=x", "known")
            .event("10.0.0.1 -> 2.2.2.2:81 sid=2 timestamp=95", "out of order")
            .event("10.0.0.1 -> 2.2.2.2:81 sid=2", "counts in 2")
            .event("10.0.0.1 -> 2.2.2.2:82 sid=2", "counts in 2")
            .event("10.0.0.1 -> 2.2.2.2 sid=3", "counts in 3")
            .then(Backlog::ending, Some(Ending::Completed));
    }

    #[test]
    fn the_stage_keeps_its_start_although_its_first_event_is_not_known() {
        let today = today();
        let file = read_alarms(&[alarm()], Some(&today.directive));
        go_on(today, file)
            .at(150)
            .event("10.0.0.1 -> 2.2.2.2:81 sid=2", "counts in 2")
            .then_deadline_changed(false)
            .then(|b| (b.stages()[1].start_secs(), b.deadline_secs(&settings())), (110, 170))
            .at(171)
            .passes(&[true]);
    }

    #[test]
    fn old_rules_are_kept_and_shared() {
        let today = today();
        let mut old = alarm();
        old["rules"][1]["occurrence"] = 5.into();
        let file = read_alarms(&[old.clone(), alarm(), old], Some(&today.directive));
        assert_eq!(file.set_aside, []);
        let directives: Vec<_> = file.state.backlogs.iter().map(|open| open.backlog.directive()).collect();
        assert_eq!(directives[0].rules[1].occurrence, 5);
        assert_eq!(directives[0].name, today.directive.name);
        assert!(Arc::ptr_eq(directives[1], &today.directive));
        assert!(Arc::ptr_eq(directives[0], directives[2]), "one definition for all backlogs that have it");
    }

    #[track_caller]
    fn set_aside(alarm: &Value, today: Option<&Arc<Directive>>, expected: &str) {
        let file = read_alarms(std::slice::from_ref(alarm), today);
        assert!(file.state.backlogs.is_empty(), "{expected}");
        let [(id, reason)] = &file.set_aside[..] else { panic!("one is set aside: {expected}") };
        assert_eq!(id, "wmaaeLgAB");
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn one_that_needs_a_first_event_that_was_not_saved_is_set_aside() {
        let today = today();
        let needs = "refers to the first event of an earlier stage, which dsiem-rs did not save";
        for field in
            ["from", "to", "port_from", "port_to", "protocol", "custom_data1", "custom_data2", "custom_data3"]
        {
            for stage in [1, 2] {
                let mut alarm = alarm();
                alarm["rules"][stage][field] = ":1".into();
                set_aside(&alarm, Some(&today.directive), &format!("stage {} {needs}", stage + 1));
            }
        }
        let mut alarm = alarm();
        alarm["rules"][2]["to"] = ":2".into();
        set_aside(&alarm, Some(&today.directive), &format!("stage 3 {needs}"));
    }

    #[test]
    fn one_that_refers_only_to_what_is_still_to_come_goes_on() {
        let today = today();
        let mut alarm = alarm();
        alarm["rules"][1]["saved_event_ids"] = json!([]);
        alarm["rules"][1]["saved_sticky_diffdata"]["sdiff_int"] = json!([]);
        alarm["rules"][1]["occurrence"] = 1.into();
        alarm["rules"][2]["to"] = ":2".into();
        let file = read_alarms(&[alarm], Some(&today.directive));
        go_on(today, file)
            .at(150)
            .event("10.0.0.1 -> 2.2.2.7:80 sid=2", "counts in 2")
            .event("10.0.0.1 -> 2.2.2.8 sid=3", "nothing")
            .event("10.0.0.1 -> 2.2.2.7 sid=3", "counts in 3");
    }

    #[test]
    fn one_whose_first_stage_would_be_matched_again_is_set_aside() {
        let today = today().always_active();
        set_aside(&alarm(), Some(&today.directive), "its first stage would be matched again");
    }

    #[test]
    fn one_of_another_or_no_directive_is_set_aside() {
        let today = today();
        let mut other = alarm();
        other["title"] = "Flood by web-1".into();
        set_aside(
            &other,
            Some(&today.directive),
            r#"its title "Flood by web-1" is not one of the directive "Scan by SRC_IP""#,
        );
        set_aside(&alarm(), None, "directive 7 is not loaded any more");
    }

    #[test]
    fn one_that_is_damaged_or_over_is_set_aside_and_the_others_are_read() {
        let today = today();
        let mut over = alarm();
        for rule in over["rules"].as_array_mut().unwrap() {
            rule["status"] = "finished".into();
        }
        set_aside(&over, Some(&today.directive), "all its stages are finished");
        let mut damaged = alarm();
        damaged["rules"][0]["from"] = "nowhere".into();
        set_aside(&damaged, Some(&today.directive), "\"nowhere\"");
        let mut damaged = alarm();
        damaged["src_ips"] = "10.0.0.1".into();
        let file = read_alarms(&[damaged, alarm()], Some(&today.directive));
        assert_eq!((file.state.backlogs.len(), file.set_aside.len()), (1, 1));
    }

    #[test]
    fn a_file_that_is_no_list_says_so() {
        for bytes in [&b"[{]"[..], b"{}", b"[1"] {
            let error = dsiem_rs::read(bytes, 7, None, &settings()).unwrap_err();
            assert!(error.to_string().starts_with("it is not a file of saved backlogs: "), "{error}");
        }
    }

    #[test]
    fn once_taken_over_it_is_saved_in_our_form() {
        let today = today();
        let file = read_alarms(&[alarm()], Some(&today.directive));
        let document = |state: &DirectiveState| {
            String::from_utf8(AlarmDocument::of(&state.backlogs[0].backlog, &settings()).to_json()).unwrap()
        };
        let bytes = write("n", 7, &file.state, ReceiptTime::from_secs(0));
        let again = read(&bytes, Some(&today.directive), &settings()).unwrap();
        assert_eq!(again.set_aside, []);
        assert_eq!(document(&again.state), document(&file.state));
    }
}
