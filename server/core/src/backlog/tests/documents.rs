//! The alarm document as a whole: keys in alphabetical order, what is left out when empty, references resolved.

use insta::assert_snapshot;

use super::scenario::{Scenario, scenario, settings};
use crate::finding::{Finding, FindingKind};

/// One key or value a line.
fn pretty(scenario: &Scenario) -> String {
    let document = crate::alarm::AlarmDocument::of(&scenario.backlogs[0], &scenario.settings);
    serde_json::to_string_pretty(&document).unwrap()
}

fn finding(provider: &str, term: &str, result: &str) -> Finding {
    Finding { provider: provider.to_owned(), term: term.to_owned(), result: result.to_owned() }
}

#[test]
fn the_least_there_is() {
    let scenario = scenario(["sid=1 name=first", "sid=2"])
        .asset("10.0.0.1/32", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2", "opens");
    assert_snapshot!(scenario.document(), @r#"{"alarm_id":"RGW-tPGBd3K","category":"Category","created_time":100,"dst_ips":["2.2.2.2"],"kingdom":"Kingdom","networks":[],"risk":5,"risk_class":"Medium","rules":[{"end_time":100,"from":"ANY","name":"first","occurrence":1,"plugin_id":1,"plugin_sid":[1],"port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":5,"stage":1,"start_time":100,"status":"finished","timeout":1000,"to":"ANY","type":"PluginRule"},{"from":"ANY","name":"","occurrence":1,"plugin_id":1,"plugin_sid":[2],"port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":5,"stage":2,"start_time":100,"timeout":1000,"to":"ANY","type":"PluginRule"}],"src_ips":["10.0.0.1"],"status":"Open","tag":"Identified Threat","title":"Attack","update_time":100}"#);
}

#[test]
fn plugin_and_taxonomy_rules_with_references_before_and_after_they_are_known() {
    let scenario = scenario([
        "sid=1,2 from=HOME_NET to=!HOME_NET name=one",
        "product=Firewall,IDS category=Access subcategory=Denied occurrence=2 sticky=SRC_PORT \
         from=:1 to=:1 port_from=:1 port_to=:1 protocol=:1 custom_data1=:1 custom_data2=:1 custom_data3=:1",
        "product=Proxy category=Web from=:2 port_to=:2 custom_data1=:2 custom_data2=ANY custom_data3=a,!b",
    ])
    .asset("10.0.0.0/8", 3)
    .at(100)
    .event("10.0.0.1:1000 -> 2.2.2.2:80 protocol=TCP custom_data1=a custom_data2=b", "opens");
    assert_snapshot!(pretty(&scenario), @r#"
    {
      "alarm_id": "RGW-tPGBd3K",
      "category": "Category",
      "created_time": 100,
      "custom_data": [
        {
          "content": "a",
          "label": ""
        },
        {
          "content": "b",
          "label": ""
        }
      ],
      "dst_ips": [
        "2.2.2.2"
      ],
      "kingdom": "Kingdom",
      "networks": [
        "10.0.0.0/8"
      ],
      "risk": 3,
      "risk_class": "Medium",
      "rules": [
        {
          "end_time": 100,
          "from": "HOME_NET",
          "name": "one",
          "occurrence": 1,
          "plugin_id": 1,
          "plugin_sid": [
            1,
            2
          ],
          "port_from": "ANY",
          "port_to": "ANY",
          "protocol": "ANY",
          "reliability": 5,
          "stage": 1,
          "start_time": 100,
          "status": "finished",
          "timeout": 1000,
          "to": "!HOME_NET",
          "type": "PluginRule"
        },
        {
          "category": "Access",
          "custom_data1": "a",
          "custom_data2": "b",
          "from": "10.0.0.1",
          "name": "",
          "occurrence": 2,
          "plugin_id": 0,
          "port_from": "1000",
          "port_to": "80",
          "product": [
            "Firewall",
            "IDS"
          ],
          "protocol": "TCP",
          "reliability": 5,
          "stage": 2,
          "start_time": 100,
          "sticky_different": "SRC_PORT",
          "subcategory": [
            "Denied"
          ],
          "timeout": 1000,
          "to": "2.2.2.2",
          "type": "TaxonomyRule"
        },
        {
          "category": "Web",
          "custom_data1": ":2",
          "custom_data2": "ANY",
          "custom_data3": "a,!b",
          "from": ":2",
          "name": "",
          "occurrence": 1,
          "plugin_id": 0,
          "port_from": "ANY",
          "port_to": ":2",
          "product": [
            "Proxy"
          ],
          "protocol": "ANY",
          "reliability": 5,
          "stage": 3,
          "timeout": 1000,
          "to": "ANY",
          "type": "TaxonomyRule"
        }
      ],
      "src_ips": [
        "10.0.0.1"
      ],
      "status": "Open",
      "tag": "Identified Threat",
      "title": "Attack",
      "update_time": 100
    }
    "#);
}

#[test]
fn with_everything_in_it() {
    let mut scenario = scenario(["sid=1", "sid=2 timeout=60"])
        .with("name", "Flood from SRC_IP".into())
        .asset("10.0.0.0/8", 5)
        .settings(|settings| settings.limits.addresses = 1)
        .at(100)
        .event("10.0.0.1:1000 -> 2.2.2.2:80 custom_label1=user custom_data1=root", "opens")
        .event("10.0.0.2 -> 2.2.2.2 sid=2", "counts in 2");
    let backlog = &mut scenario.backlogs[0];
    backlog.on_findings(
        FindingKind::Intel,
        vec![finding("Wise", "2.2.2.2", "list: bad & ugly")],
        &settings(),
    );
    backlog.on_findings(
        FindingKind::Vulnerability,
        vec![finding("Nesd", "2.2.2.2:80", "High - x (CVE-1)")],
        &settings(),
    );
    assert_snapshot!(pretty(&scenario), @r#"
    {
      "alarm_id": "RGW-tPGBd3K",
      "category": "Category",
      "created_time": 100,
      "custom_data": [
        {
          "content": "root",
          "label": "user"
        }
      ],
      "dst_ips": [
        "2.2.2.2"
      ],
      "intel_hits": [
        {
          "provider": "Wise",
          "result": "list: bad & ugly",
          "term": "2.2.2.2"
        }
      ],
      "kingdom": "Kingdom",
      "networks": [
        "10.0.0.0/8"
      ],
      "risk": 5,
      "risk_class": "Medium",
      "rules": [
        {
          "end_time": 100,
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
          "start_time": 100,
          "status": "finished",
          "timeout": 1000,
          "to": "ANY",
          "type": "PluginRule"
        },
        {
          "end_time": 100,
          "from": "ANY",
          "name": "",
          "occurrence": 1,
          "plugin_id": 1,
          "plugin_sid": [
            2
          ],
          "port_from": "ANY",
          "port_to": "ANY",
          "protocol": "ANY",
          "reliability": 5,
          "stage": 2,
          "start_time": 100,
          "status": "finished",
          "timeout": 60,
          "to": "ANY",
          "type": "PluginRule"
        }
      ],
      "src_ips": [
        "10.0.0.1"
      ],
      "status": "Open",
      "tag": "Identified Threat",
      "title": "Flood from 10.0.0.1",
      "truncated": 1,
      "update_time": 100,
      "vulnerabilities": [
        {
          "provider": "Nesd",
          "result": "High - x (CVE-1)",
          "term": "2.2.2.2:80"
        }
      ]
    }
    "#);
}

#[test]
fn times_of_zero_are_left_out() {
    scenario(["sid=1", "sid=2"])
        .asset("10.0.0.0/8", 5)
        .at(0)
        .event("10.0.0.1 -> 2.2.2.2", "opens")
        .shows("rules/0/start_time", serde_json::Value::Null)
        .shows("rules/0/end_time", serde_json::Value::Null);
}

#[test]
fn what_is_said_beside_the_document_stands_behind_its_keys() {
    let update = |scenario: &Scenario| {
        let backlog = &scenario.backlogs[0];
        let document = crate::alarm::AlarmDocument::of(backlog, &scenario.settings).to_json();
        let update = crate::alarm::Standing::of(backlog, &scenario.settings).added_to(&document);
        let update = String::from_utf8(update).unwrap();
        let behind = update.strip_prefix(std::str::from_utf8(&document).unwrap().strip_suffix('}').unwrap());
        behind.unwrap().to_owned()
    };
    let open = scenario(["sid=1", "sid=2 occurrence=2"])
        .asset("10.0.0.0/8", 5)
        .at(100)
        .event("10.0.0.1 -> 2.2.2.2 sid=1", "opens")
        .event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2");
    assert_snapshot!(update(&open), @r#","revision":4194304,"directive_id":7,"progress":{"deadline":1100,"stage_events":[1,1]}}"#);
    let over = open.event("10.0.0.1 -> 2.2.2.2 sid=2", "counts in 2");
    assert_snapshot!(update(&over), @r#","revision":7340032,"directive_id":7,"progress":{"ending":"completed","stage_events":[1,2]}}"#);
}
