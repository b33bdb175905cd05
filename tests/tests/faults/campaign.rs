//! Attacks that several senders send in parallel, and the oracle that says what must have come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dsiem_core::backlog::AlarmId;
use dsiem_tests::alarms::Link;
use dsiem_tests::http::{Http, events_body};
use dsiem_tests::installation::Node;
use dsiem_tests::samples::{attack, brute_force, directive_file};
use dsiem_tests::wait::wait_until;
use serde_json::Value;
use tokio::task::JoinSet;

/// Events at the second stage of each attack.
const SECOND: u32 = 8;

/// Senders at a time.
const SENDERS: usize = 4;

/// The directive of a campaign.
pub(crate) fn directives() -> Value {
    directive_file(&[brute_force(1, SECOND)])
}

/// Attacks that are being sent until it is told to end.
pub(crate) struct Campaign {
    stop: Arc<AtomicBool>,
    attacks: Arc<AtomicUsize>,
    again: Arc<AtomicUsize>,
    senders: JoinSet<()>,
}

/// What was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// How many attacks, each with its number as its name.
    pub(crate) attacks: usize,
    /// How many requests had to be sent again.
    pub(crate) again: usize,
}

impl Campaign {
    /// Begins to send to `http`.
    pub(crate) fn begin(http: &Http) -> Self {
        let mut campaign = Self {
            stop: Arc::default(),
            attacks: Arc::default(),
            again: Arc::default(),
            senders: JoinSet::new(),
        };
        for _ in 0..SENDERS {
            let (http, stop) = (http.clone(), campaign.stop.clone());
            let (attacks, again) = (campaign.attacks.clone(), campaign.again.clone());
            campaign.senders.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let n = attacks.fetch_add(1, Ordering::Relaxed);
                    send(&http, n, &again).await;
                }
            });
        }
        campaign
    }

    /// Waits until some more attacks have been sent.
    pub(crate) async fn go_on(&self) {
        let before = self.attacks();
        wait_until("attacks to go on", || async { self.attacks() > before + 20 }).await;
    }

    /// How many attacks have been begun.
    pub(crate) fn attacks(&self) -> usize {
        self.attacks.load(Ordering::Relaxed)
    }

    /// Ends it once the attacks that were begun have been answered with 200.
    pub(crate) async fn end(mut self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(sender) = self.senders.join_next().await {
            sender.expect("a sender does not fail");
        }
        Sent { attacks: self.attacks(), again: self.again.load(Ordering::Relaxed) }
    }
}

/// Sends an attack in requests of a few events, each until it is answered with 200, as any sender has to.
async fn send(http: &Http, n: usize, again: &AtomicUsize) {
    for events in attack(&n.to_string(), &source(n), SECOND).chunks(4) {
        let body = events_body(events);
        while !http.try_post("/events", body.clone()).await.is_ok_and(|answer| answer.status == 200) {
            again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn source(n: usize) -> String {
    format!("192.{}.{}.{}", 168 + n / 62_500, n / 250 % 250, n % 250)
}

impl Sent {
    /// Every link that has to be in the alarm-event file exactly once.
    fn links(&self) -> BTreeSet<Link> {
        (0..self.attacks)
            .flat_map(|n| {
                let events = attack(&n.to_string(), &source(n), SECOND);
                let id = |event: &Value| event["event_id"].as_str().unwrap_or_default().to_owned();
                let alarm = AlarmId::of(1, &id(&events[0])).to_string();
                events
                    .iter()
                    .map(|event| (alarm.clone(), event["plugin_sid"].as_u64().unwrap_or(0), id(event)))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Waits until everything has come of it that had to, and makes sure that nothing came twice.
    pub(crate) async fn check(&self, node: &Node) {
        let expected = self.links();
        wait_until(&format!("{} links", expected.len()), || async {
            node.link_lines().len() >= expected.len()
        })
        .await;
        let mut found: BTreeMap<Link, usize> = BTreeMap::new();
        for link in node.link_lines() {
            *found.entry(link).or_default() += 1;
        }
        let lost: Vec<_> = expected.iter().filter(|link| !found.contains_key(*link)).take(5).collect();
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).take(5).collect();
        let odd: Vec<_> = found.keys().filter(|link| !expected.contains(*link)).take(5).collect();
        assert!(
            lost.is_empty() && twice.is_empty() && odd.is_empty(),
            "of {} attacks: lost {lost:?}, twice {twice:?}, never sent so {odd:?}",
            self.attacks
        );
        wait_until("the last documents", || async {
            let alarms = node.alarms();
            alarms.len() == self.attacks && alarms.iter().all(is_complete)
        })
        .await;
    }
}

/// The document of an attack that is over.
fn is_complete(alarm: &Value) -> bool {
    let rules = alarm["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    alarm["risk"] == 10 && rules.len() == 3 && rules.iter().all(|rule| rule["status"] == "finished")
}
