//! What a rule asks of a port: `port_from` and `port_to`.

use super::{FirstEvents, List, Side};

/// What a port must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortTest {
    /// Empty, missing or `ANY`.
    Any,
    /// `:n`: the port of the same side of the first event of the rule at this position.
    First(usize),
    /// Accepted by the list.
    List(Box<List<u16>>),
    /// Nothing: a reference that points nowhere, loaded leniently.
    Never,
}

impl PortTest {
    /// Whether `port`, on that side of an event, is what the rule asks for; 0 compares like any other.
    pub fn matches(&self, port: u16, side: Side, firsts: &impl FirstEvents) -> bool {
        match self {
            Self::Any => true,
            Self::First(position) => firsts.first(*position).is_some_and(|first| match side {
                Side::Source => first.src_port == port,
                Side::Destination => first.dst_port == port,
            }),
            Self::List(list) => list.accepts(|item| *item == port),
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
