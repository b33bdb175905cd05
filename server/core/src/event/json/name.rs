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

impl Name {
    /// The name of one of `fields`, or of none.
    fn among(fields: &[Field], name: &[u8]) -> Self {
        let same_length = || fields.iter().copied().filter(|field| field.name().len() == name.len());
        if let Some(field) = same_length().find(|field| field.name().as_bytes() == name) {
            return Self { field: Some(field), exact: true };
        }
        let field = same_length().find(|field| field.name().as_bytes().eq_ignore_ascii_case(name));
        Self { field, exact: false }
    }
}

/// Reads a key as bytes: it is only compared, so nobody has to know whether it is text.
struct Names(&'static [Field]);

impl Visitor<'_> for Names {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(Name::among(self.0, name))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Names(Field::ALL))
    }
}

/// A key of the object, resolved to one of the fields that decide which directives an event may concern.
pub(in crate::event) struct KeyName(pub(in crate::event) Name);

impl<'de> Deserialize<'de> for KeyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KEYS: &[Field] = &[Field::PluginId, Field::PluginSid, Field::Product, Field::Category];
        deserializer.deserialize_bytes(Names(KEYS)).map(Self)
    }
}
