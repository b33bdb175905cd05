//! The alarms of a process: the store, what fills it, and what keeps it small.
//!
//! [`open`] opens what [`AlarmsConfig`] names. [`Alarms`] is what everybody else gets of it. [`Alarms::start`] begins to
//! take what backends publish, and to remove what is too old or too much.

mod feed;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use dsiem_runtime::bus::AlarmSubscription;
use dsiem_runtime::clock::Clock;
use dsiem_runtime::metrics::Metrics;
use dsiem_runtime::program;
use dsiem_runtime::secret::Secret;
use dsiem_runtime::shutdown::Shutdown;
use dsiem_runtime::status::Readiness;

use crate::alarm_store::{AlarmStore, Limits, Words};
use crate::database::Database;

use feed::Feed;
use upkeep::Upkeep;

/// The name of the condition in `/readyz` that alarms get into the store.
const CONDITION: &str = "alarm_store";

/// Where alarms are kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this SQLite file, of one process.
    File(PathBuf),
    /// In the PostgreSQL database at this URL, which several frontends may share.
    Server(Secret),
}

/// Which alarms are kept where, and for how long.
#[derive(Debug, Clone)]
pub struct AlarmsConfig {
    /// Where.
    pub place: Place,
    /// How long, and how many.
    pub limits: Limits,
    /// The words of the installation.
    pub words: Words,
}

/// The store, and the database that it is in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alarms {
    /// What the store is in; others keep what is theirs there as well.
    pub database: Arc<Database>,
    /// The alarms themselves.
    pub store: Arc<AlarmStore>,
    limits: Limits,
}

/// What [`Alarms::start`] needs of the process.
#[derive(Debug)]
pub struct Process<'a> {
    /// The time.
    pub clock: Clock,
    /// Where it counts.
    pub metrics: &'a Metrics,
    /// Where it says whether alarms get into the store.
    pub readiness: &'a Readiness,
    /// When to stop.
    pub shutdown: &'a Shutdown,
}

/// Opens or makes the database.
///
/// # Errors
/// When it cannot be opened, and what to do about it.
pub async fn open(config: AlarmsConfig) -> anyhow::Result<Alarms> {
    let AlarmsConfig { place, limits, words } = config;
    // All of it may block: a store in a server also begins to listen there.
    let open = move || Ok(Alarms::new(Arc::new(open_database(&place)?), limits, words));
    tokio::task::spawn_blocking(open).await?
}

/// Opens or makes the database at `place`. Blocks.
///
/// # Errors
/// When it cannot be opened, and what to do about it.
pub fn open_database(place: &Place) -> anyhow::Result<Database> {
    match place {
        Place::File(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            }
            Database::open_file(path).with_context(|| {
                format!(
                    "the alarm store {} cannot be opened; see --alarm-store (DSIEM_ALARM_STORE)",
                    path.display()
                )
            })
        }
        Place::Server(url) => Database::open_server(url.expose())
            .context("the alarm store at --alarm-store (DSIEM_ALARM_STORE) cannot be opened"),
    }
}

impl Alarms {
    /// The alarms in `database`. Blocks.
    #[must_use]
    pub fn new(database: Arc<Database>, limits: Limits, words: Words) -> Self {
        let store = Arc::new(AlarmStore::new(database.clone(), words));
        Self { database, store, limits }
    }

    /// What the store is called on the bus, where its frontends share what is for it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn name(&self, clock: &Clock) -> anyhow::Result<String> {
        let (store, now) = (self.store.clone(), clock.now().nanos());
        let new = format!("{now:x}{:016x}", program::seed().0);
        let id = tokio::task::spawn_blocking(move || store.id(&new)).await??;
        Ok(format!("alarms-{id}"))
    }

    /// Begins to take what `subscription` brings, and to remove what is beyond the limits.
    pub fn start(&self, subscription: AlarmSubscription, process: &Process<'_>) {
        let Process { clock, metrics, readiness, shutdown } = process;
        let feed =
            Feed::new(self, subscription, clock.clone(), metrics, (*readiness).clone(), shutdown.token());
        shutdown.spawn("alarm store", feed.run());
        let upkeep = Upkeep::new(self.store.clone(), self.limits, clock.clone(), metrics);
        shutdown.spawn_service("alarm store upkeep", upkeep.run());
    }
}
