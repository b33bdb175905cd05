//! How many backlogs each directive has open: written by its manager, looked at by whoever wants to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dsiem_core::index::DirectiveSlot;

/// A count for each directive. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct OpenCounts(Arc<[AtomicU32]>);

impl OpenCounts {
    /// Of so many directives, none of which has anything open.
    #[must_use]
    pub fn new(directives: usize) -> Self {
        Self(std::iter::repeat_with(AtomicU32::default).take(directives).collect())
    }

    /// A directive has so many.
    pub fn set(&self, slot: DirectiveSlot, open: usize) {
        if let Some(count) = self.0.get(slot.0 as usize) {
            // Nothing else is handed over with it.
            count.store(u32::try_from(open).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
    }

    /// How many a directive had when its manager last said so.
    #[must_use]
    pub fn get(&self, slot: DirectiveSlot) -> u64 {
        self.0.get(slot.0 as usize).map_or(0, |count| count.load(Ordering::Relaxed).into())
    }
}
