//! What the `main` of each of our programs does with a future: set up the process, run it, say how it ended.

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use dsiem_core::hash::Seed;

use crate::args::{IoArgs, LogArgs};
use crate::telemetry::{self, LogSettings};
use crate::tls;

/// Most of what an event costs beside reading it is taking and giving back memory, often on different threads; the
/// figures are in `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many threads of a kind are started by themselves, at most.
const MAX_AUTOMATIC_THREADS: usize = 8;

/// Runs `work` on a runtime with as many threads as `io` says, with logs as `log` says. An error is one text on standard
/// error and exit code 1.
pub fn run(
    name: &str,
    log: &LogArgs,
    io: IoArgs,
    work: impl Future<Output = anyhow::Result<()>>,
) -> ExitCode {
    telemetry::init(LogSettings::from(log));
    finish(name, io, work)
}

/// The same for a tool, whose results go to standard output and whose logs do not.
pub fn run_tool(name: &str, log: &LogArgs, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    telemetry::init_tool(log);
    finish(name, IoArgs::default(), work)
}

fn finish(name: &str, io: IoArgs, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    tls::install();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads(io.io_threads, cpus())).enable_all().build();
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

/// How many threads there are of a kind that `asked` were asked for: for 0, half of the `cpus`, up to 8 and at least one.
///
/// Not one for each CPU: threads that share tasks wake each other all the time while there is too little for all of them,
/// which costs more than what they do; and they are not alone on the machine. The figures are in `docs/performance.md`.
#[must_use]
pub fn threads(asked: u16, cpus: usize) -> usize {
    match asked {
        0 => (cpus / 2).clamp(1, MAX_AUTOMATIC_THREADS),
        asked => asked.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_threads_follows_the_cpus_unless_given() {
        for (cpus, expected) in [(0, 1), (1, 1), (2, 1), (4, 2), (16, 8), (128, 8)] {
            assert_eq!(threads(0, cpus), expected, "{cpus} CPUs");
        }
        assert_eq!(threads(3, 128), 3);
    }
}
