//! The bus between processes: core NATS, as existing dsiem processes use it, and over it a [`stream`] that keeps events.
//!
//! One connection that is kept up for ever, with three uses: the publisher puts events on the bus and says so only when
//! the server has them, the subscription reads without pause into a queue that counts what it drops, and overload signals
//! go the other way. Core NATS loses what is under way when a connection breaks; what is published is numbered, so that
//! receivers count what is missing.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use tokio::sync::{mpsc, watch};
use tracing::error;

use super::{
    AlarmPublisher, AlarmSubscription, BacklogAsker, BacklogQueries, BusView, EventPublisher,
    EventSubscription, OverloadReceiver, OverloadSender, ReportReceiver, ReportSender,
};
use crate::clock::Clock;
use crate::metrics::{Counter, Metrics};
use crate::shutdown::Shutdown;

mod address;
mod credentials;
mod episode;
mod in_flight;
mod link;
mod overload;
mod publisher;
mod queries;
mod reports;
mod room;
mod sequence;
mod state;
pub mod stream;
mod subscription;

pub use address::{check_url, shown_url};
pub use credentials::{ClientCertificate, Credentials, CredentialsError, Identity};
pub use overload::SignalSender;
pub use publisher::Publisher;
pub use queries::{QueryPublisher, ReplyPublisher};
pub use reports::ReportPublisher;
pub use sequence::SEQUENCE_TOKEN;
pub use state::StateView;
pub use stream::{
    ALARM_EVENTS_SUBJECT, ALARMS_STREAM, ALARMS_SUBJECT, AlarmReader, DurablePublisher, DurableSubscription,
    Lease, NodeState, StreamAcknowledger, StreamError, StreamHealth, StreamOptions,
};
pub use subscription::Subscription;

use super::{Durability, Position};
use link::{Link, LinkEnds};

/// Where events go, as normalized event JSON.
pub const EVENTS_SUBJECT: &str = "dsiem_events";

/// Where overload signals go, as the text `true` or `false`.
pub const OVERLOAD_SUBJECT: &str = "dsiem_overload_signals";

/// Where processes say how they are, as JSON: see [`NodeReport`](crate::nodes::NodeReport).
pub const NODES_SUBJECT: &str = "dsiem_nodes";

/// Where frontends ask backends for the open backlogs of a directive, as JSON; answers go to the reply subject.
pub const BACKLOGS_SUBJECT: &str = "dsiem_backlogs";

/// The queue length that a `max_queue` of 0 stands for.
pub const UNLIMITED_QUEUE: usize = 524_288;

/// What the client library may hold for one subscription. Our tasks empty it without pause, so that it fills only while
/// the machine is too busy to run them.
const CLIENT_BUFFER_MESSAGES: usize = 262_144;

/// A silent server is noticed after three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before a second attempt to connect; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How many messages of the client library about itself may wait to be looked at; more are not worth reading.
const NOTICES_WAITING: usize = 64;

/// What has to be known to connect.
#[derive(Clone, Default)]
pub struct NatsConfig {
    /// One or several server addresses (commas between them), such as `nats://user:password@host:4222`. A user name
    /// without a password is a token.
    pub url: String,
    /// The name of this node, under which receivers count what is missing.
    pub node: String,
    /// Who this process is there, and whom it trusts.
    pub credentials: Credentials,
    /// Whether events have to be kept in a stream.
    pub durability: Durability,
    /// How that stream is to be.
    pub stream: StreamOptions,
}

/// One connection to NATS, and what our processes do with it.
///
/// Connecting goes on in the background for ever. The connection is kept for as long as this or anything made from it
/// is.
#[derive(Debug)]
pub struct Nats {
    link: Link,
    node: String,
    stream: StreamOptions,
    clock: Clock,
    metrics: Metrics,
    shutdown: Shutdown,
    /// Made when first asked for: a process that only receives needs no publishing task.
    publisher: OnceLock<Publisher>,
    /// Whether nothing may be lost, whatever that takes.
    required: bool,
    /// None: events are never kept.
    ways: Option<stream::Ways>,
    durable_publisher: OnceLock<DurablePublisher>,
}

impl Nats {
    /// Starts to connect and returns at once; that NATS is down is no error. Must be called within a tokio runtime.
    ///
    /// An address that cannot be read (see [`check_url`]) is logged and begins the shutdown as a failure.
    #[must_use]
    pub fn connect(config: NatsConfig, clock: Clock, metrics: &Metrics, shutdown: &Shutdown) -> Self {
        crate::tls::install();
        let (link, ends) = link::new(metrics);
        shutdown
            .spawn_service("nats connection", hold(config.clone(), ends, metrics.clone(), shutdown.clone()));
        let keeps = config.durability != Durability::Off;
        let ways = keeps.then(|| stream::Ways::start(&link, config.durability, config.stream, shutdown));
        Self {
            link,
            required: config.durability == Durability::Require,
            ways,
            durable_publisher: OnceLock::new(),
            node: config.node,
            stream: config.stream,
            clock,
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            publisher: OnceLock::new(),
        }
    }

