//! `dsiem import alarms`: the alarm files of an existing installation become alarms in the store, once.

use std::fs;
use std::path::Path;

use dsiem_frontend::alarm_store::{Alarm, AlarmStore, FILE, StageCount, Words};
use dsiem_tests::process::{Binary, Program};

/// As dsiem-rs writes them, in the order of the file: the second alarm never gets past its first stage; the last line
/// was cut off when the machine went down.
const ALARMS: &str = r#"{"alarm_id":"V1StGXR8_","category":"Misc","created_time":1700000000,"dst_ips":["10.0.0.5"],"kingdom":"Probing","networks":["10.0.0.0/8"],"risk":1,"risk_class":"Low","rules":[{"name":"one","stage":1,"type":"PluginRule","occurrence":2,"from":"ANY","to":"ANY","port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":1,"timeout":60,"plugin_id":1001,"plugin_sid":[1],"start_time":1700000000,"status":"finished"}],"src_ips":["192.0.2.9"],"status":"Open","tag":"Identified Threat","title":"Ping flood from 192.0.2.9","update_time":1700000000}
{"alarm_id":"Z_5jHi6B-","category":"Misc","created_time":1700000001,"dst_ips":["10.0.0.6"],"kingdom":"Probing","networks":[],"risk":4,"risk_class":"Medium","rules":[],"src_ips":["2001:db8::9"],"status":"Open","tag":"Identified Threat","title":"Other","update_time":1700000001}
{"alarm_id":"V1StGXR8_","category":"Misc","created_time":1700000000,"dst_ips":["10.0.0.5"],"intel_hits":[{"provider":"Wise","result":"known","term":"192.0.2.9"}],"kingdom":"Probing","networks":["10.0.0.0/8"],"risk":7,"risk_class":"High","rules":[],"src_ips":["192.0.2.9"],"status":"Open","tag":"Identified Threat","title":"Ping flood from 192.0.2.9","update_time":1700000050}
{"alarm_id":"V1StGXR8_","category":"Mi"#;

/// With a link that came twice, and one of a backlog that never was an alarm.
const EVENTS: &str = r#"{"alarm_id":"V1StGXR8_","stage":1,"event_id":"e1"}
{"alarm_id":"never","stage":1,"event_id":"e1"}
{"alarm_id":"V1StGXR8_","stage":1,"event_id":"e2"}
{"alarm_id":"V1StGXR8_","stage":1,"event_id":"e1"}
{"alarm_id":"V1StGXR8_","stage":2,"event_id":"e3"}
"#;

async fn import(home: &Path, words: &str, code: i32) -> String {
    let home = ("DSIEM_HOME".to_owned(), home.display().to_string());
    let name = format!("dsiem import alarms {words}");
    let words = ["import", "alarms"].into_iter().chain(words.split_whitespace());
    let mut program = Program::start(Binary::Dsiem, &name, words, [home]);
    assert_eq!(program.wait_exit().await, code, "{}", program.log());
    program.log()
}

fn read(home: &Path, alarm_id: &str) -> (Alarm, Vec<StageCount>) {
    let store = AlarmStore::open_file(&home.join("logs").join(FILE), Words::default());
    let alarm = store.expect("a store that nobody uses").alarm(alarm_id);
    alarm.expect("a store that works").expect("it was imported")
}

#[tokio::test]
async fn alarm_files_become_alarms_and_a_second_time_changes_nothing() {
    let (home, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(old.path().join("siem_alarms.json"), ALARMS).unwrap();
    fs::write(old.path().join("siem_alarm_events.json"), EVENTS).unwrap();
    let from = format!("--from {}", old.path().display());

    let log = import(home.path(), &from, 0).await;
    for part in [
        "4 lines read, 1 of them cannot be read: 2 alarms are new, 1 updates, 0 said nothing new",
        "5 lines read: 3 events are new, 1 were there, 1 are of no alarm in the store",
        "a line cannot be read",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let (alarm, counts) = read(home.path(), "V1StGXR8_");
    assert_eq!((alarm.document.risk, alarm.document.intel_hits.len(), alarm.directive_id), (7, 1, None));
    assert_eq!(counts, [StageCount { stage: 1, events: 2 }, StageCount { stage: 2, events: 1 }]);
    assert_eq!(read(home.path(), "Z_5jHi6B-").0.document.risk, 4);

    let log = import(home.path(), &from, 0).await;
    assert!(log.contains("0 events are new, 4 were there"), "{log}");
    assert_eq!(read(home.path(), "V1StGXR8_"), (alarm, counts));
}

#[tokio::test]
async fn what_cannot_be_imported_is_named() {
    let home = tempfile::tempdir().unwrap();
    let log = import(home.path(), "", 1).await;
    assert!(log.contains("siem_alarms.json") && log.contains("--from"), "{log}");

    fs::create_dir(home.path().join("logs")).unwrap();
    fs::write(home.path().join("logs/siem_alarms.json"), ALARMS).unwrap();
    let store = AlarmStore::open_file(&home.path().join("logs").join(FILE), Words::default()).unwrap();
    let log = import(home.path(), "", 1).await;
    assert!(log.contains("is used by another process"), "{log}");
    drop(store);
    let log = import(home.path(), "--alarm-store postgresql://127.0.0.1:1/x", 1).await;
    assert!(log.contains("DSIEM_ALARM_STORE") && log.contains("PostgreSQL"), "{log}");
}
