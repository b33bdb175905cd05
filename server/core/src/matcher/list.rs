//! Lists of items with an optional `!`, read from left to right, and which of their items do nothing.

use std::collections::BTreeSet;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixSet;

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<T> {
    /// Written with `!`.
    pub negated: bool,
    /// What is compared.
    pub value: T,
}

/// Items in the order in which they were written; the first one that decides wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(Box<[Item<T>]>);

/// Why an item of a list might as well not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// All that it is about is decided by items before it.
    DecidedBefore,
    /// It accepts what a negated item before it accepts already, and nothing after it refuses.
    AcceptedAnyway,
}

impl<T> List<T> {
    /// A list of these items.
    #[must_use]
    pub fn new(items: impl Into<Box<[Item<T>]>>) -> Self {
        Self(items.into())
    }

    /// The items in the order in which they were written.
    #[must_use]
    pub fn items(&self) -> &[Item<T>] {
        &self.0
    }

    /// Whether the list accepts that for which `is_equal` says which items are equal.
    pub fn accepts(&self, is_equal: impl Fn(&T) -> bool) -> bool {
        let mut accepted = false;
        for item in &self.0 {
            match (is_equal(&item.value), item.negated) {
                (true, negated) => return !negated,
                (false, true) => accepted = true,
                (false, false) => {}
            }
        }
        accepted
    }

    /// The positions of the items that can never decide, and why. [`Idle::AcceptedAnyway`] is not said of an item that a
    /// later refusal overlaps, even where that one decides nothing itself.
    #[must_use]
    pub fn idle_items(&self) -> Vec<(usize, Idle)>
    where
        T: Comparable,
    {
        let refused_later = self.overlaps_a_later_refusal();
        let mut before = T::Seen::default();
        let mut accepting = false;
        let mut idle = Vec::new();
        for (position, item) in self.0.iter().enumerate() {
            if T::covered(&before, &item.value) {
                idle.push((position, Idle::DecidedBefore));
            } else if accepting && !item.negated && !refused_later[position] {
                idle.push((position, Idle::AcceptedAnyway));
            }
            accepting |= item.negated;
            T::add(&mut before, &item.value);
        }
        idle
    }

    fn overlaps_a_later_refusal(&self) -> Vec<bool>
    where
        T: Comparable,
    {
        let mut refused = T::Seen::default();
        let mut overlaps = vec![false; self.0.len()];
        for (position, item) in self.0.iter().enumerate().rev() {
            overlaps[position] = T::overlapped(&refused, &item.value);
            if item.negated {
                T::add(&mut refused, &item.value);
            }
        }
        overlaps
    }
}

/// What lists may hold: values of which one, or several together, may cover another.
pub trait Comparable {
    /// The values seen so far; adding and asking take about the logarithm of their number.
    type Seen: Default;

    /// Adds a value to those seen.
    fn add(seen: &mut Self::Seen, value: &Self);

    /// Whether everything that is equal to `value` is equal to something seen.
    fn covered(seen: &Self::Seen, value: &Self) -> bool;

    /// Whether anything that is equal to `value` is equal to something seen.
    fn overlapped(seen: &Self::Seen, value: &Self) -> bool;
}

impl Comparable for IpNet {
    type Seen = JointPrefixSet<Self>;

    fn add(seen: &mut Self::Seen, value: &Self) {
        seen.insert(*value);
    }

    fn covered(seen: &Self::Seen, value: &Self) -> bool {
        seen.is_covered_in_aggregate(value)
    }

    fn overlapped(seen: &Self::Seen, value: &Self) -> bool {
        seen.is_covered(value) || seen.children(value).next().is_some()
    }
}

/// Values that are equal or have nothing in common.
macro_rules! comparable_by_equality {
    ($($value:ty),*) => {$(
        impl Comparable for $value {
            type Seen = BTreeSet<Self>;

            fn add(seen: &mut Self::Seen, value: &Self) {
                seen.insert(value.clone());
            }

            fn covered(seen: &Self::Seen, value: &Self) -> bool {
                seen.contains(value)
            }

            fn overlapped(seen: &Self::Seen, value: &Self) -> bool {
                seen.contains(value)
            }
        }
    )*};
}