    /// Puts events on the bus. All publishers of one connection are the same.
    pub fn event_publisher(&self) -> EventPublisher {
        let core = self
            .publisher
            .get_or_init(|| publisher::start(&self.link, &self.node, &self.metrics, &self.shutdown));
        let Some(ways) = &self.ways else { return EventPublisher::Nats(core.clone()) };
        let durable = self.durable_publisher.get_or_init(|| {
            stream::start_publisher(ways, core.clone(), &self.link, &self.node, &self.metrics, &self.shutdown)
        });
        EventPublisher::Durable(durable.clone())
    }

    /// Receives events into a queue of `max_queue` messages (0: [`UNLIMITED_QUEUE`]), which a task fills without pause
    /// from when NATS is there.
    ///
    /// From a stream, reading goes on behind `resume`, or begins with what there is; when the queue is full, the rest
    /// waits in the stream. From core NATS, the newest message is then dropped, counted and logged. There is one
    /// subscription for a node: a second one takes the place of the first in the stream.
    #[must_use]
    pub fn subscribe_events(&self, max_queue: usize, resume: Option<Position>) -> EventSubscription {
        let max_queue = if max_queue == 0 { UNLIMITED_QUEUE } else { max_queue };
        let clock = self.clock.clone();
        let Some(ways) = &self.ways else {
            return EventSubscription::Nats(subscription::start(
                &self.link,
                max_queue,
                clock,
                &self.metrics,
                &self.shutdown,
            ));
        };
        let parts = stream::Parts {
            link: self.link.clone(),
            ways: ways.clone(),
            node: self.node.clone(),
            max_queue,
            node_expiry: self.stream.node_expiry,
            replicas: self.stream.replicas,
            clock,
            metrics: self.metrics.clone(),
            shutdown: self.shutdown.clone(),
        };
        EventSubscription::Durable(Box::new(stream::start_subscription(parts, resume)))
    }

    /// Puts alarms on the bus. What it is given is confirmed once the stream has it, or once it was sent where nothing is
    /// kept.
    #[must_use]
    pub fn alarm_publisher(&self) -> AlarmPublisher {
        stream::start_alarm_publisher(
            &self.link,
            self.ways.as_ref(),
            self.stream.replicas,
            self.required,
            &self.metrics,
            &self.shutdown,
        )
    }

    /// Receives alarms for the store that is called `store`: letters, digits, `-` and `_`. Processes of the same store
    /// share them.
    #[must_use]
    pub fn subscribe_alarms(&self, store: &str) -> AlarmSubscription {
        let parts = stream::AlarmReaderParts {
            link: self.link.clone(),
            ways: self.ways.clone(),
            store: store.to_owned(),
            replicas: self.stream.replicas,
            stopping: self.shutdown.token(),
        };
        AlarmSubscription::Nats(Box::new(AlarmReader::new(parts)))
    }

    /// How the stream of events is, and when that changes; None if events are never kept. See
    /// [`follow_stream`](crate::status::follow_stream).
    #[must_use]
    pub fn stream_health(&self) -> Option<watch::Receiver<StreamHealth>> {
        self.ways.as_ref().map(stream::Ways::health)
    }

    /// Waits until this process alone is the node of its name, as far as the stream is concerned; of several processes
    /// with one name, the others stand by. Take it before subscribing. Without a stream, every process is its node.
    pub async fn lease(&self) -> Lease {
        self.lease_with(None).await
    }

    /// The same, but it takes over at once from a process that had this `file` too, and has ended without a word. Each
    /// process that is this node or wants to be has it locked while it lives.
    pub async fn lease_with(&self, file: Option<PathBuf>) -> Lease {
        match &self.ways {
            Some(ways) => {
                let wanted =
                    stream::WantedLease { node: self.node.clone(), replicas: self.stream.replicas, file };
                stream::take_lease(&self.link, ways, wanted, &self.shutdown).await
            }
            None => Lease::not_needed(),
        }
    }

    /// How far each backend is that reads the stream, or did.
    ///
    /// # Errors
    ///
    /// When there is no connection, or no stream.
    pub async fn nodes(&self) -> Result<Vec<NodeState>, StreamError> {
        stream::list_nodes(&self.link.client().await, self.stream.node_expiry, &self.clock).await
    }

    /// Has the stream keep nothing more for `node`, until that reads again. Returns whether anything was kept for it.
    ///
    /// # Errors
    ///
    /// When there is no connection, or no stream.
    pub async fn forget_node(&self, node: &str) -> Result<bool, StreamError> {
        stream::forget_node(&self.link.client().await, node).await
    }

