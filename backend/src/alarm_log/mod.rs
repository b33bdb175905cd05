//! The one owner of `logs/siem_alarms.json` and `logs/siem_alarm_events.json`.
//!
//! Whatever correlation has to say goes through one bounded queue to one thread, which writes it in batches: an alarm
//! document a line into the first file, one line for each event of an alarm into the second. A record is accepted
//! when [`AlarmLog::write`] returns, and everything accepted is written before the task of [`open`] ends. A full
//! queue makes writers wait, which is the back-pressure of a slow disk. A failing disk is retried for ever. Where alarms
//! are kept elsewhere as well, the same thread hands everything to the [`Feed`].

mod append_file;
mod event_line;
mod repeated;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_core::alarm::Standing;
use dsiem_core::backlog::AlarmId;
use dsiem_core::event::Event;
use dsiem_runtime::bus::alarms::{Confirmation, NobodyTakesThem};
use dsiem_runtime::metrics::{Counter, Gauge, Metrics};
use dsiem_runtime::status::Readiness;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::alarm_feed::Feed;
use append_file::{AppendFile, Pending};
use event_line::EventLine;
use repeated::Repeated;

pub use append_file::End;

/// The file of alarm documents, in the logs folder.
pub const ALARMS_FILE: &str = "siem_alarms.json";
/// The file that says which events belong to which stage of which alarm, in the logs folder.
pub const ALARM_EVENTS_FILE: &str = "siem_alarm_events.json";

/// How many records may wait to be written; full, writers wait.
pub(crate) const QUEUE_RECORDS: usize = 4096;
/// How many records are written at once at most: all that may wait.
const BATCH_RECORDS: usize = QUEUE_RECORDS;
/// While records keep coming, they are written this often and not one by one; the first after a pause is written at
/// once. Waking the writer and writing for each of them would cost more than correlating the event did.
const WRITE_EVERY: Duration = Duration::from_millis(5);
/// With so many waiting, the writer does not pause.
const BUSY_RECORDS: usize = QUEUE_RECORDS / 4;
/// A buffer that grew beyond this for one batch is given back afterwards.
const KEPT_BUFFER_BYTES: usize = 4 << 20;
/// The pause after the first failure to write; it doubles up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The name of the log in `/readyz`.
const CONDITION: &str = "alarm_log";

/// One line of one of the two files.
#[derive(Debug)]
pub enum LogRecord {
    /// An alarm document.
    Alarm {
        /// One JSON object without a newline in it.
        document: Vec<u8>,
        /// What goes to the feed beside it; `None` where there is none.
        standing: Option<Box<Standing>>,
    },
    /// An event that was counted for a stage of an alarm.
    AlarmEvent {
        /// The alarm's id.
        alarm_id: AlarmId,
        /// The stage it was counted for.
        stage: u8,
        /// The event; its id goes into the line.
        event: Arc<Event>,
        /// Whether the backlog is visible as an alarm.
        is_alarm: bool,
    },
    /// No line: a backlog is over that never was an alarm. Only for a log that [is fed](AlarmLog::is_fed).
    Over(AlarmId),
    /// No line: what lies behind these ends is about to be said again, and is not to be written again.
    Recall(Box<Ends>),
    /// No line: whoever holds the other end is told once everything before it is written.
    Flush {
        /// Whether it has to be on the disk, and not only with the system.
        sync: bool,
        /// Where the files end then.
        reply: oneshot::Sender<Ends>,
    },
}

/// Where the two files end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// The file of documents.
    pub alarms: End,
    /// The file of events.
    pub events: End,
}

/// Where correlation writes its results; clones write into the same files.
#[derive(Debug, Clone)]
pub struct AlarmLog {
    queue: mpsc::Sender<LogRecord>,
    /// Where the files ended when it was opened.
    first_ends: Ends,
    /// Tells what the feed has published; `None` where there is none.
    feed: Option<Confirmation>,
    waiting: Gauge,
    lost: Counter,
}

impl AlarmLog {
    /// A log whose records go into `queue` instead of files: for tools that show alarms, and for tests.
    #[must_use]
    pub fn to(queue: mpsc::Sender<LogRecord>, metrics: &Metrics) -> Self {
        Self {
            queue,
            first_ends: Ends::default(),
            feed: None,
            waiting: waiting(metrics),
            lost: lost(metrics),
        }
    }

