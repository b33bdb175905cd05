//! Puts events on the bus, and says so only when the server really has them.
//!
//! Core NATS acknowledges nothing. But it handles the messages of a connection in order, so one task takes all requests
//! that wait (a group), publishes their events, and then a small marker to a subject that only it listens to. When the
//! marker comes back on the same connection, the server has the group, and all its requests are answered. Several groups
//! may be under way, so that a slow round trip does not limit the throughput.

use std::mem;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{error, warn};

use super::episode::Episode;
use super::in_flight::{InFlight, Settled};
use super::link::Link;
use super::room::{MAX_WAITING_REQUESTS, Room};
use super::sequence::Numbering;
use super::{EVENTS_SUBJECT, generation};
use crate::bus::{PublishError, check_sizes};
use crate::metrics::{Counter, Metrics};
use crate::quota::Share;
use crate::shutdown::Shutdown;

/// A group that the server has not confirmed after this time has failed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// What an event takes beside its JSON, so that a million empty ones count too.
const BYTES_BESIDE: usize = 64;

/// A group is closed when it has this many events; one request may bring more.
const MAX_GROUP_EVENTS: usize = 4_096;

/// When so many requests come within [`GROUP_EVERY`], the next group waits as long, so that it holds many of them. Fewer
/// are published at once: senders that wait for each answer would only become slower.
const BUSY_REQUESTS: usize = 32;

/// How often a group is begun under load. It costs two system calls and wakes several threads, whatever is in it.
const GROUP_EVERY: Duration = Duration::from_millis(2);

/// More groups than this are not under way.
const MAX_GROUPS: usize = 64;

/// Run ids are cut here.
pub(super) const MAX_RUN_BYTES: usize = 32;

/// See [`crate::bus::EventPublisher`].
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: mpsc::Sender<Request>,
    room: Room,
    link: Link,
}

#[derive(Debug)]
struct Request {
    events: Vec<Bytes>,
    count: u64,
    answer: oneshot::Sender<Result<(), PublishError>>,
    /// Given back when the request has been answered.
    _room: Share,
}

/// Starts the publishing task; it ends when all publishers are dropped.
pub(super) fn start(link: &Link, node: &str, metrics: &Metrics, shutdown: &Shutdown) -> Publisher {
    let (sender, requests) = mpsc::channel(MAX_WAITING_REQUESTS);
    let publisher = Publisher { requests: sender, room: Room::new(BYTES_BESIDE), link: link.clone() };
    let counts = Counts {
        confirmed: metrics.counter("dsiem_bus_events_published", "Events that the bus has confirmed"),
        unconfirmed: metrics.counter(
            "dsiem_bus_events_unconfirmed",
            "Events that were sent, or partly sent, and that the bus has not confirmed",
        ),
    };
    let (link, node) = (link.clone(), node.to_owned());
    shutdown.spawn_service("event publisher", async move {
        if let Some(task) = PublishTask::new(link, &node, requests, counts).await {
            task.run().await;
        }
    });
    publisher
}

impl Publisher {
    /// See [`crate::bus::EventPublisher::publish`].
    pub(in crate::bus) async fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        if events.is_empty() {
            return Ok(());
        }
        if !self.is_connected() {
            return Err(PublishError::NotConnected);
        }
        check_sizes(&events, self.max_event_bytes())?;
        let (answer, answered) = oneshot::channel();
        let room = self.room.take(&events)?;
        let request = Request { count: events.len() as u64, events, answer, _room: room };
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })?;
        answered.await.unwrap_or(Err(PublishError::Closed))
    }

    /// See [`crate::bus::EventPublisher::is_connected`].
    pub(in crate::bus) fn is_connected(&self) -> bool {
        self.link.connected_client().is_some()
    }

    /// See [`crate::bus::EventPublisher::max_event_bytes`].
    pub(in crate::bus) fn max_event_bytes(&self) -> usize {
        self.link.max_message_bytes()
    }
}

struct Counts {
    confirmed: Counter,
    unconfirmed: Counter,
}

/// The one owner of what is published.
struct PublishTask {
    client: Client,
    link: Link,
    connected: watch::Receiver<bool>,
    requests: mpsc::Receiver<Request>,
    /// False when no more requests can come.
    open: bool,
    marker_subject: String,
    markers: Subscriber,
    last_group: u64,
    groups: InFlight<Vec<Request>>,
    pace: Pace,
    numbering: Numbering,
    late: Episode,
    counts: Counts,
}

impl PublishTask {
    async fn new(link: Link, node: &str, requests: mpsc::Receiver<Request>, counts: Counts) -> Option<Self> {
        let client = link.client().await;
        let marker_subject = client.new_inbox();
        let markers = match client.subscribe(marker_subject.clone()).await {
            Ok(markers) => markers,
            Err(error) => {
                error!(%error, "cannot listen for confirmations of NATS, nothing can be published");
                return None;
            }
        };
        // The library makes inbox names of chance, so that their last part tells this run from any other.
        let mut run = marker_subject.rsplit('.').next().unwrap_or_default().to_owned();
        run.truncate(MAX_RUN_BYTES);
        let numbering = Numbering::new(node, &run);
        let connected = link.connected();
        Some(Self {
            client,
            link,
            connected,
            requests,
            open: true,
            marker_subject,
            markers,
            last_group: 0,
            groups: InFlight::new(),
            pace: Pace::new(Instant::now()),
            numbering,
            late: Episode::default(),
            counts,
        })
    }

