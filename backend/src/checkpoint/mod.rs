//! State that survives `kill -9`: every few seconds, what has changed goes to disk in one transaction.
//!
//! A checkpoint is a cut through the stream of events: all directives as they are behind one and the same event, the place
//! of that event in the stream of the bus, and where the alarm files ended before anything behind it could be written. A
//! process that is killed goes on from there: it reads the events behind the cut again, comes to the same alarms, and does
//! not write lines again that are in the files already.
//!
//! Nobody waits for a checkpoint. The maker puts a mark behind the events that the roster has dispatched; each manager
//! finds it in its mailbox in its turn and says what has changed ([`crate::manager::Part`]); when all have, the alarm
//! files are synced, the transaction of the database is committed, and the bus is told that it may forget.

mod database;
mod maker;
mod parts;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::backlog::Settings;
use dsiem_core::directive::Directive;
use dsiem_core::snapshot::DirectiveState;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{Acknowledger, Position, StreamId};
use dsiem_runtime::files;
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};
use dsiem_runtime::status::Readiness;
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::alarm_log::Ends;
use database::{Database, OpenError};
pub use maker::{Maker, Sources};
pub use parts::Parts;

/// Default of `--checkpoint-interval`, in seconds.
pub const DEFAULT_INTERVAL_SECS: u32 = 2;

/// The folder of checkpoints, in the logs folder.
const FOLDER: &str = "state";

/// The file by which a process of the node `node` knows that the one before it is dead.
#[must_use]
pub fn holder_file(logs: &Path, node: &str) -> PathBuf {
    logs.join(FOLDER).join(format!("{}.holder", files::in_file_name(node)))
}

/// The suffix of a file that could not be read.
const REJECTED: &str = "rejected";

/// The name of the condition in `/readyz`.
const CONDITION: &str = "checkpoint";

/// That of a file that was moved aside; it stands until the process ends.
const DAMAGED: &str = "checkpoint_damaged";

/// What a checkpoint says besides the state of directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Counts up from 1; 0 for the beginning, when there was no state yet.
    number: u64,
    /// When the newest file of saved backlogs was written that it knows.
    newest_file: ReceiptTime,
    /// The stream, and up to which event everything is in here.
    reached: Option<(u64, u64)>,
    /// Where the alarm files ended before anything behind the cut could be written.
    alarm_log: Option<Ends>,
}

/// The checkpoints of one node.
pub struct Checkpoints {
    database: Arc<Mutex<Database>>,
    folder: PathBuf,
    last: Option<Manifest>,
    /// When the newest file of saved backlogs was written that has been read, or made old.
    newest_file: ReceiptTime,
    interval: Duration,
    /// Whether the file is written by the task that makes them, and not on a thread where it holds up nobody.
    inline: bool,
    counts: Counts,
    readiness: Readiness,
}

#[derive(Debug, Clone)]
struct Counts {
    made: Counter,
    failed: Counter,
    quarantined: Counter,
    discarded: Counter,
    millis: Gauge,
}

impl Checkpoints {
    /// Opens the checkpoints of `node` in the folder `logs`. A file that cannot be read is moved aside, and what it held
    /// is counted as lost and built up again from what the bus still has.
    ///
    /// # Errors
    /// When the file cannot be opened or made, is in use, or was written by a later release.
    pub fn open(
        logs: &Path,
        node: &str,
        interval: Duration,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> anyhow::Result<Self> {
        let counts = Counts::new(metrics);
        let folder = logs.join(FOLDER);
        std::fs::create_dir_all(&folder)
            .with_context(|| {
                format!(
                    "cannot make the folder {} for checkpoints: give this process write access to it, or --durability off",
                    folder.display()
                )
            })?;
        let path = folder.join(format!("{}.sqlite", files::in_file_name(node)));
        let (opened, damaged) = match Database::open(&path) {
            Err(OpenError::Unreadable(reason)) => {
                set_aside(&path, &reason, &counts, readiness)?;
                (Database::open(&path), true)
            }
            opened => (opened, false),
        };
        let (database, last) =
            opened.with_context(|| format!("cannot open the checkpoints in {}", path.display()))?;
        let database = Arc::new(Mutex::new(database));
        let mut this = Self {
            database,
            folder,
            last,
            newest_file: ReceiptTime::default(),
            interval,
            inline: false,
            counts,
            readiness: readiness.clone(),
        };
        if damaged {
            // What follows may have been said before, at any time.
            this.begin(Ends::default())?;
        }
        Ok(this)
    }

    /// The same, but the file is written without a thread: for simulations, in which time passes while a checkpoint is
    /// made, and whose every run is the same.
    #[must_use]
    pub fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// Before anything is written into the alarm files for the first time: notes where they end. A process that is killed
    /// before its first checkpoint would not know else what it has written.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn begin(&mut self, ends: Ends) -> anyhow::Result<()> {
        if self.last.is_some() {
            return Ok(());
        }
        let manifest =
            Manifest { number: 0, newest_file: ReceiptTime::default(), reached: None, alarm_log: Some(ends) };
        let mut database = lock(&self.database);
        database.begin(0, false)?.commit(&manifest).context("cannot write the first checkpoint")?;
        self.last = Some(manifest);
        Ok(())
    }

