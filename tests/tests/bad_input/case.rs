//! One request, the answer that it must get, and the comparison of the two.

use std::time::Duration;

use dsiem_tests::installation::Node;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of a text a failure shows.
const SHOWN: usize = 700;

/// One request and the answer that it must get.
pub(crate) struct Case {
    what: String,
    request: Request,
    status: u16,
    body: Body,
    header: Option<(&'static str, &'static str)>,
}

enum Request {
    /// What an HTTP client can express.
    Sent { method: Method, path: String, headers: Vec<(&'static str, Vec<u8>)>, body: Content },
    /// These bytes, after which the sending side is closed.
    Raw(Vec<u8>),
}

/// What is sent.
pub(crate) enum Content {
    /// With its length.
    Whole(Vec<u8>),
    /// So many pieces of it, with no length.
    Pieces(usize, Vec<u8>),
}

/// What has to come back.
enum Body {
    Empty,
    /// `error` has this in it.
    Says(String),
    Exactly(Value),
    /// Not JSON.
    Text(String),
    /// The connection is closed without an answer.
    NoAnswer,
    /// So many were accepted and one refused, at this index and with an error that has this in it.
    RefusesOne(usize, usize, String),
}

/// What came back: all of it, also where it is several answers.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// `POST /events`.
pub(crate) fn post(what: &str, body: impl Into<Vec<u8>>) -> Case {
    send(what, Method::POST, "/events", body)
}

/// `POST` of one event of JSON lines.
pub(crate) fn post_lines(what: &str, body: impl Into<Vec<u8>>) -> Case {
    post(what, body).header("content-type", "application/x-ndjson")
}

/// Any request that a client can express.
pub(crate) fn send(what: &str, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Case {
    let request = Request::Sent {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: Content::Whole(body.into()),
    };
    Case { what: what.to_owned(), request, status: 0, body: Body::Empty, header: None }
}

/// These bytes, and nothing after them.
pub(crate) fn raw(what: &str, bytes: impl Into<Vec<u8>>) -> Case {
    let request = Request::Raw(bytes.into());
    Case { what: what.to_owned(), request, status: 0, body: Body::Empty, header: None }
}

/// A request whose path goes out as it is here.
pub(crate) fn raw_path(method: &str, path: &str) -> Case {
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    raw(&format!("{method} {path}"), head)
}

impl Case {
    /// The same with a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        if let Request::Sent { headers, .. } = &mut self.request {
            headers.push((name, value.into()));
        }
        self
    }

    /// The same with its body in so many pieces and without a length.
    pub(crate) fn in_pieces(mut self, count: usize) -> Self {
        if let Request::Sent { body, .. } = &mut self.request
            && let Content::Whole(piece) = body
        {
            *body = Content::Pieces(count, std::mem::take(piece));
        }
        self
    }

    /// The answer is 200 with an empty body.
    pub(crate) fn accepted(self) -> Self {
        Self { status: 200, body: Body::Empty, ..self }
    }

    /// The answer is an error with this in its text.
    pub(crate) fn gets(self, status: u16, says: &str) -> Self {
        Self { status, body: Body::Says(says.to_owned()), ..self }
    }

    /// The answer is this document.
    pub(crate) fn gets_exactly(self, status: u16, body: Value) -> Self {
        Self { status, body: Body::Exactly(body), ..self }
    }

    /// The answer is this text, which is not JSON.
    pub(crate) fn gets_text(self, status: u16, body: &str) -> Self {
        Self { status, body: Body::Text(body.to_owned()), ..self }
    }

    /// The answer has this status and no body.
    pub(crate) fn gets_empty(self, status: u16) -> Self {
        Self { status, body: Body::Empty, ..self }
    }

    /// The answer for several events, of which one was refused with an error that has this in it.
    pub(crate) fn takes_all_but_one(self, accepted: usize, index: usize, says: &str) -> Self {
        let status = if accepted == 0 { 418 } else { 200 };
        Self { status, body: Body::RefusesOne(accepted, index, says.to_owned()), ..self }
    }

    /// The connection is closed without an answer.
    pub(crate) fn gets_no_answer(self) -> Self {
        Self { body: Body::NoAnswer, ..self }
    }

    /// The answer is 418 for one event with one problem.
    pub(crate) fn refused_for(self, field: &str, reason: &str) -> Self {
        let text = if field.is_empty() { reason.to_owned() } else { format!("{field}: {reason}") };
        let error = format!("the event is not valid: {text}");
        self.gets_exactly(418, json!({"error": error, "details": [{"field": field, "reason": reason}]}))
    }

    /// The answer for several events, of which these were refused.
    pub(crate) fn takes(self, accepted: usize, refused: &[(usize, &str)]) -> Self {
        let refused: Vec<_> =
            refused.iter().map(|(index, error)| json!({"index": index, "error": error})).collect();
        let status = if accepted == 0 { 418 } else { 200 };
        self.gets_exactly(status, json!({"accepted": accepted, "refused": refused}))
    }

    /// The answer has this header, too.
    pub(crate) fn and_header(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Sends it and compares; the error is for a person.
    pub(crate) async fn check(self, node: &Node) -> Result<(), String> {
        let Self { what, request, status, body, header } = self;
        let answered = tokio::time::timeout(PATIENCE, answer(node, request)).await;
        let answer = answered.map_err(|_| format!("{what}: no answer within {PATIENCE:?}"))?;
        let Some(answer) = answer.map_err(|e| format!("{what}: {e}"))? else {
            return if matches!(body, Body::NoAnswer) { Ok(()) } else { Err(format!("{what}: no answer")) };
        };
        let expected_header = header.is_none_or(|(name, value)| {
            answer.head.lines().any(|line| line.eq_ignore_ascii_case(&format!("{name}: {value}")))
        });
        if answer.status == status && expected_header && body.is(&answer.body) {
            return Ok(());
        }
        let header = header.map(|(name, value)| format!(", {name}: {value}")).unwrap_or_default();
        let got = format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body));
        Err(format!("{what}\n  expected {status}{header}, {}\n  got {}", body.shown(), clipped(&got)))
    }
}

