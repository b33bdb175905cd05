//! Puts events into the stream, and says so only when the stream has stored each of them.
//!
//! One task publishes the events of all requests in their order and hears the acknowledgements. A window limits how many
//! are on their way: it is wide enough that a round trip does not limit the throughput, and narrow enough that a server
//! need not buffer more than it wants to. An event's reply subject carries its number, as on core NATS, and is where it
//! is acknowledged.

use std::time::Duration;

use async_nats::header::{HeaderMap, HeaderName};
use async_nats::{Client, StatusCode, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;
use tracing::{error, warn};

use super::api::{PubAck, StreamError, code};
use super::message_id;
use super::unconfirmed::{Answered, Unconfirmed};
use super::ways::{Way, Ways};
use crate::bus::nats::EVENTS_SUBJECT;
use crate::bus::nats::episode::Episode;
use crate::bus::nats::link::Link;
use crate::bus::nats::publisher::{MAX_RUN_BYTES, Publisher};
use crate::bus::nats::room::{MAX_WAITING_REQUESTS, Room};
use crate::bus::nats::sequence::{self, Numbering};
use crate::bus::{PublishError, check_sizes};
use crate::metrics::{Counter, Metrics};
use crate::quota::Share;
use crate::shutdown::Shutdown;

/// An event that the stream has not acknowledged after this time has failed.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// What an event takes beside its JSON: its headers, mostly.
const BYTES_BESIDE: usize = 512;

/// More events than this are not on their way. Newer servers refuse what comes when 10,000 wait at a stream, and there
/// may be several frontends.
const WINDOW: usize = 4_096;

/// So many events are sent before acknowledgements are looked at again, and the other way around.
const BURST: usize = 256;

/// What the headers of an event take on the wire, with room for a longer name than ours.
const HEADER_BYTES: usize = 64;
const _: () =
    assert!(HEADER_BYTES > "NATS/1.0\r\n: \r\n\r\n".len() + message_id::HEADER.len() + message_id::CHARS);

/// See [`crate::bus::EventPublisher`].
#[derive(Clone, Debug)]
pub struct DurablePublisher {
    requests: mpsc::Sender<Request>,
    room: Room,
    link: Link,
    ways: Ways,
    /// For connections without a stream.
    core: Publisher,
}

#[derive(Debug)]
struct Request {
    events: Vec<(Bytes, HeaderMap)>,
    answer: oneshot::Sender<Result<(), PublishError>>,
    /// Given back when the request has been answered.
    _room: Share,
}

/// What is needed to answer a request.
#[derive(Debug)]
struct Asked {
    count: u64,
    answer: oneshot::Sender<Result<(), PublishError>>,
    _room: Share,
}

/// Starts the publishing task; it ends when all publishers are dropped.
pub(in crate::bus::nats) fn start(
    ways: &Ways,
    core: Publisher,
    link: &Link,
    node: &str,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> DurablePublisher {
    let (sender, requests) = mpsc::channel(MAX_WAITING_REQUESTS);
    let counts = Counts::new(metrics);
    let task = (link.clone(), node.to_owned(), ways.clone());
    shutdown.spawn_service("stream publisher", async move {
        let (link, node, ways) = task;
        if let Some(task) = PublishTask::new(&link, &node, ways, requests, counts).await {
            task.run().await;
        }
    });
    let room = Room::new(BYTES_BESIDE);
    DurablePublisher { requests: sender, room, link: link.clone(), ways: ways.clone(), core }
}

impl DurablePublisher {
    /// See [`crate::bus::EventPublisher::publish`].
    pub(in crate::bus) async fn publish(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        match self.ways.now() {
            Way::Undecided => Err(PublishError::NotConnected),
            Way::Core => self.core.publish(events).await,
            Way::Stream => self.store(events).await,
        }
    }

    async fn store(&self, events: Vec<Bytes>) -> Result<(), PublishError> {
        if events.is_empty() {
            return Ok(());
        }
        check_sizes(&events, self.max_event_bytes())?;
        let (answer, answered) = oneshot::channel();
        let _room = self.room.take(&events)?;
        // Here, in the task of the request, because a hash is most of what an event costs.
        let events = events.into_iter().map(with_id).collect();
        self.requests.try_send(Request { events, answer, _room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })?;
        answered.await.unwrap_or(Err(PublishError::Closed))
    }

    /// See [`crate::bus::EventPublisher::is_connected`].
    pub(in crate::bus) fn is_connected(&self) -> bool {
        self.ways.now() != Way::Undecided
    }

    /// See [`crate::bus::EventPublisher::max_event_bytes`].
    pub(in crate::bus) fn max_event_bytes(&self) -> usize {
        self.link.max_message_bytes().saturating_sub(HEADER_BYTES)
    }
}

fn with_id(event: Bytes) -> (Bytes, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static(message_id::HEADER), message_id::of(&event));
    (event, headers)
}

struct Counts {
    confirmed: Counter,
    unconfirmed: Counter,
    full: Counter,
    repeated: Counter,
}

impl Counts {
    fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help);
        Self {
            confirmed: counter("dsiem_bus_events_published", "Events that the bus has confirmed"),
            unconfirmed: counter(
                "dsiem_bus_events_unconfirmed",
                "Events that were sent, or partly sent, and that the bus has not confirmed",
            ),
            full: counter(
                "dsiem_bus_events_stream_full",
                "Events that were refused because the stream is full",
            ),
            repeated: counter(
                "dsiem_bus_events_repeated",
                "Events that the stream had already and did not store again",
            ),
        }
    }
}

