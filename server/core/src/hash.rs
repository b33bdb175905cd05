//! Hash maps and sets whose seed is an argument.
//!
//! The standard library's maps bring their own randomness; ours take a [`Seed`], chosen at random once per process
//! (events come from outside, so hashes must not be predictable) and fixed in tests and simulation.

use foldhash::quality::FixedState;

/// The seed of every hash map of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seed(pub u64);

impl Seed {
    /// The hasher of maps made with this seed.
    #[must_use]
    pub fn state(self) -> FixedState {
        FixedState::with_seed(self.0)
    }
}

/// A hash map made with [`map`].
pub type Map<K, V> = std::collections::HashMap<K, V, FixedState>;

/// A hash set made with [`set`].
pub type Set<K> = std::collections::HashSet<K, FixedState>;

/// An empty map; it allocates nothing before the first entry.
#[must_use]
pub fn map<K, V>(seed: Seed) -> Map<K, V> {
    Map::with_hasher(seed.state())
}

/// An empty set; it allocates nothing before the first entry.
#[must_use]
pub fn set<K>(seed: Seed) -> Set<K> {
    Set::with_hasher(seed.state())
}
