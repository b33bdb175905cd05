//! Reads the stream into a queue, in its order and each event once, whatever happens to connection, server and consumer.
//!
//! The reader remembers the number of the next event. After any gap, error or silence it makes its consumer again, to
//! begin with that number. An event that is not in the stream any more when its turn comes is lost, and counted.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::api::{Api, StreamError, code};
use super::bucket::Bucket;
use super::consumer::{Consumer, Step};
use super::delivery::Delivery;
use super::nodes::{self, Opened, Record};
use super::reading::Reading;
use super::start::{From, Place, Start};
use super::subscription::Parts;
use super::ways::{Way, Ways};
use super::{STREAM, node_token};
use crate::bus::nats::episode::Episode;
use crate::bus::nats::generation;
use crate::bus::nats::link::Link;
use crate::bus::nats::subscription::CaughtUp;
use crate::bus::{Message, Position, settled_before};
use crate::clock::Clock;
use crate::metrics::{Counter, Metrics};

/// How often the consumer is asked whether there is more.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Under load the reader looks this often and not at each message: being woken for one costs more than queueing it. The
/// first after a pause is queued at once.
const READ_EVERY: Duration = Duration::from_millis(5);

/// The reader lets other tasks run after this many messages.
const READ_BURST: usize = 256;

/// The pause before the consumer is made again.
const OPEN_AGAIN: Duration = Duration::from_millis(200);

/// After core NATS, the stream is read from this much before the last moment at which that was there: clocks differ.
const OVERLAP: Duration = Duration::from_secs(5);

/// An event of the stream.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) message: Message,
    /// Behind it.
    pub(super) position: Position,
}

/// The task that reads.
pub(super) struct Reader {
    link: Link,
    ways: Ways,
    node: String,
    replicas: usize,
    clock: Clock,
    queue: mpsc::Sender<Stored>,
    caught_up: Arc<CaughtUp>,
    acknowledged: Arc<watch::Sender<Option<Position>>>,
    opened: watch::Sender<Option<Opened>>,
    place: Place,
    turn: u64,
    trouble: Episode,
    counts: Counts,
}

struct Counts {
    received: Counter,
    lost: Counter,
    replaced: Counter,
}

/// Why reading through one consumer ended.
enum End {
    /// The way is not the stream any more.
    WayChanged,
    /// The consumer has to be made again; why.
    Broken(String),
    /// Nobody takes what is read.
    NobodyThere,
}

impl Reader {
    pub(super) fn new(
        parts: &Parts,
        resume: Option<Position>,
        queue: mpsc::Sender<Stored>,
        caught_up: Arc<CaughtUp>,
        acknowledged: &Arc<watch::Sender<Option<Position>>>,
        opened: watch::Sender<Option<Opened>>,
    ) -> Self {
        Self {
            link: parts.link.clone(),
            ways: parts.ways.clone(),
            node: parts.node.clone(),
            replicas: parts.replicas,
            clock: parts.clock.clone(),
            queue,
            caught_up,
            acknowledged: acknowledged.clone(),
            opened,
            place: resume.map_or(Place::Nowhere, Place::Behind),
            turn: 0,
            trouble: Episode::default(),
            counts: Counts::new(&parts.metrics),
        }
    }

    pub(super) async fn run(mut self, closing: CancellationToken) {
        closing.run_until_cancelled(self.follow()).await;
    }

    /// Reads whenever the way is the stream.
    async fn follow(&mut self) {
        let client = self.link.client().await;
        let mut ways = self.ways.watch();
        loop {
            ways.mark_unchanged();
            match self.ways.now() {
                Way::Stream => match self.read_once(&client, &mut ways).await {
                    End::NobodyThere => return,
                    End::WayChanged => {}
                    End::Broken(why) => self.on_trouble(&why).await,
                },
                way => {
                    if ways.changed().await.is_err() {
                        return;
                    }
                    if way == Way::Core {
                        self.leave_core();
                    }
                }
            }
        }
    }

    fn leave_core(&mut self) {
        let overlap = i64::try_from(OVERLAP.as_nanos()).unwrap_or(i64::MAX);
        self.place = Place::Core(self.clock.now().plus_nanos(-overlap));
    }

