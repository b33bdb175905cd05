//! What a rule asks of one field, compiled.
//!
//! Lists are read from left to right and the first item that decides wins: a plain item that is equal (or contains the
//! address) accepts; a negated item that is equal refuses; a negated item that is not equal accepts provisionally, and
//! reading goes on; a plain item that is not equal decides nothing.

mod address;
mod list;
mod port;
mod text;

pub use address::{AddressItem, AddressTest};
pub use list::{Comparable, Idle, Item, List};
pub use port::PortTest;
pub use text::TextTest;

pub(crate) use address::read_network;

use std::net::IpAddr;

use crate::event::{Event, Text};

/// Which end of an event a test is about: `from` or `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `src_ip`, `src_port`.
    Source,
    /// `dst_ip`, `dst_port`.
    Destination,
}

/// What references look at: the fields of the first event of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstEvent {
    /// `src_ip`.
    pub src_ip: IpAddr,
    /// `dst_ip`.
    pub dst_ip: IpAddr,
    /// `src_port`.
    pub src_port: u16,
    /// `dst_port`.
    pub dst_port: u16,
    /// `protocol`.
    pub protocol: Text,
    /// `custom_data1` to `custom_data3`.
    pub custom_data: [Text; 3],
}

impl From<&Event> for FirstEvent {
    fn from(event: &Event) -> Self {
        Self {
            src_ip: event.src_ip,
            dst_ip: event.dst_ip,
            src_port: event.src_port,
            dst_port: event.dst_port,
            protocol: event.protocol.clone(),
            custom_data: event.custom_data.clone(),
        }
    }
}

/// The first events of a backlog's stages, by the position of their rules.
pub trait FirstEvents {
    /// The first event of the rule at `position` (0 is stage 1's), if it has one yet.
    fn first(&self, position: usize) -> Option<&FirstEvent>;
}

/// No backlog: what a directive's stage-1 rule is tested with.
#[derive(Debug, Clone, Copy)]
pub struct NoFirstEvents;

impl FirstEvents for NoFirstEvents {
    fn first(&self, _position: usize) -> Option<&FirstEvent> {
        None
    }
}
