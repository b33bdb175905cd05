//! What a process has used, as the system says in `/proc`.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::Context as _;

/// Where the user time and the system time are behind the name of the program; proc(5), fields 14 and 15.
const USER_TIME: usize = 11;

/// CPU time of a process, all threads, as counted by the system: in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(u64);

impl Cpu {
    /// What process `pid` has used so far.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // The name may have blanks in it; it ends with the last parenthesis.
        let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        let times: Vec<u64> = fields.skip(USER_TIME).take(2).filter_map(|time| time.parse().ok()).collect();
        anyhow::ensure!(times.len() == 2, "{path} has another form: {stat}");
        Ok(Self(times.iter().sum()))
    }

    /// Together with another process.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Microseconds since `before`.
    pub(crate) fn micros_since(self, before: Self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a process does not run for centuries")]
        let ticks = self.0.saturating_sub(before.0) as f64;
        ticks * 1_000_000.0 / ticks_per_sec()
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

fn ticks_per_sec() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let said = Command::new("getconf").arg("CLK_TCK").output().ok();
        let ticks = said.and_then(|said| String::from_utf8(said.stdout).ok()?.trim().parse().ok());
        ticks.unwrap_or(100.0)
    })
}