    async fn on_trouble(&mut self, why: &str) {
        let now = Instant::now();
        self.trouble.over(now);
        if self.trouble.note(1, now) {
            warn!(reason = why, stream = STREAM, "reading the stream was interrupted, going on where it was");
        }
        tokio::time::sleep(OPEN_AGAIN).await;
    }

    async fn read_once(&mut self, client: &Client, ways: &mut watch::Receiver<(Way, u64)>) -> End {
        let opened = tokio::select! {
            biased;
            _ = ways.changed() => return End::WayChanged,
            opened = self.open(client) => opened,
        };
        let mut reading = match opened {
            Ok(reading) => reading,
            Err(error) => {
                if error == StreamError::Absent || error.is(code::STREAM_NOT_FOUND) {
                    self.ways.decide_again();
                }
                return End::Broken(error.to_string());
            }
        };
        match self.read(&mut reading, ways).await {
            Err(end) => end,
            Ok(()) => End::WayChanged,
        }
    }

    /// Finds out where to begin, has the stream keep what comes from there on, and makes the consumer.
    async fn open(&mut self, client: &Client) -> Result<Reading, StreamError> {
        let connection = generation(client);
        let api = Api::new(client.clone());
        let info = api.stream(STREAM).await?;
        let bucket = Bucket::open(api, self.replicas).await?;
        let known =
            nodes::record_of(&bucket, &self.node).await?.filter(|record| record.created == info.created);
        let turn = self.turn.max(known.map_or(0, |record| record.turn));
        let start = Start::plan(self.place, &info.created, turn, info.state);
        let needed_no_more = self.needed_no_more(&start, info.state.first_seq);
        let opened = Opened { stream: start.stream, created: info.created, turn: start.turn, connection };
        self.hold_events(&bucket, &opened, needed_no_more).await?;
        let consumer = Consumer::create(client, &consumer_name(&self.node), start.from).await?;
        self.begin(&start, needed_no_more);
        self.opened.send_replace(Some(opened));
        Ok(Reading::new(start.stream, consumer))
    }

    /// The last event that will not be read again, not even after a restart.
    fn needed_no_more(&self, start: &Start, first: u64) -> Position {
        let acknowledged = self.acknowledged.borrow().filter(|held| held.stream == start.stream);
        let before = match start.from {
            From::Sequence(next) => next - 1,
            From::Time(_) => first.saturating_sub(1),
        };
        acknowledged.unwrap_or(Position { stream: start.stream, sequence: before })
    }

    /// Writes this node's record, so that others leave in the stream what is to be read.
    async fn hold_events(
        &self,
        bucket: &Bucket,
        opened: &Opened,
        needed_no_more: Position,
    ) -> Result<(), StreamError> {
        let Opened { created, turn, .. } = opened.clone();
        let record = Record { node: self.node.clone(), created, turn, sequence: needed_no_more.sequence };
        match nodes::write(bucket, &record).await {
            // There may be no room for it; then an older one of ours holds more than is needed, and reading makes room.
            Err(error @ StreamError::Refused { .. }) => {
                warn!(%error, node = self.node, "cannot write down how far this node is");
                Ok(())
            }
            done => done,
        }
    }

    /// Takes over where reading begins, and says what is lost.
    fn begin(&mut self, start: &Start, needed_no_more: Position) {
        self.turn = start.turn;
        if start.replaced {
            self.counts.replaced.inc();
            let why = "the stream is another one than was read before, or has lost its end: what was in that and not read is lost";
            error!(stream = STREAM, "{why}; reading from its beginning");
            self.report_loss(why.to_owned());
        }
        self.note_lost(start.lost);
        if let From::Sequence(next) = start.from {
            self.place = Place::Behind(Position { stream: start.stream, sequence: next - 1 });
        }
        self.acknowledged.send_if_modified(|held| {
            let is_news = held.is_none_or(|held| held.stream != needed_no_more.stream);
            if is_news {
                *held = Some(needed_no_more);
            }
            is_news
        });
    }

    fn note_lost(&self, lost: u64) {
        if lost > 0 {
            self.counts.lost.add(lost);
            error!(lost, stream = STREAM, "events are no longer in the stream that have not been read here");
            let all = self.counts.lost.get();
            self.report_loss(format!("{all} events were removed from the stream before they were read here"));
        }
    }

