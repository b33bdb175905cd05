//! The complete product in one process: events in over HTTP, alarms out into files.

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{brute_force, directive_file, event};

#[tokio::test]
async fn events_over_http_become_an_alarm_in_the_file() {
    let mut node = Node::standalone(Setup::new(&directive_file(&[brute_force(1, 2)]))).await;
    let events = [("a", 1), ("b", 2), ("c", 2), ("d", 3)].map(|(id, sid)| event(id, sid, "192.168.0.9"));
    node.http.send(&events).await;
    let alarm = node.wait_for_alarm("an alarm of risk 10", |alarm| alarm["risk"] == 10).await;
    assert_eq!(alarm["title"], "Attack 1 from 192.168.0.9");
    node.stop().await;
}
