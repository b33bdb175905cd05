//! Attacks that several senders send in parallel, and the oracle that says what must have come of them.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dsiem_core::backlog::AlarmId;
use dsiem_tests::alarms::Link;
use dsiem_tests::http::{Http, events_body};
use dsiem_tests::samples::{attack, brute_force, directive_file};
use dsiem_tests::wait::{DEADLINE, wait_until};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::written::Written;

/// Events at the second stage of each attack.
pub(crate) const SECOND: u32 = 8;

/// Senders at a time.
const SENDERS: usize = 4;

/// So many attacks are begun by a sender before it goes on with one: an attack lasts longer than it takes until the next
/// checkpoint, so that there are always some of which one part is in the checkpoint and another is not.
const SPAN: usize = 40;

/// Events in a request.
const PART: usize = 4;

/// The pause of a sender after each attack, so that several tests at a time leave each other some of the machine.
const PACE: Duration = Duration::from_millis(10);

/// How often the files are read in the end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The directive of a campaign.
pub(crate) fn directives() -> Value {
    directive_file(&[brute_force(1, SECOND)])
}

/// Attacks that are being sent until it is told to end.
pub(crate) struct Campaign {
    stop: Arc<AtomicBool>,
    /// The number of the first attack.
    first: usize,
    /// The number of the next attack.
    next: Arc<AtomicUsize>,
    again: Arc<AtomicUsize>,
    senders: JoinSet<()>,
}

/// What was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The attacks, each with its number as its name.
    attacks: Range<usize>,
    /// How many requests had to be sent again.
    pub(crate) again: usize,
}

impl Campaign {
    /// Begins to send to `http`.
    pub(crate) fn begin(http: &Http) -> Self {
        Self::begin_at(http, 0)
    }

    /// Begins with the attack that follows those of another campaign.
    pub(crate) fn begin_behind(http: &Http, sent: &Sent) -> Self {
        Self::begin_at(http, sent.attacks.end)
    }

    fn begin_at(http: &Http, first: usize) -> Self {
        let next = Arc::new(AtomicUsize::new(first));
        let mut campaign =
            Self { stop: Arc::default(), first, next, again: Arc::default(), senders: JoinSet::new() };
        for _ in 0..SENDERS {
            let (http, stop) = (http.clone(), campaign.stop.clone());
            let (next, again) = (campaign.next.clone(), campaign.again.clone());
            campaign.senders.spawn(async move {
                let mut sender = Sender { http, again, waiting: Default::default() };
                while !stop.load(Ordering::Relaxed) {
                    sender.attack(next.fetch_add(1, Ordering::Relaxed), SPAN).await;
                    tokio::time::sleep(PACE).await;
                }
                sender.finish().await;
            });
        }
        campaign
    }

    /// Waits until some more attacks have been sent.
    pub(crate) async fn go_on(&self) {
        let enough = self.next() + 20;
        wait_until("attacks to go on", || async { self.next() > enough }).await;
    }

    /// Waits until some requests have been refused.
    pub(crate) async fn wait_refused(&self) {
        let before = self.again();
        wait_until("refused requests", || async { self.again() > before }).await;
    }

    /// Waits until the first event of an attack that begins now has been counted, and so all that were sent before.
    pub(crate) async fn wait_seen(&self, written: &Written) {
        // Those before are on their way already.
        let wanted = self.next();
        let is_newer = |event: &str| {
            event.split_once("-1\"").is_some_and(|(n, _)| n.parse().is_ok_and(|n: usize| n >= wanted))
        };
        wait_until(&format!("attack {wanted}"), || async {
            written.newest_events().split("\"event_id\":\"").any(is_newer)
        })
        .await;
    }

    /// How many attacks have been begun.
    pub(crate) fn attacks(&self) -> usize {
        self.next() - self.first
    }

    /// How many requests had to be sent again.
    pub(crate) fn again(&self) -> usize {
        self.again.load(Ordering::Relaxed)
    }

    fn next(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// Ends it once the attacks that were begun have been answered with 200.
    pub(crate) async fn end(mut self) -> Sent {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(sender) = self.senders.join_next().await {
            sender.expect("a sender does not fail");
        }
        Sent { attacks: self.first..self.next(), again: self.again() }
    }
}

/// Sends attacks in requests of a few events, each until it is answered with 200, as any sender has to.
struct Sender {
    http: Http,
    again: Arc<AtomicUsize>,
    /// Attacks of which the second part, or the third, is to be sent.
    waiting: [VecDeque<usize>; 2],
}

impl Sender {
    /// Begins with one attack, and goes on with the oldest where more than `span` wait.
    async fn attack(&mut self, n: usize, span: usize) {
        self.send(n, 0).await;
        self.waiting[0].push_back(n);
        self.go_on(span).await;
    }

