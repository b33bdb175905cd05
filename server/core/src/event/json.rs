//! The wire form of an event, as senders post it and as it crosses the bus.
//!
//! Reading is strict about what correlation needs and says everything that is wrong with an event at once; it is
//! tolerant about the rest: unknown keys are ignored, `null` is the same as missing, and another case of a name is
//! accepted as Go's decoder did (the exact name wins). Writing puts all fields in, as existing backends expect.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::{Event, EventKey, Text};
use crate::form::brief;
use crate::time::ReceiptTime;

/// One thing that is wrong with one field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name on the wire; empty for the event as a whole.
    pub field: &'static str,
    /// What is wrong, with the sender's own value where it helps.
    pub reason: String,
}

/// Everything that is wrong with an event; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// In the order in which the fields are checked.
    pub problems: Vec<FieldProblem>,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.field, self.reason)
        }
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for EventError {}

impl From<FieldProblem> for EventError {
    fn from(problem: FieldProblem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Reads one event. `received` is taken from `rcvd_time` and is 1970 where that is missing.
///
/// # Errors
/// Every field that is missing or wrong, by name, or that `raw` is not one JSON object.
pub fn decode(raw: &[u8]) -> Result<Event, EventError> {
    let draft: Draft<'_> = serde_json::from_slice(raw).map_err(|error| unreadable(raw, &error))?;
    Reader { draft, problems: Vec::new() }.event()
}

/// What is wrong with an event that could not be read: each field whose value cannot be, or else the event as a whole.
fn unreadable(raw: &[u8], error: &serde_json::Error) -> EventError {
    let fields = serde_json::from_slice(raw).map(|UnreadableFields(problems)| problems).unwrap_or_default();
    if fields.is_empty() {
        return FieldProblem { field: "", reason: format!("is not a JSON object: {}", brief(error)) }.into();
    }
    EventError { problems: fields }
}

/// Appends the wire form of `event` to `out`: one JSON object with all fields, the timestamp in UTC.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    // A map of texts and numbers has a JSON form, and writing to memory does not fail.
    serde_json::to_writer(out, &Wire(event)).expect("an event has a JSON form");
}

macro_rules! fields {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// The fields that the engine reads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant),* }

        impl Field {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            const fn name(self) -> &'static str {
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
pub(super) struct Name {
    pub(super) field: Option<Field>,
    /// Whether it was spelled exactly so.
    pub(super) exact: bool,
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

/// Any JSON value, as far as a field of an event can use it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Missing or `null`.
    #[default]
    Missing,
    /// A text, borrowed where it holds no escapes.
    Text(Cow<'a, str>),
    /// A whole number from 0 on.
    Unsigned(u64),
    /// Any other number, as written by the reader.
    OtherNumber(f64),
    /// `true`, an array or an object, in words.
    Other(&'static str),
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Unsigned(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "shown to a person only")]
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Scalar::OtherNumber(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Scalar::OtherNumber(number))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Other(if value { "true" } else { "false" }))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Missing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("an array"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("an object"))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// The values of an event's fields as they came, by the position of the field.
struct Draft<'a> {
    values: [Scalar<'a>; Field::ALL.len()],
}

impl<'de: 'a, 'a> Deserialize<'de> for Draft<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DraftVisitor;
        impl<'de> Visitor<'de> for DraftVisitor {
            type Value = Draft<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event: a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut draft = Draft { values: Default::default() };
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
                        draft.values[position] = value;
                    }
                }
                Ok(draft)
            }
        }
        deserializer.deserialize_map(DraftVisitor)
    }
}

/// The fields whose values are written as JSON wants it and still stand for nothing: `1e999`, half a surrogate pair.
struct UnreadableFields(Vec<FieldProblem>);

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

/// Turns a draft into an event, or says everything that is wrong with it.
struct Reader<'a> {
    draft: Draft<'a>,
    problems: Vec<FieldProblem>,
}

