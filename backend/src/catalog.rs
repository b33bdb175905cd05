//! What is loaded: directives by slot, the index over them, and the assets. Read by everyone, changed by nobody.

use std::collections::HashMap;
use std::sync::Arc;

use dsiem_core::assets::Assets;
use dsiem_core::directive::Directive;
use dsiem_core::hash::Seed;
use dsiem_core::index::{DirectiveSlot, Index};

/// The directives, index and assets of a running pipeline.
#[derive(Debug)]
pub struct Catalog {
    directives: Vec<Arc<Directive>>,
    index: Index,
    assets: Arc<Assets>,
}

impl Catalog {
    /// A catalog of `directives`, whose ids are unique.
    #[must_use]
    pub fn new(directives: Vec<Arc<Directive>>, assets: Arc<Assets>, seed: Seed) -> Self {
        let mut index = Index::new(seed);
        for (slot, directive) in slots().zip(&directives) {
            index.add(slot, directive);
        }
        Self { directives, index, assets }
    }

    /// Lets events reach a slot under the rules of an open backlog as well, which may differ from today's.
    pub fn also(&mut self, slot: DirectiveSlot, definition: &Directive) {
        self.index.add(slot, definition);
    }

    /// The directive in a slot of this catalog.
    #[must_use]
    pub fn directive(&self, slot: DirectiveSlot) -> &Arc<Directive> {
        &self.directives[slot.0 as usize]
    }

    /// Every directive with its slot.
    pub fn directives(&self) -> impl Iterator<Item = (DirectiveSlot, &Arc<Directive>)> {
        slots().zip(&self.directives)
    }

    /// The slots by directive id.
    #[must_use]
    pub fn by_id(&self) -> HashMap<u64, DirectiveSlot> {
        self.directives().map(|(slot, directive)| (directive.id, slot)).collect()
    }

    /// How many directives there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directives.len()
    }

    /// Whether there is no directive.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directives.is_empty()
    }

    /// Which directives an event may concern.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whose addresses are home, and what they are worth.
    #[must_use]
    pub fn assets(&self) -> &Arc<Assets> {
        &self.assets
    }
}

fn slots() -> impl Iterator<Item = DirectiveSlot> {
    (0..).map(DirectiveSlot)
}
