//! What the threads of this process have used, as the system says in `/proc`; its memory; and how large the values are
//! that a backlog is made of.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use dsiem_backend::backlog::{Answer, BacklogTask, Beginning, ToBacklog};
use dsiem_backend::manager::Delivery;
use dsiem_core::backlog::{Backlog, Stage};
use dsiem_core::event::Event;
use dsiem_core::routing::Interests;

/// How the names of the engine's threads begin, and what they do, in the order in which an event meets them. What other
/// threads take is the benchmark's.
pub(crate) const PARTS: [(&str, &str); 4] = [
    (SERIAL, "ingest and dispatcher"),
    ("filter", "filter"),
    ("correlation", "managers and backlogs"),
    ("alarm-log", "alarm log"),
];

/// The thread of what there is once: ingest and the dispatcher.
pub(crate) const SERIAL: &str = "serial";

/// Nanoseconds on a CPU so far, by name of the thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadTimes(BTreeMap<String, u64>);

impl ThreadTimes {
    /// What all threads have used so far.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut times = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task").context("cannot list the threads")? {
            let folder = task.context("cannot list the threads")?.path();
            // A thread that ends meanwhile is none of the engine's.
            let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
            let (name, used) = (read("comm"), read("schedstat"));
            let nanos = used.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
            *times.entry(name.trim_end().to_owned()).or_default() += nanos.unwrap_or(0);
        }
        anyhow::ensure!(times.values().sum::<u64>() > 0, "this system does not say what threads use");
        Ok(Self(times))
    }

    /// What they have used since `before`.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (name, nanos) in &mut self.0 {
            *nanos = nanos.saturating_sub(before.0.get(name).copied().unwrap_or(0));
        }
        self
    }

    /// Counts `more` in.
    pub(crate) fn add(&mut self, more: &Self) {
        for (name, nanos) in &more.0 {
            *self.0.entry(name.clone()).or_default() += nanos;
        }
    }

    /// What the engine's parts have used, those that were at work.
    pub(crate) fn by_part(&self) -> BTreeMap<String, u64> {
        let of = |part: &str| {
            let threads = self.0.iter().filter(|(name, _)| name.starts_with(part));
            threads.map(|(_, nanos)| nanos).sum::<u64>()
        };
        let parts = PARTS.iter().map(|(threads, part)| ((*part).to_owned(), of(threads)));
        parts.filter(|(_, nanos)| *nanos > 0).collect()
    }
}

/// Resident memory of this process.
pub(crate) fn resident_kib() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read the state of this process")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.context("this system does not say how much memory is resident")
}

/// The values that a backlog is made of: a line for each, in bytes, without what they own elsewhere. To be read beside a
/// heap profile.
pub(crate) fn sizes() -> String {
    let sizes = [
        ("Event", size_of::<Event>()),
        ("Backlog", size_of::<Backlog>()),
        ("Stage, one for each that was reached", size_of::<Stage>()),
        ("Interests of a backlog", size_of::<Interests>()),
        ("BacklogTask, with the Backlog in it", size_of::<BacklogTask>()),
        ("future that it runs as", size_of_future(BacklogTask::run)),
        ("message to a backlog, one in its mailbox", size_of::<ToBacklog>()),
        ("answer of a backlog", size_of::<Answer>()),
        ("delivery to a manager", size_of::<Delivery>()),
    ];
    sizes.iter().map(|(what, bytes)| format!("{bytes:>5} {what}\n")).collect()
}

fn size_of_future<F>(_: impl FnOnce(BacklogTask, Beginning) -> F) -> usize {
    size_of::<F>()
}
