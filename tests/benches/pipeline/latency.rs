//! Latency from the request to the alarm line: when the load sent each request, when each event appeared in the growing
//! file, and the time between.
//!
//! Two processes take part, so times are those of the system's clock. The file is looked at every fifth of a
//! millisecond, which is how exact the figures are: inotify would be no more exact, and wake for every write.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use crate::traffic::{now_nanos, number_of};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// When something happened to an event, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time {
    /// The number of the event.
    pub(crate) number: u64,
    /// When.
    pub(crate) nanos: u64,
}

/// How long events took, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Half of them took no longer.
    pub(crate) p50: f64,
    /// 99 of 100.
    pub(crate) p99: f64,
    /// 999 of 1,000.
    pub(crate) p999: f64,
    /// All of them.
    pub(crate) max: f64,
}

impl Latency {
    /// From the times of requests of `batch` events each, and those of alarm lines.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn of(mut requests: Vec<Time>, lines: &[Time], batch: u64) -> anyhow::Result<Self> {
        requests.sort_unstable();
        let took = |line: &Time| {
            let place = requests.partition_point(|request| request.number <= line.number).checked_sub(1)?;
            let request = requests.get(place).filter(|request| line.number < request.number + batch)?;
            Some(line.nanos.saturating_sub(request.nanos))
        };
        let mut took: Vec<_> = lines.iter().filter_map(took).collect();
        took.sort_unstable();
        anyhow::ensure!(!took.is_empty(), "no event was seen in the alarm-event file");
        #[expect(clippy::cast_precision_loss, reason = "a run does not last for weeks")]
        let millis = |per_mille: usize| {
            let rank = (took.len() * per_mille).div_ceil(1_000);
            took[rank.saturating_sub(1)] as f64 / 1_000_000.0
        };
        Ok(Self { p50: millis(500), p99: millis(990), p999: millis(999), max: millis(1_000) })
    }
}

/// Writes times for another process of this program.
pub(crate) fn write_times(path: &Path, times: &[Time]) -> anyhow::Result<()> {
    let mut text = String::new();
    for Time { number, nanos } in times {
        text += &format!("{number} {nanos}\n");
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads what [`write_times`] has written.
pub(crate) fn read_times(path: &Path) -> anyhow::Result<Vec<Time>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let time = |line: &str| {
        let (number, nanos) = line.split_once(' ')?;
        Some(Time { number: number.parse().ok()?, nanos: nanos.parse().ok()? })
    };
    text.lines().map(|line| time(line).with_context(|| format!("not a time: {line}"))).collect()
}

/// A thread that follows the alarm-event file and notes when each event appeared.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Time>>>,
}

impl Follower {
    /// Follows from now on. What is in the file already is passed over.
    pub(crate) fn start(path: PathBuf) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let asked = stop.clone();
        Self { stop, thread: std::thread::spawn(move || follow(&path, &asked)) }
    }

    /// Ends, and returns what it has seen.
    pub(crate) fn seen(self) -> anyhow::Result<Vec<Time>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_panic| anyhow::anyhow!("following the alarm-event file failed"))?
    }
}

fn follow(path: &Path, stop: &AtomicBool) -> anyhow::Result<Vec<Time>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let (mut seen, mut buffer) = (Vec::new(), Vec::new());
    // What is there belongs to what was before.
    std::io::copy(&mut file, &mut std::io::sink()).with_context(cannot)?;
    loop {
        // Asked before reading, so that nothing written before the end is missed.
        let last = stop.load(Ordering::Relaxed);
        if file.read_to_end(&mut buffer).with_context(cannot)? > 0 {
            let nanos = now_nanos();
            let complete = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let lines = buffer[..complete].split(|byte| *byte == b'\n');
            seen.extend(lines.filter_map(number).map(|number| Time { number, nanos }));
            buffer.drain(..complete);
        }
        if last {
            return Ok(seen);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The number of the event that a line is about, without reading all of it.
fn number(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, rest) = line.split_once(r#""event_id":""#)?;
    number_of(rest.split('"').next()?)
}