impl<'a> Reader<'a> {
    fn event(mut self) -> Result<Event, EventError> {
        let id = self.required_text(Field::EventId);
        let timestamp = self.timestamp();
        let sensor = self.required_text(Field::Sensor);
        let src_ip = self.address(Field::SrcIp);
        let dst_ip = self.address(Field::DstIp);
        let event = Event {
            key: EventKey::of(&id),
            id,
            timestamp,
            // What frontends set is not checked: a sender's value is overwritten, whatever it is.
            received: ReceiptTime::from_nanos(
                i64::try_from(self.untyped_number(Field::RcvdTime)).unwrap_or(0),
            ),
            conn_id: self.untyped_number(Field::ConnId),
            title: self.text(Field::Title),
            sensor,
            plugin_id: self.number(Field::PluginId),
            plugin_sid: self.number(Field::PluginSid),
            product: self.text(Field::Product),
            category: self.text(Field::Category),
            subcategory: self.text(Field::Subcategory),
            src_ip,
            dst_ip,
            src_port: self.port(Field::SrcPort),
            dst_port: self.port(Field::DstPort),
            protocol: self.text(Field::Protocol),
            custom_data: [Field::CustomData1, Field::CustomData2, Field::CustomData3].map(|f| self.text(f)),
            custom_labels: [Field::CustomLabel1, Field::CustomLabel2, Field::CustomLabel3]
                .map(|f| self.text(f)),
        };
        self.check_keys(&event);
        if self.problems.is_empty() { Ok(event) } else { Err(EventError { problems: self.problems }) }
    }

    fn take(&mut self, field: Field) -> Scalar<'a> {
        std::mem::take(&mut self.draft.values[field as usize])
    }

    fn problem(&mut self, field: Field, reason: impl Into<String>) {
        self.problems.push(FieldProblem { field: field.name(), reason: reason.into() });
    }

    fn cow(&mut self, field: Field) -> Cow<'a, str> {
        let wrong = match self.take(field) {
            Scalar::Missing => return Cow::Borrowed(""),
            Scalar::Text(text) => return text,
            Scalar::Unsigned(number) => format!("must be a text, not the number {number}"),
            Scalar::OtherNumber(number) => format!("must be a text, not the number {number}"),
            Scalar::Other(what) => format!("must be a text, not {what}"),
        };
        self.problem(field, wrong);
        Cow::Borrowed("")
    }

    fn text(&mut self, field: Field) -> Text {
        self.cow(field).into()
    }

    fn required(&mut self, field: Field) -> Option<Cow<'a, str>> {
        let before = self.problems.len();
        let text = self.cow(field);
        if text.is_empty() && self.problems.len() == before {
            self.problem(field, "is missing or empty");
        }
        (!text.is_empty()).then_some(text)
    }

    fn required_text(&mut self, field: Field) -> Text {
        self.required(field).unwrap_or_default().into()
    }

    fn number(&mut self, field: Field) -> u64 {
        self.number_up_to(u64::MAX, "a whole number", field)
    }

    /// A number; `what` it must be is for the sender.
    fn number_up_to(&mut self, most: u64, what: &str, field: Field) -> u64 {
        let wrong = match self.take(field) {
            Scalar::Missing => return 0,
            Scalar::Unsigned(number) if number <= most => return number,
            Scalar::Unsigned(number) => format!("must be {what} from 0 to {most}, not {number}"),
            Scalar::OtherNumber(number) => format!("must be {what} from 0 to {most}, not {number}"),
            Scalar::Text(text) => format!("must be a number, not the text {}", quoted(&text)),
            Scalar::Other(what) => format!("must be a number, not {what}"),
        };
        self.problem(field, wrong);
        0
    }

    fn untyped_number(&mut self, field: Field) -> u64 {
        if let Scalar::Unsigned(number) = self.take(field) { number } else { 0 }
    }

    fn port(&mut self, field: Field) -> u16 {
        let number = self.number_up_to(u16::MAX.into(), "a port", field);
        u16::try_from(number).unwrap_or(0)
    }

    fn address(&mut self, field: Field) -> IpAddr {
        let nowhere = IpAddr::from([0, 0, 0, 0]);
        let Some(text) = self.required(field) else { return nowhere };
        match text.parse::<IpAddr>() {
            Ok(address) => address.to_canonical(),
            Err(_) => {
                self.problem(field, format!("{} is not an IPv4 or IPv6 address", quoted(&text)));
                nowhere
            }
        }
    }

    fn timestamp(&mut self) -> Timestamp {
        let Some(text) = self.required(Field::Timestamp) else { return Timestamp::UNIX_EPOCH };
        // jiff also reads annotations in brackets, which RFC 3339 does not have.
        let parsed =
            if text.contains('[') { None } else { text.parse().ok().or_else(|| beyond_the_last(&text)) };
        parsed.unwrap_or_else(|| {
            let reason = format!(
                "{} is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z",
                quoted(&text)
            );
            self.problem(Field::Timestamp, reason);
            Timestamp::UNIX_EPOCH
        })
    }

    fn check_keys(&mut self, event: &Event) {
        let plugin = event.plugin_id > 0 && event.plugin_sid > 0;
        let taxonomy = !event.product.is_empty() && !event.category.is_empty();
        // A wrong type in one of the four has been told already.
        let told = |p: &FieldProblem| matches!(p.field, "plugin_id" | "plugin_sid" | "product" | "category");
        if !plugin && !taxonomy && !self.problems.iter().any(told) {
            self.problem(
                Field::PluginId,
                "the event needs plugin_id and plugin_sid above 0, or product and category that are not empty",
            );
        }
    }
}

