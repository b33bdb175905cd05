//! The task that makes a checkpoint every few seconds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{Acknowledger, Position, StreamId};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::database::Database;
use super::parts::{Said, parts};
use super::{CONDITION, Checkpoints, Manifest, lock};
use crate::alarm_log::{AlarmLog, Ends};
use crate::manager::Save;
use crate::roster::{Cut, Mark};

/// Checkpoints take no more than one part in so many of the time, however long the interval is meant to be.
const REST_FACTOR: u32 = 9;

/// Makes checkpoints.
pub struct Maker {
    checkpoints: Checkpoints,
    acknowledger: Acknowledger,
    /// Whether the next one counts no earlier one.
    afresh: bool,
    failing: bool,
    /// Where the alarm files ended at the last checkpoint of the process before this one.
    first_ends: Option<Ends>,
}

/// Whom a checkpoint is made of.
pub struct Sources {
    /// The roster.
    pub marks: mpsc::Sender<Mark>,
    /// The alarm files.
    pub alarm_log: AlarmLog,
    /// Begun when no more events come.
    pub ended: CancellationToken,
}

impl Maker {
    pub(super) fn new(checkpoints: Checkpoints, acknowledger: Acknowledger, afresh: bool) -> Self {
        let first_ends = checkpoints.alarm_log_ends();
        Self { checkpoints, acknowledger, afresh, failing: false, first_ends }
    }

    /// Makes checkpoints until the events have ended, and then a last one. The roster ends with this.
    pub async fn run(mut self, sources: Sources) -> Self {
        let mut pause = self.checkpoints.interval;
        loop {
            let last = tokio::select! {
                biased;
                () = sources.ended.cancelled() => true,
                () = tokio::time::sleep(pause) => false,
            };
            let started = Instant::now();
            let made = self.make(&sources).await;
            let took = started.elapsed();
            self.note(made, took);
            if last {
                return self;
            }
            pause = self.checkpoints.interval.max(took * REST_FACTOR);
        }
    }

    /// After everything was also saved the way that older releases read it, in files of which the newest was written at
    /// `newest_file`: what is in here is the same.
    pub async fn finish(mut self, newest_file: ReceiptTime) {
        let Some(mut manifest) = self.checkpoints.last.filter(|_| !self.failing) else { return };
        manifest.newest_file = newest_file;
        if self.commit(manifest, false).await.is_err() {
            debug!("what the last checkpoint knows could not be written; saved files will be read instead");
        }
        self.checkpoints.last = Some(manifest);
    }

    /// Makes a checkpoint of no more than `manifest`.
    async fn commit(&self, manifest: Manifest, afresh: bool) -> anyhow::Result<()> {
        let database = self.checkpoints.database.clone();
        let commit = move || lock(&database).begin(manifest.number, afresh)?.commit(&manifest);
        if self.checkpoints.inline { commit() } else { tokio::task::spawn_blocking(commit).await? }
    }

