//! A set that keeps the order in which values came, starts small, and has a limit.
//!
//! A backlog collects addresses, ports and custom data; nearly all hold a handful, a few hold thousands, and a hostile
//! sender would like one to hold millions. Full, the set stays as it is and counts what did not get in.

use std::hash::{BuildHasher as _, Hash};

use equivalent::Equivalent;

use crate::hash::Seed;
use crate::positions::Positions;

/// How many values are searched one by one; beyond, there is a table.
const FEW: usize = 8;

/// A set of at most `limit` values, in the order in which they came. All calls for one set have the same seed.
#[derive(Debug, Clone)]
pub struct BoundedSet<T> {
    values: Vec<T>,
    /// Where the values lie; empty while they are few.
    positions: Positions,
    truncated: u64,
}

/// What became of an inserted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new and in the set.
    New,
    /// It was there before.
    Known,
    /// It is new, but the set is full.
    Refused,
}

impl<T> Default for BoundedSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> BoundedSet<T> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: Vec::new(), positions: Positions::new(), truncated: 0 }
    }
}

impl<T: Hash + Eq> BoundedSet<T> {
    /// Puts `value` in unless the set already holds `limit` values.
    pub fn insert(&mut self, value: T, limit: usize, seed: Seed) -> Inserted {
        let before = self.len();
        match self.place(value, limit, seed) {
            Some(place) if place == before => Inserted::New,
            Some(_) => Inserted::Known,
            None => Inserted::Refused,
        }
    }

    /// The same; where in the order the value is, if it is in the set now.
    pub(crate) fn place(&mut self, value: T, limit: usize, seed: Seed) -> Option<usize> {
        let place = self.position(&value, seed);
        if place.is_some() {
            return place;
        }
        if self.len() >= limit.min(Positions::MOST) {
            self.truncated += 1;
            return None;
        }
        if self.len() < FEW {
            self.values.reserve_exact(1);
        }
        self.values.push(value);
        self.note_last(seed);
        Some(self.len() - 1)
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: usize) -> &T {
        &self.values[place]
    }

    /// The same, to be changed. What it is found by must stay as it is.
    pub(crate) fn at_mut(&mut self, place: usize) -> &mut T {
        &mut self.values[place]
    }

    /// Takes `value` out; the order of the others stays.
    pub fn remove(&mut self, value: &T, seed: Seed) {
        if let Some(position) = self.values.iter().position(|known| known == value) {
            self.values.remove(position);
            self.positions = Positions::new();
            self.note_last(seed);
        }
    }

    /// Whether `value` is in the set.
    #[must_use]
    pub fn contains<Q: Hash + Equivalent<T> + ?Sized>(&self, value: &Q, seed: Seed) -> bool {
        self.position(value, seed).is_some()
    }

    /// Where in the order `value` is, if it is in the set.
    pub(crate) fn position<Q: Hash + Equivalent<T> + ?Sized>(&self, value: &Q, seed: Seed) -> Option<usize> {
        if self.len() <= FEW {
            return self.values.iter().position(|known| value.equivalent(known));
        }
        let hash = seed.state().hash_one(value);
        self.positions.find(hash, |position| value.equivalent(&self.values[position]))
    }

    /// Notes where the last value lies, and all before it, if there are more than a few.
    fn note_last(&mut self, seed: Seed) {
        if self.len() > FEW {
            let state = seed.state();
            self.positions.note(self.len() - 1, |position| state.hash_one(&self.values[position]));
        }
    }

    /// How many values are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }

    /// The same, without the first `start` ones.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &T> {
        self.values.iter().skip(start)
    }

    /// How many insertions were refused because the set was full; a value refused twice counts twice.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    /// Sets the count of refused insertions, for state that was saved.
    pub fn set_truncated(&mut self, truncated: u64) {
        self.truncated = truncated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_uniqueness_beyond_the_small_size() {
        let mut set = BoundedSet::default();
        for n in (0..100).chain(0..100) {
            set.insert(n, 1000, Seed(1));
        }
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert_eq!(set.truncated(), 0);
    }

    #[test]
    fn full_it_stays_as_it_is_and_counts() {
        let mut set = BoundedSet::default();
        for n in 0..5 {
            set.insert(n, 3, Seed(1));
        }
        assert_eq!(set.insert(2, 3, Seed(1)), Inserted::Known);
        assert_eq!(set.insert(7, 3, Seed(1)), Inserted::Refused);
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(set.truncated(), 3);
    }

    #[test]
    fn a_removed_value_makes_room() {
        let mut set = BoundedSet::default();
        for n in 0..20 {
            set.insert(n, 20, Seed(1));
        }
        set.remove(&4, Seed(1));
        assert!(!set.contains(&4, Seed(1)) && set.contains(&3, Seed(1)) && set.contains(&19, Seed(1)));
        assert_eq!(set.insert(99, 20, Seed(1)), Inserted::New);
        assert_eq!(set.len(), 20);
    }
}
