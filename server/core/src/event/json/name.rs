//! The names of the fields, and the keys of an object resolved to them.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

macro_rules! fields {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// The fields that the engine reads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::event) enum Field { $($variant),* }

        impl Field {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    EventId "event_id", Timestamp "timestamp", Title "title", Sensor "sensor",
    PluginId "plugin_id", PluginSid "plugin_sid",
    Product "product", Category "category", Subcategory "subcategory",
    SrcIp "src_ip", SrcPort "src_port", DstIp "dst_ip", DstPort "dst_port", Protocol "protocol",
    CustomData1 "custom_data1", CustomData2 "custom_data2", CustomData3 "custom_data3",
    CustomLabel1 "custom_label1", CustomLabel2 "custom_label2", CustomLabel3 "custom_label3",
    ConnId "conn_id", RcvdTime "rcvd_time",
}

/// A key of the object, resolved to a field.
pub(in crate::event) struct Name {
    pub(in crate::event) field: Option<Field>,
    /// Whether it was spelled exactly so.
    pub(in crate::event) exact: bool,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                let exact = Field::named(name);
                let field = exact.or_else(|| {
                    Field::ALL.iter().copied().find(|field| field.name().eq_ignore_ascii_case(name))
                });
                Ok(Name { field, exact: exact.is_some() })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}
