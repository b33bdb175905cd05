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
                let name: &[u8] = match self { $(Self::$variant => $name),* };
                match std::str::from_utf8(name) {
                    Ok(name) => name,
                    Err(_) => unreachable!(),
                }
            }

            /// A match on bytes: the compiler makes a tree of it, and no name is compared twice.
            fn named(name: &[u8]) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    EventId b"event_id", Timestamp b"timestamp", Title b"title", Sensor b"sensor",
    PluginId b"plugin_id", PluginSid b"plugin_sid",
    Product b"product", Category b"category", Subcategory b"subcategory",
    SrcIp b"src_ip", SrcPort b"src_port", DstIp b"dst_ip", DstPort b"dst_port", Protocol b"protocol",
    CustomData1 b"custom_data1", CustomData2 b"custom_data2", CustomData3 b"custom_data3",
    CustomLabel1 b"custom_label1", CustomLabel2 b"custom_label2", CustomLabel3 b"custom_label3",
    ConnId b"conn_id", RcvdTime b"rcvd_time",
}

/// A key of the object, resolved to a field.
pub(in crate::event) struct Name {
    pub(in crate::event) field: Option<Field>,
    /// Whether it was spelled exactly so.
    pub(in crate::event) exact: bool,
}

impl Name {
    fn of(name: &[u8]) -> Self {
        if let Some(field) = Field::named(name) {
            return Self { field: Some(field), exact: true };
        }
        let field = Field::ALL.iter().find(|field| field.name().as_bytes().eq_ignore_ascii_case(name));
        Self { field: field.copied(), exact: false }
    }
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
                Ok(Name::of(name.as_bytes()))
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_found_by_its_name_and_in_any_case() {
        for field in Field::ALL {
            let found = Name::of(field.name().as_bytes());
            assert_eq!((found.field, found.exact), (Some(*field), true));
            let found = Name::of(field.name().to_uppercase().as_bytes());
            assert_eq!((found.field, found.exact), (Some(*field), false));
        }
        assert!(Name::of(b"carrier").field.is_none());
    }
}
