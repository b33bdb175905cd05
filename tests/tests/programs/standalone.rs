//! The complete product in one process: events in over HTTP, alarms out into files, stopped and started again in the
//! middle of an attack, and files taken away under it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dsiem_tests::http::{Http, events_body};
use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{attack, brute_force, directive_file, event};
use serde_json::Value;

fn setup() -> Setup {
    Setup::new(&directive_file(&[brute_force(1, 2)]))
}

fn is_complete(alarm: &Value) -> bool {
    alarm["rules"].as_array().is_some_and(|rules| rules.iter().all(|rule| rule["status"] == "finished"))
}

#[tokio::test]
async fn events_over_http_become_an_alarm_in_the_file() {
    let mut node = Node::standalone(setup()).await;
    node.http.send(&attack("a", "192.168.0.9", 2)).await;
    let alarm = node.wait_for_alarm("a completed alarm", is_complete).await;
    assert_eq!((&alarm["title"], &alarm["risk"]), (&"Attack 1 from 192.168.0.9".into(), &10.into()));
    assert_eq!(alarm["alarm_id"].as_str().map(str::len), Some(11));
    let links: Vec<_> = node.link_lines().into_iter().map(|(_, stage, event)| (stage, event)).collect();
    assert_eq!(links, [(1, "a-1"), (2, "a-2.0"), (2, "a-2.1"), (3, "a-3")].map(|(s, e)| (s, e.to_owned())));
    node.stop().await;
}

#[tokio::test]
async fn a_restart_in_the_middle_of_an_attack_goes_on_where_it_was() {
    for signal in ["TERM", "INT"] {
        let mut node = Node::standalone(setup()).await;
        let events = attack("a", "192.168.0.9", 2);
        node.http.send(&events[..2]).await;
        node.wait_for_links(2).await;
        node.program.signal(signal);
        assert_eq!(node.program.wait_exit().await, 0, "after SIG{signal}");
        let before = node.alarms();

        node.start_again().await;
        node.wait_ready().await;
        // What `:1` means is known still: another source's event is not what stage 2 waits for.
        node.http.send(&[event("other", 2, "192.168.0.8")]).await;
        node.http.send(&events[2..]).await;
        let alarm = node.wait_for_alarm("a completed alarm", is_complete).await;
        assert_eq!(alarm["alarm_id"], before[0]["alarm_id"]);
        assert_eq!(alarm["title"], "Attack 1 from 192.168.0.9");
        assert_eq!(alarm["rules"][1]["from"], "192.168.0.9", "the reference is resolved");
        assert_eq!(alarm["created_time"], before[0]["created_time"]);
        assert_eq!((node.alarms().len(), node.link_lines().len()), (1, 4));
        node.stop().await;
    }
}

#[tokio::test]
async fn with_reload_backlogs_false_state_is_neither_written_nor_read() {
    for without in [setup().flags("--reload-backlogs=false"), setup().env("DSIEM_RELOAD_BACKLOGS", "0")] {
        let mut node = Node::standalone(without.clone()).await;
        node.http.send(&attack("a", "192.168.0.9", 2)[..2]).await;
        node.wait_for_links(2).await;
        node.stop().await;
        assert!(!node.path("logs/backlogs/1.json").exists(), "it is not written");

        node.start_again_with(setup()).await;
        node.http.send(&attack("b", "192.168.0.9", 2)[..2]).await;
        node.wait_for_links(4).await;
        node.stop().await;
        let saved = std::fs::read(node.path("logs/backlogs/1.json")).expect("it is written");

        node.start_again_with(without).await;
        node.wait_ready().await;
        assert_eq!(node.http.metric("dsiem_backlogs").await, 0, "it is not read");
        node.stop().await;
        assert_eq!(std::fs::read(node.path("logs/backlogs/1.json")).expect("it stays"), saved);
    }
}