/// The one owner of what is published.
struct PublishTask {
    client: Client,
    ways: Ways,
    connected: watch::Receiver<bool>,
    requests: mpsc::Receiver<Request>,
    /// False when no more requests can come.
    open: bool,
    acks: Subscriber,
    /// What is left of the request that is being sent.
    sending: Option<std::vec::IntoIter<(Bytes, HeaderMap)>>,
    unconfirmed: Unconfirmed<Asked>,
    numbering: Numbering,
    late: Episode,
    refused: Episode,
    counts: Counts,
}

impl PublishTask {
    async fn new(
        link: &Link,
        node: &str,
        ways: Ways,
        requests: mpsc::Receiver<Request>,
        counts: Counts,
    ) -> Option<Self> {
        let client = link.client().await;
        // The library makes inbox names of chance, so that their last part tells this run from any other.
        let mut run = client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned();
        run.truncate(MAX_RUN_BYTES);
        let numbering = Numbering::new(node, &run);
        let acks = match client.subscribe(numbering.all()).await {
            Ok(acks) => acks,
            Err(error) => {
                error!(%error, "cannot listen for acknowledgements of the stream, nothing can be published");
                return None;
            }
        };
        Some(Self {
            client,
            ways,
            connected: link.connected(),
            requests,
            open: true,
            acks,
            sending: None,
            unconfirmed: Unconfirmed::new(CONFIRM_LIMIT),
            numbering,
            late: Episode::default(),
            refused: Episode::default(),
            counts,
        })
    }

