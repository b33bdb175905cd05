//! The mailbox of a backlog: a place for one message, between its manager and the task that waits for it.
//!
//! A channel of the usual kind takes a kilobyte and a dozen cache lines, and there may be a million backlogs. A manager
//! waits for the answer to each of its messages, so there is never more than one: this takes seventy bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// An empty mailbox: where a message goes in, and where it comes out.
#[must_use]
pub fn mailbox<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Inner { message: None, waiting: None, open: true, has_sender: true }));
    (Sender(shared.clone()), Receiver(shared))
}

/// Where messages go in. When it is dropped, the receiver hears of the end.
#[derive(Debug)]
pub struct Sender<T>(Shared<T>);

/// Where messages come out, for one task. When it is dropped, nothing is accepted any more.
#[derive(Debug)]
pub struct Receiver<T>(Shared<T>);

/// The message comes back: there is one that was not taken yet, or nobody will take it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<T>(pub T);

// A lock, because two tasks put in and take out; it is held for a move, and the two run on one thread.
type Shared<T> = Arc<Mutex<Inner<T>>>;

#[derive(Debug)]
struct Inner<T> {
    message: Option<T>,
    waiting: Option<Waker>,
    /// Whether somebody will take messages.
    open: bool,
    /// Whether there can be more of them.
    has_sender: bool,
}

impl<T> Inner<T> {
    /// Lets the task that waits run. Its waker stays: taking a new one each time would cost more than the message.
    fn wake(&self) {
        if let Some(waker) = &self.waiting {
            waker.wake_by_ref();
        }
    }
}

/// Each change is complete before anything can panic.
fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, Inner<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    /// Leaves a message; never waits.
    ///
    /// # Errors
    /// When the last one was not taken yet, or the receiver is gone.
    pub fn try_send(&self, message: T) -> Result<(), Refused<T>> {
        let mut inner = lock(&self.0);
        if !inner.open || inner.message.is_some() {
            return Err(Refused(message));
        }
        inner.message = Some(message);
        inner.wake();
        Ok(())
    }

    /// Whether the receiver has not been dropped. This looks, and takes no lock.
    #[must_use]
    pub fn has_receiver(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether nobody will take messages any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !lock(&self.0).open
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut inner = lock(&self.0);
        inner.has_sender = false;
        inner.wake();
    }
}

impl<T> Receiver<T> {
    /// The next message, once there is one; `None` when nothing is left and the sender is gone.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut inner = lock(&self.0);
        if inner.message.is_some() || !inner.has_sender {
            return Poll::Ready(inner.message.take());
        }
        match &mut inner.waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// From now on nothing is accepted; a message that was and has not been taken comes back.
    pub fn close(&mut self) -> Option<T> {
        let mut inner = lock(&self.0);
        inner.open = false;
        // It keeps the task alive that keeps this mailbox.
        inner.waiting = None;
        inner.message.take()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn recv<T>(receiver: &mut Receiver<T>) -> Option<T> {
        poll_fn(|cx| receiver.poll_recv(cx)).await
    }

    #[tokio::test]
    async fn messages_come_out_in_order_and_wake_the_one_who_waits() {
        let (sender, mut receiver) = mailbox();
        let task = tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(message) = recv(&mut receiver).await {
                taken.push(message);
            }
            taken
        });
        for message in 0..4 {
            tokio::task::yield_now().await;
            sender.try_send(message).unwrap();
        }
        drop(sender);
        assert_eq!(task.await.unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn one_that_was_not_taken_keeps_the_next_out() {
        let (sender, mut receiver) = mailbox();
        sender.try_send(1).unwrap();
        assert_eq!(sender.try_send(2), Err(Refused(2)));
        assert_eq!(receiver.close(), Some(1), "it is not lost");
    }

    #[tokio::test]
    async fn the_end_of_the_sender_is_heard_after_its_last_message() {
        let (sender, mut receiver) = mailbox();
        sender.try_send(1).unwrap();
        drop(sender);
        assert_eq!((recv(&mut receiver).await, recv(&mut receiver).await), (Some(1), None));

        let (sender, mut receiver) = mailbox::<u8>();
        let task = tokio::spawn(async move { recv(&mut receiver).await });
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(task.await.unwrap(), None, "also by one who waits");
    }

    #[test]
    fn closed_or_without_a_receiver_nothing_is_accepted() {
        let (sender, mut receiver) = mailbox();
        assert!(!sender.is_closed());
        assert_eq!(receiver.close(), None);
        assert!(sender.is_closed());
        assert_eq!(sender.try_send(1), Err(Refused(1)));
        let (sender, receiver) = mailbox::<u8>();
        assert!(sender.has_receiver());
        drop(receiver);
        assert!(sender.is_closed() && !sender.has_receiver());
    }
}