    /// Says whether this process is overloaded.
    #[must_use]
    pub fn overload_sender(&self) -> OverloadSender {
        OverloadSender::Nats(SignalSender::new(self.link.clone()))
    }

    /// Hears the signals of everyone on the bus.
    #[must_use]
    pub fn overload_receiver(&self) -> OverloadReceiver {
        OverloadReceiver::Nats(overload::listen(&self.link, &self.shutdown))
    }

    /// Tells other processes how this one is.
    #[must_use]
    pub fn report_sender(&self) -> ReportSender {
        ReportSender::to_others(ReportPublisher::new(self.link.clone()))
    }

    /// Tells other processes and this one how this one is, and hears how the others are.
    #[must_use]
    pub fn reports(&self) -> (ReportSender, ReportReceiver) {
        let (sender, receiver) = super::reports(&self.metrics);
        if let Some(here) = sender.here() {
            reports::listen(&self.link, here, super::reports::refused(&self.metrics), &self.shutdown);
        }
        (sender.and_others(ReportPublisher::new(self.link.clone())), receiver)
    }

    /// Asks backends for the open backlogs of directives.
    #[must_use]
    pub fn backlog_asker(&self) -> BacklogAsker {
        BacklogAsker::There(QueryPublisher::new(self.link.clone()))
    }

    /// Hears questions for the open backlogs of directives.
    #[must_use]
    pub fn backlog_queries(&self) -> BacklogQueries {
        queries::listen(&self.link, &self.metrics, &self.shutdown)
    }

    /// Looks at NATS for whoever wants to know how it is.
    #[must_use]
    pub fn view(&self) -> BusView {
        BusView::Nats(Box::new(StateView {
            link: self.link.clone(),
            ways: self.ways.clone(),
            node_expiry: self.stream.node_expiry,
            clock: self.clock.clone(),
            not_before: None,
        }))
    }

    /// Whether there is a connection, and when that changes.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.link.connected()
    }
}

/// The task of the connection: makes the client and then watches it.
async fn hold(config: NatsConfig, ends: LinkEnds, metrics: Metrics, shutdown: Shutdown) {
    let servers = match address::Servers::parse(&config.url) {
        Ok(servers) => servers,
        Err(reason) => {
            error!(reason, "cannot connect to NATS, stopping");
            return shutdown.fail();
        }
    };
    let (sender, notices) = mpsc::channel(NOTICES_WAITING);
    let dropped = subscription::dropped_by(&metrics).with("client_buffer_full");
    let options = options(&config.node, sender, dropped);
    let options = match config.credentials.add_to(options, &servers) {
        Ok(options) => options,
        Err(error) => {
            error!(%error, "cannot connect to NATS, stopping");
            return shutdown.fail();
        }
    };
    // With a retried first connection this returns before there is one.
    match options.connect(servers.addresses()).await {
        Ok(client) => link::watch_client(client, notices, servers.to_string(), ends).await,
        Err(error) => {
            error!(%error, url = %servers, "cannot set up the NATS client, stopping");
            shutdown.fail();
        }
    }
}

fn options(node: &str, notices: mpsc::Sender<async_nats::Event>, dropped: Counter) -> ConnectOptions {
    let notices = Arc::new(notices);
    ConnectOptions::new()
        .name(format!("dsiem {node}"))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(pause_before)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(CLIENT_BUFFER_MESSAGES)
        // All subjects are ours, and looking at each again would cost as much as writing it.
        .skip_subject_validation(true)
        .event_callback(move |event| {
            if matches!(event, async_nats::Event::SlowConsumer(_)) {
                dropped.inc();
            }
            // When they come faster than they are read, the watcher looks at the state itself.
            notices.try_send(event).ok();
            async {}
        })
}

/// The pause before the attempt of this number, counted from 1 since the last connection.
fn pause_before(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let factor = 1_u32.checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

/// Which connection it is, counted from the first one of this client. The library counts before it uses a connection,
/// so that what comes in over one is seen with a number at least as high as that connection's.
fn generation(client: &Client) -> u64 {
    client.statistics().connects.load(std::sync::atomic::Ordering::Relaxed)
}

impl std::fmt::Debug for NatsConfig {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsConfig").field("node", &self.node).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let millis: Vec<_> = (1..10).map(|attempt| pause_before(attempt).as_millis()).collect();
        assert_eq!(millis, [0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(pause_before(usize::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn the_configuration_does_not_print_passwords() {
        let config = NatsConfig {
            url: "nats://a:secret@b".to_owned(),
            node: "be-0".to_owned(),
            ..NatsConfig::default()
        };
        assert!(!format!("{config:?}").contains("secret"));
    }
}
