//! The answers of backlogs, on their way to their manager.
//!
//! A manager asks some backlogs at a time and needs the answers of all of them before it goes on. A channel would wake it
//! for each: of a thousand backlogs that count an event it would be run a thousand times, to find out that more are to
//! come. This wakes it once, when the last answer is in.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Where answers go in, and where they come out.
#[must_use]
pub fn answers<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Inner { arrived: VecDeque::new(), awaited: 0, waiting: None }));
    (Sender(shared.clone()), Receiver(shared))
}

/// Where answers go in. Clones lead to the same place.
#[derive(Debug)]
pub struct Sender<T>(Shared<T>);

/// Where answers come out, for one task.
#[derive(Debug)]
pub struct Receiver<T>(Shared<T>);

// A lock, because several tasks put in and one takes out; it is held for a move, and they run on one thread.
type Shared<T> = Arc<Mutex<Inner<T>>>;

#[derive(Debug)]
struct Inner<T> {
    arrived: VecDeque<T>,
    /// How many are waited for.
    awaited: usize,
    waiting: Option<Waker>,
}

/// Each change is complete before anything can panic.
fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, Inner<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// Leaves an answer; never waits. Nobody hears of it if there is no receiver any more.
    pub fn send(&self, answer: T) {
        let mut inner = lock(&self.0);
        inner.arrived.push_back(answer);
        // The waker stays: taking a new one each time would cost more than the answer.
        if inner.arrived.len() == inner.awaited
            && let Some(waker) = &inner.waiting
        {
            waker.wake_by_ref();
        }
    }
}

impl<T> Receiver<T> {
    /// Waits until `count` answers are there to be taken. May be cancelled without loss.
    pub async fn wait_for(&mut self, count: usize) {
        poll_fn(|cx| self.poll_wait(count, cx)).await;
    }

    fn poll_wait(&mut self, count: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.0);
        if inner.arrived.len() >= count {
            inner.awaited = 0;
            return Poll::Ready(());
        }
        inner.awaited = count;
        match &mut inner.waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Moves all answers that are there into `taken`, which is empty; the one that came first comes first.
    pub fn take_all(&mut self, taken: &mut VecDeque<T>) {
        debug_assert!(taken.is_empty(), "it becomes the room for the next answers");
        mem::swap(&mut lock(&self.0).arrived, taken);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // It keeps the memory of the task that waits.
        lock(&self.0).waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_when_the_last_answer_is_in() {
        let (sender, mut receiver) = answers();
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(wakes.clone());
        let mut cx = Context::from_waker(&waker);
        sender.send(1);
        assert_eq!(receiver.poll_wait(3, &mut cx), Poll::Pending);
        sender.clone().send(2);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
        sender.send(3);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(receiver.poll_wait(3, &mut cx), Poll::Ready(()));
        sender.send(4);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "nobody waits");
        let mut taken = VecDeque::new();
        receiver.take_all(&mut taken);
        assert_eq!(taken, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn answers_that_are_there_are_not_waited_for() {
        let (sender, mut receiver) = answers();
        (0..3).for_each(|n| sender.send(n));
        receiver.wait_for(2).await;
        receiver.wait_for(0).await;
        receiver.wait_for(3).await;
        let mut taken = VecDeque::new();
        receiver.take_all(&mut taken);
        assert_eq!(taken, [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_task_that_waits_gets_the_answers_of_others() {
        let (sender, mut receiver) = answers();
        let task = tokio::spawn(async move {
            let (mut all, mut taken) = (0, VecDeque::new());
            while all < 104 {
                receiver.wait_for(1).await;
                receiver.take_all(&mut taken);
                all += taken.drain(..).count();
            }
            all
        });
        for n in 0..104 {
            tokio::task::yield_now().await;
            sender.send(n);
        }
        assert_eq!(task.await.unwrap(), 104);
    }
}