    async fn run(mut self) {
        while self.open || self.groups.len() > 0 {
            let deadline = self.groups.deadline();
            let timeout = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now));
            let pause = self.pace.pause;
            let pause_over = tokio::time::sleep_until(pause.unwrap_or_else(Instant::now));
            let may_begin = self.open && pause.is_none() && self.groups.len() < MAX_GROUPS;
            tokio::select! {
                biased;
                changed = self.connected.changed() => match changed {
                    Ok(()) => self.on_link_change(),
                    Err(_) => return,
                },
                marker = self.markers.next() => match marker {
                    Some(marker) => self.on_marker(&marker.payload),
                    None => return,
                },
                () = timeout, if deadline.is_some() => {
                    let late = self.groups.expire(Instant::now());
                    self.on_late(late);
                }
                () = pause_over, if pause.is_some() => self.pace.pause = None,
                request = self.requests.recv(), if may_begin => match request {
                    Some(first) => self.publish(first).await,
                    None => self.open = false,
                },
            }
        }
    }

    fn on_late(&mut self, late: Vec<Settled<Vec<Request>>>) {
        let now = Instant::now();
        self.late.over(now);
        if self.late.note(late.len() as u64, now) {
            warn!(
                "NATS does not confirm events in time; is it overloaded, or may we not publish to and read from _INBOX.>?"
            );
        }
        self.answer(late);
    }

    fn on_link_change(&mut self) {
        let current = self.link.connected_client().map(generation);
        let lost = self.groups.lose(current);
        self.answer(lost);
    }

    fn on_marker(&mut self, payload: &[u8]) {
        let number = <[u8; 8]>::try_from(payload).map(u64::from_be_bytes);
        if let Ok(number) = number {
            let settled = self.groups.marker(number, generation(&self.client));
            self.answer(settled);
        }
    }

    /// Publishes `first` and what waits behind it as one group.
    async fn publish(&mut self, first: Request) {
        let mut group = self.collect(first);
        self.pace.note(group.len(), Instant::now());
        // From here on a change of the connection stops the group; those of earlier changes have failed already.
        self.connected.borrow_and_update();
        self.on_link_change();
        if self.link.connected_client().is_none() {
            return answer_all(group, Err(PublishError::NotConnected));
        }
        let generation = generation(&self.client);
        let deadline = Instant::now() + CONFIRM_LIMIT;
        let mut connected = self.connected.clone();
        let sent = tokio::select! {
            biased;
            sent = self.send(&mut group) => sent,
            _ = connected.changed() => false,
            () = tokio::time::sleep_until(deadline) => false,
        };
        if sent {
            self.groups.add(self.last_group, generation, deadline, group);
        } else {
            self.answer(vec![Settled { requests: group, confirmed: false }]);
        }
    }

    fn collect(&mut self, first: Request) -> Vec<Request> {
        let mut events = first.events.len();
        let mut group = vec![first];
        while events < MAX_GROUP_EVENTS {
            let Ok(request) = self.requests.try_recv() else { break };
            events += request.events.len();
            group.push(request);
        }
        group
    }

    /// Hands the events and the marker to the client; false if that did not work out.
    async fn send(&mut self, group: &mut [Request]) -> bool {
        for event in group.iter_mut().flat_map(|request| mem::take(&mut request.events)) {
            if self.client.publish_with_reply(EVENTS_SUBJECT, self.numbering.next(), event).await.is_err() {
                return false;
            }
        }
        self.last_group += 1;
        let marker = Bytes::copy_from_slice(&self.last_group.to_be_bytes());
        self.client.publish(self.marker_subject.clone(), marker).await.is_ok()
    }

    fn answer(&self, settled: Vec<Settled<Vec<Request>>>) {
        for Settled { requests, confirmed } in settled {
            let count = requests.iter().map(|request| request.count).sum();
            if confirmed {
                self.counts.confirmed.add(count);
                answer_all(requests, Ok(()));
            } else {
                self.counts.unconfirmed.add(count);
                answer_all(requests, Err(PublishError::NotConfirmed));
            }
        }
    }
}

/// Whether the next group has to wait.
#[derive(Debug)]
struct Pace {
    /// No group is begun before.
    pause: Option<Instant>,
    since: Instant,
    /// Requests since then.
    requests: usize,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { pause: None, since: now, requests: 0 }
    }

    /// Notes a group of so many requests.
    fn note(&mut self, requests: usize, now: Instant) {
        if now.duration_since(self.since) > GROUP_EVERY {
            (self.since, self.requests) = (now, 0);
        }
        self.requests += requests;
        if self.requests >= BUSY_REQUESTS {
            self.pause = Some(now + GROUP_EVERY);
        }
    }
}

/// Whoever no longer waits for the answer needs none.
fn answer_all(requests: Vec<Request>, answer: Result<(), PublishError>) {
    for request in requests {
        request.answer.send(answer).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_never_wait_and_many_wait_for_each_other() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        // Eight senders, each with its next request a millisecond after the last.
        for millis in 0..100 {
            pace.note(8, start + Duration::from_millis(millis));
            assert_eq!(pace.pause, None, "after {millis} ms");
        }
        let later = start + Duration::from_secs(1);
        for group in 0..8 {
            pace.note(4, later + Duration::from_micros(100 * group));
            assert_eq!(pace.pause.is_some(), group == 7, "group {group}");
        }
        pace.pause = None;
        let next = later + 2 * GROUP_EVERY;
        pace.note(40, next);
        assert_eq!(pace.pause, Some(next + GROUP_EVERY), "as long as they come");
    }
}
