//! The wire form with all fields, as existing backends expect it.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::event::Event;

pub(super) struct Wire<'a>(pub(super) &'a Event);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event_id", &event.id)?;
        map.serialize_entry("timestamp", &format_args!("{}", event.timestamp))?;
        map.serialize_entry("title", &event.title)?;
        map.serialize_entry("sensor", &event.sensor)?;
        map.serialize_entry("plugin_id", &event.plugin_id)?;
        map.serialize_entry("plugin_sid", &event.plugin_sid)?;
        map.serialize_entry("product", &event.product)?;
        map.serialize_entry("category", &event.category)?;
        map.serialize_entry("subcategory", &event.subcategory)?;
        map.serialize_entry("src_ip", &event.src_ip)?;
        map.serialize_entry("src_port", &event.src_port)?;
        map.serialize_entry("dst_ip", &event.dst_ip)?;
        map.serialize_entry("dst_port", &event.dst_port)?;
        map.serialize_entry("protocol", &event.protocol)?;
        for (name, text) in ["custom_data1", "custom_data2", "custom_data3"].iter().zip(&event.custom_data) {
            map.serialize_entry(name, text)?;
        }
        for (name, text) in
            ["custom_label1", "custom_label2", "custom_label3"].iter().zip(&event.custom_labels)
        {
            map.serialize_entry(name, text)?;
        }
        map.serialize_entry("conn_id", &event.conn_id)?;
        map.serialize_entry("rcvd_time", &event.received)?;
        map.serialize_entry("carrier", &NoCarrier {})?;
        map.end()
    }
}

/// An empty trace context.
#[derive(serde::Serialize)]
struct NoCarrier {}
