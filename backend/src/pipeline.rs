//! The one place that makes the queues of correlation and starts its parts, in the order in which an event meets them:
//!
//! ```text
//! bus ─ ingest ─ filter threads ─ dispatcher (roster) ─ manager per directive ─ task per backlog ─ alarm log
//! ```
//!
//! Stopping goes the same way: ingest ends when the shutdown begins, each queue closes when its sender has ended, the
//! managers take the state back from their backlogs and save it, and the alarm log ends when nobody holds it any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::assets::Assets;
use dsiem_core::backlog::Settings;
use dsiem_core::directive::Directive;
use dsiem_core::index::DirectiveSlot;
use dsiem_core::snapshot::DirectiveState;
use dsiem_runtime::bus::{Acknowledger, EventSubscription, OverloadSender};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::ledger::Ledger;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::alarm_log::AlarmLog;
use crate::backlog::{Fault, Surroundings};
use crate::catalog::Catalog;
use crate::census::Census;
use crate::checkpoint::{Checkpoints, Maker, Sources};
use crate::counters::Counters;
use crate::enrich::Enrich;
use crate::filter::{self, Filter, FilterMode, FilteredBatch};
use crate::ingest::{self, BATCHES_IN_FLIGHT};
use crate::inquiry::{Inquiry, OpenCounts, QUESTIONS};
use crate::manager::{Manager, Retirement, Shared};
use crate::pressure::Pressure;
use crate::roster::{FAILURES, Mark, Means, POISON_FILE, RETIREMENTS, Recovery, Roster};
use crate::state::{Checkpointed, Store};
use crate::watchdog::Watchdog;
use crate::workers::{WorkerMode, Workers};

/// The name of the condition in `/readyz` that the books of correlation balance.
const LEDGER: &str = "ledger";

/// How the pipeline is to work.
#[derive(Debug, Clone)]
pub struct PipelineConfig {
    /// The rules of correlation that are settings.
    pub settings: Settings,
    /// Where the filter runs.
    pub filter: FilterMode,
    /// Where directives run.
    pub workers: WorkerMode,
    /// How long an event id is remembered, in seconds.
    pub duplicate_window_secs: u32,
    /// How many backlogs may be open.
    pub max_backlogs: usize,
    /// Whether all directives are awake from the start and stay so.
    pub preload: bool,
    /// How long a directive stays awake without a backlog.
    pub idle_timeout: Duration,
    /// How long an event may wait in here before frontends are told to slow down; zero: for ever.
    pub max_delay: Duration,
    /// How long after the last such wait they are told that it is over.
    pub hold: Duration,
    /// The rate, in events a second, that the process is meant to sustain.
    pub target_eps: u32,
}

/// What the pipeline is made of, besides where events come from.
pub struct Parts {
    /// The directives of today; their ids are unique.
    pub directives: Vec<Arc<Directive>>,
    /// Whose addresses are home.
    pub assets: Arc<Assets>,
    /// Where overload is told.
    pub overload: OverloadSender,
    /// Where alarms go. The pipeline's are to be the only handles, so that the log ends with it.
    pub alarm_log: AlarmLog,
    /// Whom to ask about addresses and ports.
    pub enrich: Enrich,
    /// Where state is saved when stopping; `None`: it is not.
    pub store: Option<Store>,
    /// Where it is kept all the time; `None`: it is not.
    pub checkpoints: Option<Checkpoints>,
    /// The time.
    pub clock: Clock,
    /// The books.
    pub counters: Counters,
    /// Counters and gauges of the process.
    pub metrics: Metrics,
    /// What an orchestrator is told.
    pub readiness: Readiness,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Lets tests do harm; `None` anywhere else.
    pub fault: Option<Fault>,
}

/// Starts the pipeline on the events of `subscription`. Its tasks belong to the shutdown, which waits for them. What comes
/// back may be asked for as long as it runs.
///
/// # Errors
/// When saved state cannot be listed or a thread cannot be started.
pub fn start(
    config: PipelineConfig,
    parts: Parts,
    subscription: EventSubscription,
) -> anyhow::Result<Inquiry> {
    let (counters, shutdown, mode) = (parts.counters.clone(), parts.shutdown.clone(), config.filter);
    let queue_length = parts.metrics.gauge("dsiem_queue_length", "Events waiting in the receive queue");
    let ledger = Ledger::new(LEDGER, counters.balances(), &parts.metrics, &parts.readiness);
    let watchdog = Watchdog {
        counters: counters.clone(),
        books: ledger.standing(),
        queue_length: queue_length.clone(),
        target_eps: config.target_eps,
    };
    let correlation = Correlation::new(config, parts, subscription.acknowledger())?;
    let (send, filtered) = filter::start(correlation.filter(), mode, BATCHES_IN_FLIGHT)
        .context("cannot start the filter threads; is a limit on threads set for this process?")?;
    shutdown.spawn_service("watchdog", watchdog.run());
    shutdown.spawn_service("ledger", ledger.run());
    shutdown.spawn("ingest", ingest::run(subscription, counters, queue_length, shutdown.clone(), send));
    let inquiry = correlation.inquiry();
    correlation.start(filtered);
    Ok(inquiry)
}

