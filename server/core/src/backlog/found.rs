//! What is known of the addresses of a backlog's events, besides themselves.
//!
//! Only alarms know anything. Most backlogs never become one, and a million of them have no room for it.

use ipnet::IpNet;

use crate::bounded::BoundedSet;
use crate::finding::Finding;

/// What is known.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Networks of assets that the addresses are in.
    pub(crate) networks: BoundedSet<IpNet>,
    /// What intel sources said.
    pub(crate) intel_hits: BoundedSet<Finding>,
    /// What vulnerability sources said.
    pub(crate) vulnerabilities: BoundedSet<Finding>,
}

impl Found {
    const fn nothing() -> Self {
        Self {
            networks: BoundedSet::new(),
            intel_hits: BoundedSet::new(),
            vulnerabilities: BoundedSet::new(),
        }
    }

    fn is_nothing(&self) -> bool {
        self.networks.is_empty() && self.intel_hits.is_empty() && self.vulnerabilities.is_empty()
    }
}

/// [`Found`], with room for it only where there is something.
#[derive(Debug, Clone, Default)]
pub(crate) struct MaybeFound(Option<Box<Found>>);

impl MaybeFound {
    /// What is known, maybe nothing.
    pub(crate) fn get(&self) -> &Found {
        static NOTHING: Found = Found::nothing();
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    /// What is known, to add to it.
    pub(crate) fn get_mut(&mut self) -> &mut Found {
        self.0.get_or_insert_with(|| Box::new(Found::nothing()))
    }
}

impl From<Found> for MaybeFound {
    fn from(found: Found) -> Self {
        Self((!found.is_nothing()).then(|| Box::new(found)))
    }
}
