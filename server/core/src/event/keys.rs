//! The four fields that decide which directives an event may concern.
//!
//! Most events concern no directive. For them, this is all that is read: no event is built that nobody wants.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::json::{self, EventError, Field, Name, Scalar};

/// The key fields of a raw event. What is missing or of a wrong type is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventKeys<'a> {
    /// `plugin_id`.
    pub plugin_id: u64,
    /// `plugin_sid`.
    pub plugin_sid: u64,
    /// `product`.
    pub product: Cow<'a, str>,
    /// `category`.
    pub category: Cow<'a, str>,
}

impl<'a> EventKeys<'a> {
    /// Reads the key fields of one event.
    ///
    /// # Errors
    /// When `raw` is not one JSON object, or a value in it stands for nothing (`1e999`, half a surrogate pair).
    pub fn read(raw: &'a [u8]) -> Result<Self, EventError> {
        // Looking once whether all of it is UTF-8 costs less than looking at each text.
        let text = json::text(raw)?;
        serde_json::from_str(text).map_err(|error| EventError::not_an_object(&error))
    }
}

impl<'a> From<&'a super::Event> for EventKeys<'a> {
    fn from(event: &'a super::Event) -> Self {
        Self {
            plugin_id: event.plugin_id,
            plugin_sid: event.plugin_sid,
            product: Cow::Borrowed(&event.product),
            category: Cow::Borrowed(&event.category),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EventKeys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = EventKeys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = EventKeys::default();
        // Which of the four came under their exact name, which wins over another case.
        let mut exact = [false; 4];
        while let Some(name) = map.next_key::<Name>()? {
            let position = match name.field {
                Some(Field::PluginId) => 0,
                Some(Field::PluginSid) => 1,
                Some(Field::Product) => 2,
                Some(Field::Category) => 3,
                _ => {
                    // Reading a short text costs less than ignoring it does.
                    map.next_value::<Scalar<'de>>()?;
                    continue;
                }
            };
            let value = map.next_value::<Scalar<'de>>()?;
            if exact[position] && !name.exact {
                continue;
            }
            exact[position] |= name.exact;
            match position {
                0 => keys.plugin_id = value.number(),
                1 => keys.plugin_sid = value.number(),
                2 => keys.product = value.text(),
                _ => keys.category = value.text(),
            }
        }
        Ok(keys)
    }
}

impl<'a> Scalar<'a> {
    fn number(&self) -> u64 {
        if let Self::Unsigned(number) = self { *number } else { 0 }
    }

    fn text(self) -> Cow<'a, str> {
        if let Self::Text(text) = self { text } else { Cow::Borrowed("") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_four_and_nothing_else() {
        let keys = EventKeys::read(br#"{"title":[1,{"plugin_id":9}],"plugin_id":1001,"plugin_sid":7,"product":"A\"b","category":"c"}"#)
            .unwrap();
        assert_eq!((keys.plugin_id, keys.plugin_sid), (1001, 7));
        assert_eq!((&*keys.product, &*keys.category), ("A\"b", "c"));
    }

    #[test]
    fn what_is_missing_null_or_of_a_wrong_type_is_zero_or_empty() {
        let keys = EventKeys::read(br#"{"plugin_id":null,"plugin_sid":"7","product":3}"#).unwrap();
        assert_eq!(keys, EventKeys::default());
    }

    #[test]
    fn another_case_is_read_and_the_exact_name_wins() {
        let keys = EventKeys::read(br#"{"plugin_id":1,"Plugin_ID":2,"PLUGIN_SID":3}"#).unwrap();
        assert_eq!((keys.plugin_id, keys.plugin_sid), (1, 3));
    }

    #[test]
    fn anything_but_an_object_is_an_error() {
        for raw in ["[]", "1", "", "{", "{\"a\":1} x"] {
            assert!(EventKeys::read(raw.as_bytes()).is_err(), "{raw}");
        }
    }
}