/// The latest time there is, for one that RFC 3339 can write and that lies behind it: the last hours of the year 9999.
fn beyond_the_last(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let is_complete = pieces.time().is_some() && pieces.offset().is_some();
    (is_complete && pieces.date().year() == Date::MAX.year()).then_some(Timestamp::MAX)
}

/// The sender's text as an error shows it: quoted, escaped and cut.
fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{dots}")
}

struct Wire<'a>(&'a Event);

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn valid() -> Value {
        json!({"event_id":"e1","timestamp":"2024-03-01T17:00:00.5+07:00","title":"t","sensor":"s","plugin_id":1001,
               "plugin_sid":2100384,"src_ip":"192.168.0.10","src_port":8,"dst_ip":"10.0.0.9","dst_port":0,"protocol":"ICMP"})
    }

    fn with(changes: &Value) -> Result<Event, EventError> {
        let mut event = valid();
        for (key, value) in changes.as_object().unwrap() {
            event[key] = value.clone();
        }
        decode(event.to_string().as_bytes())
    }

    /// The problems of the valid event with `changes`, each as `field: reason`.
    fn problems(changes: &Value) -> Vec<String> {
        with(changes).expect_err("should be refused").problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_a_valid_event() {
        let event = with(&json!({})).unwrap();
        assert_eq!(&*event.id, "e1");
        assert_eq!(event.timestamp.to_string(), "2024-03-01T10:00:00.5Z");
        assert_eq!((event.src_port, event.dst_port), (8, 0));
        assert_eq!(event.src_ip.to_string(), "192.168.0.10");
        assert_eq!(&*event.product, "");
    }

    #[test]
    fn refuses_what_correlation_cannot_use_and_says_all_of_it() {
        let cases = [
            (json!({"event_id": ""}), "event_id: is missing or empty"),
            (json!({"event_id": null}), "event_id: is missing or empty"),
            (json!({"event_id": 5}), "event_id: must be a text, not the number 5"),
            (json!({"sensor": ""}), "sensor: is missing or empty"),
            (
                json!({"timestamp": "2024-03-01T10:00:00"}),
                "timestamp: \"2024-03-01T10:00:00\" is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z",
            ),
            (
                json!({"timestamp": "2024-03-01T10:00:00Z[UTC]"}),
                "timestamp: \"2024-03-01T10:00:00Z[UTC]\" is not an RFC 3339 time with a zone, such as 2024-03-01T10:00:00Z",
            ),
            (json!({"src_ip": "10.0.0"}), "src_ip: \"10.0.0\" is not an IPv4 or IPv6 address"),
            (json!({"dst_ip": "10.0.0.1\u{0}"}), "dst_ip: \"10.0.0.1\\0\" is not an IPv4 or IPv6 address"),
            (json!({"src_port": 65536}), "src_port: must be a port from 0 to 65535, not 65536"),
            (json!({"src_port": -1}), "src_port: must be a port from 0 to 65535, not -1"),
            (json!({"dst_port": 1.5}), "dst_port: must be a port from 0 to 65535, not 1.5"),
            (json!({"dst_port": "80"}), "dst_port: must be a number, not the text \"80\""),
            (json!({"dst_port": [80]}), "dst_port: must be a number, not an array"),
            (
                json!({"plugin_id": 1.5}),
                "plugin_id: must be a whole number from 0 to 18446744073709551615, not 1.5",
            ),
            (
                json!({"plugin_id": 0}),
                "plugin_id: the event needs plugin_id and plugin_sid above 0, or product and category that are not empty",
            ),
            (json!({"protocol": {"a": 1}}), "protocol: must be a text, not an object"),
            (json!({"custom_data2": true}), "custom_data2: must be a text, not true"),
        ];
        for (changes, expected) in cases {
            assert_eq!(problems(&changes), [expected]);
        }
        assert_eq!(problems(&json!({"event_id": "", "src_ip": "x", "src_port": 70000})).len(), 3);
    }

    #[test]
    fn a_product_with_a_category_is_a_key_too() {
        assert!(with(&json!({"plugin_id": 0, "product": "Firewall", "category": "Access"})).is_ok());
        assert_eq!(problems(&json!({"plugin_id": 0, "product": "Firewall"})).len(), 1);
    }

    #[test]
    fn what_go_senders_leave_out_is_no_problem() {
        let raw = r#"{"event_id":"e","timestamp":"2024-03-01T10:00:00Z","sensor":"s","plugin_id":1,"plugin_sid":2,"src_ip":"::1","dst_ip":"::ffff:10.0.0.1"}"#;
        let event = decode(raw.as_bytes()).unwrap();
        assert_eq!(&*event.title, "");
        assert_eq!(event.dst_ip.to_string(), "10.0.0.1", "an IPv4-mapped address counts as IPv4");
    }

    #[test]
    fn names_in_another_case_are_read_unknown_ones_ignored_and_the_last_of_a_name_wins() {
        let raw = r#"{"EVENT_ID":"e","Timestamp":"2024-03-01T10:00:00Z","sensor":"a","sensor":"b","plugin_id":1,"plugin_sid":2,
                      "src_ip":"1.1.1.1","SRC_IP":"2.2.2.2","dst_ip":"1.1.1.1","@timestamp":[[[]]],"carrier":{"a":"b"}}"#;
        let event = decode(raw.as_bytes()).unwrap();
        assert_eq!((&*event.id, &*event.sensor), ("e", "b"));
        assert_eq!(event.src_ip.to_string(), "1.1.1.1", "the exact name wins");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for raw in ["", "5", "\"x\"", "null", "[]", "{", "{}x", "{\"event_id\":1e999"] {
            let error = decode(raw.as_bytes()).unwrap_err();
            assert_eq!(error.problems[0].field, "", "{raw}");
        }
    }

    #[test]
    fn every_value_that_cannot_be_read_is_told_with_its_field() {
        let raw = r#"{"event_id":"e","title":"\ud800","plugin_id":1e999,"unknown":1e999}"#;
        let told: Vec<_> =
            decode(raw.as_bytes()).unwrap_err().problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "title: cannot be read: unexpected end of hex escape",
                "plugin_id: cannot be read: number out of range"
            ]
        );
    }

    #[test]
    fn the_last_moments_that_rfc_3339_can_write_are_as_late_as_can_be_told() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-23:59"] {
            let event = with(&json!({ "timestamp": text })).unwrap();
            assert_eq!(event.timestamp, Timestamp::MAX, "{text}");
            let mut wire = Vec::new();
            encode(&event, &mut wire);
            assert_eq!(decode(&wire).unwrap().timestamp, Timestamp::MAX);
        }
        assert!(with(&json!({"timestamp": "9999-12-31T23:59:59"})).is_err(), "without a zone");
        assert!(with(&json!({"timestamp": "9999-12-32T23:59:59Z"})).is_err());
    }

    #[test]
    fn the_wire_form_has_all_fields_and_reads_back() {
        let mut event = with(&json!({"custom_data1": "a\"b", "custom_label1": "l"})).unwrap();
        event.received = ReceiptTime::from_nanos(1_709_287_200_123_456_789);
        event.conn_id = 7;
        let mut wire = Vec::new();
        encode(&event, &mut wire);
        insta::assert_snapshot!(String::from_utf8(wire.clone()).unwrap(), @r#"{"event_id":"e1","timestamp":"2024-03-01T10:00:00.5Z","title":"t","sensor":"s","plugin_id":1001,"plugin_sid":2100384,"product":"","category":"","subcategory":"","src_ip":"192.168.0.10","src_port":8,"dst_ip":"10.0.0.9","dst_port":0,"protocol":"ICMP","custom_data1":"a\"b","custom_data2":"","custom_data3":"","custom_label1":"l","custom_label2":"","custom_label3":"","conn_id":7,"rcvd_time":1709287200123456789,"carrier":{}}"#);
        assert_eq!(decode(&wire).unwrap(), event);
    }

    #[test]
    fn a_time_more_than_the_allowed_skew_after_receipt_counts_as_receipt() {
        let mut event = with(&json!({"timestamp": "2024-03-01T10:05:00Z"})).unwrap();
        event.received = ReceiptTime::from_secs(event.timestamp.as_second() - 300);
        assert_eq!(event.time_secs(300), event.timestamp.as_second());
        event.received = ReceiptTime::from_secs(event.timestamp.as_second() - 301);
        assert!(event.is_from_the_future(300));
        assert_eq!(event.time_secs(300), event.received.secs());
    }
}