#[tokio::test]
async fn alarm_files_may_be_renamed_and_removed_while_it_runs() {
    let mut node = Node::standalone(setup()).await;
    let (alarms, links) = (node.path("logs/siem_alarms.json"), node.path("logs/siem_alarm_events.json"));
    node.http.send(&attack("a", "192.168.0.1", 2)).await;
    node.wait_for_alarm("the first alarm", is_complete).await;

    for path in [&alarms, &links] {
        std::fs::rename(path, path.with_extension("json.1")).expect("it can be renamed");
    }
    node.http.send(&attack("b", "192.168.0.2", 2)).await;
    let second = node.wait_for_alarm("an alarm in the new file", is_complete).await;
    assert_eq!(second["title"], "Attack 1 from 192.168.0.2");
    // The lines of events follow those of alarms.
    node.wait_for_links(4).await;
    assert_eq!(node.link_lines().len(), 4);
    let first = dsiem_tests::alarms::read_lines(&alarms.with_extension("json.1"));
    assert!(first.iter().all(|document| document["title"] == "Attack 1 from 192.168.0.1"), "{first:?}");

    for path in [&alarms, &links] {
        std::fs::remove_file(path).expect("it can be removed");
    }
    node.http.send(&attack("c", "192.168.0.3", 2)).await;
    let third = node.wait_for_alarm("an alarm in the newest file", is_complete).await;
    assert_eq!(third["title"], "Attack 1 from 192.168.0.3");
    node.stop().await;
}

/// Sources that attack at the same time.
const SOURCES: usize = 6;

/// Events of the second stage, from each.
const SECOND_STAGE: u32 = 120;

/// Each source posts its events one after the other, a few in a request; what is not answered with 200 is sent again.
async fn send_under_load(http: &Http, sent: Arc<AtomicUsize>) {
    let senders = (0..SOURCES).map(|source| {
        let (http, sent) = (http.clone(), sent.clone());
        tokio::spawn(async move {
            let events = attack(&format!("s{source}"), &format!("192.168.0.{source}"), SECOND_STAGE);
            for request in events.chunks(3) {
                while !is_accepted(&http, request).await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                sent.fetch_add(request.len(), Ordering::Relaxed);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("the sender does not fail");
    }
}

async fn is_accepted(http: &Http, request: &[Value]) -> bool {
    http.try_post("/events", events_body(request)).await.is_ok_and(|answer| answer.status == 200)
}

type Result = (BTreeSet<(String, u64, String)>, BTreeSet<String>);

async fn result_of(node: &Node) -> Result {
    for source in 0..SOURCES {
        let title = format!("Attack 1 from 192.168.0.{source}");
        node.wait_for_alarm(&title, |alarm| alarm["title"] == title && is_complete(alarm)).await;
    }
    let links = node.links();
    assert_eq!(node.link_lines().len(), links.len(), "no event counted twice");
    (links, node.alarms().iter().map(|alarm| alarm["alarm_id"].to_string()).collect())
}

#[tokio::test]
async fn what_was_answered_with_200_before_a_stop_counts_exactly_once() {
    let setup = Setup::new(&directive_file(&[brute_force(1, SECOND_STAGE)]));
    let mut undisturbed = Node::standalone(setup.clone()).await;
    send_under_load(&undisturbed.http, Arc::default()).await;
    let expected = result_of(&undisturbed).await;
    undisturbed.stop().await;

    let mut node = Node::standalone(setup).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let sending = tokio::spawn({
        let (http, sent) = (node.http.clone(), sent.clone());
        async move { send_under_load(&http, sent).await }
    });
    for share in [1, 2] {
        let enough = SOURCES * (SECOND_STAGE as usize) * share / 3;
        let what = format!("{enough} events to be sent");
        dsiem_tests::wait::wait_until(&what, || async { sent.load(Ordering::Relaxed) >= enough }).await;
        node.stop().await;
        node.start_again().await;
    }
    sending.await.expect("everything is sent in the end");
    assert_eq!(result_of(&node).await, expected);
    node.stop().await;
}
