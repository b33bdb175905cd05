//! What goes the fast path: a whole `POST /events` of a few kilobytes, framed in the plainest way that HTTP/1.1 knows.
//!
//! hyper's own parser reads its head. Whatever else the head may say about the connection or about how the body is
//! written makes it a request for hyper, and so does whatever the parser does not like.

use std::str;

use httparse::{EMPTY_HEADER, Header, Status};

use crate::http::events::Sender;
use crate::http::is_events;

/// Bytes of a request with its head; longer ones are for hyper.
pub(super) const MAX_BYTES: usize = 8 << 10;

/// Headers of a request; those with more are for hyper.
const MAX_HEADERS: usize = 32;

/// A request whose bytes are all there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShortRequest<'a> {
    pub(super) sender: Sender<'a>,
    pub(super) body: &'a [u8],
    /// Bytes of all of it; behind them, the next request may have begun.
    pub(super) length: usize,
}

/// What the beginning of what has arrived is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived<'a> {
    /// A request that goes the fast path.
    Short(ShortRequest<'a>),
    /// What may become one.
    Part,
    /// Something else.
    Other,
}

impl<'a> Arrived<'a> {
    /// Looks at the bytes that have arrived.
    pub(super) fn look(bytes: &'a [u8]) -> Self {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(Status::Complete(head)) => match Framed::of(&request) {
                Some(framed) => framed.with_body(bytes, head),
                None => Self::Other,
            },
            Ok(Status::Partial) if bytes.len() < MAX_BYTES => Self::Part,
            Ok(Status::Partial) | Err(_) => Self::Other,
        }
    }
}

/// A head that says all there is to say about its body.
struct Framed<'a> {
    sender: Sender<'a>,
    content_length: usize,
}

impl<'a> Framed<'a> {
    fn of(request: &httparse::Request<'_, 'a>) -> Option<Self> {
        let to_events = request.method == Some("POST") && request.path.is_some_and(is_events);
        if !to_events || request.version != Some(1) {
            return None;
        }
        let mut content_length = None;
        let mut sender = Sender::default();
        for Header { name, value } in request.headers.iter() {
            match Meaning::of(name) {
                Meaning::Length if content_length.is_none() => content_length = Some(decimal(value)?),
                Meaning::Authorization => _ = sender.authorization.get_or_insert(value),
                Meaning::ContentType => _ = sender.content_type.get_or_insert(value),
                Meaning::Connection if value.eq_ignore_ascii_case(b"keep-alive") => {}
                Meaning::None => {}
                Meaning::Length | Meaning::Connection | Meaning::Framing => return None,
            }
        }
        Some(Self { sender, content_length: content_length? })
    }

    fn with_body(self, bytes: &'a [u8], head: usize) -> Arrived<'a> {
        let length = head.saturating_add(self.content_length);
        if length > MAX_BYTES {
            return Arrived::Other;
        }
        match bytes.get(head..length) {
            Some(body) => Arrived::Short(ShortRequest { sender: self.sender, body, length }),
            None => Arrived::Part,
        }
    }
}

/// What a header means for a request with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Length,
    Authorization,
    ContentType,
    Connection,
    /// For the connection, or for how the body is written.
    Framing,
    /// Nothing.
    None,
}

impl Meaning {
    fn of(name: &str) -> Self {
        const MEANINGS: [(&str, Meaning); 11] = [
            ("content-length", Meaning::Length),
            ("authorization", Meaning::Authorization),
            ("content-type", Meaning::ContentType),
            ("connection", Meaning::Connection),
            ("content-encoding", Meaning::Framing),
            ("expect", Meaning::Framing),
            ("keep-alive", Meaning::Framing),
            ("proxy-connection", Meaning::Framing),
            ("trailer", Meaning::Framing),
            ("transfer-encoding", Meaning::Framing),
            ("upgrade", Meaning::Framing),
        ];
        let known = MEANINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::None, |(_, meaning)| *meaning)
    }
}