    /// Waits until everything that was accepted before is written, with `sync` to the disk itself; where the files end
    /// then. `None` if the writer gave up.
    pub async fn flush(&self, sync: bool) -> Option<Ends> {
        let (reply, flushed) = oneshot::channel();
        self.write(LogRecord::Flush { sync, reply }).await;
        flushed.await.ok()
    }

    /// Whether what is written also goes to a feed.
    #[must_use]
    pub fn is_fed(&self) -> bool {
        self.feed.is_some()
    }

    /// Waits until what the feed was given by records that were [flushed](Self::flush) no longer depends on this process.
    ///
    /// # Errors
    /// When it never will, because nobody takes alarms any more.
    pub async fn kept(&self) -> Result<(), NobodyTakesThem> {
        match &self.feed {
            Some(feed) => feed.confirmed().await,
            None => Ok(()),
        }
    }

    /// Where the files ended when it was opened.
    #[must_use]
    pub fn first_ends(&self) -> Ends {
        self.first_ends
    }

    /// What was written behind `ends` is about to be said again, and is not to be written again.
    pub async fn recall(&self, ends: Ends) {
        self.write(LogRecord::Recall(Box::new(ends))).await;
    }

    /// Hands a record to the writer.
    ///
    /// # Errors
    /// When the queue is full: the record is for [`write`](Self::write) then, which waits.
    pub fn try_write(&self, record: LogRecord) -> Result<(), LogRecord> {
        self.queue.try_send(record).map_err(TrySendError::into_inner)
    }

    /// Hands a record to the writer; waits while the queue is full. Records of one caller are written in their order.
    pub async fn write(&self, record: LogRecord) {
        let Err(record) = self.try_write(record) else { return };
        self.waiting.set(as_gauge(self.queue.max_capacity()));
        if self.queue.send(record).await.is_err() {
            // Only after the writer was told to give up: it has logged that.
            self.lost.inc();
        }
    }
}

