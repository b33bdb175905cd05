//! Saves and reloads the state of directives: `logs/backlogs/<directive_id>.json`.
//!
//! Reading never destroys what could not be read: such a file is moved aside with the reason in the log. Files of other
//! nodes that share the folder are left alone. A file that was taken over stays until its directive has been saved
//! again, or has nothing open and nothing to remember any more.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use dsiem_core::backlog::{AlarmId, Backlog, Settings, Stage};
use dsiem_core::directive::Directive;
use dsiem_core::snapshot::{self, DirectiveState, Header, SavedFile, dsiem_rs};
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::files;
use tokio::sync::Semaphore;
use tracing::{error, info, warn};

use crate::counters::Counters;

/// How many files are written at a time.
const WRITERS: usize = 4;

/// Bytes of one file that are read: more than a process could hold as open backlogs.
const MAX_FILE_BYTES: u64 = 16 << 30;

/// The suffix of files that could not be read.
const REJECTED: &str = "rejected";

/// How many copies of one file are kept in which something could not be read.
const MAX_COPIES: u32 = 100;

/// What the last checkpoint holds.
#[derive(Debug)]
pub struct Checkpointed {
    /// When the newest file was written that it knows, by the times of the files; see [`Reloaded::newest_file`].
    pub newest_file: ReceiptTime,
    /// The state of each directive.
    pub states: BTreeMap<u64, DirectiveState>,
}

/// The state to go on with.
#[derive(Debug)]
pub struct Reloaded {
    /// Of each directive that has some.
    pub states: BTreeMap<u64, DirectiveState>,
    /// Whether it is just what the last checkpoint holds.
    pub same_as_checkpoint: bool,
    /// When the newest file was written, by the times of the files. Only these are compared with each other: a clock that
    /// was set meanwhile says nothing of what is newer.
    pub newest_file: ReceiptTime,
}

/// The folder of saved state of one node. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    node: Arc<str>,
    writers: Arc<Semaphore>,
    /// Files that were taken over, by directive. A lock, because managers save at the same time.
    taken_over: Arc<Mutex<HashMap<u64, BTreeSet<PathBuf>>>>,
    counters: Counters,
}

