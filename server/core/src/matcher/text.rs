//! What a rule asks of a text: `protocol` and `custom_data1` to `custom_data3`.

use super::{FirstEvent, FirstEvents, Item, List};
use crate::directive::Text;
use crate::event;

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// Empty, missing or `ANY`.
    Any,
    /// `:n`: the same text of the first event of the rule at this position.
    First(usize),
    /// Equal to the letter: a protocol.
    Exact(Text),
    /// Equal, or with `!` not equal, ignoring case: custom data without a comma.
    IgnoringCase(Box<Item<Text>>),
    /// Accepted by the list, to the letter: custom data with a comma.
    List(Box<List<Text>>),
    /// Nothing: a reference that points nowhere, loaded leniently.
    Never,
}

impl TextTest {
    /// Whether `text` is what the rule asks for; `of` says where the same text is in a first event.
    pub fn matches<'f>(
        &self,
        text: &str,
        firsts: &'f impl FirstEvents,
        of: impl FnOnce(&'f FirstEvent) -> &'f event::Text,
    ) -> bool {
        match self {
            Self::Any => true,
            Self::First(position) => firsts.first(*position).is_some_and(|first| **of(first) == *text),
            Self::Exact(exact) => **exact == *text,
            Self::IgnoringCase(item) => equal_ignoring_case(&item.value, text) != item.negated,
            Self::List(list) => list.accepts(|item| **item == *text),
            Self::Never => false,
        }
    }

    /// The position of the rule that it refers to.
    #[must_use]
    pub fn reference(&self) -> Option<usize> {
        match self {
            Self::First(position) => Some(*position),
            _ => None,
        }
    }
}

/// Compares letter by letter in lower case, in any script, without allocating.
fn equal_ignoring_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}
