//! A valid event whose texts are still those that it was read from.
//!
//! A frontend reads events to check them and to write them down again. It needs no copies of their texts, and no id in
//! 16 bytes.

use std::net::IpAddr;

use jiff::Timestamp;

use super::JsonText;
use crate::event::{Event, EventKey};
use crate::time::ReceiptTime;

/// A valid event, its texts borrowed where they held no escapes. Its fields are those of [`Event`].
#[derive(Debug, Clone)]
pub struct CheckedEvent<'a> {
    /// When the frontend received it: whatever a sender says is to be overwritten.
    pub received: ReceiptTime,
    /// The frontend's number of the request: as above.
    pub conn_id: u64,
    pub(super) id: JsonText<'a>,
    pub(super) timestamp: Timestamp,
    pub(super) title: JsonText<'a>,
    pub(super) sensor: JsonText<'a>,
    pub(super) plugin_id: u64,
    pub(super) plugin_sid: u64,
    pub(super) product: JsonText<'a>,
    pub(super) category: JsonText<'a>,
    pub(super) subcategory: JsonText<'a>,
    pub(super) src_ip: IpAddr,
    pub(super) dst_ip: IpAddr,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) protocol: JsonText<'a>,
    pub(super) custom_data: [JsonText<'a>; 3],
    pub(super) custom_labels: [JsonText<'a>; 3],
}

impl CheckedEvent<'_> {
    /// The event by itself.
    #[must_use]
    pub fn into_event(self) -> Event {
        Event {
            key: EventKey::of(&self.id),
            id: self.id.into(),
            timestamp: self.timestamp,
            received: self.received,
            conn_id: self.conn_id,
            title: self.title.into(),
            sensor: self.sensor.into(),
            plugin_id: self.plugin_id,
            plugin_sid: self.plugin_sid,
            product: self.product.into(),
            category: self.category.into(),
            subcategory: self.subcategory.into(),
            src_ip: self.src_ip,
            dst_ip: self.dst_ip,
            src_port: self.src_port,
            dst_port: self.dst_port,
            protocol: self.protocol.into(),
            custom_data: self.custom_data.map(Into::into),
            custom_labels: self.custom_labels.map(Into::into),
        }
    }
}

impl<'a> From<&'a Event> for CheckedEvent<'a> {
    fn from(event: &'a Event) -> Self {
        let text = JsonText::any;
        Self {
            received: event.received,
            conn_id: event.conn_id,
            id: text(&event.id),
            timestamp: event.timestamp,
            title: text(&event.title),
            sensor: text(&event.sensor),
            plugin_id: event.plugin_id,
            plugin_sid: event.plugin_sid,
            product: text(&event.product),
            category: text(&event.category),
            subcategory: text(&event.subcategory),
            src_ip: event.src_ip,
            dst_ip: event.dst_ip,
            src_port: event.src_port,
            dst_port: event.dst_port,
            protocol: text(&event.protocol),
            custom_data: event.custom_data.each_ref().map(|datum| text(datum)),
            custom_labels: event.custom_labels.each_ref().map(|label| text(label)),
        }
    }
}
