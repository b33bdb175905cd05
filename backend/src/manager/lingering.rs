//! Backlogs that are over and wait for look-ups: nothing is asked of them any more, but they have to be saved.

use dsiem_core::backlog::AlarmId;

use crate::backlog::ToBacklog;
use crate::mailbox::Sender;

/// Below so many, nobody looks which of them have finished.
const FEW: usize = 16;

/// The mailboxes of ended backlogs. How many there are is limited by how long a look-up may take.
#[derive(Debug)]
pub(super) struct Lingering {
    waiting: Vec<Waiting>,
    /// At this length, those that have finished are let go: twice what was left the last time, so that an ending costs
    /// the same however many linger.
    sweep_at: usize,
    /// Whether it is to be told who has finished.
    tells: bool,
    finished: Vec<AlarmId>,
}

#[derive(Debug)]
struct Waiting {
    alarm_id: AlarmId,
    mailbox: Sender<ToBacklog>,
    /// Whether a checkpoint has it as it is now, but for what look-ups bring.
    is_saved: bool,
}

impl Lingering {
    /// Nobody; with `tells`, [`take_finished`](Self::take_finished) says who has finished.
    pub(super) fn new(tells: bool) -> Self {
        Self { waiting: Vec::new(), sweep_at: FEW, tells, finished: Vec::new() }
    }

    pub(super) fn add(&mut self, alarm_id: AlarmId, mailbox: Sender<ToBacklog>) {
        if self.waiting.len() >= self.sweep_at {
            self.sweep();
        }
        self.waiting.push(Waiting { alarm_id, mailbox, is_saved: false });
    }

    /// Lets go of those that have finished; whether none is left.
    pub(super) fn sweep(&mut self) -> bool {
        let finished = self.waiting.extract_if(.., |waiting| waiting.mailbox.is_closed());
        if self.tells {
            self.finished.extend(finished.map(|waiting| waiting.alarm_id));
        } else {
            finished.for_each(drop);
        }
        self.sweep_at = (self.waiting.len() * 2).max(FEW);
        self.waiting.is_empty()
    }

    /// Everyone.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = &Sender<ToBacklog>> {
        self.waiting.iter().map(|waiting| &waiting.mailbox)
    }

    /// Those that no checkpoint has; from now on one does. With `everyone`, all of them.
    pub(super) fn take_unsaved(&mut self, everyone: bool) -> impl Iterator<Item = &Sender<ToBacklog>> {
        self.waiting.iter_mut().filter_map(move |waiting| {
            let was_saved = std::mem::replace(&mut waiting.is_saved, true);
            (everyone || !was_saved).then_some(&waiting.mailbox)
        })
    }

    /// Who has finished since this was asked last.
    pub(super) fn take_finished(&mut self) -> Vec<AlarmId> {
        self.sweep();
        std::mem::take(&mut self.finished)
    }

    /// Whether a checkpoint has everyone, and knows of everyone who has finished.
    pub(super) fn is_saved(&self) -> bool {
        !self.tells || (self.finished.is_empty() && self.waiting.iter().all(|waiting| waiting.is_saved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::mailbox;

    #[test]
    fn those_that_have_finished_are_let_go_now_and_then() {
        let mut lingering = Lingering::new(false);
        let (waiting, _open) = mailbox();
        lingering.add(AlarmId::saved("waits"), waiting);
        for _ in 0..10_000 {
            let (finished, _) = mailbox();
            lingering.add(AlarmId::saved("finished"), finished);
            assert!(lingering.mailboxes().count() <= 2 * FEW);
        }
        assert!(!lingering.sweep());
        assert_eq!(lingering.mailboxes().count(), 1);
        assert_eq!(lingering.take_finished(), []);
    }

    #[test]
    fn each_is_saved_once_and_its_end_is_told_once() {
        let mut lingering = Lingering::new(true);
        let (first, open) = mailbox();
        lingering.add(AlarmId::saved("first"), first);
        assert!(!lingering.is_saved());
        assert_eq!(lingering.take_unsaved(false).count(), 1);
        assert_eq!(lingering.take_unsaved(false).count(), 0);
        assert_eq!(lingering.take_unsaved(true).count(), 1);
        assert!(lingering.is_saved());
        drop(open);
        assert_eq!(lingering.take_finished(), [AlarmId::saved("first")]);
        assert_eq!(lingering.take_finished(), []);
    }
}
