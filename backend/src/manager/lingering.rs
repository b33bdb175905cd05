//! Backlogs that are over and wait for look-ups: nothing is asked of them any more, but they have to be saved at the end.

use crate::backlog::ToBacklog;
use crate::mailbox::Sender;

/// Below so many, nobody looks which of them have finished.
const FEW: usize = 16;

/// The mailboxes of ended backlogs. How many there are is limited by how long a look-up may take.
#[derive(Debug)]
pub(super) struct Lingering {
    mailboxes: Vec<Sender<ToBacklog>>,
    /// At this length, those that have finished are let go: twice what was left the last time, so that an ending costs
    /// the same however many linger.
    sweep_at: usize,
}

impl Lingering {
    pub(super) fn new() -> Self {
        Self { mailboxes: Vec::new(), sweep_at: FEW }
    }

    pub(super) fn add(&mut self, mailbox: Sender<ToBacklog>) {
        if self.mailboxes.len() >= self.sweep_at {
            self.sweep();
        }
        self.mailboxes.push(mailbox);
    }

    /// Lets go of those that have finished; whether none is left.
    pub(super) fn sweep(&mut self) -> bool {
        self.mailboxes.retain(|mailbox| !mailbox.is_closed());
        self.sweep_at = (self.mailboxes.len() * 2).max(FEW);
        self.mailboxes.is_empty()
    }

    pub(super) fn mailboxes(&self) -> &[Sender<ToBacklog>] {
        &self.mailboxes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::mailbox;

    #[test]
    fn those_that_have_finished_are_let_go_now_and_then() {
        let mut lingering = Lingering::new();
        let (waiting, _open) = mailbox();
        lingering.add(waiting);
        for _ in 0..10_000 {
            let (finished, _) = mailbox();
            lingering.add(finished);
            assert!(lingering.mailboxes().len() <= 2 * FEW);
        }
        assert!(!lingering.sweep());
        assert_eq!(lingering.mailboxes().len(), 1);
    }
}
