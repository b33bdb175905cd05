//! Tells whoever shows alarms which of them have changed.
//!
//! Nobody waits for a listener: one that is too slow misses the oldest changes, is told so, and has to look anew.

use tokio::sync::broadcast;

/// How many changes are kept for slow listeners.
pub const CHANGES_KEPT: usize = 4_096;

/// An alarm has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmChange {
    /// Which one.
    pub alarm_id: String,
    /// What has happened to it.
    pub kind: ChangeKind,
}

/// What has happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The engine says something of it, up to this revision; `None`: only that there are more events.
    Updated(Option<u64>),
    /// A user has changed what is the user's.
    Handled,
    /// It is gone.
    Deleted,
}

/// Where changes are told and heard. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AlarmChanges(broadcast::Sender<AlarmChange>);

impl Default for AlarmChanges {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES_KEPT))
    }
}

impl AlarmChanges {
    /// Tells whoever listens; the store has the change already.
    pub fn tell(&self, change: AlarmChange) {
        // Nobody may listen.
        self.0.send(change).ok();
    }

    /// Hears every change from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<AlarmChange> {
        self.0.subscribe()
    }

    /// Whether somebody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }
}
