//! A directive that cannot keep up: its mailbox fills, then the queues before it, and nothing is lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dsiem_tests::alarms::Link;
use dsiem_tests::http::Http;
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{brute_force, directive_file, event, opening};
use dsiem_tests::wait::wait_until;
use serde_json::{Value, json};

use crate::campaign::{Campaign, SECOND};
use crate::cluster::DURABLE;
use crate::recovery::Recovery;
use crate::written::Written;

/// The plugin that only the slow directive listens to.
const PLUGIN: u32 = 2_001;

/// Open backlogs, each of which counts each event.
const BACKLOGS: usize = 50;

/// Events for all of them: more than the mailbox of a directive holds.
const EVENTS: usize = 3_000;

/// More than this waits in front of the mailbox of a directive, and holds up everybody.
const MAILBOX: u64 = 1_024;

/// Opens a backlog with each event of sid 1, and never ends one.
fn slow_directive() -> Value {
    let mut directive = opening(2, 1_000_000);
    for rule in directive["rules"].as_array_mut().into_iter().flatten() {
        rule["plugin_id"] = json!(PLUGIN);
    }
    directive
}

/// Sends `count` events of `sid` at once, again until they are accepted.
async fn send(http: &Http, sid: u32, count: usize) {
    let events: Vec<_> = (0..count)
        .map(|n| {
            let mut event = event(&format!("slow-{sid}.{n}"), sid, &format!("10.1.{}.{}", n / 250, n % 250));
            event["plugin_id"] = json!(PLUGIN);
            event
        })
        .collect();
    let body = Value::from(events).to_string();
    while !http.try_post("/events", body.clone()).await.is_ok_and(|answer| answer.status == 200) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the slow directive has counted.
fn counted(written: &Written) -> Vec<Link> {
    let mut links = written.links();
    links.retain(|(_, _, event)| event.starts_with("slow-"));
    links
}

#[tokio::test]
async fn slow_directive_whose_mailbox_fills() {
    let directives = directive_file(&[brute_force(1, SECOND), slow_directive()]);
    let mut node = Node::standalone(Setup::new(&directives).flags(DURABLE).flags("--maxQueue 1000")).await;
    let written = Written::by(&node);
    let campaign = Campaign::begin(&node.http);
    let mut recovery =
        Recovery::of("a directive too slow for its mailbox, and `dsiem serve` killed meanwhile");
    send(&node.http, 1, BACKLOGS).await;
    wait_until("the backlogs", || async { counted(&written).len() == BACKLOGS }).await;

    send(&node.http, 2, EVENTS).await;
    node.http.wait_for_metric("dsiem_pairs_in_flight", MAILBOX).await;
    let since = Instant::now();
    node.program.sigkill();
    node.start_again().await;
    node.wait_ready().await;
    recovery.ready(since);
    recovery.caught_up(since, &campaign, &written).await;
    let sent = campaign.end().await;
    sent.check(&written).await;

    let expected = BACKLOGS * (1 + EVENTS);
    wait_until(&format!("{expected} links"), || async { counted(&written).len() >= expected }).await;
    let links = counted(&written);
    let different: BTreeSet<_> = links.iter().collect();
    assert_eq!((links.len(), different.len()), (expected, expected), "counted, and different");
    recovery.show(&sent);
    node.stop().await;
}
