//! The threads on which directives and their backlogs run.
//!
//! A manager and its backlogs wait for each other at every event. On a runtime that spreads tasks over its threads, such
//! a pair is torn apart again and again, and each of its messages then costs a system call and a switch of threads: more
//! than correlating the event. So each of these threads is a runtime of its own, and a directive stays, with all its
//! backlogs, on the one where it woke.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::TaskTracker;

/// Where directives run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerMode {
    /// On this many threads of their own, at least one.
    Threads(usize),
    /// On the runtime that starts them: for tests with paused time.
    Inline,
}

/// The threads; they end when this is dropped, whatever still runs on them.
#[derive(Debug)]
pub struct Workers(Vec<Runtime>);

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(mode: WorkerMode) -> io::Result<Self> {
        let WorkerMode::Threads(threads) = mode else { return Ok(Self(Vec::new())) };
        let start = |n| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name(format!("correlation-{n}")).enable_all().build()
        };
        Ok(Self((0..threads.max(1)).map(start).collect::<io::Result<_>>()?))
    }

    /// Spawns a task where the fewest tasks are. What it spawns itself stays with it.
    pub fn spawn(&self, tracker: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        let fewest =
            self.0.iter().map(Runtime::handle).min_by_key(|handle| handle.metrics().num_alive_tasks());
        match fewest {
            Some(handle) => tracker.spawn_on(task, handle),
            None => tracker.spawn_on(task, &Handle::current()),
        };
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // A runtime must not wait for its threads on a thread of another one.
        self.0.drain(..).for_each(Runtime::shutdown_background);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::sync::mpsc;

    use super::*;

    /// The name of the thread that a task ran on, and of the one that its own task ran on.
    async fn names(workers: &Workers, tasks: usize) -> Vec<(String, String)> {
        let name = || thread::current().name().unwrap_or_default().to_owned();
        let (sender, mut receiver) = mpsc::channel(tasks);
        let tracker = TaskTracker::new();
        for _ in 0..tasks {
            let sender = sender.clone();
            workers.spawn(&tracker, async move {
                let child = tokio::spawn(async move { name() }).await;
                sender.send((name(), child.unwrap_or_default())).await.ok();
                // Stays alive, so that the next one goes elsewhere.
                sender.closed().await;
            });
        }
        let mut names = Vec::new();
        for _ in 0..tasks {
            names.push(receiver.recv().await.unwrap());
        }
        drop(receiver);
        tracker.close();
        tracker.wait().await;
        names.sort();
        names
    }

    #[tokio::test]
    async fn tasks_spread_over_the_threads_and_keep_their_own_beside_them() {
        let workers = Workers::start(WorkerMode::Threads(2)).unwrap();
        let names = names(&workers, 4).await;
        assert!(names.iter().all(|(task, child)| task == child), "{names:?}");
        let threads: Vec<_> = names.iter().map(|(task, _)| task.as_str()).collect();
        assert_eq!(threads, ["correlation-0", "correlation-0", "correlation-1", "correlation-1"]);
    }

    #[tokio::test]
    async fn inline_tasks_stay_on_the_runtime_that_starts_them() {
        let workers = Workers::start(WorkerMode::Inline).unwrap();
        let here = thread::current().name().unwrap_or_default().to_owned();
        assert_eq!(names(&workers, 1).await, [(here.clone(), here)]);
    }

    #[tokio::test]
    async fn dropping_them_ends_what_still_runs() {
        let workers = Workers::start(WorkerMode::Threads(1)).unwrap();
        let tracker = TaskTracker::new();
        workers.spawn(&tracker, std::future::pending());
        drop(workers);
        tracker.close();
        tracker.wait().await;
    }
}