    fn note(&mut self, made: anyhow::Result<()>, took: Duration) {
        let Checkpoints { counts, readiness, .. } = &self.checkpoints;
        match made {
            Ok(()) => {
                counts.millis.set(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
                self.afresh = false;
                if std::mem::take(&mut self.failing) {
                    info!("checkpoints are made again");
                    readiness.clear(CONDITION);
                }
            }
            Err(error) => {
                counts.failed.inc();
                // Managers have forgotten what they said.
                self.afresh = true;
                if !std::mem::replace(&mut self.failing, true) {
                    error!(error = format!("{error:#}"), "no checkpoint could be made; it is tried again");
                    readiness.degrade(CONDITION, format!("no checkpoint could be made: {error:#}"));
                }
            }
        }
    }

    async fn make(&mut self, sources: &Sources) -> anyhow::Result<()> {
        // Nothing behind the cut can be written before the cut is made.
        let ends = sources.alarm_log.flush(false).await.context("the alarm files are not written")?;
        // What is behind already holds up nobody here.
        sources.alarm_log.kept().await?;
        let (parts, received) = parts();
        let (cut_sender, cut) = oneshot::channel();
        let (marked, all_marked) = oneshot::channel();
        let (told, all_told) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let number = self.checkpoints.last.map_or(1, |last| last.number + 1);
        let write = Write { number, afresh: self.afresh, all_marked, parts: received, told, finished };
        let database = self.checkpoints.database.clone();
        let writing = if self.checkpoints.inline {
            tokio::spawn(write.run_inline(database))
        } else {
            tokio::task::spawn_blocking(move || write.run(&database))
        };

        let save = Save { everything: self.afresh, parts };
        let committed = self.checkpoints.last.filter(|_| !self.afresh).map_or(0, |last| last.number);
        let mark = Mark { number, committed, save, cut: cut_sender };
        sources.marks.send(mark).await.ok().context("correlation has ended")?;
        let Cut { reached, caught_up, asked } = cut.await.context("correlation has ended")?;
        marked.send(()).ok();
        let Told { parts, directives } = all_told.await.context("the database cannot be written")?;
        anyhow::ensure!(directives == asked, "a directive failed meanwhile");
        let before = self.checkpoints.position();
        let reached = reached.or(before);
        // Until it has caught up, lines of an earlier process may stand for events behind the cut: they are where that one
        // wrote them, behind the ends of its last checkpoint.
        let ends = if caught_up { ends } else { self.first_ends.unwrap_or(ends) };
        if parts > 0 || reached != before || self.afresh {
            sources.alarm_log.flush(true).await.context("the alarm files are not on the disk")?;
            sources.alarm_log.kept().await?;
            let manifest = Manifest {
                number,
                newest_file: self.checkpoints.newest_file,
                reached: reached.map(|Position { stream: StreamId(stream), sequence }| (stream, sequence)),
                alarm_log: Some(ends),
            };
            finish.send(manifest).ok();
            writing.await??;
            self.checkpoints.last = Some(manifest);
            self.checkpoints.counts.made.inc();
        }
        if let Some(position) = reached {
            self.acknowledger.acknowledge(position);
        }
        Ok(())
    }
}

/// What came from the managers.
#[derive(Debug, Default)]
struct Told {
    parts: usize,
    /// How many of them have told everything.
    directives: usize,
}

/// What is done on the thread.
struct Write {
    number: u64,
    afresh: bool,
    /// Comes when the mark is in all mailboxes.
    all_marked: oneshot::Receiver<()>,
    parts: Said,
    /// Goes once everyone has told.
    told: oneshot::Sender<Told>,
    /// What the checkpoint says; dropped, there is none.
    finished: oneshot::Receiver<Manifest>,
}

impl Write {
    fn run(mut self, database: &Arc<Mutex<Database>>) -> anyhow::Result<()> {
        // Whoever makes the mark may need the database before it gets to that.
        let mut early = Vec::new();
        while self.all_marked.try_recv() == Err(TryRecvError::Empty)
            && let Some(part) = self.parts.blocking_next()
        {
            early.push(part);
        }
        let mut database = lock(database);
        let mut writing = database.begin(self.number, self.afresh)?;
        let mut told = Told::default();
        let later = std::iter::from_fn(|| self.parts.blocking_next());
        for part in early.into_iter().chain(later) {
            writing.add(&part)?;
            told.parts += 1;
            told.directives += usize::from(part.is_last);
        }
        self.told.send(told).ok();
        match self.finished.blocking_recv() {
            Ok(manifest) => writing.commit(&manifest),
            Err(_) => Ok(()),
        }
    }

    /// Without blocking: nothing is begun before all has been told.
    async fn run_inline(mut self, database: Arc<Mutex<Database>>) -> anyhow::Result<()> {
        let mut parts = Vec::new();
        while let Some(part) = self.parts.next().await {
            parts.push(part);
        }
        let directives = parts.iter().filter(|part| part.is_last).count();
        self.told.send(Told { parts: parts.len(), directives }).ok();
        let Ok(manifest) = self.finished.await else { return Ok(()) };
        let mut database = lock(&database);
        let mut writing = database.begin(self.number, self.afresh)?;
        for part in &parts {
            writing.add(part)?;
        }
        writing.commit(&manifest)
    }
}