impl Body {
    fn is(&self, got: &[u8]) -> bool {
        let json = || serde_json::from_slice::<Value>(got).ok();
        match self {
            Self::Empty => got.is_empty(),
            Self::Says(part) => {
                json().is_some_and(|body| body["error"].as_str().is_some_and(|error| error.contains(part)))
            }
            Self::Exactly(body) => json().as_ref() == Some(body),
            Self::Text(text) => got == text.as_bytes(),
            Self::NoAnswer => false,
            Self::RefusesOne(accepted, index, part) => json().is_some_and(|body| {
                let refused = body["refused"].as_array().map(Vec::as_slice);
                let one = refused.and_then(|refused| if let [one] = refused { Some(one) } else { None });
                let is_it = one.is_some_and(|one| {
                    one["index"] == *index && one["error"].as_str().is_some_and(|error| error.contains(part))
                });
                is_it && body["accepted"] == *accepted
            }),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Empty => "no body".to_owned(),
            Self::Says(part) => format!("an error that says {part:?}"),
            Self::Exactly(body) => clipped(&body.to_string()),
            Self::Text(text) => format!("{text:?}"),
            Self::NoAnswer => "no answer".to_owned(),
            Self::RefusesOne(accepted, index, part) => {
                format!("{accepted} accepted and {index} refused with an error that says {part:?}")
            }
        }
    }
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(SHOWN)].to_owned()
}

async fn answer(node: &Node, request: Request) -> Result<Option<Answer>, String> {
    match request {
        Request::Sent { method, path, headers, body } => {
            let mut request = node.http.request(method, &path);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request = match body {
                Content::Whole(body) => request.body(body),
                Content::Pieces(count, piece) => {
                    let piece = bytes::Bytes::from(piece);
                    let pieces = (0..count).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
                    request.body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)))
                }
            };
            let response = request.send().await.map_err(|e| format!("{e:?}"))?;
            let status = response.status().as_u16();
            let lines = response.headers().iter();
            let head = lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")));
            let head = std::iter::once(status.to_string()).chain(head).collect::<Vec<_>>().join("\n");
            let body = response.bytes().await.map_err(|e| format!("{e:?}"))?.to_vec();
            Ok(Some(Answer { status, head, body }))
        }
        Request::Raw(bytes) => {
            let answered = exchange(node, &bytes).await.map_err(|e| e.to_string())?;
            Ok(Answer::parse(&answered))
        }
    }
}

/// Sends these bytes over a connection of their own and returns all that comes back until it is closed.
pub(crate) async fn exchange(node: &Node, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let stream = TcpStream::connect(("127.0.0.1", node.http.port())).await?;
    let (mut reading, mut writing) = stream.into_split();
    let write = async {
        // Whoever is refused early may not get rid of all of it.
        if writing.write_all(bytes).await.is_ok() {
            writing.shutdown().await.ok();
        }
    };
    let mut answer = Vec::new();
    let (read, ()) = tokio::join!(reading.read_to_end(&mut answer), write);
    read.map(|_| answer)
}

impl Answer {
    /// The first answer in these bytes; none if there is none.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head, body: bytes[end + 4..].to_vec() })
    }
}
