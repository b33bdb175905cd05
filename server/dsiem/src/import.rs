//! `dsiem import alarms`: reads the two alarm files of an existing installation into the alarm store.
//!
//! The documents first, so that events of backlogs that never became alarms are left out. It may be done again, also
//! while the files grow: what is in the store already is not put in twice, and what users did stays. A line that cannot
//! be read is passed over and named; a line that is not complete yet is one of these.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dsiem_frontend::alarm_store::{AlarmStore, AlarmUpdate, StageEvent, WithoutAlarm, Words};
use dsiem_frontend::alarms::open_database;
use dsiem_runtime::clock::Clock;
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::args::ImportAlarmsArgs;

/// The files, as the existing engines call them.
const ALARMS: &str = "siem_alarms.json";
const EVENTS: &str = "siem_alarm_events.json";

/// How many lines are put in at once.
const BATCH: usize = 1_000;
/// A longer line is none of an alarm.
const MAX_LINE_BYTES: u64 = 64 << 20;
/// How many lines that cannot be read are named; the others are counted.
const NAMED_LINES: u64 = 10;
/// How often it is said how far it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// What became of the lines of one file.
#[derive(Debug, Default)]
struct Lines {
    read: u64,
    unreadable: u64,
}

/// Imports both files; says how far it is, and in the end what became of them.
pub(crate) async fn alarms(args: ImportAlarmsArgs, clock: Clock) -> anyhow::Result<()> {
    // The store's calls block.
    tokio::task::spawn_blocking(move || import(&args, &clock)).await?
}

fn import(args: &ImportAlarmsArgs, clock: &Clock) -> anyhow::Result<()> {
    let home = args.home.home()?;
    let folder = args.from.clone().unwrap_or_else(|| home.logs.clone());
    let (alarms, events) = (folder.join(ALARMS), folder.join(EVENTS));
    anyhow::ensure!(
        alarms.is_file(),
        "there is no file {}; name the folder of the alarm files with --from",
        alarms.display()
    );
    let now = clock.now().secs();
    let place = args.store.place(&home.logs)?;
    let place = place.context("--alarm-store (DSIEM_ALARM_STORE) is off: there is nothing to import into")?;
    let store = AlarmStore::new(Arc::new(open_database(&place)?), Words::default());
    say(&alarm_documents(&store, &alarms, now)?)?;
    if events.is_file() {
        say(&alarm_events(&store, &events, now)?)?;
    } else {
        warn!(file = %events.display(), "there is no such file: the alarms are without their events");
    }
    Ok(())
}

fn alarm_documents(store: &AlarmStore, path: &Path, now: i64) -> anyhow::Result<String> {
    let (mut created, mut updated, mut ignored) = (0, 0, 0);
    let lines = in_batches(path, |updates: Vec<AlarmUpdate>| {
        let applied = store.apply(updates, now)?;
        created += applied.created;
        updated += applied.updated;
        ignored += applied.ignored;
        Ok(())
    })?;
    Ok(format!("{ALARMS}: {lines}: {created} alarms are new, {updated} updates, {ignored} said nothing new"))
}

fn alarm_events(store: &AlarmStore, path: &Path, now: i64) -> anyhow::Result<String> {
    let (mut counted, mut repeated, mut ignored) = (0, 0, 0);
    let lines = in_batches(path, |events: Vec<StageEvent>| {
        let batch = store.count(&events, WithoutAlarm::LeaveOut, now)?;
        counted += batch.counted;
        repeated += batch.repeated;
        ignored += batch.ignored;
        Ok(())
    })?;
    Ok(format!(
        "{EVENTS}: {lines}: {counted} events are new, {repeated} were there, {ignored} are of no alarm in the store"
    ))
}

/// Reads the lines of a file and hands them on, some at a time.
fn in_batches<T: DeserializeOwned>(
    path: &Path,
    mut take: impl FnMut(Vec<T>) -> anyhow::Result<()>,
) -> anyhow::Result<Lines> {
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    let size = file.metadata().with_context(cannot)?.len();
    let mut reader = BufReader::new(file);
    let (mut lines, mut batch, mut line) = (Lines::default(), Vec::new(), Vec::new());
    let (mut done, mut said) = (0, Instant::now());
    loop {
        line.clear();
        let length =
            reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).with_context(cannot)?;
        done += u64::try_from(length)?;
        if length > 0 && !line.trim_ascii().is_empty() {
            lines.read += 1;
            match serde_json::from_slice(&line) {
                Ok(record) => batch.push(record),
                Err(error) => lines.cannot_be_read(path, &error),
            }
        }
        if !batch.is_empty() && (length == 0 || batch.len() >= BATCH) {
            take(std::mem::take(&mut batch))?;
        }
        if length == 0 {
            return Ok(lines);
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            info!(file = %path.display(), lines = lines.read, "{} % read", done * 100 / size.max(1));
        }
    }
}

impl Lines {
    fn cannot_be_read(&mut self, path: &Path, error: &serde_json::Error) {
        self.unreadable += 1;
        if self.unreadable <= NAMED_LINES {
            warn!(file = %path.display(), line = self.read, %error, "a line cannot be read and is passed over");
        }
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} lines read", self.read)?;
        if self.unreadable > 0 {
            write!(f, ", {} of them cannot be read", self.unreadable)?;
        }
        Ok(())
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}
