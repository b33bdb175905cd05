//! What a process has used, as the system says in `/proc`.

use std::collections::HashMap;

use anyhow::Context as _;

/// CPU time of a process, user and system: of each of its threads, since the system keeps that to the nanosecond, and
/// the sum only in steps of 10 ms.
#[derive(Debug, Clone)]
pub(crate) struct Cpu(HashMap<u32, u64>);

impl Cpu {
    /// What process `pid` has used so far.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{pid}/task");
        let threads = std::fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
        let used = |id: &str| {
            let used = std::fs::read_to_string(format!("{folder}/{id}/schedstat")).ok()?;
            Some((id.parse().ok()?, used.split(' ').next()?.parse().ok()?))
        };
        // One that has ended meanwhile is not there any more.
        let threads = threads.filter_map(|thread| used(thread.ok()?.file_name().to_str()?));
        let threads: HashMap<_, _> = threads.collect();
        anyhow::ensure!(!threads.is_empty(), "{folder} does not say what threads have used");
        Ok(Self(threads))
    }

    /// Together with another process.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Microseconds since `before`.
    pub(crate) fn micros_since(&self, before: &Self) -> f64 {
        let since = |(id, now): (&u32, &u64)| now.saturating_sub(before.0.get(id).copied().unwrap_or(0));
        #[expect(clippy::cast_precision_loss, reason = "a process does not run for centuries")]
        let nanos = self.0.iter().map(since).sum::<u64>() as f64;
        nanos / 1_000.0
    }
}

/// Resident memory of a process, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident_mib: u64,
    /// The most that it ever was.
    pub(crate) peak_mib: u64,
}

impl Memory {
    /// Of process `pid`.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{pid}/status");
        let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let mib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            Ok::<_, anyhow::Error>(kib.with_context(|| format!("{path} does not say {key}"))? / 1_024)
        };
        Ok(Self { resident_mib: mib("VmRSS:")?, peak_mib: mib("VmHWM:")? })
    }
}

/// How often the thread of this name has written to a file; 0 if there is none.
pub(crate) fn writes_of_thread(pid: u32, name: &str) -> anyhow::Result<u64> {
    let folder = format!("/proc/{pid}/task");
    let threads = std::fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut threads = threads.filter_map(|thread| Some(thread.ok()?.path()));
    let io =
        threads.find(|thread| read(thread.join("comm")).trim() == name).map(|thread| read(thread.join("io")));
    let io = io.unwrap_or_default();
    Ok(io.lines().find_map(|line| line.strip_prefix("syscw: ")?.parse().ok()).unwrap_or(0))
}