comparable_by_equality!(u16, crate::directive::Text);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> List<u16> {
        let item = |item: &str| Item {
            negated: item.starts_with('!'),
            value: item.trim_start_matches('!').parse().unwrap(),
        };
        List::new(text.split(',').map(item).collect::<Vec<_>>())
    }

    fn check(text: &str, value: u16, expected: bool) {
        assert_eq!(list(text).accepts(|item| *item == value), expected, "{text} {value}");
    }

    #[test]
    fn the_first_item_that_decides_wins() {
        check("1", 1, true);
        check("1", 2, false);
        check("1,2,3", 3, true);
        check("1,2,3", 4, false);
        check("!1", 1, false);
        check("!1", 2, true);
        check("1,!1", 1, true);
        check("!1,1", 1, false);
        check("!1,!2", 2, false);
        check("!1,!2", 3, true);
        // A negated item that is not equal accepts provisionally, and a later plain one that is not equal decides nothing.
        check("!1,2", 3, true);
        check("2,!1", 3, true);
        check("!1,2,!3", 3, false);
    }

    #[test]
    fn a_list_of_nothing_accepts_nothing() {
        assert!(!List::<u16>::new([]).accepts(|_| true));
    }

    fn check_idle(text: &str, expected: &[(usize, Idle)]) {
        assert_eq!(list(text).idle_items(), expected, "{text}");
    }

    #[test]
    fn finds_the_items_that_can_never_decide() {
        check_idle("1,2,3", &[]);
        check_idle("1,!2", &[]);
        check_idle("1,2,1", &[(2, Idle::DecidedBefore)]);
        check_idle("1,!1", &[(1, Idle::DecidedBefore)]);
        check_idle("!1,1", &[(1, Idle::DecidedBefore)]);
        check_idle("!1,2", &[(1, Idle::AcceptedAnyway)]);
        // Here the 2 does decide: it is accepted before the negation that would refuse it.
        check_idle("!1,2,!2", &[(2, Idle::DecidedBefore)]);
    }

    fn check_idle_networks(text: &str, expected: &[(usize, Idle)]) {
        let item = |item: &str| Item {
            negated: item.starts_with('!'),
            value: item.trim_start_matches('!').parse::<IpNet>().unwrap(),
        };
        let list = List::new(text.split(',').map(item).collect::<Vec<_>>());
        assert_eq!(list.idle_items(), expected, "{text}");
    }

    #[test]
    fn networks_cover_smaller_ones_and_may_do_so_together() {
        check_idle_networks("10.0.0.0/8,!10.0.0.5/32", &[(1, Idle::DecidedBefore)]);
        check_idle_networks("!10.0.0.5/32,10.0.0.0/8", &[(1, Idle::AcceptedAnyway)]);
        check_idle_networks("10.0.0.0/9,10.128.0.0/9,10.0.0.0/8", &[(2, Idle::DecidedBefore)]);
        check_idle_networks("!10.0.0.0/24,10.0.0.0/16,!10.0.0.0/8", &[]);
        check_idle_networks("!10.0.0.0/24,10.0.0.0/8,!10.9.0.0/16", &[(2, Idle::DecidedBefore)]);
        check_idle_networks("0.0.0.0/0,::1/128", &[]);
    }

    /// Networks in 10.0.0.0/29, so that all eight addresses can be tried.
    fn any_item() -> impl Strategy<Value = Item<IpNet>> {
        (any::<bool>(), 0u8..8, 29u8..=32).prop_map(|(negated, host, prefix)| {
            let network = ipnet::Ipv4Net::new([10, 0, 0, host].into(), prefix).unwrap().trunc();
            Item { negated, value: network.into() }
        })
    }

    /// Whether any address is decided by this item, and whether any is accepted or refused only because of it.
    fn decides_and_matters(items: &[Item<IpNet>], position: usize) -> (bool, bool) {
        let mut without = items.to_vec();
        without.remove(position);
        let (list, without) = (List::new(items), List::new(without));
        let decided = (0..8u8)
            .map(|host| std::net::IpAddr::from([10, 0, 0, host]))
            .filter(|address| items.iter().position(|item| item.value.contains(address)) == Some(position));
        let matters = |address| {
            list.accepts(|network| network.contains(&address))
                != without.accepts(|network| network.contains(&address))
        };
        let decided: Vec<_> = decided.collect();
        (!decided.is_empty(), decided.into_iter().any(matters))
    }

    proptest! {
        #[test]
        fn idle_items_are_idle_when_all_addresses_are_tried(items in prop::collection::vec(any_item(), 0..7)) {
            let idle = List::new(items.clone()).idle_items();
            for position in 0..items.len() {
                let (decides, matters) = decides_and_matters(&items, position);
                match idle.iter().find(|(idle, _)| *idle == position) {
                    Some((_, Idle::DecidedBefore)) => prop_assert!(!decides, "{items:?} at {position}"),
                    Some((_, Idle::AcceptedAnyway)) => prop_assert!(decides && !matters, "{items:?} at {position}"),
                    None => prop_assert!(decides, "{items:?} at {position}"),
                }
            }
        }
    }
}
