//! One allocation for equal texts of a load: thousands of directives share their kingdoms, categories and `ANY`s.

use std::collections::BTreeSet;

use super::Text;

/// The texts so far. A tree and no hash set: what users upload must not be able to choose its collisions.
#[derive(Debug, Default)]
pub(super) struct Interner(BTreeSet<Text>);

impl Interner {
    /// The shared text that is equal to `text`.
    pub(super) fn share(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new = Text::from(text);
        self.0.insert(new.clone());
        new
    }
}