/// What lies behind the filter: the roster, and the managers that it wakes. Not started yet.
pub struct Correlation {
    roster: Roster,
    wishes: mpsc::Receiver<Retirement>,
    cuts: Cuts,
    managers: Managers,
    backlogs: TaskTracker,
    filter: Filter,
    inquiry: Inquiry,
    pressure: Pressure,
    overload: OverloadSender,
    hold: Duration,
    shutdown: Shutdown,
}

impl Correlation {
    /// Takes over saved state, and wakes the directives that have some or are preloaded.
    ///
    /// # Errors
    /// When saved state cannot be listed or a thread cannot be started.
    pub fn new(config: PipelineConfig, parts: Parts, acknowledger: Acknowledger) -> anyhow::Result<Self> {
        let Parts {
            directives,
            assets,
            overload,
            alarm_log,
            enrich,
            store,
            mut checkpoints,
            clock,
            counters,
            ..
        } = parts;
        let settings = Arc::new(config.settings);
        let mut catalog = Catalog::new(directives, assets.clone(), settings.seed);
        counters.directives_loaded.set(i64::try_from(catalog.len()).unwrap_or(i64::MAX));
        let (states, same_as_checkpoint) =
            reload(store.as_ref(), checkpoints.as_mut(), &mut catalog, &settings)?;
        let restorer = checkpoints.as_ref().map(|checkpoints| checkpoints.restorer(&settings));
        let (marks, wanted) = mpsc::channel(1);
        let ended = CancellationToken::new();
        let maker = checkpoints.map(|checkpoints| {
            let sources = Sources { marks, alarm_log: alarm_log.clone(), ended: ended.clone() };
            (checkpoints.maker(acknowledger, !same_as_checkpoint), sources)
        });
        let catalog = Arc::new(catalog);
        let filter = Filter {
            catalog: catalog.clone(),
            counters: counters.clone(),
            max_clock_skew_secs: settings.max_clock_skew_secs,
        };
        let (failures, failed) = mpsc::channel(FAILURES);
        let saved = store.clone();
        let recovery = restorer.zip(store.as_ref()).map(|(restorer, store)| Means {
            restorer,
            catalog: catalog.clone(),
            alarm_log: alarm_log.clone(),
            failures: failed,
            poison_file: store.logs().join(POISON_FILE),
            poisoned: parts
                .metrics
                .counter("dsiem_poison_events", "Events that made their directive fail twice"),
            readiness: parts.readiness.clone(),
        });
        let (retirements, wishes) = mpsc::channel(RETIREMENTS);
        let pressure = Pressure::new(config.max_delay);
        let (asking, questions) = mpsc::channel(QUESTIONS);
        let open = OpenCounts::new(catalog.len());
        let inquiry = Inquiry::new(catalog.by_id(), open.clone(), asking);
        let backlogs = TaskTracker::new();
        let shared = Arc::new(Shared {
            surroundings: Arc::new(Surroundings {
                settings,
                assets,
                alarm_log,
                enrich,
                counters: counters.clone(),
                fault: parts.fault,
            }),
            clock,
            census: Census::new(config.max_backlogs, counters.clone(), parts.readiness),
            open,
            pressure: pressure.clone(),
            failures: recovery.is_some().then_some(failures),
            retirements,
            store,
            checkpoints: maker.is_some(),
            tasks: backlogs.clone(),
            duplicate_window_secs: config.duplicate_window_secs,
            idle_timeout: (!config.preload).then_some(config.idle_timeout),
            event_budget: Duration::from_secs(1) / config.target_eps.max(1),
        });
        let workers = Workers::start(config.workers)
            .context("cannot start the correlation threads; is a limit on threads set for this process?")?;
        let managers = Managers { workers: Arc::new(workers), tasks: TaskTracker::new() };
        let roster = roster(catalog, shared, states, managers.clone(), counters, config.preload)
            .with_recovery(recovery.map(Recovery::new))
            .with_questions(questions);
        let (hold, shutdown) = (config.hold, parts.shutdown);
        let cuts = Cuts { wanted, ended, maker, store: saved };
        Ok(Self {
            roster,
            wishes,
            cuts,
            managers,
            backlogs,
            filter,
            inquiry,
            pressure,
            overload,
            hold,
            shutdown,
        })
    }

