//! The task that makes a checkpoint every few seconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{Acknowledger, Position, StreamId};
use dsiem_runtime::clock::Clock;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::database::Database;
use super::{CONDITION, Checkpoints, Manifest};
use crate::alarm_log::{AlarmLog, Ends};
use crate::manager::{Part, Save};
use crate::roster::{Cut, Mark};

/// How many parts may wait to be written; full, managers wait.
const PARTS_WAITING: usize = 64;

/// Checkpoints take no more than one part in so many of the time, however long the interval is meant to be.
const REST_FACTOR: u32 = 9;

/// Makes checkpoints.
pub struct Maker {
    checkpoints: Checkpoints,
    acknowledger: Acknowledger,
    /// Whether the next one counts no earlier one.
    afresh: bool,
    failing: bool,
    /// Until this time, what the last process had handled is handled again, and what it had written comes again.
    began: ReceiptTime,
    /// Where the alarm files ended at the last checkpoint of that process.
    written_before: Option<Ends>,
}

/// Whom a checkpoint is made of.
pub struct Sources {
    /// The roster.
    pub marks: mpsc::Sender<Mark>,
    /// The alarm files.
    pub alarm_log: AlarmLog,
    /// The time.
    pub clock: Clock,
    /// Begun when no more events come.
    pub ended: CancellationToken,
}

impl Maker {
    pub(super) fn new(checkpoints: Checkpoints, acknowledger: Acknowledger, afresh: bool) -> Self {
        let written_before = checkpoints.alarm_log_ends();
        Self {
            checkpoints,
            acknowledger,
            afresh,
            failing: false,
            began: ReceiptTime::default(),
            written_before,
        }
    }

    /// Says where the alarm files end before the first event, unless an earlier checkpoint does: a process that is killed
    /// before its first checkpoint must not write again either what it had written. To be awaited before any event is
    /// dispatched.
    pub async fn begin(&mut self, sources: &Sources) {
        self.began = sources.clock.now();
        if self.checkpoints.last.is_none() {
            let started = Instant::now();
            let made = self.mark_beginning(sources).await;
            let afresh = self.afresh;
            self.note(made, started.elapsed());
            self.afresh |= afresh;
        }
    }

    async fn mark_beginning(&mut self, sources: &Sources) -> anyhow::Result<()> {
        let ends = sources.alarm_log.flush(false).await.context("the alarm files are not written")?;
        // It holds no state, so that any file that does is newer.
        let saved_at = ReceiptTime::default();
        let manifest = Manifest { number: 1, saved_at, reached: None, alarm_log: Some(ends) };
        self.commit(manifest, true).await?;
        self.checkpoints.last = Some(manifest);
        Ok(())
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

    /// After everything was also saved the way that older releases read it: what is in here is the newest.
    pub async fn finish(mut self, clock: &Clock) {
        let Some(mut manifest) = self.checkpoints.last.filter(|_| !self.failing) else { return };
        manifest.saved_at = clock.now();
        if self.commit(manifest, false).await.is_err() {
            debug!("the time of the last checkpoint could not be written; saved files will be read instead");
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
        let (parts, received) = mpsc::channel(PARTS_WAITING);
        let (cut_sender, cut) = oneshot::channel();
        let (told, all_told) = oneshot::channel();
        let (finish, finished) = oneshot::channel();
        let number = self.checkpoints.last.map_or(1, |last| last.number + 1);
        let write = Write { number, afresh: self.afresh, parts: received, told, finished };
        let database = self.checkpoints.database.clone();
        let writing = if self.checkpoints.inline {
            tokio::spawn(write.run_inline(database))
        } else {
            tokio::task::spawn_blocking(move || write.run(&mut lock(&database)))
        };

        let save = Save { everything: self.afresh, parts };
        let mark = Mark { save, cut: cut_sender };
        sources.marks.send(mark).await.ok().context("correlation has ended")?;
        let Cut { reached, drained_at } = cut.await.context("correlation has ended")?;
        let parts = all_told.await.unwrap_or_default();
        let before = self.checkpoints.position();
        let reached = reached.or(before);
        if parts > 0 || reached != before || self.afresh {
            sources.alarm_log.flush(true).await.context("the alarm files are not on the disk")?;
            if drained_at.is_some_and(|drained_at| drained_at >= self.began) {
                self.written_before = None;
            }
            let manifest = Manifest {
                number,
                saved_at: sources.clock.now(),
                reached: reached.map(|Position { stream: StreamId(stream), sequence }| (stream, sequence)),
                // As long as lines of the last process have yet to come again, the next one has to know them too.
                alarm_log: self.written_before.or(Some(ends)),
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

/// A lock, because a thread that blocks writes for a task; there is one at a time.
fn lock(database: &Arc<Mutex<Database>>) -> std::sync::MutexGuard<'_, Database> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done on the thread.
struct Write {
    number: u64,
    afresh: bool,
    parts: mpsc::Receiver<Part>,
    /// How many parts there were, once everyone has told.
    told: oneshot::Sender<usize>,
    /// What the checkpoint says; dropped, there is none.
    finished: oneshot::Receiver<Manifest>,
}

impl Write {
    fn run(mut self, database: &mut Database) -> anyhow::Result<()> {
        let mut writing = database.begin(self.number, self.afresh)?;
        let mut count = 0;
        while let Some(part) = self.parts.blocking_recv() {
            writing.add(&part)?;
            count += 1;
        }
        self.told.send(count).ok();
        match self.finished.blocking_recv() {
            Ok(manifest) => writing.commit(&manifest),
            Err(_) => Ok(()),
        }
    }

    /// Without blocking: nothing is begun before all has been told.
    async fn run_inline(mut self, database: Arc<Mutex<Database>>) -> anyhow::Result<()> {
        let mut parts = Vec::new();
        while let Some(part) = self.parts.recv().await {
            parts.push(part);
        }
        self.told.send(parts.len()).ok();
        let Ok(manifest) = self.finished.await else { return Ok(()) };
        let mut database = lock(&database);
        let mut writing = database.begin(self.number, self.afresh)?;
        for part in &parts {
            writing.add(part)?;
        }
        writing.commit(&manifest)
    }
}
