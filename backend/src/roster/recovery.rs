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
#[derive(Debug)]
pub(super) struct Since<T = Given> {
    /// Each with the number of the mark before it.
    given: VecDeque<(u64, T)>,
    /// The mark behind which there was more than could be kept.
    incomplete: Option<u64>,
    /// How often it was started again.
    restarts: u32,
}

impl<T> Default for Since<T> {
    fn default() -> Self {
        Self { given: VecDeque::new(), incomplete: None, restarts: 0 }
    }
}

impl<T> Since<T> {
    /// Keeps what was given behind `mark`, if there is room; how many more, or fewer, are kept for it.
    fn keep(&mut self, mark: u64, given: T, room: bool) -> isize {
        if room && self.incomplete.is_none() {
            self.given.push_back((mark, given));
            return 1;
        }
        self.incomplete = Some(mark);
        let fewer = self.given.len();
        self.given.clear();
        -fewer.cast_signed()
    }

    /// Forgets what came before mark `committed`, whose checkpoint is on disk; how many that were.
    fn forget(&mut self, committed: u64) -> usize {
        let before = self.given.len();
        while self.given.front().is_some_and(|(mark, _)| *mark < committed) {
            self.given.pop_front();
        }
        self.restarts = 0;
        self.incomplete = self.incomplete.filter(|mark| *mark >= committed);
        before - self.given.len()
    }
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
        let more = since.keep(self.mark, given.clone(), self.kept < MAX_KEPT);
        self.kept = self.kept.saturating_add_signed(more);
        true
    }

    /// Forgets what came before mark `committed`, whose checkpoint is on disk.
    pub(super) fn forget(&mut self, since: &mut Since, committed: u64) {
        self.kept -= since.forget(committed);
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
        if since.incomplete.is_some() || since.restarts > MAX_RESTARTS {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_kept_is_missing_until_a_checkpoint_that_has_it_is_on_disk() {
        let mut since = Since::default();
        assert_eq!([since.keep(1, 'a', true), since.keep(1, 'b', true)], [1, 1]);
        assert_eq!(since.keep(1, 'c', false), -2, "there was no room");
        assert_eq!(since.forget(1), 0);
        assert!(since.incomplete.is_some(), "checkpoint 1 has none of them");
        assert_eq!(since.keep(2, 'd', true), 0, "it would come without those before it");
        since.forget(2);
        assert!(since.incomplete.is_some(), "checkpoint 2 has no d");
        since.forget(3);
        assert!(since.incomplete.is_none());
        assert_eq!([since.keep(3, 'e', true), since.keep(4, 'f', true)], [1, 1]);
        assert_eq!(since.forget(4), 1, "checkpoint 4 has e");
    }
}
