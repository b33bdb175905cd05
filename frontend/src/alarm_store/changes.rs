//! Whoever shows alarms is told which of them have changed, once the change is stored.

use std::sync::Arc;

use tokio::sync::broadcast;

/// Changes that may wait for somebody who listens; whoever is slower is told that he missed some.
const WAITING: usize = 8_192;

/// An alarm is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmChange {
    /// Which one.
    pub alarm_id: Arc<str>,
    /// What became of it.
    pub kind: ChangeKind,
}

impl AlarmChange {
    pub(super) fn new(alarm_id: &str, kind: ChangeKind) -> Self {
        Self { alarm_id: alarm_id.into(), kind }
    }
}

/// What can become of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The engine says something new about it, or it is new.
    Updated,
    /// Users did something with it.
    Handled,
    /// It is gone.
    Deleted,
}

/// Tells everybody who listens.
#[derive(Debug)]
pub(super) struct Changes(broadcast::Sender<AlarmChange>);

impl Changes {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    /// Tells what is stored now.
    pub(super) fn tell(&self, changes: Vec<AlarmChange>) {
        for change in changes {
            // Nobody has to listen.
            self.0.send(change).ok();
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<AlarmChange> {
        self.0.subscribe()
    }
}