impl Store {
    /// The store of `node` in the folder `logs`; makes the folder if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(logs: &Path, node: &str, counters: Counters) -> anyhow::Result<Self> {
        let folder = logs.join("backlogs");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {} for saved backlogs", folder.display()))?;
        Ok(Self {
            folder,
            node: node.into(),
            writers: Arc::new(Semaphore::new(WRITERS)),
            taken_over: Arc::default(),
            counters,
        })
    }

    /// The folder of logs that it is in.
    #[must_use]
    pub fn logs(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Reads what this node saved for the directives of today: of each directive the last checkpoint, or its file where
    /// that is newer, since an older release, dsiem-rs or a person wrote it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn load(
        &self,
        directives: &HashMap<u64, Arc<Directive>>,
        settings: &Settings,
        checkpoint: Option<Checkpointed>,
    ) -> anyhow::Result<Reloaded> {
        let mut states: BTreeMap<u64, DirectiveState> = BTreeMap::new();
        let mut from_files = BTreeSet::new();
        let newest_file = self.newest_file();
        let known = checkpoint.as_ref().map(|checkpoint| checkpoint.newest_file);
        for path in self.files().with_context(|| format!("cannot list {}", self.folder.display()))? {
            if known.is_some_and(|known| !is_newer(&path, known)) && self.take_over_unread(&path) {
                continue;
            }
            match self.read(&path, directives, settings) {
                Ok(Some(file)) => {
                    let (id, state) = self.retain_current(file, directives);
                    from_files.insert(id);
                    self.taken_over().entry(id).or_default().insert(path);
                    if state.is_empty() {
                        self.retire(id, None);
                        continue;
                    }
                    merge(states.entry(id).or_default(), state);
                }
                Ok(None) => {}
                Err(reason) => reject(&path, &reason),
            }
        }
        let mut same_as_checkpoint = known.is_some() && from_files.is_empty();
        for (directive_id, state) in checkpoint.map(|checkpoint| checkpoint.states).unwrap_or_default() {
            if from_files.contains(&directive_id) {
                continue;
            }
            let before = state.backlogs.len();
            let file = SavedFile { node: self.node.to_string(), directive_id, state, set_aside: Vec::new() };
            let (id, state) = self.retain_current(file, directives);
            same_as_checkpoint &= state.backlogs.len() == before;
            if !state.is_empty() {
                states.insert(id, state);
            }
        }
        let backlogs: usize = states.values().map(|state| state.backlogs.len()).sum();
        if backlogs > 0 {
            info!(backlogs, directives = states.len(), "saved backlogs reloaded");
        }
        Ok(Reloaded { states, same_as_checkpoint, newest_file })
    }

    /// Takes over a file that a checkpoint has made old, so that it goes when its directive has nothing to save. False if
    /// it is not known to be old: what cannot be read is to be moved aside, whenever it was written.
    fn take_over_unread(&self, path: &Path) -> bool {
        let Ok(bytes) = files::read_regular(path, MAX_FILE_BYTES) else { return false };
        match Header::read(&bytes) {
            Some(header) => {
                if header.node == *self.node {
                    self.taken_over().entry(header.directive_id).or_default().insert(path.to_owned());
                }
                true
            }
            None => snapshot::is_from_dsiem_rs(&bytes),
        }
    }

    /// Saves a directive's state. What fails is logged; the file that was there stays.
    pub async fn save(&self, directive_id: u64, state: DirectiveState, now: ReceiptTime) {
        if state.is_empty() && !self.taken_over().contains_key(&directive_id) {
            // Nothing to write and nothing to remove, as for most directives that are preloaded.
            return;
        }
        // The semaphore is never closed.
        let Ok(_permit) = self.writers.acquire().await else { return };
        let store = self.clone();
        let saving = tokio::task::spawn_blocking(move || store.save_now(directive_id, &state, now));
        match saving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                error!(directive.id = directive_id, %error, "cannot save the backlogs of a directive");
            }
            Err(error) => {
                error!(directive.id = directive_id, %error, "saving the backlogs of a directive failed");
            }
        }
    }

    fn save_now(&self, directive_id: u64, state: &DirectiveState, now: ReceiptTime) -> io::Result<()> {
        if state.is_empty() {
            self.retire(directive_id, None);
            return Ok(());
        }
        let path = self.path(directive_id);
        files::write_atomically(&path, &snapshot::write(&self.node, directive_id, state, now))?;
        self.retire(directive_id, Some(&path));
        Ok(())
    }

    /// Removes the files that were taken over for a directive, but not the one that was just `written`.
    fn retire(&self, directive_id: u64, written: Option<&Path>) {
        let paths = self.taken_over().remove(&directive_id).unwrap_or_default();
        for path in paths.iter().filter(|path| Some(path.as_path()) != written) {
            if let Err(error) = fs::remove_file(path) {
                warn!(file = %path.display(), %error, "cannot remove a file of backlogs that is not needed any more");
            }
        }
    }

    fn taken_over(&self) -> MutexGuard<'_, HashMap<u64, BTreeSet<PathBuf>>> {
        self.taken_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a directive's state goes: under its plain name, unless another node's file is there.
    fn path(&self, directive_id: u64) -> PathBuf {
        let plain = self.folder.join(format!("{directive_id}.json"));
        let other = files::read_regular(&plain, MAX_FILE_BYTES).ok().and_then(|bytes| Header::read(&bytes));
        if other.is_none_or(|header| header.node == *self.node) {
            return plain;
        }
        self.folder.join(format!("{directive_id}.{}.json", files::in_file_name(&self.node)))
    }

    /// When the newest of the files was written.
    #[must_use]
    pub fn newest_file(&self) -> ReceiptTime {
        let files = self.files().unwrap_or_default();
        files.iter().filter_map(|path| modified(path)).max().unwrap_or_default()
    }

    fn files(&self) -> io::Result<BTreeSet<PathBuf>> {
        let paths = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<BTreeSet<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")).collect())
    }

    /// What a file holds; `None` if it is not for us; the reason if it cannot be used.
    fn read(
        &self,
        path: &Path,
        directives: &HashMap<u64, Arc<Directive>>,
        settings: &Settings,
    ) -> Result<Option<SavedFile>, String> {
        let bytes = files::read_regular(path, MAX_FILE_BYTES).map_err(|e| e.to_string())?;
        if snapshot::is_from_dsiem_rs(&bytes) {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let id = stem.parse().map_err(|_| format!("its name {stem:?} is not the id of a directive"))?;
            return dsiem_rs::read(&bytes, id, directives.get(&id), settings)
                .map_err(|e| e.to_string())
                .and_then(|file| self.accept(path, &bytes, file).map(Some));
        }
        let header = Header::read(&bytes);
        if header.as_ref().is_some_and(|header| header.node != *self.node) {
            info!(file = %path.display(), "saved backlogs of another node are left alone");
            return Ok(None);
        }
        let today = header.and_then(|header| directives.get(&header.directive_id));
        let file = snapshot::read(&bytes, today, settings).map_err(|e| e.to_string())?;
        self.accept(path, &bytes, file).map(Some)
    }

    /// Keeps a copy of a file in which something could not be read, before the rest of it is taken over.
    fn accept(&self, path: &Path, bytes: &[u8], file: SavedFile) -> Result<SavedFile, String> {
        for (alarm_id, reason) in &file.set_aside {
            self.counters.backlogs_discarded.inc();
            warn!(file = %path.display(), backlog.id = alarm_id, reason, "a saved backlog is set aside");
        }
        if !file.set_aside.is_empty() {
            keep_copy(path, bytes)
                .map_err(|e| format!("some of its backlogs cannot be used, and it cannot be copied: {e}"))?;
        }
        Ok(file)
    }

    /// Leaves out the backlogs of directives that are gone or mean something else now.
    fn retain_current(
        &self,
        file: SavedFile,
        directives: &HashMap<u64, Arc<Directive>>,
    ) -> (u64, DirectiveState) {
        let SavedFile { directive_id, mut state, .. } = file;
        let today = directives.get(&directive_id);
        if today.is_none() {
            // Nobody is there to remember them.
            state.remembered.clear();
        }
        state.backlogs.retain(|open| {
            let saved = &open.backlog.directive().name;
            let reason = match today {
                None => "its directive is gone or disabled".to_owned(),
                Some(today) if today.name != *saved => {
                    format!("its directive's name is now {:?}", &*today.name)
                }
                Some(_) => return true,
            };
            self.counters.backlogs_discarded.inc();
            info!(
                directive.id = directive_id,
                backlog.id = open.backlog.id().as_str(),
                reason,
                "a saved backlog is discarded"
            );
            false
        });
        (directive_id, state)
    }
}