/// Creates or opens both files in the folder `logs` and starts the thread that writes them.
///
/// What lies behind `known` in the files was written after the last checkpoint: when it comes again, because what caused
/// it is handled again, it is not written again.
///
/// The returned task ends when all handles are dropped and everything accepted is written. Dropping it early tells
/// the thread to give up the retries of a failing disk.
///
/// # Errors
/// When a file can be neither created nor opened for append.
pub fn open(
    logs: &Path,
    known: Option<Ends>,
    feed: Option<Feed>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> anyhow::Result<(AlarmLog, impl Future<Output = ()> + Send + 'static)> {
    let (log, writer, not_given_up) = prepare(logs, known, feed, metrics, readiness)?;
    let (ended, end) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("alarm-log".to_owned())
        .spawn(move || {
            writer.run();
            ended.send(()).ok();
        })
        .context("cannot start the thread that writes the alarm files")?;
    let task = async move {
        let _not_given_up: blocking::SyncSender<()> = not_given_up;
        if end.await.is_err()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
    };
    Ok((log, task))
}

/// The same without a thread: the returned task does the writing itself, at once and not now and then. For simulations,
/// where time stands still while something is written, and where dropping the task is `kill -9`.
///
/// # Errors
/// As [`open`].
pub fn open_inline(
    logs: &Path,
    known: Option<Ends>,
    feed: Option<Feed>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> anyhow::Result<(AlarmLog, impl Future<Output = ()> + Send + 'static)> {
    let (log, writer, not_given_up) = prepare(logs, known, feed, metrics, readiness)?;
    let task = async move {
        let _not_given_up: blocking::SyncSender<()> = not_given_up;
        writer.run_inline().await;
    };
    Ok((log, task))
}

/// The log, what writes it, and what keeps the writer from giving up.
fn prepare(
    logs: &Path,
    known: Option<Ends>,
    feed: Option<Feed>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> anyhow::Result<(AlarmLog, Writer, blocking::SyncSender<()>)> {
    let (queue, records) = mpsc::channel(QUEUE_RECORDS);
    let (waiting, lost) = (waiting(metrics), lost(metrics));
    let confirmation = feed.as_ref().map(|feed| feed.publisher().confirmation());
    // Nothing is sent: the writer sees that the other end is gone.
    let (not_given_up, given_up) = blocking::sync_channel(0);
    let writer = Writer {
        records,
        given_up,
        alarms: Output::open(
            logs,
            ALARMS_FILE,
            known.map(|known| known.alarms),
            metrics.counter("dsiem_alarm_log_alarms", "Alarm documents written"),
        )?,
        events: Output::open(
            logs,
            ALARM_EVENTS_FILE,
            known.map(|known| known.events),
            metrics.counter("dsiem_alarm_log_events", "Alarm event lines written"),
        )?,
        event_line: EventLine::default(),
        failures: metrics.counter("dsiem_alarm_log_failures", "Failed attempts to write the alarm files"),
        lost: lost.clone(),
        waiting: waiting.clone(),
        repeated: metrics.counter(
            "dsiem_alarm_log_repeated",
            "Lines that were in the files already when what caused them was handled again after a restart",
        ),
        feed,
        flushes: Vec::new(),
        readiness: readiness.clone(),
        is_failing: false,
    };
    let first_ends = writer.ends();
    Ok((AlarmLog { queue, first_ends, feed: confirmation, waiting, lost }, writer, not_given_up))
}

fn waiting(metrics: &Metrics) -> Gauge {
    metrics.gauge("dsiem_alarm_log_queue_length", "Alarms and alarm events waiting to be written")
}

fn lost(metrics: &Metrics) -> Counter {
    metrics.counter("dsiem_alarm_log_lost", "Alarms and alarm events given up at shutdown")
}

/// What the thread owns.
struct Writer {
    records: mpsc::Receiver<LogRecord>,
    given_up: blocking::Receiver<()>,
    alarms: Output,
    events: Output,
    event_line: EventLine,
    failures: Counter,
    lost: Counter,
    waiting: Gauge,
    repeated: Counter,
    /// Who gets everything as well.
    feed: Option<Feed>,
    /// Who waits for what is pending.
    flushes: Vec<(bool, oneshot::Sender<Ends>)>,
    readiness: Readiness,
    is_failing: bool,
}

/// One file and what is on its way into it.
struct Output {
    file: AppendFile,
    pending: Pending,
    /// What must not be written again.
    known: Repeated,
    written: Counter,
}

impl Writer {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_RECORDS);
        while self.records.blocking_recv_many(&mut batch, BATCH_RECORDS) > 0 {
            if !self.write_batch(&mut batch) {
                return self.give_up();
            }
            if let Some(feed) = &mut self.feed {
                feed.blocking_publish();
            }
            self.answer_flushes();
            if self.records.len() < BUSY_RECORDS && !self.records.is_closed() {
                thread::sleep(WRITE_EVERY);
            }
        }
        self.end();
    }

    async fn run_inline(mut self) {
        let mut batch = Vec::new();
        while self.records.recv_many(&mut batch, BATCH_RECORDS).await > 0 {
            if !self.write_batch(&mut batch) {
                return self.give_up();
            }
            if let Some(feed) = &mut self.feed {
                feed.publish().await;
            }
            self.answer_flushes();
        }
        self.end();
    }

    /// Writes some records; `false` if it was told to give up first.
    fn write_batch(&mut self, batch: &mut Vec<LogRecord>) -> bool {
        self.waiting.set(as_gauge(self.records.len()));
        for record in batch.drain(..) {
            self.render(record);
        }
        self.write_out()
    }

    fn end(&self) {
        for output in [&self.alarms, &self.events] {
            if let Err(error) = output.file.sync() {
                tracing::debug!(path = %output.file.path().display(), %error, "the system did not confirm the last lines");
            }
        }
    }

    /// Appends the record to what is pending for its file.
    fn render(&mut self, record: LogRecord) {
        match record {
            LogRecord::Alarm { document, standing } => {
                debug_assert!(!document.contains(&b'\n'), "an alarm document is one line");
                let known =
                    self.alarms.line(Repeated::take_document, |buffer| buffer.extend_from_slice(&document));
                self.repeated.add(u64::from(known));
                if let (Some(feed), Some(standing)) = (&mut self.feed, standing) {
                    feed.update(&document, &standing);
                }
            }
            LogRecord::AlarmEvent { alarm_id, stage, event, is_alarm } => {
                let line = &mut self.event_line;
                let known =
                    self.events.line(Repeated::take, |buffer| line.write(&alarm_id, stage, &event, buffer));
                self.repeated.add(u64::from(known));
                if let Some(feed) = &mut self.feed {
                    feed.event(alarm_id, stage, event, is_alarm);
                }
            }
            LogRecord::Over(alarm_id) => {
                if let Some(feed) = &mut self.feed {
                    feed.over(&alarm_id);
                }
            }
            LogRecord::Recall(ends) => {
                // What waits has to be in the files to be found there.
                if self.write_out() {
                    self.alarms.recall(ends.alarms);
                    self.events.recall(ends.events);
                }
            }
            LogRecord::Flush { sync, reply } => self.flushes.push((sync, reply)),
        }
    }

    fn ends(&self) -> Ends {
        Ends { alarms: self.alarms.file.end(), events: self.events.file.end() }
    }

    /// Everything before is written: says so to whoever waits for it. What the disk does not confirm is not confirmed.
    fn answer_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let synced = if self.flushes.iter().any(|(sync, _)| *sync) { self.sync() } else { false };
        let ends = self.ends();
        for (_, reply) in self.flushes.drain(..).filter(|(sync, _)| synced || !sync) {
            reply.send(ends).ok();
        }
    }

    fn sync(&self) -> bool {
        let failed = [&self.alarms, &self.events].map(|output| output.file.sync().err());
        let failed = failed.into_iter().flatten().next();
        if let Some(error) = &failed {
            tracing::error!(%error, "the system does not confirm that alarms are on the disk");
        }
        failed.is_none()
    }

    /// Writes all that is pending, however often it takes; `false` if it was told to give up first.
    fn write_out(&mut self) -> bool {
        let mut pause = FIRST_RETRY;
        loop {
            // What one file refuses does not keep the other from its part of the batch.
            let failure =
                [&mut self.alarms, &mut self.events].map(Output::write).into_iter().flatten().next();
            let Some(failure) = failure else {
                self.recovered();
                return true;
            };
            self.failed(failure);
            self.waiting.set(as_gauge(self.records.len()));
            if matches!(self.given_up.recv_timeout(pause), Err(blocking::RecvTimeoutError::Disconnected)) {
                return false;
            }
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    fn failed(&mut self, failure: String) {
        self.failures.inc();
        if !self.is_failing {
            self.is_failing = true;
            tracing::error!(%failure, "alarms cannot be written; they wait and the write is retried until it works");
            self.readiness.degrade(CONDITION, failure);
        }
    }

    fn recovered(&mut self) {
        if self.is_failing {
            self.is_failing = false;
            tracing::info!("alarms are written again; none was lost");
            self.readiness.clear(CONDITION);
        }
    }

    fn give_up(mut self) {
        self.records.close();
        let mut lost = self.alarms.pending.lines_left() + self.events.pending.lines_left();
        while let Ok(record) = self.records.try_recv() {
            lost += usize::from(matches!(record, LogRecord::Alarm { .. } | LogRecord::AlarmEvent { .. }));
        }
        self.lost.add(u64::try_from(lost).unwrap_or(u64::MAX));
        tracing::error!(
            lines = lost,
            "alarms and alarm events could not be written before the process had to end"
        );
    }
}

impl Output {
    fn open(logs: &Path, name: &str, known: Option<End>, written: Counter) -> anyhow::Result<Self> {
        let path = logs.join(name);
        let file = AppendFile::open(path.clone()).with_context(|| {
            format!(
                "cannot open {} for writing: give this process write access to the folder {}",
                path.display(),
                logs.display()
            )
        })?;
        let known = match known {
            Some(end) => Repeated::behind(end, file.path()).with_context(|| {
                format!("cannot read what was written into {} before", file.path().display())
            })?,
            None => Repeated::default(),
        };
        Ok(Self { file, pending: Pending::default(), known, written })
    }

    /// Learns what is in the file behind `end`.
    fn recall(&mut self, end: End) {
        match Repeated::behind(end, self.file.path()) {
            Ok(known) => self.known = known,
            Err(error) => {
                tracing::error!(path = %self.file.path().display(), %error, "cannot read what was written before; lines may come twice");
            }
        }
    }

    /// Appends a line to what is pending, unless `take` finds it in the file already; whether it does.
    fn line(
        &mut self,
        take: impl FnOnce(&mut Repeated, &[u8]) -> bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let buffer = self.pending.buffer();
        let start = buffer.len();
        write(buffer);
        if take(&mut self.known, &buffer[start..]) {
            buffer.truncate(start);
            return true;
        }
        buffer.push(b'\n');
        false
    }

    /// One attempt to write what is pending; the reason when it failed.
    fn write(&mut self) -> Option<String> {
        let before = self.pending.lines_left();
        let result = self.file.append(&mut self.pending);
        self.written.add(u64::try_from(before.saturating_sub(self.pending.lines_left())).unwrap_or(0));
        match result {
            Ok(()) => {
                self.pending.clear();
                if self.pending.buffer().capacity() > KEPT_BUFFER_BYTES {
                    self.pending = Pending::default();
                }
                None
            }
            Err(error) => Some(format!("{}: {error}", self.file.path().display())),
        }
    }
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