    /// The folder that they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where reading goes on: behind what the last checkpoint holds.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let (stream, sequence) = self.last?.reached?;
        Some(Position { stream: StreamId(stream), sequence })
    }

    /// Where the alarm files ended at the last checkpoint.
    #[must_use]
    pub fn alarm_log_ends(&self) -> Option<Ends> {
        self.last?.alarm_log
    }

    /// When the newest file of saved backlogs was written that the last one knows: what is in that, or in an older one,
    /// is in it too, or was before.
    #[must_use]
    pub fn newest_file(&self) -> Option<ReceiptTime> {
        Some(self.last?.newest_file)
    }

    /// From now on they know the files of saved backlogs up to this one.
    pub fn know_files(&mut self, newest: ReceiptTime) {
        self.newest_file = newest;
    }

    /// The state of all directives at the last checkpoint. `today` are those of today, by id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(
        &self,
        today: &HashMap<u64, Arc<Directive>>,
        settings: &Settings,
    ) -> anyhow::Result<BTreeMap<u64, DirectiveState>> {
        let loaded = lock(&self.database).load(today, settings)?;
        for (id, reason) in &loaded.set_aside {
            self.counts.discarded.inc();
            error!(backlog.id = id, reason, "a backlog of the last checkpoint cannot be used");
        }
        let backlogs: usize = loaded.states.values().map(|state| state.backlogs.len()).sum();
        // The very first one only says where the alarm files ended.
        if let Some(last) = self.last.filter(|last| last.number > 0) {
            info!(number = last.number, backlogs, reached = ?last.reached, "going on from the last checkpoint");
        }
        Ok(loaded.states)
    }

    /// Where single directives get their state from again.
    #[must_use]
    pub fn restorer(&self, settings: &Arc<Settings>) -> Restorer {
        Restorer { database: self.database.clone(), settings: settings.clone() }
    }

    /// The task that makes checkpoints, and tells `acknowledger` of them. With `afresh`, the first one counts no earlier
    /// one.
    #[must_use]
    pub fn maker(self, acknowledger: Acknowledger, afresh: bool) -> Maker {
        Maker::new(self, acknowledger, afresh)
    }
}

/// A lock, because threads that block read and write for tasks; what is half written is rolled back.
fn lock(database: &Mutex<Database>) -> MutexGuard<'_, Database> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the state of single directives.
#[derive(Clone)]
pub struct Restorer {
    database: Arc<Mutex<Database>>,
    settings: Arc<Settings>,
}

/// A directive as it was at the last checkpoint.
#[derive(Debug)]
pub struct Restored {
    /// Its state.
    pub state: DirectiveState,
    /// Where the alarm files ended.
    pub alarm_log: Option<Ends>,
}

impl Restorer {
    /// The directive's state at the last checkpoint; `None` before there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn restore(&self, directive: &Arc<Directive>) -> anyhow::Result<Option<Restored>> {
        let (this, directive) = (self.clone(), directive.clone());
        let read = move || {
            let database = lock(&this.database);
            database.load_one(&directive, &this.settings)
        };
        Ok(tokio::task::spawn_blocking(read).await??)
    }
}

fn set_aside(path: &Path, reason: &str, counts: &Counts, readiness: &Readiness) -> anyhow::Result<()> {
    counts.quarantined.inc();
    let aside = files::set_aside(path, REJECTED)
        .with_context(|| format!("{} cannot be read ({reason}), nor moved aside", path.display()))?;
    // What was committed and not yet moved into the file itself.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).exists() {
        files::set_aside(Path::new(&log), REJECTED)?;
    }
    let told = format!(
        "the checkpoints were damaged ({reason}) and are moved to {}; state is built up again from the events that the bus still has",
        aside.display()
    );
    error!("{told}");
    readiness.degrade(DAMAGED, told);
    Ok(())
}

impl Counts {
    fn new(metrics: &Metrics) -> Self {
        Self {
            made: metrics.counter("dsiem_checkpoints", "Checkpoints made"),
            failed: metrics.counter("dsiem_checkpoints_failed", "Checkpoints that could not be made"),
            quarantined: metrics
                .counter("dsiem_checkpoints_quarantined", "Files of checkpoints that could not be read"),
            discarded: metrics.counter(
                "dsiem_checkpoint_backlogs_discarded",
                "Backlogs of a checkpoint that could not be used",
            ),
            millis: metrics
                .gauge("dsiem_checkpoint_milliseconds", "Milliseconds that the last checkpoint took"),
        }
    }
}
