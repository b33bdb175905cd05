//! What a manager shows to whoever looks: the open backlogs of its directive, as they are behind the events so far.

use dsiem_runtime::bus::{BacklogProgress, MAX_BACKLOGS};
use tokio::sync::oneshot;

use super::Manager;
use crate::backlog::ToBacklog;
use crate::mailbox::Sender;

/// A wish to see the open backlogs of a directive.
#[derive(Debug)]
pub struct Show {
    /// Where to show them. Who was dropped got no answer.
    pub reply: oneshot::Sender<Shown>,
}

/// What is open.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// How many.
    pub open: u64,
    /// Those whose time is up first, [`MAX_BACKLOGS`] at most.
    pub backlogs: Vec<BacklogProgress>,
}

impl Manager {
    /// Shows what is open. As with events, it has every backlog's answer before it goes on: so many are asked that this
    /// takes no longer than an event that concerns as many.
    pub(super) async fn show(&mut self, show: Show) {
        if show.reply.is_closed() {
            return;
        }
        let mailboxes = self.open.soonest().filter_map(|slot| self.open.mailbox(slot));
        let replies: Vec<_> = mailboxes.take(MAX_BACKLOGS).map(ask).collect();
        let mut shown = Shown { open: self.open.len() as u64, backlogs: Vec::with_capacity(replies.len()) };
        for backlog in replies {
            // One whose task is gone is found missing with the next event.
            shown.backlogs.extend(backlog.await);
        }
        // Who has gone away meanwhile has no use for it.
        show.reply.send(shown).ok();
    }
}

fn ask(mailbox: &Sender<ToBacklog>) -> oneshot::Receiver<BacklogProgress> {
    let (reply, shown) = oneshot::channel();
    mailbox.try_send(ToBacklog::Show(reply)).ok();
    shown
}
