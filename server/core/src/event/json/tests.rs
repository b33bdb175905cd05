//! What is read, what is refused and with which words, and what is written.

use super::*;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::time::ReceiptTime;

fn valid() -> Value {
    json!({"event_id":"e1","timestamp":"2024-03-01T17:00:00.5+07:00","title":"t","sensor":"s","plugin_id":1001,
           "plugin_sid":2100384,"src_ip":"192.168.0.10","src_port":8,"dst_ip":"10.0.0.9","dst_port":0,"protocol":"ICMP"})
}

fn with(changes: &Value) -> Result<Event, EventError> {
    let mut event = valid();
    for (key, value) in changes.as_object().unwrap() {
        event[key] = value.clone();
    }
    decode(event.to_string().as_bytes())
}

/// The problems of the valid event with `changes`, each as `field: reason`.
fn problems(changes: &Value) -> Vec<String> {
    with(changes).expect_err("should be refused").problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_text_that_is_no_event_is_not_repeated_however_long_it_is() {
    for text in ["x".repeat(1_000_000), "\\n".repeat(500_000)] {
        let error = Draft::default().read(&format!("\"{text}\"")).unwrap_err().to_string();
        assert!(error.starts_with("invalid type: string \"") && error.len() < 500, "{} bytes", error.len());
        assert!(error.ends_with(", expected an event: a JSON object at line 1 column 1000002"), "{error}");
    }
}

#[test]
fn reads_a_valid_event() {
    let event = with(&json!({})).unwrap();
    assert_eq!(&*event.id, "e1");
    assert_eq!(event.timestamp.to_string(), "2024-03-01T10:00:00.5Z");
    assert_eq!((event.src_port, event.dst_port), (8, 0));
    assert_eq!(event.src_ip.to_string(), "192.168.0.10");
    assert_eq!(&*event.product, "");
}

#[test]
fn refuses_what_correlation_cannot_use_and_says_all_of_it() {
    let cases = [
        (json!({"event_id": ""}), "event_id: is missing or empty"),
        (json!({"event_id": null}), "event_id: is missing or empty"),
        (json!({"event_id": 5}), "event_id: must be a text, not the number 5"),
        (json!({"sensor": ""}), "sensor: is missing or empty"),
        (
            json!({"timestamp": "2024-03-01T10:00:00"}),
            "timestamp: \"2024-03-01T10:00:00\" is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z",
        ),
        (
            json!({"timestamp": "2024-03-01T10:00:00Z[UTC]"}),
            "timestamp: \"2024-03-01T10:00:00Z[UTC]\" is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z",
        ),
        (json!({"src_ip": "10.0.0"}), "src_ip: \"10.0.0\" is not an IPv4 or IPv6 address"),
        (json!({"dst_ip": "10.0.0.1\u{0}"}), "dst_ip: \"10.0.0.1\\0\" is not an IPv4 or IPv6 address"),
        (json!({"src_port": 65536}), "src_port: must be a port from 0 to 65535, not 65536"),
        (json!({"src_port": -1}), "src_port: must be a port from 0 to 65535, not -1"),
        (json!({"dst_port": 1.5}), "dst_port: must be a port from 0 to 65535, not 1.5"),
        (json!({"dst_port": "80"}), "dst_port: must be a number, not the text \"80\""),
        (json!({"dst_port": [80]}), "dst_port: must be a number, not an array"),
        (
            json!({"plugin_id": 1.5}),
            "plugin_id: must be a whole number from 0 to 18446744073709551615, not 1.5",
        ),
        (
            json!({"plugin_id": 0}),
            "plugin_id: the event needs plugin_id and plugin_sid above 0, or product and category that are not empty",
        ),
        (json!({"protocol": {"a": 1}}), "protocol: must be a text, not an object"),
        (json!({"custom_data2": true}), "custom_data2: must be a text, not true"),
    ];
    for (changes, expected) in cases {
        assert_eq!(problems(&changes), [expected]);
    }
    assert_eq!(problems(&json!({"event_id": "", "src_ip": "x", "src_port": 70000})).len(), 3);
}

#[test]
fn a_product_with_a_category_is_a_key_too() {
    assert!(with(&json!({"plugin_id": 0, "product": "Firewall", "category": "Access"})).is_ok());
    assert_eq!(problems(&json!({"plugin_id": 0, "product": "Firewall"})).len(), 1);
}

#[test]
fn what_go_senders_leave_out_is_no_problem() {
    let raw = r#"{"event_id":"e","timestamp":"2024-03-01T10:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":2,"src_ip":"::1","dst_ip":"::ffff:10.0.0.1"}"#;
    let event = decode(raw.as_bytes()).unwrap();
    assert_eq!(&*event.title, "");
    assert_eq!(event.dst_ip.to_string(), "10.0.0.1", "an IPv4-mapped address counts as IPv4");
}

#[test]
fn names_in_another_case_are_read_unknown_ones_ignored_and_the_last_of_a_name_wins() {
    let raw = r#"{"EVENT_ID":"e","Timestamp":"2024-03-01T10:00:00Z","sensor":"a","sensor":"b","plugin_id":1,"plugin_sid":2,
                  "src_ip":"1.1.1.1","SRC_IP":"2.2.2.2","dst_ip":"1.1.1.1","@timestamp":[[[]]],"carrier":{"a":"b"}}"#;
    let event = decode(raw.as_bytes()).unwrap();
    assert_eq!((&*event.id, &*event.sensor), ("e", "b"));
    assert_eq!(event.src_ip.to_string(), "1.1.1.1", "the exact name wins");
}

