//! A limit on how much of something is in use at the same time, where nobody waits: who finds no room is refused.
//!
//! A semaphore can do that, too. But it also lets one wait, for which giving back takes a lock, and each request with
//! events takes and gives back three such shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit and what is used of it. Clones share it.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Use>);

#[derive(Debug)]
struct Use {
    limit: usize,
    used: AtomicUsize,
}

/// A part of a [`Quota`] that is in use, given back when it is dropped.
#[derive(Debug)]
#[must_use = "it is given back when it is dropped"]
pub struct Share {
    quota: Quota,
    amount: usize,
}

impl Quota {
    /// Nothing of `limit` is used.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Use { limit, used: AtomicUsize::new(0) }))
    }

    /// How much may be used at the same time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Nothing of it, to begin with.
    pub fn none(&self) -> Share {
        Share { quota: self.clone(), amount: 0 }
    }

    /// Takes `amount` of it, if there is so much left.
    #[must_use]
    pub fn take(&self, amount: usize) -> Option<Share> {
        let mut share = self.none();
        share.grow(amount).then_some(share)
    }

    /// Takes `amount` of it, or all of it where that is more than there is at all, if there is so much left.
    #[must_use]
    pub fn take_or_all(&self, amount: usize) -> Option<Share> {
        self.take(amount.min(self.limit()))
    }
}

impl Share {
    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes so much in addition; false and as it was if there is not so much left.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let Use { limit, used } = &*self.quota.0;
        let with_more = |used: usize| used.checked_add(more).filter(|sum| sum <= limit);
        // A number that protects no memory but itself needs no order.
        let grown = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_more).is_ok();
        if grown {
            self.amount += more;
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.quota.0.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_as_much_as_the_limit_and_what_is_given_back_can_be_taken_again() {
        let quota = Quota::new(10);
        let mut first = quota.take(4).unwrap();
        assert!(first.grow(5));
        assert_eq!(first.amount(), 9);
        assert!(!first.grow(2), "one is left");
        assert_eq!(first.amount(), 9, "as it was");
        let second = quota.take(1).unwrap();
        assert!(quota.take(1).is_none());
        assert!(quota.none().grow(0), "nothing can always be had");
        drop(first);
        assert!(quota.take(10).is_none());
        assert_eq!(quota.take(9).unwrap().amount(), 9);
        drop(second);
        let third = quota.take(10).unwrap();
        assert_eq!(third.amount(), quota.limit());
        assert!(quota.take(usize::MAX).is_none());
        assert!(quota.take_or_all(usize::MAX).is_none(), "all is not left");
        drop(third);
        assert_eq!(quota.take_or_all(usize::MAX).unwrap().amount(), quota.limit());
        assert_eq!(quota.take_or_all(3).unwrap().amount(), 3);
    }

    #[test]
    fn many_threads_never_use_more_than_the_limit() {
        let (quota, most) = (Quota::new(3), AtomicUsize::new(0));
        let using = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let Some(share) = quota.take(2) else { continue };
                        most.fetch_max(
                            using.fetch_add(share.amount(), Ordering::SeqCst) + 2,
                            Ordering::SeqCst,
                        );
                        using.fetch_sub(share.amount(), Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 2, "two shares of two are more than three");
        assert!(quota.take(3).is_some(), "everything was given back");
    }
}