    /// The filter of the directives in here.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter.clone()
    }

    /// Asks it, once it has been started.
    #[must_use]
    pub fn inquiry(&self) -> Inquiry {
        self.inquiry.clone()
    }

    /// Starts it; it ends with the batches.
    pub fn start(self, filtered: mpsc::Receiver<FilteredBatch>) {
        let Self { roster, wishes, cuts, managers, backlogs, pressure, overload, hold, shutdown, .. } = self;
        shutdown.spawn_service("overload signals", pressure.run(overload, hold));
        shutdown.spawn("correlation", async move {
            let making = cuts.maker.map(|(maker, sources)| tokio::spawn(maker.run(sources)));
            roster.run(filtered, wishes, cuts.wanted, cuts.ended).await;
            managers.tasks.close();
            managers.tasks.wait().await;
            if let (Some(making), Some(store)) = (making, cuts.store) {
                match making.await {
                    Ok(maker) => maker.finish(store.newest_file()).await,
                    Err(error) => error!(%error, "the task of checkpoints failed"),
                }
            }
            backlogs.close();
            backlogs.wait().await;
            drop(managers);
            info!("correlation has stopped");
        });
    }
}

/// What checkpoints need.
struct Cuts {
    wanted: mpsc::Receiver<Mark>,
    ended: CancellationToken,
    maker: Option<(Maker, Sources)>,
    /// Where state is saved once more when stopping.
    store: Option<Store>,
}

/// The state of the directives that have some, and whether it is just that of the last checkpoint; the catalog learns the rules that their backlogs run with.
fn reload(
    store: Option<&Store>,
    mut checkpoints: Option<&mut Checkpoints>,
    catalog: &mut Catalog,
    settings: &Settings,
) -> anyhow::Result<(HashMap<DirectiveSlot, DirectiveState>, bool)> {
    let Some(store) = store else { return Ok((HashMap::new(), false)) };
    let slots = catalog.by_id();
    let by_id = catalog.directives().map(|(_, directive)| (directive.id, directive.clone())).collect();
    let mut states = HashMap::new();
    let last = checkpoints.as_deref().and_then(|last| last.newest_file().zip(Some(last)));
    let checkpoint = match last {
        Some((newest_file, last)) => Some(Checkpointed { newest_file, states: last.load(&by_id, settings)? }),
        None => None,
    };
    let reloaded = store.load(&by_id, settings, checkpoint)?;
    if let Some(checkpoints) = &mut checkpoints {
        checkpoints.know_files(reloaded.newest_file);
    }
    for (id, state) in reloaded.states {
        let Some(slot) = slots.get(&id) else { continue };
        for open in &state.backlogs {
            let definition = open.backlog.directive();
            if !Arc::ptr_eq(definition, catalog.directive(*slot)) {
                catalog.also(*slot, &definition.clone());
            }
        }
        states.insert(*slot, state);
    }
    Ok((states, reloaded.same_as_checkpoint))
}

/// Where managers run.
#[derive(Clone)]
struct Managers {
    workers: Arc<Workers>,
    tasks: TaskTracker,
}

/// The roster, with the directives awake that have state or are preloaded.
fn roster(
    catalog: Arc<Catalog>,
    shared: Arc<Shared>,
    mut states: HashMap<DirectiveSlot, DirectiveState>,
    managers: Managers,
    counters: Counters,
    preload: bool,
) -> Roster {
    let awake: Vec<_> = catalog
        .directives()
        .map(|(slot, _)| slot)
        .filter(|slot| preload || states.contains_key(slot))
        .collect();
    let directives = catalog.len();
    let wake = Box::new(move |slot, mailbox, wake_time, state: Option<DirectiveState>| {
        let saved = states.remove(&slot);
        let state = state.or(saved).unwrap_or_default();
        let (directive, shared) = (catalog.directive(slot).clone(), shared.clone());
        // Made where it runs, so that the backlogs that it reloads run there too.
        let run = async move { Manager::new(slot, directive, shared, mailbox, wake_time, state).run().await };
        managers.workers.spawn(&managers.tasks, run);
    });
    let mut roster = Roster::new(directives, wake, counters);
    for slot in awake {
        roster.wake(slot);
    }
    roster
}
