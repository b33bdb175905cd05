//! What a directive tells a checkpoint: what has changed since the last one, and nothing else.
//!
//! A checkpoint is a message among the events of a mailbox. So what a manager says of itself is its state behind the same
//! event for all directives, without anybody waiting for anybody.

use dsiem_core::backlog::AlarmId;
use dsiem_core::event::EventKey;
use dsiem_core::time::ReceiptTime;
use tokio::sync::oneshot;

use super::{ASKED_AT_ONCE, Manager};
use crate::backlog::{Saved, ToBacklog};
use crate::checkpoint::Parts;
use crate::mailbox::Sender;

/// What a checkpoint asks of a manager.
#[derive(Debug, Clone)]
pub struct Save {
    /// Everything, and not only what has changed: no earlier checkpoint counts.
    pub everything: bool,
    /// Where to say it. The checkpoint has all of it when everyone has dropped this.
    pub parts: Parts,
}

/// A part of what one directive has to say.
#[derive(Debug)]
pub struct Part {
    /// Which directive.
    pub directive_id: u64,
    /// Backlogs that are new or have changed.
    pub backlogs: Vec<Saved>,
    /// Backlogs that are over.
    pub ended: Vec<AlarmId>,
    /// Event ids that it remembers now, oldest first.
    pub remembered: Vec<(ReceiptTime, EventKey)>,
    /// Event ids that it remembered before this time are forgotten.
    pub forgotten_before: ReceiptTime,
    /// Whether the directive has nothing more to say.
    pub is_last: bool,
}

/// What a checkpoint has not been told yet, besides backlogs that have changed.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) ended: Vec<AlarmId>,
    pub(super) remembered: Vec<(ReceiptTime, EventKey)>,
}

impl Manager {
    /// Whether a checkpoint knows everything of this directive.
    pub(super) fn is_saved(&self) -> bool {
        !self.shared.checkpoints
            || (self.open.is_saved()
                && self.lingering.is_saved()
                && self.unsaved.ended.is_empty()
                && self.unsaved.remembered.is_empty())
    }

    /// Tells a checkpoint what it has to know. One that was given up no longer listens, which is no harm: the next one
    /// asks for everything.
    pub(super) async fn save(&mut self, save: &Save) {
        let Unsaved { mut ended, mut remembered } = std::mem::take(&mut self.unsaved);
        if save.everything {
            remembered = self.recent.iter().collect();
        }
        ended.extend(self.lingering.take_finished());
        // One that has ended can have begun again with the same event.
        ended.retain(|id| !self.open.has_alarm(id));
        let mut part = Part {
            directive_id: self.directive.id,
            backlogs: Vec::new(),
            ended,
            remembered,
            forgotten_before: self.recent.forgotten_before(self.now),
            is_last: false,
        };
        let changed = self.open.take_unsaved(save.everything);
        let (open, lingering) = (&self.open, &mut self.lingering);
        let mut changed = changed
            .iter()
            .filter_map(|slot| open.mailbox(*slot))
            .chain(lingering.take_unsaved(save.everything));
        loop {
            let replies: Vec<_> = changed.by_ref().take(ASKED_AT_ONCE).map(ask).collect();
            part.is_last = replies.len() < ASKED_AT_ONCE;
            for saved in replies {
                // One whose task has just ended is told as ended the next time.
                part.backlogs.extend(saved.await);
            }
            let next = Part { backlogs: Vec::new(), ended: Vec::new(), remembered: Vec::new(), ..part };
            let told = std::mem::replace(&mut part, next);
            let is_last = told.is_last;
            save.parts.put(told).await;
            if is_last {
                return;
            }
        }
    }
}

fn ask(mailbox: &Sender<ToBacklog>) -> oneshot::Receiver<Saved> {
    let (reply, saved) = oneshot::channel();
    mailbox.try_send(ToBacklog::Save(reply)).ok();
    saved
}
