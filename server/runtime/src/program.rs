//! What the `main` of each of our programs does with a future: set up the process, run it, say how it ended.

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use dsiem_core::hash::Seed;

use crate::args::LogArgs;
use crate::telemetry::{self, LogSettings};
use crate::tls;

/// Most of what an event costs beside reading it is taking and giving back memory, often on different threads; the
/// figures are in `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs `work` on a multi-threaded runtime, with logs as `log` says. An error is one text on standard error and exit
/// code 1.
pub fn run(name: &str, log: &LogArgs, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    telemetry::init(LogSettings::from(log));
    finish(name, work)
}

/// The same for a tool, whose results go to standard output and whose logs do not.
pub fn run_tool(name: &str, log: &LogArgs, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    telemetry::init_tool(log);
    finish(name, work)
}

fn finish(name: &str, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    tls::install();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(work)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            writeln!(std::io::stderr(), "{name}: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// The seed of this process's hash maps: events come from outside, so it must not be predictable.
#[must_use]
pub fn seed() -> Seed {
    use std::hash::{BuildHasher as _, RandomState};
    Seed(RandomState::new().hash_one(std::process::id()))
}

/// How many CPUs this process may use; 1 where the system does not say.
#[must_use]
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
