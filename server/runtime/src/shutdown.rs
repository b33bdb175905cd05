//! Stopping as a value that is passed down.
//!
//! Whoever does work gets a [`Shutdown`] and ends when it has begun, after finishing what was accepted. The top waits
//! with a grace period and names who was late. A task that panics takes the process down in the same orderly way,
//! instead of leaving it half alive.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// The stopping of one process. Cheap to clone; clones are the same shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    begun: CancellationToken,
    failed: AtomicBool,
    tasks: TaskTracker,
    next_task: AtomicU64,
    // A lock, because tasks begin and end on any thread; touched once at either end.
    running: Mutex<BTreeMap<u64, &'static str>>,
}

/// The tasks that had not ended when the grace period was over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("still running after the grace period: {}", .names.join(", "))]
pub struct LateTasks {
    /// Their names, in the order in which they were started.
    pub names: Vec<&'static str>,
}

impl Shutdown {
    /// Not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown on SIGTERM or SIGINT. A second signal ends the process at once, with 128 and the signal's
    /// number as exit code, as a shell would report it.
    ///
    /// The handlers are in place when this returns. Must be called within a tokio runtime.
    pub fn on_signals(&self) {
        for (kind, name) in [(SignalKind::terminate(), "SIGTERM"), (SignalKind::interrupt(), "SIGINT")] {
            match signal(kind) {
                Ok(signals) => drop(tokio::spawn(self.clone().follow(signals, kind, name))),
                Err(error) => warn!(%error, signal = name, "cannot listen for a signal, stop by other means"),
            }
        }
    }

    async fn follow(self, mut signals: Signal, kind: SignalKind, name: &'static str) {
        while signals.recv().await.is_some() {
            if self.is_begun() {
                warn!(signal = name, "second signal, ending at once");
                std::process::exit(128 + kind.as_raw_value());
            }
            info!(signal = name, "stopping");
            self.begin();
        }
    }

    /// Begins it. Further calls do nothing.
    pub fn begin(&self) {
        self.0.begun.cancel();
    }

    /// Begins it because something went wrong; [`failed`](Self::failed) says so afterwards. Log the reason first.
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Release);
        self.begin();
    }

    /// Whether something went wrong, so that the exit code must not be 0.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }

    /// Waits until it has begun.
    pub async fn begun(&self) {
        self.0.begun.cancelled().await;
    }

    /// Whether it has begun.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.0.begun.is_cancelled()
    }

    /// A token that is cancelled when the shutdown begins. Cancelling it does not begin the shutdown.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.begun.child_token()
    }

    /// Starts a task that [`finish`](Self::finish) waits for: it must end by itself once the shutdown has begun.
    ///
    /// A panic in it is logged with its name and begins the shutdown as a failure.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let running = Running::new(self.clone(), name);
        let guarded = self.clone().guarded(name, task);
        drop(tokio::spawn(self.0.tasks.track_future(async move {
            guarded.await;
            drop(running);
        })));
    }

    /// Starts a task that serves others and is not waited for: whoever still needs it is waited for in its stead.
    ///
    /// A panic in it is logged with its name and begins the shutdown as a failure.
    pub fn spawn_service(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(self.clone().guarded(name, task)));
    }

    async fn guarded(self, name: &'static str, task: impl Future<Output = ()>) {
        if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
            error!(task = name, reason = panic_text(&*panic), "a task panicked, stopping");
            self.fail();
        }
    }

    /// Begins the shutdown if nobody has, and waits for all tasks of [`spawn`](Self::spawn), `grace` at most.
    ///
    /// # Errors
    ///
    /// The names of the tasks that were still running when the grace period was over. They go on running.
    pub async fn finish(&self, grace: Duration) -> Result<(), LateTasks> {
        self.begin();
        self.0.tasks.close();
        match tokio::time::timeout(grace, self.0.tasks.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(LateTasks { names: self.running() }),
        }
    }

    /// Waits until the shutdown begins and everything has stopped; `who` is stopping, in the words of an error.
    ///
    /// # Errors
    /// Who was late, or that a part failed.
    pub async fn run_until_stopped(&self, who: &str, grace: Duration) -> anyhow::Result<()> {
        self.begun().await;
        self.finish(grace).await?;
        anyhow::ensure!(!self.failed(), "{who} stopped because a part of it failed; the log says which");
        info!("{who} stopped");
        Ok(())
    }

    fn running(&self) -> Vec<&'static str> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

/// The name of a task in the list of those that run, for as long as it does.
struct Running {
    shutdown: Shutdown,
    number: u64,
}

impl Running {
    fn new(shutdown: Shutdown, name: &'static str) -> Self {
        let number = shutdown.0.next_task.fetch_add(1, Ordering::Relaxed);
        shutdown.0.running.lock().unwrap_or_else(PoisonError::into_inner).insert(number, name);
        Self { shutdown, number }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn finishing_waits_for_tasks_that_have_work_left() {
        let shutdown = Shutdown::new();
        let done = Arc::new(AtomicBool::new(false));
        let (stop, flag) = (shutdown.clone(), done.clone());
        shutdown.spawn("writer", async move {
            stop.begun().await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            flag.store(true, Ordering::SeqCst);
        });
        assert!(!shutdown.is_begun());
        assert_eq!(shutdown.finish(GRACE).await, Ok(()));
        assert!(done.load(Ordering::SeqCst));
        assert!(!shutdown.failed());
    }

    #[tokio::test(start_paused = true)]
    async fn late_tasks_are_named() {
        let shutdown = Shutdown::new();
        shutdown.spawn("in time", async {});
        shutdown.spawn("stuck writer", std::future::pending());
        shutdown.spawn("stuck reader", std::future::pending());
        let late = shutdown.finish(GRACE).await.unwrap_err();
        assert_eq!(late.names, ["stuck writer", "stuck reader"]);
        assert_eq!(late.to_string(), "still running after the grace period: stuck writer, stuck reader");
    }

    #[tokio::test]
    async fn a_panic_begins_the_shutdown_as_a_failure() {
        let shutdown = Shutdown::new();
        shutdown.spawn("fragile", async { panic!("on purpose: {}", 7) });
        shutdown.begun().await;
        assert!(shutdown.failed());
        assert_eq!(shutdown.finish(GRACE).await, Ok(()));
    }

    #[tokio::test]
    async fn services_are_not_waited_for_but_their_panics_are_noticed() {
        let shutdown = Shutdown::new();
        shutdown.spawn_service("for ever", std::future::pending());
        assert_eq!(shutdown.finish(GRACE).await, Ok(()));
        shutdown.spawn_service("fragile", async { panic!("on purpose") });
        while !shutdown.failed() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn tokens_follow_and_do_not_lead() {
        let shutdown = Shutdown::new();
        let (a, b) = (shutdown.token(), shutdown.token());
        a.cancel();
        assert!(!shutdown.is_begun() && !b.is_cancelled());
        shutdown.begin();
        b.cancelled().await;
    }

    /// The only test here that sends a signal: a second one would end the test program.
    #[tokio::test]
    async fn sigterm_begins_it() {
        let shutdown = Shutdown::new();
        shutdown.on_signals();
        let pid = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success());
        shutdown.begun().await;
        assert!(!shutdown.failed());
    }
}
