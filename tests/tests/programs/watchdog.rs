//! The line that dashboards of existing installations read.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{attack, brute_force, directive_file, event};
use serde_json::Value;

#[tokio::test]
async fn the_watchdog_line_has_the_nine_names_in_their_order() {
    let setup =
        Setup::new(&directive_file(&[brute_force(1, 2), brute_force(2, 2)])).env("DSIEM_JSON", "true");
    let node = Node::standalone(setup).await;
    node.http.send(&attack("a", "192.168.0.9", 2)[..3]).await;
    node.http.send(&[event("other", 99, "192.168.0.9")]).await;
    let text = node.program.wait_for_log("watchdog report").await;
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["target"], &line["level"]), (&"dsiem::watchdog".into(), &"INFO".into()));
    assert!(line["timestamp"].is_string());
    let names = [
        "eps",
        "queue_length",
        "avg_proc_time_ms",
        "directives_ttl",
        "directives_active",
        "events_rcvd",
        "events_matched",
        "backlogs",
        "backlogs_timedout",
    ];
    let places =
        names.map(|name| text.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {text}")));
    assert!(places.is_sorted(), "{text}");
    let fields = line["fields"].as_object().unwrap();
    assert_eq!(fields.len(), names.len() + 1, "and the message");
    for (name, value) in [
        ("queue_length", 0),
        ("directives_ttl", 2),
        ("directives_active", 2),
        ("events_rcvd", 4),
        ("events_matched", 6),
        ("backlogs", 2),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    // How many events took longer than their millisecond depends on what else the machine does.
    assert!(fields["backlogs_timedout"].is_u64(), "{text}");
    assert!(fields["eps"].as_f64().is_some_and(|eps| eps > 0.0 && eps <= 4.0), "{text}");
    assert!(fields["avg_proc_time_ms"].as_f64().is_some_and(|millis| millis > 0.0), "{text}");
}
