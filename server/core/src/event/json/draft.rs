//! The values of an event's fields as they came, before anything is made of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::{Field, FieldProblem, Name, Scalar};
use crate::form::beginning;

/// The values of an event's fields as they came, by the position of the field.
#[derive(Default)]
pub(super) struct Draft<'a> {
    pub(super) values: [Scalar<'a>; Field::ALL.len()],
}

impl<'a> Draft<'a> {
    /// Reads an event. The draft is filled where it is: it is larger than the event.
    pub(super) fn read(&mut self, text: &'a str) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        // Not `deserialize_map`: its error repeats a text, however long, before anybody can cut it.
        deserializer.deserialize_any(Fill(self))?;
        deserializer.end()
    }
}

/// Fills a draft with the values of an object.
pub(super) struct Fill<'d, 'a>(pub(super) &'d mut Draft<'a>);

impl<'de: 'a, 'a> Visitor<'de> for Fill<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: a JSON object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Str(beginning(text)), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut exact = [false; Field::ALL.len()];
        while let Some(name) = map.next_key::<Name>()? {
            let Some(field) = name.field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value()?;
            let position = field as usize;
            if name.exact || !exact[position] {
                exact[position] |= name.exact;
                self.0.values[position] = value;
            }
        }
        Ok(())
    }
}

/// The fields whose values are written as JSON wants it and still stand for nothing: `1e999`, half a surrogate pair.
pub(super) struct UnreadableFields(pub(super) Vec<FieldProblem>);

impl<'de> Deserialize<'de> for UnreadableFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = UnreadableFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event: a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut problems = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name, &RawValue>()? {
                    let error = serde_json::from_str::<Scalar<'_>>(value.get()).err();
                    if let (Some(field), Some(error)) = (name.field, error) {
                        let told = error.to_string();
                        let reason = told.rsplit_once(" at line ").map_or(&*told, |(reason, _)| reason);
                        problems.push(FieldProblem {
                            field: field.name(),
                            reason: format!("cannot be read: {reason}"),
                        });
                    }
                }
                Ok(UnreadableFields(problems))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}
