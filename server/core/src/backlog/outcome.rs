//! What a backlog answers: what became of an event, and what has to be done now.

/// Why a backlog is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its last stage is complete.
    Completed,
    /// Its current stage took too long.
    TimedOut,
    /// It had to go because too many are open.
    Evicted,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does not match: it may open a backlog, if nobody else consumes it.
    NotConsumed,
    /// It matches, but does not count.
    Discarded(Discarded),
    /// It joined an earlier stage, which was complete already.
    Absorbed,
    /// It counts in the current stage.
    Counted,
}

/// Why an event that matches does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// The stage has this event id already.
    SameEvent,
    /// The stage wants a new value of a field, and this one is known.
    NothingNew,
    /// It lies before the end of an earlier stage.
    OutOfOrder,
}

/// Whether the alarm document has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// No.
    None,
    /// Within a second; several of these make one document.
    Soon,
    /// Now; with `look_ups`, the enrichment sources are to be asked as well.
    Now {
        /// Whether a stage was completed.
        look_ups: bool,
    },
}

/// What has to be done after an event, a deadline or a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What became of the event; [`Verdict::NotConsumed`] where there was none.
    pub verdict: Verdict,
    /// The stage that the event joined: an alarm-event line has to be written.
    pub joined_stage: Option<u8>,
    /// Whether the alarm document has to be written.
    pub update: Update,
    /// Whether [`Backlog::deadline_secs`](super::Backlog::deadline_secs) has changed.
    pub deadline_changed: bool,
    /// Whether [`Backlog::interests`](super::Backlog::interests) have changed.
    pub interests_changed: bool,
}

impl Outcome {
    pub(super) const NOTHING: Self = Self {
        verdict: Verdict::NotConsumed,
        joined_stage: None,
        update: Update::None,
        deadline_changed: false,
        interests_changed: false,
    };

    /// The outcome where there is nothing to do.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::NOTHING
    }

    pub(super) fn discarded(reason: Discarded) -> Self {
        Self { verdict: Verdict::Discarded(reason), ..Self::NOTHING }
    }

    /// Whether the event is finished with: it opens no backlog.
    #[must_use]
    pub fn consumed(&self) -> bool {
        self.verdict != Verdict::NotConsumed
    }
}