    fn report_loss(&self, why: String) {
        self.ways.reports().send_modify(|health| health.lost = Some(why));
    }

    /// Reads until something is wrong.
    async fn read(
        &mut self,
        reading: &mut Reading,
        ways: &mut watch::Receiver<(Way, u64)>,
    ) -> Result<(), End> {
        let broken = |error: StreamError| End::Broken(error.to_string());
        let mut acknowledged = self.acknowledged.subscribe();
        acknowledged.mark_changed();
        loop {
            reading.consumer.pull().await.map_err(broken)?;
            if self.read_burst(reading).await? {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                _ = ways.changed() => return Err(End::WayChanged),
                _ = acknowledged.changed() => {
                    let position = *acknowledged.borrow_and_update();
                    reading.acknowledge(position).await.map_err(broken)?;
                }
                message = reading.consumer.messages.next() => {
                    let message = message.ok_or(End::NobodyThere)?;
                    self.accept(reading, message).await?;
                    if !self.read_burst(reading).await? {
                        tokio::time::sleep(READ_EVERY).await;
                    }
                }
                () = tokio::time::sleep_until(reading.next_probe) => {
                    let now = Instant::now();
                    if reading.consumer.is_silent(now) {
                        return Err(End::Broken("nothing was heard from it".to_owned()));
                    }
                    reading.next_probe = now + PROBE_EVERY;
                    reading.consumer.probe(self.clock.now()).await.map_err(broken)?;
                }
            }
        }
    }

    /// Takes what is there without waiting for more; true if there may be more. Outside tokio's budget for a task, which
    /// would make a buffer look empty that is not.
    async fn read_burst(&mut self, reading: &mut Reading) -> Result<bool, End> {
        for _ in 0..READ_BURST {
            match unconstrained(reading.consumer.messages.next()).now_or_never() {
                Some(Some(message)) => self.accept(reading, message).await?,
                Some(None) => return Err(End::NobodyThere),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn accept(&mut self, reading: &mut Reading, message: async_nats::Message) -> Result<(), End> {
        match reading.consumer.take(&message) {
            Step::Event(delivery) => self.on_event(reading, delivery, message).await,
            Step::Idle(asked) => {
                self.caught_up.set(settled_before(asked));
                if let Some(lasted) = self.trouble.over(Instant::now()) {
                    info!(
                        interruptions = lasted,
                        stream = STREAM,
                        "reading the stream goes on without trouble"
                    );
                }
                Ok(())
            }
            Step::Nothing => Ok(()),
            Step::Broken(why) => Err(End::Broken(why)),
        }
    }

    async fn on_event(
        &mut self,
        reading: &mut Reading,
        delivery: Delivery,
        message: async_nats::Message,
    ) -> Result<(), End> {
        if let Place::Behind(place) = self.place {
            if delivery.sequence <= place.sequence {
                return Err(End::Broken(format!("event {} came again", delivery.sequence)));
            }
            self.note_lost(delivery.sequence - place.sequence - 1);
        }
        self.counts.received.inc();
        let position = Position { stream: reading.stream, sequence: delivery.sequence };
        // The same when the event is read again after a restart, unless clocks differ.
        let received = delivery.stored.min(self.clock.now());
        let stored = Stored { message: Message { payload: message.payload, received }, position };
        if let Err(error) = self.queue.try_send(stored) {
            let mpsc::error::TrySendError::Full(stored) = error else { return Err(End::NobodyThere) };
            self.queue.send(stored).await.map_err(|_| End::NobodyThere)?;
            reading.consumer.not_silent(Instant::now());
        }
        self.place = Place::Behind(position);
        self.caught_up.set(settled_before(received));
        reading.note(delivery.sequence, message.reply);
        Ok(())
    }
}

impl Counts {
    fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help);
        Self {
            received: counter("dsiem_bus_events_received", "Events that came from the bus"),
            lost: counter(
                "dsiem_bus_events_lost",
                "Events that were removed from the stream before they were read here",
            ),
            replaced: counter(
                "dsiem_bus_streams_replaced",
                "Times that the stream was another one than had been read before, or had lost its end",
            ),
        }
    }
}

/// The name of a node's consumer on the server.
pub(super) fn consumer_name(node: &str) -> String {
    format!("dsiem_{}", node_token(node))
}
