//! A backlog taken apart and put together, for documents and saved state.

use std::sync::Arc;

use ipnet::IpNet;

use super::{AlarmId, Backlog, Collected, Ending, Stage};
use crate::bounded::BoundedSet;
use crate::directive::Directive;
use crate::finding::Finding;

impl Backlog {
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            networks: &self.networks,
            intel_hits: &self.intel_hits,
            vulnerabilities: &self.vulnerabilities,
            created_secs: self.created_secs,
            update_secs: self.update_secs,
        }
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
            networks: restored.networks,
            intel_hits: restored.intel_hits,
            vulnerabilities: restored.vulnerabilities,
            risk: restored.risk,
            created_secs: restored.created_secs,
            update_secs: restored.update_secs,
            ending: restored.ending,
        }
    }
}

/// What documents and saved state need beyond the public accessors.
pub(crate) struct Parts<'a> {
    pub(crate) networks: &'a BoundedSet<IpNet>,
    pub(crate) intel_hits: &'a BoundedSet<Finding>,
    pub(crate) vulnerabilities: &'a BoundedSet<Finding>,
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
    pub(crate) networks: BoundedSet<IpNet>,
    pub(crate) intel_hits: BoundedSet<Finding>,
    pub(crate) vulnerabilities: BoundedSet<Finding>,
    pub(crate) risk: u8,
    pub(crate) created_secs: Option<i64>,
    pub(crate) update_secs: i64,
    pub(crate) ending: Option<Ending>,
}
