//! A backlog taken apart and put together, for documents and saved state.

use std::sync::Arc;

use super::{AlarmId, Backlog, Collected, Ending, Found, Stage};
use crate::directive::Directive;

impl Backlog {
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts { found: self.found.get(), created_secs: self.created_secs, update_secs: self.update_secs }
    }

    /// Puts a backlog together again; `stages` must hold at least one and at most as many as the directive has rules.
    pub(crate) fn restore(restored: Restored) -> Self {
        debug_assert!((1..=restored.directive.rules.len()).contains(&restored.stages.len()));
        Self {
            id: restored.id,
            directive: restored.directive,
            title: restored.title,
            stages: restored.stages,
            collected: restored.collected,
            found: restored.found.into(),
            risk: restored.risk,
            created_secs: restored.created_secs,
            update_secs: restored.update_secs,
            ending: restored.ending,
        }
    }
}

/// What documents and saved state need beyond the public accessors.
pub(crate) struct Parts<'a> {
    pub(crate) found: &'a Found,
    pub(crate) created_secs: Option<i64>,
    pub(crate) update_secs: i64,
}

/// The fields of a backlog that was saved.
pub(crate) struct Restored {
    pub(crate) id: AlarmId,
    pub(crate) directive: Arc<Directive>,
    pub(crate) title: Box<str>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) collected: Collected,
    pub(crate) found: Found,
    pub(crate) risk: u8,
    pub(crate) created_secs: Option<i64>,
    pub(crate) update_secs: i64,
    pub(crate) ending: Option<Ending>,
}
