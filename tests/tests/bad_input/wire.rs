//! What a client cannot express: damaged lengths, chunks, headers and request lines, straight from a socket.
//!
//! Where the HTTP library answers by itself, before there is a request, the answer has a status and no body.

use dsiem_tests::samples::event;
use serde_json::json;

use crate::case::{Case, raw};

const POST: &str = "POST /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
const GET: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
const WELL: &str = r#"{"status":"ok"}"#;
const NOT_WHOLE: &str = "the body did not arrive whole";

fn good(id: &str) -> String {
    event(id, 1, "10.4.0.1").to_string()
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn whole(event: &str) -> String {
    format!("{POST}Content-Length: {}\r\n\r\n{event}", event.len())
}

pub(crate) fn cases() -> Vec<Case> {
    [lengths(), chunks(), headers(), request_lines(), protocols()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Case> {
    let event = good("length");
    let mut cases: Vec<_> =
        ["abc", "-5", "+5", "5, 6", "0x10", "", "1e3", "99999999999999999999999", "5\r\nContent-Length: 6"]
            .map(|length| {
                raw(
                    &format!("Content-Length: {length:?}"),
                    format!("{POST}Content-Length: {length}\r\n\r\n{event}"),
                )
                .gets_empty(400)
            })
            .into();
    let too_large = "the body is larger than 16777216 bytes";
    cases.extend([
        raw("a length of eight exabytes", format!("{POST}Content-Length: {}\r\n\r\n", i64::MAX))
            .gets(413, too_large),
        raw(
            "a length of 100 MB, with Expect",
            format!("{POST}Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n"),
        )
        .gets(413, too_large),
        raw("less than was announced", format!("{POST}Content-Length: 1000\r\n\r\n{event}"))
            .gets(400, NOT_WHOLE),
        raw("nothing of what was announced", format!("{POST}Content-Length: 1000\r\n\r\n"))
            .gets(400, NOT_WHOLE),
        raw("more than was announced", whole(&event) + "garbage").gets_empty(200),
        raw("no length and no body", format!("{POST}\r\n")).gets(400, "the body is not JSON: EOF"),
        raw("a body of GET", format!("{GET}Content-Length: 5\r\n\r\nhello")).gets_text(200, WELL),
    ]);
    cases
}

fn chunks() -> Vec<Case> {
    let event = good("chunk");
    let chunked = |body: &str| format!("{POST}Transfer-Encoding: chunked\r\n\r\n{body}");
    vec![
        raw("chunks", chunked(&(chunk(&event[..20]) + &chunk(&event[20..]) + "0\r\n\r\n"))).gets_empty(200),
        raw("a size that is no number", chunked("zz\r\nhello\r\n")).gets(400, NOT_WHOLE),
        raw("a negative size", chunked("-5\r\nhello\r\n")).gets(400, NOT_WHOLE),
        raw("a size beyond 64 bits", chunked("FFFFFFFFFFFFFFFFFF\r\nhello\r\n")).gets(400, NOT_WHOLE),
        raw("a chunk longer than its size", chunked("2\r\nhello\r\n0\r\n\r\n")).gets(400, NOT_WHOLE),
        raw("no last chunk", chunked(&chunk(&event))).gets(400, NOT_WHOLE),
        raw("an extension of 100 kB", chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(100_000))))
            .gets(400, NOT_WHOLE),
        raw(
            "length and chunks",
            format!(
                "{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk(&good("both"))
            ),
        )
        .gets_empty(200),
        raw("an encoding that does not end", format!("{POST}Transfer-Encoding: gzip\r\n\r\n{event}"))
            .gets_empty(400),
        raw(
            "chunks of HTTP/1.0",
            format!("POST /events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk(&event)),
        )
        .gets_empty(400),
    ]
}

fn headers() -> Vec<Case> {
    let with = |header: &str| format!("{GET}{header}\r\n\r\n");
    let flood = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    vec![
        raw("90 headers", format!("{GET}{}\r\n", flood(90))).gets_text(200, WELL),
        raw("200 headers", format!("{GET}{}\r\n", flood(200))).gets_empty(431),
        raw("100,000 headers", format!("{GET}{}\r\n", flood(100_000))).gets_empty(431),
        raw("a header of a megabyte", with(&format!("X: {}", "a".repeat(1 << 20)))).gets_empty(431),
        raw("a NUL in a header", with("X: a\0b")).gets_empty(400),
        raw("a header without a colon", with("bad")).gets_empty(400),
        raw("a header without a name", with(": x")).gets_empty(400),
        raw("a blank before the colon", with("X : y")).gets_empty(400),
        raw("a header over two lines", with("X: a\r\n b")).gets_empty(400),
        raw("a name that is no text", [GET.as_bytes(), b"X\xff: y\r\n\r\n"].concat()).gets_empty(400),
        raw("a value that is no text", [GET.as_bytes(), b"X: \xff\r\n\r\n"].concat()).gets_text(200, WELL),
        raw(
            "a content type that is no text",
            [POST.as_bytes(), b"Content-Type: \xff\r\nContent-Length: 2\r\n\r\n[]"].concat(),
        )
        .takes(0, &[]),
        raw("no host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").gets_text(200, WELL),
        raw("an unknown expectation", format!("{POST}Expect: magic\r\nContent-Length: 2\r\n\r\n[]"))
            .takes(0, &[]),
        raw(
            "an upgrade",
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n",
        )
        .gets_text(200, WELL),
    ]
}

fn request_lines() -> Vec<Case> {
    let line = |line: &str| format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n");
    vec![
        raw("a NUL in the path", line("GET /heal\0thz HTTP/1.1")).gets_empty(400),
        raw("a blank in the path", line("GET /a b HTTP/1.1")).gets_empty(400),
        raw("a path that is no text", [b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n".as_slice()].concat())
            .gets_empty(400),
        raw("a path of 200 kB", line(&format!("GET /{} HTTP/1.1", "a".repeat(200_000)))).gets_empty(431),
        raw("a whole address", line("GET http://elsewhere:1/healthz HTTP/1.1")).gets_text(200, WELL),
        raw(
            "a whole address of another service",
            line("GET http://169.254.169.254/latest/meta-data HTTP/1.1"),
        )
        .gets(404, "there is nothing at \"/latest/meta-data\""),
        raw("half an address", line("GET http://[::bad/healthz HTTP/1.1")).gets_empty(400),
        raw("a path without a slash", line("GET healthz HTTP/1.1")).gets(404, "there is nothing at"),
        raw("a tunnel", line("CONNECT elsewhere:443 HTTP/1.1")).gets(404, "there is nothing at"),
        raw("a method with a bracket", line("G[T /healthz HTTP/1.1")).gets_empty(400),
        raw("a method of 50 kB", line(&format!("{} /events HTTP/1.1", "A".repeat(50_000))))
            .gets_exactly(405, json!({"error": format!("{} is not possible on \"/events\"; the Allow header says what is", "A".repeat(200))})),
        raw("no method", line(" /healthz HTTP/1.1")).gets_empty(400),
        raw("a query of 10 kB", line(&format!("GET /healthz?{} HTTP/1.1", "%00".repeat(3_000))))
            .gets_text(200, WELL),
    ]
}

fn protocols() -> Vec<Case> {
    vec![
        raw("HTTP/0.9", "GET /healthz\r\n").gets_empty(400),
        raw("HTTP/2 in HTTP/1", "GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n").gets_empty(400),
        raw("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").gets_no_answer(),
        raw("HTTP/9.9", "GET /healthz HTTP/9.9\r\n\r\n").gets_empty(400),
        raw("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[1; 500]].concat()).gets_empty(400),
        raw("another protocol", "SSH-2.0-OpenSSH_9.9\r\n").gets_empty(400),
        raw("random bytes", (0..=255).collect::<Vec<u8>>()).gets_empty(400),
        raw("nothing", "").gets_no_answer(),
        raw("half a line", "GET /hea").gets_no_answer(),
        raw("NUL bytes", [0; 1000]).gets_empty(400),
    ]
}