/// Digits, and nothing but them.
fn decimal(value: &[u8]) -> Option<usize> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the head of a request with a body of two bytes is, where only these lines are its own.
    fn look(first: &str, headers: &[&str]) -> &'static str {
        let head = [&[first], headers, &["", ""]].concat().join("\r\n");
        match Arrived::look(format!("{head}{{}}").as_bytes()) {
            Arrived::Short(request) => {
                assert_eq!((request.body, request.length), (b"{}".as_slice(), head.len() + 2));
                "short"
            }
            Arrived::Part => "part",
            Arrived::Other => "other",
        }
    }

    fn check(expected: &str, headers: &[&str]) {
        assert_eq!(look("POST /events HTTP/1.1", headers), expected, "{headers:?}");
    }

    #[test]
    fn only_what_is_framed_in_the_plainest_way_is_short() {
        check("short", &["Content-Length: 2"]);
        check("short", &["host: x", "user-agent: y", "accept: */*", "content-length: 2", "x-y: z"]);
        check("short", &["Content-Length: 2", "Connection: Keep-Alive"]);
        check("short", &["Content-Length:2 ", "TE: trailers"]);
        check("part", &["Content-Length: 3"]);
        check("other", &[]);
        for length in ["", "+2", "-2", "0x2", "2, 2", "2.0", "99999999999999999999999", "8192"] {
            check("other", &[&format!("Content-Length: {length}")]);
        }
        for other in [
            "Content-Length: 2",
            "Connection: close",
            "Connection: upgrade",
            "Connection: keep-alive, x",
            "Transfer-Encoding: chunked",
            "transfer-encoding: identity",
            "Expect: 100-continue",
            "Content-Encoding: gzip",
            "Content-Encoding: identity",
            "Upgrade: h2c",
            "Trailer: x",
            "No Name: x",
            "X: a\r\n b",
            "Space : x",
            "X: \0",
        ] {
            check("other", &["Content-Length: 2", other]);
        }
        let many: Vec<_> = (0..MAX_HEADERS).map(|n| format!("x-{n}: y")).collect();
        let mut many: Vec<_> = many.iter().map(String::as_str).collect();
        many[0] = "Content-Length: 2";
        check("short", &many);
        many.push("x: y");
        check("other", &many);
    }

    #[test]
    fn only_events_are_short() {
        for (first, expected) in [
            ("POST /events HTTP/1.1", "short"),
            ("POST /events/ HTTP/1.1", "short"),
            ("POST /events HTTP/1.0", "other"),
            ("POST /events HTTP/2.0", "other"),
            ("POST /events?a=b HTTP/1.1", "other"),
            ("POST /events// HTTP/1.1", "other"),
            ("POST //events HTTP/1.1", "other"),
            ("POST /Events HTTP/1.1", "other"),
            ("POST http://x/events HTTP/1.1", "other"),
            ("POST /config/a HTTP/1.1", "other"),
            ("PUT /events HTTP/1.1", "other"),
            ("post /events HTTP/1.1", "other"),
            ("GET /events HTTP/1.1", "other"),
            ("PRI * HTTP/2.0", "other"),
        ] {
            assert_eq!(look(first, &["Content-Length: 2"]), expected, "{first}");
        }
    }

    #[test]
    fn every_beginning_of_a_short_request_may_become_one_and_what_follows_is_left_alone() {
        let whole = b"\r\nPOST /events HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\
            content-type: text/x\r\ncontent-length: 2\r\n\r\n{}POST /events";
        let length = whole.len() - "POST /events".len();
        for end in 0..length {
            assert_eq!(Arrived::look(&whole[..end]), Arrived::Part, "{end}");
        }
        let sender = Sender { authorization: Some(b"Bearer a"), content_type: Some(b"text/x") };
        for end in length..=whole.len() {
            let expected = ShortRequest { sender, body: b"{}", length };
            assert_eq!(Arrived::look(&whole[..end]), Arrived::Short(expected), "{end}");
        }
    }

    #[test]
    fn what_is_too_long_is_other_as_soon_as_that_is_known() {
        let head = |length: usize| format!("POST /events HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");
        let longest = MAX_BYTES - head(1_000).len();
        assert_eq!(Arrived::look(head(longest).as_bytes()), Arrived::Part);
        assert_eq!(Arrived::look(head(longest + 1).as_bytes()), Arrived::Other);
        assert_eq!(Arrived::look(head(usize::MAX).as_bytes()), Arrived::Other);
        let endless = format!("POST /events HTTP/1.1\r\nx: {}", "y".repeat(MAX_BYTES));
        assert_eq!(Arrived::look(&endless.as_bytes()[..MAX_BYTES - 1]), Arrived::Part);
        assert_eq!(Arrived::look(&endless.as_bytes()[..MAX_BYTES]), Arrived::Other);
    }
}
