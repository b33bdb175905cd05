//! Writes an answer the way that hyper does.

use std::io;

use axum::body::HttpBody as _;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// What an answer takes, roughly.
const USUAL_BYTES: usize = 256;

/// Writes the answers of one connection, one after the other.
#[derive(Debug)]
pub(super) struct AnswerWriter {
    bytes: Vec<u8>,
    date: Date,
}

impl AnswerWriter {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(USUAL_BYTES), date: Date::of(Timestamp::now()) }
    }

    /// The bytes of `response`, which is the last one of its connection if `last`.
    ///
    /// # Errors
    /// The body has no end.
    pub(super) async fn write(&mut self, response: Response, last: bool) -> io::Result<&[u8]> {
        let (head, body) = response.into_parts();
        // Most answers have none.
        let body = if body.is_end_stream() {
            Bytes::new()
        } else {
            body.collect().await.map_err(io::Error::other)?.to_bytes()
        };
        let Self { bytes, date } = self;
        bytes.clear();
        let reason = head.status.canonical_reason().unwrap_or("<none>");
        put(bytes, ["HTTP/1.1 ", head.status.as_str(), " ", reason, "\r\n"]);
        for (name, value) in &head.headers {
            put(bytes, [name.as_str(), ": "]);
            bytes.extend_from_slice(value.as_bytes());
            put(bytes, ["\r\n"]);
        }
        if last {
            put(bytes, ["connection: close\r\n"]);
        }
        let length = body.len();
        put(bytes, ["content-length: ", itoa::Buffer::new().format(length), "\r\n"]);
        put(bytes, ["date: ", date.at(Timestamp::now()), "\r\n\r\n"]);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }
}

fn put<const N: usize>(bytes: &mut Vec<u8>, texts: [&str; N]) {
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
    }
}

/// The date as answers have it, which is the same for a second.
#[derive(Debug)]
struct Date {
    second: i64,
    text: String,
}

impl Date {
    fn of(now: Timestamp) -> Self {
        let printer = rfc2822::DateTimePrinter::new();
        // What cannot be written is a year beyond four digits.
        let text = printer.timestamp_to_rfc9110_string(&now).unwrap_or_default();
        Self { second: now.as_second(), text }
    }

    fn at(&mut self, now: Timestamp) -> &str {
        if self.second != now.as_second() {
            *self = Self::of(now);
        }
        &self.text
    }
}