    async fn go_on(&mut self, span: usize) {
        for part in 1..=self.waiting.len() {
            while self.waiting[part - 1].len() > span {
                let Some(n) = self.waiting[part - 1].pop_front() else { break };
                self.send(n, part).await;
                if let Some(next) = self.waiting.get_mut(part) {
                    next.push_back(n);
                }
            }
        }
    }

    async fn finish(&mut self) {
        self.go_on(0).await;
    }

    async fn send(&self, n: usize, part: usize) {
        let events = attack(&n.to_string(), &source(n), SECOND);
        let body = events_body(events.chunks(PART).nth(part).expect("an attack has three parts"));
        let sent = || self.http.try_post("/events", body.clone());
        while !sent().await.is_ok_and(|answer| answer.status == 200) {
            self.again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn source(n: usize) -> String {
    format!("192.{}.{}.{}", 168 + n / 62_500, n / 250 % 250, n % 250)
}

/// What differs from what had to come.
#[derive(Debug)]
struct Differences {
    lost: BTreeSet<Link>,
    twice: BTreeSet<Link>,
    /// Of these attacks, and not to be explained by what was sent.
    odd: BTreeSet<Link>,
}

impl Sent {
    /// How many events.
    pub(crate) fn events(&self) -> usize {
        self.attacks.len() * (SECOND as usize + 2)
    }

    /// Every link that has to be in the alarm-event file exactly once.
    fn links(&self) -> BTreeSet<Link> {
        self.attacks
            .clone()
            .flat_map(|n| {
                let events = attack(&n.to_string(), &source(n), SECOND);
                let id = |event: &Value| event["event_id"].as_str().unwrap_or_default().to_owned();
                let alarm = AlarmId::of(1, &id(&events[0])).to_string();
                let link =
                    |event: &Value| (alarm.clone(), event["plugin_sid"].as_u64().unwrap_or(0), id(event));
                events.iter().map(link).collect::<Vec<_>>()
            })
            .collect()
    }

    fn compare(&self, written: &Written) -> Differences {
        let mut expected = self.links();
        let all = expected.clone();
        let (mut twice, mut odd) = (BTreeSet::new(), BTreeSet::new());
        for link in written.links() {
            let number = link.2.split_once('-').and_then(|(number, _)| number.parse().ok());
            if !number.is_some_and(|number| self.attacks.contains(&number)) {
                continue; // another campaign's
            }
            if !expected.remove(&link) {
                if all.contains(&link) {
                    twice.insert(link)
                } else {
                    odd.insert(link)
                };
            }
        }
        Differences { lost: expected, twice, odd }
    }

    /// Makes sure that nothing came twice; how many events are missing.
    pub(crate) fn check_what_came(&self, written: &Written) -> usize {
        let Differences { lost, twice, odd } = self.compare(written);
        assert!(twice.is_empty() && odd.is_empty(), "twice {twice:?}, never sent so {odd:?}");
        lost.len()
    }

    /// Waits until everything has come of it that had to, and makes sure that nothing came twice.
    pub(crate) async fn check(&self, written: &Written) {
        let begun = Instant::now();
        let Differences { lost, twice, odd } = loop {
            let found = self.compare(written);
            if found.lost.is_empty() || begun.elapsed() > DEADLINE {
                break found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let some = |links: BTreeSet<Link>| (links.len(), links.into_iter().take(5).collect::<Vec<_>>());
        assert!(
            lost.is_empty() && twice.is_empty() && odd.is_empty(),
            "of the attacks {:?}: lost {:?}, twice {:?}, never sent so {:?}",
            self.attacks,
            some(lost),
            some(twice),
            some(odd)
        );
        wait_until("the last documents", || async { self.are_complete(&written.alarms()) }).await;
    }

    fn are_complete(&self, alarms: &[Value]) -> bool {
        let complete: BTreeSet<_> = alarms
            .iter()
            .filter(|alarm| is_complete(alarm))
            .filter_map(|alarm| alarm["alarm_id"].as_str())
            .collect();
        let mut wanted = self.attacks.clone().map(|n| AlarmId::of(1, &format!("{n}-1")));
        wanted.all(|alarm| complete.contains(alarm.as_str()))
    }
}

/// The document of an attack that is over.
fn is_complete(alarm: &Value) -> bool {
    let rules = alarm["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    alarm["risk"] == 10 && rules.len() == 3 && rules.iter().all(|rule| rule["status"] == "finished")
}
