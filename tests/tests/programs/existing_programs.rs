//! The other side of the bus may be an existing dsiem or dsiem-rs: their events are correlated, their signals understood,
//! and ours look to them as their own do.

use std::collections::BTreeMap;
use std::time::Duration;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::nats::{EVENTS, NatsServer, OVERLOAD, next, publish};
use dsiem_tests::samples::{brute_force, directive_file, event, now};
use dsiem_tests::wait::wait_until;
use serde_json::{Value, json};

fn setup(directives: &Value) -> Setup {
    Setup::default().with_default_assets().directives_of("be-1", directives)
}

fn now_nanos() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("the clock is right");
    u64::try_from(since.as_nanos()).expect("for 500 years")
}

/// As Go's frontend forwards what a sender posted: no key for what is empty, its own trace keys, no header.
fn from_go(id: &str, sid: u32) -> String {
    json!({"event_id": id, "timestamp": now(), "sensor": "s", "plugin_id": 1001, "plugin_sid": sid,
           "src_ip": "192.168.0.9", "dst_ip": "10.0.0.1", "conn_id": 7, "rcvd_time": now_nanos(),
           "trace_parent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "trace_state": ""})
    .to_string()
}

/// As dsiem-rs's frontend forwards it: every key, the trace in a map.
fn from_dsiem_rs(id: &str, sid: u32) -> String {
    json!({"event_id": id, "timestamp": now(), "title": "t", "sensor": "s", "product": "", "category": "",
           "subcategory": "", "plugin_id": 1001, "plugin_sid": sid, "src_ip": "192.168.0.9", "dst_ip": "10.0.0.1",
           "src_port": 0, "dst_port": 0, "protocol": "", "custom_label1": "", "custom_label2": "",
           "custom_label3": "", "custom_data1": "", "custom_data2": "", "custom_data3": "", "conn_id": 7,
           "rcvd_time": now_nanos(),
           "carrier": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": ""}})
    .to_string()
}

#[tokio::test]
async fn events_of_existing_frontends_are_correlated_and_garbage_is_counted() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", setup(&directive_file(&[brute_force(1, 2)]))).await;
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default()).await;
    let client = nats.client().await;

    publish(&client, EVENTS, from_go("go-1", 1)).await;
    let garbage: [&[u8]; 9] = [
        b"",
        b"not json",
        b"null",
        b"[]",
        b"[{}]",
        b"\xff\xfe",
        b"{\"plugin_id\":1001,",
        br#"{"plugin_id": 1001, "plugin_sid": 1, "event_id": "no more than that"}"#,
        // Its keys are of the wrong type, so that it concerns nobody and is not looked at any closer.
        br#"{"plugin_id": "1001", "plugin_sid": [1], "src_ip": {}}"#,
    ];
    for payload in garbage {
        publish(&client, EVENTS, payload).await;
    }
    publish(&client, EVENTS, [b"[".repeat(100_000), b"]".repeat(100_000)].concat()).await;
    publish(&client, EVENTS, from_dsiem_rs("rs-1", 2)).await;
    publish(&client, EVENTS, from_go("go-2", 2)).await;
    // What nobody asked for concerns nobody, garbage or not.
    publish(&client, EVENTS, from_go("go-3", 99)).await;
    publish(&client, EVENTS, "{}").await;
    publish(&client, EVENTS, from_dsiem_rs("rs-2", 3)).await;

    let alarm = backend.wait_for_alarm("risk 10", |alarm| alarm["risk"] == 10).await;
    assert_eq!(alarm["title"], "Attack 1 from 192.168.0.9");
    let links: Vec<_> = backend.link_lines().into_iter().map(|(_, stage, event)| (stage, event)).collect();
    assert_eq!(links, [(1, "go-1"), (2, "rs-1"), (2, "go-2"), (3, "rs-2")].map(|(s, e)| (s, e.to_owned())));
    let metrics = backend.http.metrics().await;
    let count = |name: &str| metrics[&format!("dsiem_events_{name}_total")];
    assert_eq!((count("received"), count("invalid")), (16.0, 9.0));
    assert_eq!((count("unconcerned"), count("dispatched")), (3.0, 4.0));
    assert_eq!(metrics["dsiem_bus_events_missing_total"], 0.0, "what has no number is not missing");
    backend.stop().await;
}

#[tokio::test]
async fn an_existing_backend_gets_every_field_and_the_time_in_utc() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", Setup::default()).await;
    let (_client, mut events) = nats.listen(EVENTS).await;
    let sent = json!({"event_id": "a", "timestamp": "2026-03-01T10:00:00+07:00", "sensor": "s", "product": "Firewall",
                      "category": "Drop", "src_ip": "192.168.0.9", "dst_ip": "10.0.0.1", "@timestamp": "x",
                      "src_index_pattern": "suricata-*", "rcvd_time": 1, "conn_id": 99, "carrier": {"mine": "no"}});
    frontend.http.send(&[sent]).await;
    let event: BTreeMap<String, Value> =
        serde_json::from_slice(&next(&mut events).await).expect("it is JSON");
    let keys: Vec<_> = event.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "carrier",
            "category",
            "conn_id",
            "custom_data1",
            "custom_data2",
            "custom_data3",
            "custom_label1",
            "custom_label2",
            "custom_label3",
            "dst_ip",
            "dst_port",
            "event_id",
            "plugin_id",
            "plugin_sid",
            "product",
            "protocol",
            "rcvd_time",
            "sensor",
            "src_ip",
            "src_port",
            "subcategory",
            "timestamp",
            "title"
        ]
    );
    assert_eq!(event["timestamp"], "2026-03-01T03:00:00Z");
    assert_eq!(
        (&event["title"], &event["plugin_id"], &event["carrier"]),
        (&json!(""), &json!(0), &json!({}))
    );
    assert!(
        event["rcvd_time"].as_i64().is_some_and(|nanos| nanos > 1_700_000_000_000_000_000),
        "ours, in ns"
    );
    assert_eq!(event["conn_id"], 1, "ours");
}