/// Adds what another file of the same directive holds. There are two when the end of the process came between writing the
/// new one and removing the old one.
fn merge(all: &mut DirectiveState, more: DirectiveState) {
    let mut known: HashMap<AlarmId, usize> =
        all.backlogs.iter().enumerate().map(|(n, open)| (open.backlog.id().clone(), n)).collect();
    for open in more.backlogs {
        match known.entry(open.backlog.id().clone()) {
            Entry::Occupied(place) => {
                let place = &mut all.backlogs[*place.get()];
                if progress(&open.backlog) > progress(&place.backlog) {
                    *place = open;
                }
            }
            Entry::Vacant(place) => {
                place.insert(all.backlogs.len());
                all.backlogs.push(open);
            }
        }
    }
    all.remembered.extend(more.remembered);
    // Oldest first is what forgetting in time relies on.
    all.remembered.sort_unstable();
}

/// Of two states of one backlog, the one with more of it is the later one.
fn progress(backlog: &Backlog) -> (usize, u64, bool, u64) {
    let events = backlog.stages().iter().map(Stage::events).sum();
    (backlog.stages().len(), events, backlog.ending().is_some(), backlog.revision())
}

/// Whether a file was written after `time`. One whose time cannot be told is read.
fn is_newer(path: &Path, time: ReceiptTime) -> bool {
    modified(path).is_none_or(|modified| modified > time)
}

fn modified(path: &Path) -> Option<ReceiptTime> {
    let modified = fs::metadata(path).and_then(|found| found.modified()).ok()?;
    let since_1970 = modified.duration_since(UNIX_EPOCH).ok()?;
    Some(ReceiptTime::from_nanos(i64::try_from(since_1970.as_nanos()).ok()?))
}

/// Puts a copy beside the file, unless there is the same one already. Never overwrites another.
fn keep_copy(path: &Path, bytes: &[u8]) -> io::Result<()> {
    for number in 0..MAX_COPIES {
        let extension =
            if number == 0 { format!("json.{REJECTED}") } else { format!("json.{REJECTED}.{number}") };
        let copy = path.with_extension(extension);
        match fs::read(&copy) {
            Ok(known) if known == bytes => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return files::write_atomically(&copy, bytes);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{MAX_COPIES} copies are kept already")))
}

fn reject(path: &Path, reason: &str) {
    match files::set_aside(path, REJECTED) {
        Ok(aside) => {
            warn!(file = %path.display(), moved_to = %aside.display(), reason, "saved backlogs cannot be read");
        }
        Err(error) => {
            error!(file = %path.display(), reason, %error, "saved backlogs cannot be read, nor moved aside");
        }
    }
}

#[cfg(test)]
mod tests;
