//! Where values lie in a list, found by their hashes.
//!
//! A hash table that repeats nothing of the values. Each of its slots is one number, a position with bits of the hash
//! above it, and a search goes on in the slot behind: one look into memory says nearly always that a value is not there,
//! or where it is. Tables that keep values, or positions apart from the bits of their hashes, need two, and of what a
//! thousand backlogs have collected nothing is in a cache when an event comes that each of them counts.

/// So many slots has the smallest table.
const FEWEST: usize = 16;

/// The positions of a list's values, from 0 on without a gap.
#[derive(Debug, Clone)]
pub(crate) struct Positions {
    /// A power of two of them, of which at most three in four are taken. 0 is free; otherwise its low bits, as many as
    /// number the slots, are one more than a position, and the others are bits of the hash.
    slots: Option<Box<[u32]>>,
}

impl Positions {
    /// How many positions can be noted.
    pub(crate) const MOST: usize = 1 << 29;

    /// Nothing noted, and no room for it.
    pub(crate) const fn new() -> Self {
        Self { slots: None }
    }

    /// The position that is noted with this hash and for which `is_it` says so.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let slots = self.slots.as_ref()?;
        let mask = slots.len() - 1;
        let mut place = hash as usize & mask;
        while slots[place] != 0 {
            let slot = slots[place];
            let position = (slot as usize & mask) - 1;
            if (slot ^ above(hash)) as usize & !mask == 0 && is_it(position) {
                return Some(position);
            }
            place = (place + 1) & mask;
        }
        None
    }

    /// Notes `position`, for a value whose hash is what `hash_at` says. All positions before it are noted, or none are:
    /// where there is no room for one more, and in the beginning, the table is made anew with all of them.
    pub(crate) fn note(&mut self, position: usize, hash_at: impl Fn(usize) -> u64) {
        let (mut slots, mut first) = (self.slots.take().unwrap_or_default(), position);
        if (position + 1) * 4 > slots.len() * 3 {
            slots = vec![0; ((position + 1) * 2).next_power_of_two().max(FEWEST)].into();
            first = 0;
        }
        for noted in first..=position {
            put(&mut slots, noted, hash_at(noted));
        }
        self.slots = Some(slots);
    }
}

fn put(slots: &mut [u32], position: usize, hash: u64) {
    let mask = slots.len() - 1;
    let mut place = hash as usize & mask;
    while slots[place] != 0 {
        place = (place + 1) & mask;
    }
    slots[place] = above(hash) & !(mask as u32) | (position + 1) as u32;
}

/// The bits of a hash that do not choose a slot.
fn above(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// A list with this hash for each of its values.
    fn noted(hashes: &[u64]) -> Positions {
        let mut positions = Positions::new();
        for position in 0..hashes.len() {
            positions.note(position, |at| hashes[at]);
        }
        positions
    }

    #[test]
    fn nothing_is_found_where_nothing_was_noted() {
        assert_eq!(Positions::new().find(7, |_| true), None);
        assert_eq!(noted(&[7]).find(7, |position| position == 0), Some(0));
    }

    #[test]
    fn the_last_one_is_noted_with_all_before_it_where_nothing_was() {
        for count in [1, 9, 12, 13, 1_000] {
            let mut positions = Positions::new();
            positions.note(count - 1, |at| at as u64);
            assert!((0..count).all(|at| positions.find(at as u64, |found| found == at).is_some()), "{count}");
        }
    }

    #[test]
    fn values_are_hardly_ever_looked_at_for_another_one() {
        let mixed = |n: u64| {
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let hashes: Vec<_> = (0..10_000).map(mixed).collect();
        let (positions, looks) = (noted(&hashes), Cell::new(0));
        let other = |n: u64| {
            positions.find(mixed(n), |_| {
                looks.set(looks.get() + 1);
                false
            })
        };
        assert!((10_000..20_000).all(|n| other(n).is_none()));
        assert!(looks.get() < 10, "{}", looks.get());
    }

    proptest! {
        #[test]
        fn every_position_is_found_by_its_hash_and_by_no_other(
            // Few different ones, so that hashes meet in a slot, above it, or altogether.
            hashes in prop::collection::vec((0_u64..40, 0_u64..3).prop_map(|(low, high)| high << 40 | low), 0..200),
            absent in (40_u64..80, 0_u64..3).prop_map(|(low, high)| high << 40 | low),
        ) {
            let positions = noted(&hashes);
            for (position, hash) in hashes.iter().enumerate() {
                prop_assert_eq!(positions.find(*hash, |found| found == position), Some(position));
                prop_assert_eq!(positions.find(*hash, |found| hashes[found] != *hash && found == position), None);
            }
            prop_assert_eq!(positions.find(absent, |found| hashes[found] == absent), None);
            prop_assert_eq!(positions.find(absent, |found| found >= hashes.len()), None);
        }
    }
}
