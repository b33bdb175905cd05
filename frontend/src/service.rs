//! The frontend put together, in the order in which a request goes through it.
//!
//! [`Frontend`] gets everything that has an outside: the bus, the listener, the clock, the shutdown. So the same code
//! is a process of its own over NATS ([`serve`]), a part of `dsiem serve` over the bus in memory, and a value in a test.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use dsiem_runtime::bus::{EventPublisher, Nats, OverloadReceiver};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::ledger::Ledger;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::nodes::NodeKind;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::{self, Readiness};
use tokio::net::TcpListener;

use crate::accounts::Accounts;
use crate::alarms::{self, Alarms, Process};
use crate::auth::Auth;
use crate::body::Bodies;
use crate::config::{Config, ServeConfig};
use crate::config_store::{CHOICES_FILE, ConfigStore};
use crate::counters::EventCounters;
use crate::http::api::{self, Api, Configuration};
use crate::http::config_files::ConfigFiles;
use crate::http::door::Door;
use crate::http::events::Events;
use crate::http::ui::Page;
use crate::http::{self, Resources, Site};
use crate::library::Library;
use crate::limiter::Limiter;
use crate::nodes::{Membership, Nodes};
use crate::notifications::{Dispatcher, Notifications, Tester};
use crate::peers::Peers;
use crate::places::Places;
use crate::publisher::Publisher;
use crate::{rejected, server};

/// How long requests that have arrived may take when the process stops.
pub const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// How long all tasks of the process may take when it stops: longer than [`REQUEST_GRACE`], and within the ten seconds
/// that containers are given.
pub const PROCESS_GRACE: Duration = Duration::from_secs(9);

/// The name of the condition in `/readyz`.
const CONFIG_FOLDER: &str = "config_folder";

/// The name of the condition in `/readyz` that somebody can sign in.
const ACCOUNTS: &str = "accounts";

/// The name of the condition in `/readyz` that the books of a frontend balance.
const LEDGER: &str = "frontend_ledger";

/// What a frontend needs from outside.
#[derive(Debug)]
pub struct Parts {
    /// Where events go.
    pub publisher: EventPublisher,
    /// What backends say about their load.
    pub overload: OverloadReceiver,
    /// The alarms that are kept, if any are.
    pub alarms: Option<Alarms>,
    /// The processes of the installation.
    pub nodes: Nodes,
    /// Receipt times.
    pub clock: Clock,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where it says whether it can work.
    pub readiness: Readiness,
    /// When to stop.
    pub shutdown: Shutdown,
}