#[test]
fn what_is_no_object_is_refused() {
    for raw in ["", "5", "\"x\"", "null", "[]", "{", "{}x", "{\"event_id\":1e999"] {
        let error = decode(raw.as_bytes()).unwrap_err();
        assert_eq!(error.problems[0].field, "", "{raw}");
    }
}

#[test]
fn what_is_not_utf_8_is_refused() {
    let error = decode(b"{\"event_id\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "is not UTF-8 from byte 13 on");
}

#[test]
fn what_is_written_is_the_same_json_whatever_is_in_the_texts() {
    for text in ["", "plain", "\"", "\\", "a\nb", "\u{0}\u{1f}\u{7f}", "é\u{2028}😀", "\\u0041"] {
        let event = with(&json!({"title": text, "custom_data3": text, "src_ip": "2001:db8::1"})).unwrap();
        let (mut wire, mut from_text) = (Vec::new(), Vec::new());
        encode(&event, &mut wire);
        check(std::str::from_utf8(&wire).unwrap()).unwrap().encode(&mut from_text);
        assert_eq!(from_text, wire, "whether the texts are those of an event or still those of its JSON");
        let value: Value = serde_json::from_slice(&wire).unwrap();
        assert_eq!((&value["title"], &value["custom_data3"]), (&json!(text), &json!(text)));
        assert_eq!(value["src_ip"], "2001:db8::1");
        assert_eq!(decode(&wire).unwrap(), event);
    }
}

#[test]
fn addresses_and_times_are_written_as_they_are_usually_written() {
    for address in ["0.0.0.0", "9.10.99.100", "199.200.249.255", "::", "2001:db8::9:a"] {
        for time in ["1970-01-01T00:00:00Z", "2024-03-01T10:00:00.000000001Z", "-000001-12-31T00:00:00.5Z"] {
            let event = with(&json!({"src_ip": address, "dst_ip": address, "timestamp": time})).unwrap();
            let mut wire = Vec::new();
            encode(&event, &mut wire);
            let value: Value = serde_json::from_slice(&wire).unwrap();
            assert_eq!((&value["src_ip"], &value["dst_ip"]), (&json!(address), &json!(address)));
            assert_eq!(value["timestamp"], event.timestamp.to_string());
        }
    }
}

#[test]
fn every_value_that_cannot_be_read_is_told_with_its_field() {
    let raw = r#"{"event_id":"e","title":"\ud800","plugin_id":1e999,"unknown":1e999}"#;
    let told: Vec<_> = decode(raw.as_bytes()).unwrap_err().problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "title: cannot be read: unexpected end of hex escape",
            "plugin_id: cannot be read: number out of range"
        ]
    );
}

#[test]
fn the_last_moments_that_rfc_3339_can_write_are_as_late_as_can_be_told() {
    for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-23:59"] {
        let event = with(&json!({ "timestamp": text })).unwrap();
        assert_eq!(event.timestamp, Timestamp::MAX, "{text}");
        let mut wire = Vec::new();
        encode(&event, &mut wire);
        assert_eq!(decode(&wire).unwrap().timestamp, Timestamp::MAX);
    }
    assert!(with(&json!({"timestamp": "9999-12-31T23:59:59"})).is_err(), "without a zone");
    assert!(with(&json!({"timestamp": "9999-12-32T23:59:59Z"})).is_err());
}

#[test]
fn the_wire_form_has_all_fields_and_reads_back() {
    let mut event = with(&json!({"custom_data1": "a\"b", "custom_label1": "l"})).unwrap();
    event.received = ReceiptTime::from_nanos(1_709_287_200_123_456_789);
    event.conn_id = 7;
    let mut wire = Vec::new();
    encode(&event, &mut wire);
    insta::assert_snapshot!(String::from_utf8(wire.clone()).unwrap(), @r#"{"event_id":"e1","timestamp":"2024-03-01T10:00:00.5Z","title":"t","sensor":"s","plugin_id":1001,"plugin_sid":2100384,"product":"","category":"","subcategory":"","src_ip":"192.168.0.10","src_port":8,"dst_ip":"10.0.0.9","dst_port":0,"protocol":"ICMP","custom_data1":"a\"b","custom_data2":"","custom_data3":"","custom_label1":"l","custom_label2":"","custom_label3":"","conn_id":7,"rcvd_time":1709287200123456789,"carrier":{}}"#);
    assert_eq!(decode(&wire).unwrap(), event);
}

#[test]
fn a_time_more_than_the_allowed_skew_after_receipt_counts_as_receipt() {
    let mut event = with(&json!({"timestamp": "2024-03-01T10:05:00Z"})).unwrap();
    event.received = ReceiptTime::from_secs(event.timestamp.as_second() - 300);
    assert_eq!(event.time_secs(300), event.timestamp.as_second());
    event.received = ReceiptTime::from_secs(event.timestamp.as_second() - 301);
    assert!(event.is_from_the_future(300));
    assert_eq!(event.time_secs(300), event.received.secs());
}
