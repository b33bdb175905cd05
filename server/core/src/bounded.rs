//! A set that keeps the order in which values came, starts small, and has a limit.
//!
//! A backlog collects addresses, ports and custom data; nearly all hold a handful, a few hold thousands, and a hostile
//! sender would like one to hold millions. Full, the set stays as it is and counts what did not get in.

use std::hash::Hash;

use foldhash::quality::FixedState;
use indexmap::{Equivalent, IndexSet};

use crate::hash::Seed;

/// How many values are searched one by one before a hash table is built.
const FEW: usize = 8;

/// A set of at most `limit` values, in the order in which they came.
#[derive(Debug, Clone)]
pub struct BoundedSet<T> {
    values: Values<T>,
    truncated: u64,
}

#[derive(Debug, Clone)]
enum Values<T> {
    Few(Vec<T>),
    Many(Box<IndexSet<T, FixedState>>),
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
        Self { values: Values::Few(Vec::new()), truncated: 0 }
    }
}

impl<T: Hash + Eq> BoundedSet<T> {
    /// Puts `value` in unless the set already holds `limit` values.
    pub fn insert(&mut self, value: T, limit: usize, seed: Seed) -> Inserted {
        let room = self.len() < limit;
        if let (true, Values::Many(values)) = (room, &mut self.values) {
            return if values.insert(value) { Inserted::New } else { Inserted::Known };
        }
        if self.contains(&value) {
            return Inserted::Known;
        }
        if !room {
            self.truncated += 1;
            return Inserted::Refused;
        }
        if let Values::Few(values) = &mut self.values {
            values.reserve_exact(1);
            values.push(value);
            if values.len() > FEW {
                let mut many = IndexSet::with_capacity_and_hasher(FEW * 2, seed.state());
                many.extend(values.drain(..));
                self.values = Values::Many(Box::new(many));
            }
        }
        Inserted::New
    }

    /// Takes `value` out; the order of the others stays.
    pub fn remove(&mut self, value: &T) {
        match &mut self.values {
            Values::Few(values) => {
                if let Some(position) = values.iter().position(|known| known == value) {
                    values.remove(position);
                }
            }
            Values::Many(values) => {
                values.shift_remove(value);
            }
        }
    }

    /// Whether `value` is in the set.
    #[must_use]
    pub fn contains<Q: Hash + Equivalent<T> + ?Sized>(&self, value: &Q) -> bool {
        match &self.values {
            Values::Few(values) => values.iter().any(|known| value.equivalent(known)),
            Values::Many(values) => values.contains(value),
        }
    }

    /// How many values are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Few(values) => values.len(),
            Values::Many(values) => values.len(),
        }
    }

    /// Whether the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }

    /// The same, without the first `start` ones.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &T> {
        let (few, many) = match &self.values {
            Values::Few(values) => (values.get(start..), None),
            Values::Many(values) => (None, values.get_range(start..)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
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
        set.remove(&4);
        assert!(!set.contains(&4));
        assert_eq!(set.insert(99, 20, Seed(1)), Inserted::New);
        assert_eq!(set.len(), 20);
    }
}
