//! Sticky-different: the field that each event of a stage must bring a new value of.

use std::net::IpAddr;

use crate::event::{Event, Text};

/// A field that `sticky_different` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StickyField {
    /// `PLUGIN_SID`.
    PluginSid,
    /// `SRC_IP`.
    SrcIp,
    /// `DST_IP`.
    DstIp,
    /// `SRC_PORT`.
    SrcPort,
    /// `DST_PORT`.
    DstPort,
    /// `CUSTOM_DATA1`.
    CustomData1,
    /// `CUSTOM_DATA2`.
    CustomData2,
    /// `CUSTOM_DATA3`.
    CustomData3,
}

/// A value that a stage has seen. Empty text and port 0 are values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StickyValue {
    /// Of `PLUGIN_SID`, `SRC_PORT` and `DST_PORT`.
    Number(u64),
    /// Of `SRC_IP` and `DST_IP`.
    Address(IpAddr),
    /// Of the custom data.
    Text(Text),
}

impl StickyField {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PluginSid,
        Self::SrcIp,
        Self::DstIp,
        Self::SrcPort,
        Self::DstPort,
        Self::CustomData1,
        Self::CustomData2,
        Self::CustomData3,
    ];

    /// The field of this name, spelled exactly as in directives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// The name in directives.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PluginSid => "PLUGIN_SID",
            Self::SrcIp => "SRC_IP",
            Self::DstIp => "DST_IP",
            Self::SrcPort => "SRC_PORT",
            Self::DstPort => "DST_PORT",
            Self::CustomData1 => "CUSTOM_DATA1",
            Self::CustomData2 => "CUSTOM_DATA2",
            Self::CustomData3 => "CUSTOM_DATA3",
        }
    }

    /// The value that the event brings.
    #[must_use]
    pub fn value(self, event: &Event) -> StickyValue {
        match self {
            Self::PluginSid => StickyValue::Number(event.plugin_sid),
            Self::SrcIp => StickyValue::Address(event.src_ip),
            Self::DstIp => StickyValue::Address(event.dst_ip),
            Self::SrcPort => StickyValue::Number(event.src_port.into()),
            Self::DstPort => StickyValue::Number(event.dst_port.into()),
            Self::CustomData1 => StickyValue::Text(event.custom_data[0].clone()),
            Self::CustomData2 => StickyValue::Text(event.custom_data[1].clone()),
            Self::CustomData3 => StickyValue::Text(event.custom_data[2].clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::decode;

    #[test]
    fn names_are_exact_and_read_back() {
        for field in StickyField::ALL {
            assert_eq!(StickyField::from_name(field.as_str()), Some(field));
            assert_eq!(StickyField::from_name(&field.as_str().to_lowercase()), None);
        }
        assert_eq!(StickyField::from_name("none"), None);
    }

    #[test]
    fn each_field_brings_its_own_value_and_nothing_is_one_too() {
        let event =
            br#"{"event_id":"e","timestamp":"2024-03-01T10:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":2,
            "src_ip":"10.0.0.1","dst_ip":"::1","src_port":3,"custom_data1":"a","custom_data2":"b"}"#;
        let event = decode(event).unwrap();
        let check = |name: &str, expected: StickyValue| {
            assert_eq!(StickyField::from_name(name).unwrap().value(&event), expected, "{name}");
        };
        check("PLUGIN_SID", StickyValue::Number(2));
        check("SRC_IP", StickyValue::Address("10.0.0.1".parse().unwrap()));
        check("DST_IP", StickyValue::Address("::1".parse().unwrap()));
        check("SRC_PORT", StickyValue::Number(3));
        check("DST_PORT", StickyValue::Number(0));
        check("CUSTOM_DATA1", StickyValue::Text("a".into()));
        check("CUSTOM_DATA2", StickyValue::Text("b".into()));
        check("CUSTOM_DATA3", StickyValue::Text("".into()));
    }
}