/// A frontend that is put together and not started.
pub struct Frontend {
    site: Site,
    limiter: Limiter,
    overload: OverloadReceiver,
    rejected: rejected::Writer,
    alarms: Option<Alarms>,
    ledger: Ledger,
    store: ConfigStore,
    auth: Option<Auth>,
    dispatcher: Option<Dispatcher>,
    config: Config,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Frontend {
    /// Puts it together; touches nothing outside.
    #[must_use]
    pub fn new(config: Config, parts: Parts) -> Self {
        let Parts { publisher, overload, alarms, nodes, clock, metrics, readiness, shutdown } = parts;
        let bodies = Bodies::new(config.max_body);
        let limiter = Limiter::new(config.throttle);
        let configs = ConfigStore::new(config.home.configs.clone(), config.readers);
        let (rejected, rejected_writer) = rejected::open(&config.home.logs, &metrics);
        let doors = &config.doors;
        let counters = EventCounters::new(&metrics);
        let ledger = Ledger::new(LEDGER, counters.balances(), &metrics, &readiness);
        let auth = alarms.as_ref().map(|alarms| {
            let accounts = Accounts::new(alarms.database.clone());
            Auth::new(config.auth.clone(), accounts, doors.tls.is_some(), clock.clone(), &metrics)
        });
        let (dispatcher, tester) =
            alarms.as_ref().and_then(|alarms| notifications(alarms, &config, &clock, &metrics)).unzip();
        let api = alarms.as_ref().zip(auth.clone()).map(|(alarms, auth)| {
            Api::new(api::Parts {
                store: alarms.store.clone(),
                library: Library::new(config.home.configs.clone()),
                configuration: Configuration {
                    store: configs.clone(),
                    bodies: bodies.clone(),
                    writable: config.writable_config,
                },
                auth,
                tester,
                nodes,
                choices: config.choices.clone(),
                clock: clock.clone(),
                stop: shutdown.token(),
            })
        });
        let events = Events {
            door: Door::of_events(doors.events_token.clone(), &metrics),
            peers: Peers::new(doors.max_peer_eps, &metrics),
            bodies: bodies.clone(),
            limiter: limiter.clone(),
            publisher: Publisher::new(publisher, config.max_queue),
            rejected,
            counters,
            clock,
            requests: Arc::new(AtomicU64::new(0)),
        };
        let config_files = ConfigFiles {
            door: Door::of_config(doors.config_token.clone(), &metrics),
            store: configs.clone(),
            bodies,
            writable: config.writable_config,
        };
        let page = Page::new(config.home.web.clone());
        let status = status::router(metrics.clone(), readiness.clone());
        let site = http::site(Resources { events, config_files, page, api }, status, &metrics);
        Self {
            site,
            limiter,
            overload,
            rejected: rejected_writer,
            alarms,
            ledger,
            store: configs,
            auth,
            dispatcher,
            config,
            metrics,
            readiness,
            shutdown,
        }
    }

    /// What it serves, without a listener: for tests of one request. [`run`](Self::run) does not end before such a copy
    /// is dropped, because refused events may still come from it.
    pub fn router(&self) -> Router {
        self.site.clone().into_router()
    }

    /// The alarms that are kept, if any are.
    #[must_use]
    pub fn alarms(&self) -> Option<&Alarms> {
        self.alarms.as_ref()
    }

    /// Serves on `listener` until the shutdown begins and the requests that have arrived are finished.
    pub async fn run(self, listener: TcpListener) {
        self.write_choices().await;
        self.begin_auth(&listener).await;
        let Self {
            site,
            limiter,
            overload,
            rejected,
            ledger,
            dispatcher,
            config,
            metrics,
            readiness,
            shutdown,
            ..
        } = self;
        let places = Places::new(config.doors.max_peer_connections, &metrics);
        let (tls, reloader) = config.doors.tls.map(|tls| tls.open(&metrics, readiness)).unzip();
        let serving = async {
            // The site holds the other end of the rejected events: they end after it, and not before.
            server::serve(listener, tls, site, places, shutdown.token(), REQUEST_GRACE, &metrics).await;
        };
        let reloading = async {
            match reloader {
                Some(reloader) => reloader.run().await,
                None => std::future::pending().await,
            }
        };
        let telling = async {
            if let Some(dispatcher) = dispatcher {
                dispatcher.run(shutdown.token()).await;
            }
        };
        let following = limiter.follow(overload, metrics.clone());
        tokio::select! {
            ((), (), ()) = async { tokio::join!(serving, rejected.run(), telling) } => {}
            () = following => {}
            () = ledger.run() => {}
            never = reloading => match never {},
        }
    }

    /// Without somebody who can sign in, everything but the page and its API works.
    async fn begin_auth(&self, listener: &TcpListener) {
        let (Some(auth), Ok(address)) = (&self.auth, listener.local_addr()) else { return };
        if let Err(reason) = auth.begin(address, self.config.doors.tls.is_some()).await {
            tracing::error!(%reason, "nobody can be made the first user; correct it and start again");
            self.readiness.degrade(ACCOUNTS, reason.to_string());
        }
    }

    /// The user interface works without it, with its own defaults; so a folder that cannot be written is no failure.
    async fn write_choices(&self) {
        let Err(error) = self.store.write_choices(&self.config.choices).await else {
            self.readiness.set(CONFIG_FOLDER, Ok(()));
            return;
        };
        let folder = self.config.home.configs.display();
        tracing::warn!(%folder, %error, "{CHOICES_FILE} cannot be written; make the folder writable to change what alarms can be set to");
        self.readiness.degrade(CONFIG_FOLDER, error.to_string());
    }
}

/// Who tells people of alarms. Without him, everything else works.
fn notifications(
    alarms: &Alarms,
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Option<(Dispatcher, Tester)> {
    let notifications = Notifications::new(alarms.database.clone());
    let public_url = config.auth.public_url.as_ref().map(ToString::to_string);
    let made = Dispatcher::new(notifications, public_url, clock.clone(), metrics);
    made.inspect_err(|error| tracing::error!(error = format!("{error:#}"), "nobody is told of alarms")).ok()
}

/// Serves as part of a process until its shutdown begins and the requests that have arrived are finished.
pub async fn run(config: Config, parts: Parts, listener: TcpListener) {
    Frontend::new(config, parts).run(listener).await;
}

/// A process of its own: HTTP in, NATS out, until SIGTERM or SIGINT.
///
/// # Errors
/// If the address cannot be listened on, or something of the process failed or did not stop in time.
pub async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let ServeConfig { listen, nats, frontend, alarms } = config;
    let node = nats.node.clone();
    let (clock, metrics, readiness) = (Clock::system(), Metrics::new(), Readiness::new());
    let shutdown = Shutdown::new();
    shutdown.on_signals();
    let listener = listen_on(listen).await?;
    let nats = Nats::connect(nats, clock.clone(), &metrics, &shutdown);
    shutdown
        .spawn_service("readiness of the event bus", status::follow_bus(nats.connected(), readiness.clone()));
    if let Some(health) = nats.stream_health() {
        shutdown.spawn_service("readiness of the stream", status::follow_stream(health, readiness.clone()));
    }
    let alarms = match alarms {
        Some(config) => Some(alarms::open(config).await?),
        None => None,
    };
    if let Some(alarms) = &alarms {
        let subscription = nats.subscribe_alarms(&alarms.name(&clock).await?);
        let process =
            Process { clock: clock.clone(), metrics: &metrics, readiness: &readiness, shutdown: &shutdown };
        alarms.start(subscription, &process);
    }
    let membership = Membership {
        kind: NodeKind::Frontend,
        node: node.clone(),
        described: frontend.described(),
        reports: nats.reports(),
        bus: nats.view(),
        asker: nats.backlog_asker(),
    };
    let nodes = Nodes::start(membership, &clock, &metrics, &readiness, &shutdown);
    let parts = Parts {
        publisher: nats.event_publisher(),
        overload: nats.overload_receiver(),
        alarms,
        nodes,
        clock,
        metrics,
        readiness,
        shutdown: shutdown.clone(),
    };
    tracing::info!(%node, address = %listener.local_addr().unwrap_or(listen), "frontend started");
    shutdown.spawn("frontend", run(frontend, parts, listener));
    shutdown.run_until_stopped("the frontend", PROCESS_GRACE).await
}

/// Opens the HTTP listener.
///
/// # Errors
/// What the system says, and what to change.
pub async fn listen_on(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another with --ip-address (DSIEM_ADDRESS) and --tcp-port (DSIEM_PORT)")
    })
}
