//! A valid event whose texts are still those that it was read from.
//!
//! A frontend reads events to check them and to write them down again. It needs no copies of their texts, and no id in
//! 16 bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::event::{Event, EventKey};
use crate::time::ReceiptTime;

/// A valid event, its texts borrowed where they held no escapes. Its fields are those of [`Event`].
#[derive(Debug, Clone)]
pub struct CheckedEvent<'a> {
    /// When the frontend received it: whatever a sender says is to be overwritten.
    pub received: ReceiptTime,
    /// The frontend's number of the request: as above.
    pub conn_id: u64,
    pub(super) id: Cow<'a, str>,
    pub(super) timestamp: Timestamp,
    pub(super) title: Cow<'a, str>,
    pub(super) sensor: Cow<'a, str>,
    pub(super) plugin_id: u64,
    pub(super) plugin_sid: u64,
    pub(super) product: Cow<'a, str>,
    pub(super) category: Cow<'a, str>,
    pub(super) subcategory: Cow<'a, str>,
    pub(super) src_ip: IpAddr,
    pub(super) dst_ip: IpAddr,
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) protocol: Cow<'a, str>,
    pub(super) custom_data: [Cow<'a, str>; 3],
    pub(super) custom_labels: [Cow<'a, str>; 3],
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
        let text = |text: &'a str| Cow::Borrowed(text);
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