    async fn run(mut self) {
        while self.open || self.unconfirmed.events() > 0 {
            let deadline = self.unconfirmed.deadline();
            let timeout = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now));
            let has_room = self.unconfirmed.events() < WINDOW;
            tokio::select! {
                biased;
                changed = self.connected.changed() => match changed {
                    Ok(()) => self.lose(),
                    Err(_) => return,
                },
                ack = self.acks.next() => match ack {
                    Some(ack) => self.on_acks(&ack),
                    None => return,
                },
                () = timeout, if deadline.is_some() => self.on_late(),
                () = std::future::ready(()), if has_room && self.sending.is_some() => self.send().await,
                request = self.requests.recv(), if self.open && has_room && self.sending.is_none() => match request {
                    Some(request) => self.begin(request),
                    None => self.open = false,
                },
            }
        }
    }

    fn begin(&mut self, request: Request) {
        let Request { events, answer, _room } = request;
        if self.ways.now() != Way::Stream {
            answer.send(Err(PublishError::NotConnected)).ok(); // whoever no longer waits needs none
            return;
        }
        let asked = Asked { count: events.len() as u64, answer, _room };
        self.unconfirmed.begin(self.numbering.next_number(), events.len(), asked, Instant::now());
        self.sending = Some(events.into_iter());
    }

    /// Sends some of the request that is being sent.
    async fn send(&mut self) {
        let mut connected = self.connected.clone();
        let sent = tokio::select! {
            biased;
            sent = self.send_burst() => sent,
            // Nothing is taken from a client whose connection stands still.
            _ = connected.changed() => true,
            () = tokio::time::sleep(CONFIRM_LIMIT) => false,
        };
        if !sent {
            self.lose();
        }
    }

    async fn send_burst(&mut self) -> bool {
        for _ in 0..BURST {
            if self.unconfirmed.events() >= WINDOW {
                return true;
            }
            let Some((event, headers)) = self.sending.as_mut().and_then(Iterator::next) else {
                return self.end();
            };
            if !self.unconfirmed.sent(self.numbering.next_number(), Instant::now()) {
                return self.end();
            }
            let reply = self.numbering.next();
            let sent = self.client.publish_with_reply_and_headers(EVENTS_SUBJECT, reply, headers, event);
            if sent.await.is_err() {
                return false;
            }
        }
        true
    }

    fn end(&mut self) -> bool {
        self.sending = None;
        let answered = self.unconfirmed.end();
        self.answer(answered);
        true
    }

    fn on_acks(&mut self, first: &async_nats::Message) {
        self.on_ack(first);
        for _ in 1..BURST {
            // Outside tokio's budget for a task, which would make a buffer look empty that is not.
            let Some(Some(ack)) = unconstrained(self.acks.next()).now_or_never() else { return };
            self.on_ack(&ack);
        }
    }

    fn on_ack(&mut self, ack: &async_nats::Message) {
        let Some((_, number)) = sequence::parse(&ack.subject) else { return };
        let outcome = if ack.status == Some(StatusCode::NO_RESPONDERS) {
            Err(StreamError::Absent)
        } else {
            PubAck::parse(&ack.payload)
        };
        if outcome.as_ref().is_ok_and(|ack| ack.duplicate) {
            self.counts.repeated.inc();
        }
        let outcome = outcome.map(drop).map_err(|error| self.on_refusal(&error));
        let answered = self.unconfirmed.acknowledge(number, outcome);
        self.answer(answered);
    }

    fn on_refusal(&mut self, error: &StreamError) -> PublishError {
        let now = Instant::now();
        self.refused.over(now);
        if self.refused.note(1, now) {
            warn!(%error, "the stream does not take events");
        }
        if *error == StreamError::Absent {
            self.ways.decide_again();
        }
        let full = [
            code::STORE_FAILED,
            code::INSUFFICIENT_RESOURCES,
            code::ACCOUNT_RESOURCES,
            code::STORAGE_RESOURCES,
            code::STREAM_BYTES,
        ];
        if full.into_iter().any(|code| error.is(code)) {
            PublishError::StreamFull
        } else {
            PublishError::NotConfirmed
        }
    }

    fn on_late(&mut self) {
        let now = Instant::now();
        let late = self.unconfirmed.expire(now);
        self.late.over(now);
        if self.late.note(late.len() as u64, now) {
            warn!(
                "the stream does not acknowledge events in time; is NATS overloaded, or may we not read dsiem_seq.>?"
            );
        }
        self.ways.decide_again();
        self.answer(late);
    }

    fn lose(&mut self) {
        self.sending = None;
        let lost = self.unconfirmed.lose();
        self.answer(lost);
    }

    fn answer(&self, answered: impl IntoIterator<Item = Answered<Asked>>) {
        for Answered { request: Asked { count, answer: sender, .. }, answer } in answered {
            match answer {
                Ok(()) => self.counts.confirmed.add(count),
                Err(PublishError::StreamFull) => self.counts.full.add(count),
                Err(_) => self.counts.unconfirmed.add(count),
            }
            sender.send(answer).ok(); // whoever no longer waits needs none
        }
    }
}
