//! What the alarm-event file says: how many events counted, and whether in the order in which they were sent.

use std::collections::HashMap;

use dsiem_tests::installation::Node;

use crate::traffic::number_of;

/// The stage at which events count; the one before only opens backlogs.
const COUNTING: u64 = 2;

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Lines of the counting stage: once for each event and alarm.
    pub(crate) events: u64,
    /// Those behind one of the same alarm that was sent later.
    pub(crate) out_of_order: u64,
}

/// Reads the file of a node.
pub(crate) fn counted(node: &Node) -> Counted {
    let (mut counted, mut last) = (Counted::default(), HashMap::new());
    for (alarm, _, event) in node.link_lines().into_iter().filter(|(_, stage, _)| *stage == COUNTING) {
        let number = number_of(&event).unwrap_or(0);
        let before = last.insert(alarm, number);
        counted.events += 1;
        counted.out_of_order += u64::from(before.is_some_and(|before| before >= number));
    }
    counted
}
