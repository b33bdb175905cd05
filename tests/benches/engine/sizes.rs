//! How large the values are that a backlog is made of, to be read beside a heap profile.

use dsiem_backend::backlog::{Answer, BacklogTask, ToBacklog};
use dsiem_backend::manager::Delivery;
use dsiem_core::backlog::Backlog;
use dsiem_core::event::Event;
use dsiem_core::routing::Interests;

/// One line for each, in bytes, without what they own elsewhere.
pub(crate) fn list() -> String {
    let sizes = [
        ("Event", size_of::<Event>()),
        ("Backlog", size_of::<Backlog>()),
        ("Interests of a backlog", size_of::<Interests>()),
        ("BacklogTask, with the Backlog in it", size_of::<BacklogTask>()),
        ("message to a backlog, times 32 in its mailbox", size_of::<ToBacklog>()),
        ("answer of a backlog", size_of::<Answer>()),
        ("delivery to a manager", size_of::<Delivery>()),
    ];
    sizes.iter().map(|(what, bytes)| format!("{bytes:>5} {what}\n")).collect()
}
