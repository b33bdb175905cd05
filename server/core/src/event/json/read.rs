//! Turns a draft into a checked event, or says everything that is wrong with it.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;

use super::draft::Draft;
use super::{CheckedEvent, EventError, Field, FieldProblem, JsonText, Scalar};
use crate::time::ReceiptTime;

/// A draft, and what was found wrong with it so far.
pub(super) struct Reader<'d, 'a> {
    draft: &'d mut Draft<'a>,
    problems: Vec<FieldProblem>,
}

impl<'d, 'a> Reader<'d, 'a> {
    pub(super) fn new(draft: &'d mut Draft<'a>) -> Self {
        Self { draft, problems: Vec::new() }
    }

    pub(super) fn event(mut self) -> Result<CheckedEvent<'a>, EventError> {
        let id = self.required(Field::EventId).unwrap_or(JsonText::Plain(""));
        let timestamp = self.timestamp();
        let sensor = self.required(Field::Sensor).unwrap_or(JsonText::Plain(""));
        let src_ip = self.address(Field::SrcIp);
        let dst_ip = self.address(Field::DstIp);
        let event = CheckedEvent {
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

    fn text(&mut self, field: Field) -> JsonText<'a> {
        let wrong = match self.take(field) {
            Scalar::Missing => return JsonText::Plain(""),
            Scalar::Text(text) => return JsonText::from_json(text),
            Scalar::Unsigned(number) => format!("must be a text, not the number {number}"),
            Scalar::OtherNumber(number) => format!("must be a text, not the number {number}"),
            Scalar::Other(what) => format!("must be a text, not {what}"),
        };
        self.problem(field, wrong);
        JsonText::Plain("")
    }

    fn required(&mut self, field: Field) -> Option<JsonText<'a>> {
        let before = self.problems.len();
        let text = self.text(field);
        if text.is_empty() && self.problems.len() == before {
            self.problem(field, "is missing or empty");
        }
        (!text.is_empty()).then_some(text)
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

    fn check_keys(&mut self, event: &CheckedEvent<'_>) {
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