#[tokio::test]
async fn an_overloaded_backend_says_true_and_then_false() {
    let nats = NatsServer::start().await;
    let frontend = Node::frontend(&nats, "fe-1", setup(&directive_file(&[brute_force(1, 10_000_000)]))).await;
    let flags = "--max_delay 1 --hold_duration 1 --max_queue 0";
    let mut backend = Node::backend(&nats, &frontend, "be-1", Setup::default().flags(flags)).await;
    let (client, mut signals) = nats.listen(OVERLOAD).await;
    let mut signal = async || String::from_utf8(next(&mut signals).await).expect("it is text");
    publish(&client, EVENTS, event("open", 1, "192.168.0.9").to_string()).await;
    // More and more at a time, until the last of them have to wait for longer than a second.
    let flood = async {
        let mut offered = 1;
        for doubling in 0.. {
            let count = 8_000_u64 << doubling;
            for n in 0..count {
                let event = event(&format!("f{doubling}-{n}"), 2, "192.168.0.9");
                client.publish(EVENTS, event.to_string().into()).await.expect("a connected client publishes");
            }
            offered += count;
            backend.http.wait_for_metric("dsiem_pairs_offered_total", offered).await;
        }
    };
    let first = tokio::select! {
        first = signal() => first,
        () = flood => unreachable!("it goes on until there is a signal"),
    };
    assert_eq!(first, "true");
    backend.program.wait_for_log("overload = true signal sent to frontend").await;
    let mut last = first;
    while last == "true" {
        last = signal().await;
    }
    assert_eq!(last, "false");
    frontend.http.wait_for_metric("dsiem_frontend_overload_signals_total", 2).await;
    backend.stop().await;
}

#[tokio::test]
async fn a_frontend_slows_down_when_an_existing_backend_says_true() {
    let nats = NatsServer::start().await;
    let setup = Setup::default().flags("--max_eps 1000 --min_eps 100");
    let mut frontend = Node::frontend(&nats, "fe-1", setup).await;
    nats.wait_for_subscriber("fe-1", OVERLOAD).await;
    assert_eq!(frontend.http.metric("dsiem_frontend_rate_limit").await, 550, "midway");
    let client = nats.client().await;
    let say = async |text: &'static str| publish(&client, OVERLOAD, text).await;
    for nonsense in ["", "maybe", "\"true\"", "1"] {
        say(nonsense).await;
    }
    say("true").await;
    // Another backend that is well does not speak for the one that is not.
    say("false").await;
    let slowed = || async { frontend.http.metric("dsiem_frontend_rate_limit").await <= 469 };
    wait_until("the limit to go down by a tenth of the span", slowed).await;
    assert_eq!(frontend.http.metric("dsiem_frontend_overloaded").await, 1);
    tokio::time::timeout(Duration::from_secs(9), frontend.stop()).await.expect("it stops in time");
}
