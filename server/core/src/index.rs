//! Which directives an event may concern.
//!
//! A hash look-up on (plugin id, sid) and on (category, product), so that an event costs the same with ten directives
//! and with a hundred thousand. The index may name a directive that will not match; it never misses one that does. A
//! property test holds it against a scan of all rules.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::directive::{Directive, RuleKind};
use crate::event::EventKeys;
use crate::hash::{Map, Seed, map};

/// A directive's place in the list of loaded directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveSlot(pub u32);

type Slots = SmallVec<[DirectiveSlot; 2]>;

/// The key fields of all rules, and whose they are.
#[derive(Debug)]
pub struct Index {
    plugin: Map<(u64, u64), Slots>,
    /// By category, then by product, so that looking up needs no owned key.
    taxonomy: Map<Arc<str>, Map<Arc<str>, Slots>>,
    seed: Seed,
}

impl Index {
    /// An index of no directives.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { plugin: map(seed), taxonomy: map(seed), seed }
    }

    /// Adds the keys of a directive's rules under `slot`. A slot may be added more than once: an open backlog may run
    /// with other rules than the directive of today.
    pub fn add(&mut self, slot: DirectiveSlot, directive: &Directive) {
        for rule in &directive.rules {
            match &rule.kind {
                RuleKind::Plugin { id, sids } => {
                    for sid in sids {
                        insert(self.plugin.entry((*id, *sid)).or_default(), slot);
                    }
                }
                RuleKind::Taxonomy { products, category, .. } => {
                    let by_product = self.taxonomy.entry(category.clone()).or_insert_with(|| map(self.seed));
                    for product in products {
                        insert(by_product.entry(product.clone()).or_default(), slot);
                    }
                }
            }
        }
    }

    /// Puts every directive that an event with these keys may concern into `found`, each once, in the order of their
    /// slots. `found` is emptied first.
    pub fn concerned(&self, keys: &EventKeys<'_>, found: &mut Vec<DirectiveSlot>) {
        found.clear();
        if let Some(slots) = self.plugin.get(&(keys.plugin_id, keys.plugin_sid)) {
            found.extend_from_slice(slots);
        }
        if keys.category.is_empty() {
            return;
        }
        if let Some(slots) =
            self.taxonomy.get(&*keys.category).and_then(|by_product| by_product.get(&*keys.product))
        {
            let both = !found.is_empty();
            found.extend_from_slice(slots);
            if both {
                found.sort_unstable();
                found.dedup();
            }
        }
    }
}

/// Keeps the slots sorted and unique.
fn insert(slots: &mut Slots, slot: DirectiveSlot) {
    if let Err(position) = slots.binary_search(&slot) {
        slots.insert(position, slot);
    }
}
