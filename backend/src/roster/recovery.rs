//! What it takes to start a directive again that has failed: its state at the last checkpoint, and every event that it was
//! given since.
//!
//! An event that makes its directive fail twice is poison: it is set aside for a person to look at, and the directive goes
//! on without it.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use dsiem_core::directive::Directive;
use dsiem_core::event::{Event, EventKey};
use dsiem_core::index::DirectiveSlot;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::metrics::Counter;
use dsiem_runtime::status::Readiness;
use tokio::sync::mpsc;
use tracing::error;

use crate::alarm_log::AlarmLog;
use crate::catalog::Catalog;
use crate::checkpoint::{Restored, Restorer};
use crate::manager::Failure;

/// How many events are kept for all directives together; beyond, a directive that fails cannot be started again.
const MAX_KEPT: usize = 200_000;

/// How often one directive is started again between two checkpoints.
const MAX_RESTARTS: u32 = 8;

/// The name of the condition in `/readyz`; it stands until the process ends.
const CONDITION: &str = "poison";

/// The file of events that made their directive fail, in the logs folder.
pub const POISON_FILE: &str = "poison_events.json";

/// An event that a directive was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) event: Arc<Event>,
    pub(super) arrived: ReceiptTime,
    pub(super) opens: bool,
}

/// What one directive was given since the last checkpoint, oldest first.
#[derive(Debug, Default)]
pub(super) struct Since {
    /// Each with the number of the mark before it.
    given: VecDeque<(u64, Given)>,
    /// Whether there was more than could be kept.
    incomplete: bool,
    /// How often it was started again.
    restarts: u32,
}

/// Starts directives again.
pub struct Recovery {
    restorer: Restorer,
    catalog: Arc<Catalog>,
    alarm_log: AlarmLog,
    pub(super) failures: mpsc::Receiver<Failure>,
    poison_file: PathBuf,
    poisoned: Counter,
    readiness: Readiness,
    /// Events that a directive has failed with once.
    suspects: HashSet<(DirectiveSlot, EventKey)>,
    poison: HashSet<(DirectiveSlot, EventKey)>,
    kept: usize,
    /// The number of the last mark.
    mark: u64,
}

/// What a [`Recovery`] works with.
pub struct Means {
    /// Where the state is.
    pub restorer: Restorer,
    /// The directives.
    pub catalog: Arc<Catalog>,
    /// Where alarms go.
    pub alarm_log: AlarmLog,
    /// Managers that have failed.
    pub failures: mpsc::Receiver<Failure>,
    /// Where events go that made their directive fail.
    pub poison_file: PathBuf,
    /// Counts them.
    pub poisoned: Counter,
    /// Where they are flagged.
    pub readiness: Readiness,
}

impl Recovery {
    /// Nothing has failed.
    #[must_use]
    pub fn new(means: Means) -> Self {
        let Means { restorer, catalog, alarm_log, failures, poison_file, poisoned, readiness } = means;
        Self {
            restorer,
            catalog,
            alarm_log,
            failures,
            poison_file,
            poisoned,
            readiness,
            suspects: HashSet::new(),
            poison: HashSet::new(),
            kept: 0,
            mark: 0,
        }
    }

    /// A checkpoint is marked here.
    pub(super) fn mark(&mut self, number: u64) {
        self.mark = number;
    }

    /// Keeps an event that a directive is given; false if it is not to have it, because it is poison.
    pub(super) fn keep(&mut self, slot: DirectiveSlot, since: &mut Since, given: &Given) -> bool {
        if self.poison.contains(&(slot, given.event.key)) {
            return false;
        }
        if self.kept >= MAX_KEPT {
            self.kept -= since.given.len();
            since.given.clear();
            since.incomplete = true;
        } else if !since.incomplete {
            self.kept += 1;
            since.given.push_back((self.mark, given.clone()));
        }
        true
    }

    /// Forgets what came before mark `committed`, whose checkpoint is on disk.
    pub(super) fn forget(&mut self, since: &mut Since, committed: u64) {
        while since.given.front().is_some_and(|(mark, _)| *mark < committed) {
            since.given.pop_front();
            self.kept -= 1;
        }
        since.restarts = 0;
        if since.given.is_empty() {
            since.incomplete = false;
        }
    }

    /// A directive needs nothing of it any more.
    pub(super) fn drop_all(&mut self, since: &Since) {
        self.kept -= since.given.len();
    }

    /// The state to start a directive with again, and what to give it then. `None` if that cannot be.
    pub(super) async fn recover(
        &mut self,
        failure: &Failure,
        since: &mut Since,
    ) -> Option<(Restored, Vec<Given>)> {
        let slot = failure.slot;
        if let Some(event) = &failure.event {
            self.suspect(slot, event);
        }
        since.restarts += 1;
        let directive = self.catalog.directive(slot).clone();
        if since.incomplete || since.restarts > MAX_RESTARTS {
            error!(
                directive.id = directive.id,
                "a directive failed too often, or was given too much since the last checkpoint, to be started again with its backlogs"
            );
            return None;
        }
        let restored = match self.restorer.restore(&directive).await {
            Ok(restored) => restored?,
            Err(error) => {
                error!(
                    directive.id = directive.id,
                    error = format!("{error:#}"),
                    "the last checkpoint of a directive that failed cannot be read"
                );
                return None;
            }
        };
        if let Some(ends) = restored.alarm_log {
            // What it says again is not written again.
            self.alarm_log.recall(ends).await;
        }
        self.kept -= since.given.len();
        let given: Vec<_> = since.given.drain(..).map(|(_, given)| given).collect();
        error!(
            directive.id = directive.id,
            events = given.len(),
            "a directive failed and is started again from the last checkpoint"
        );
        Some((restored, given))
    }

    /// Notes that a directive failed with an event; the second time, the event is poison.
    fn suspect(&mut self, slot: DirectiveSlot, event: &Arc<Event>) {
        if self.suspects.insert((slot, event.key)) || !self.poison.insert((slot, event.key)) {
            return;
        }
        self.poisoned.inc();
        let directive = self.catalog.directive(slot);
        let told = format!(
            "the event {:?} makes directive {} fail and is left out there; it is in {}",
            &*event.id,
            directive.id,
            self.poison_file.display()
        );
        error!("{told}");
        self.readiness.degrade(CONDITION, told);
        if let Err(error) = write_poison(&self.poison_file, directive, event) {
            error!(%error, file = %self.poison_file.display(), "the event cannot be written there");
        }
    }
}

/// Appends a line with the event and the directive that it makes fail.
fn write_poison(path: &PathBuf, directive: &Directive, event: &Event) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut wire = Vec::new();
    dsiem_core::event::json::encode(event, &mut wire);
    let line = format!("{{\"directive\":{},\"event\":{}}}\n", directive.id, String::from_utf8_lossy(&wire));
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}
