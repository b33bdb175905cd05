//! Bodies and events that are too large, with and without a length, for every resource that takes a body.

use dsiem_tests::samples::event;
use reqwest::Method;

use crate::case::{Case, post, post_lines, send};

const MIB: usize = 1 << 20;

const TOO_LARGE: &str =
    "the body is larger than 16777216 bytes (--max-body, DSIEM_MAX_BODY); send it in smaller parts";

const ON_THE_BUS: &str =
    "bytes on the bus, which carries up to 1048576; shorten it, or raise the bus's maximum payload";

/// An event whose id is so many bytes short of the limit for the whole of it.
fn event_with_id_below_the_limit(bytes: usize) -> String {
    let mut large = event("large", 1, "10.3.0.1");
    large["event_id"] = "a".repeat(MIB - bytes).into();
    large.to_string()
}

pub(crate) fn cases() -> Vec<Case> {
    let large = event_with_id_below_the_limit(100);
    let good = event("small", 1, "10.3.0.2").to_string();
    let spaces = |size: usize| vec![b' '; size];
    vec![
        // What is left of the body makes the connection useless, which a sender has to know.
        post("100 MB with a length", vec![b'x'; 100_000_000])
            .gets(413, TOO_LARGE)
            .and_header("connection", "close"),
        post("100 MB without a length", vec![b'x'; 100_000])
            .in_pieces(1000)
            .gets(413, TOO_LARGE)
            .and_header("connection", "close"),
        post("one byte too many", spaces(16 * MIB + 1)).gets(413, TOO_LARGE),
        post("one byte too many, without a length", spaces(MIB)).in_pieces(17).gets(413, TOO_LARGE),
        post("as much as may be, of nothing", spaces(16 * MIB)).gets(400, "the body is not JSON: EOF"),
        post("as much as may be, of one text", format!("\"{}\"", "x".repeat(16 * MIB - 2))).refused_for(
            "",
            &format!(
                "is not a JSON object: invalid type: string \"{}… at line 1 column {}",
                "x".repeat(78),
                16 * MIB
            ),
        ),
        send("100 MB of configuration", Method::POST, "/config/assets_x.json", vec![b' '; 100_000_000])
            .gets(413, TOO_LARGE),
        send(
            "100 MB of configuration without a length",
            Method::POST,
            "/config/assets_x.json",
            vec![b' '; MIB],
        )
        .in_pieces(100)
        .gets(413, TOO_LARGE),
        send("100 MB for nobody", Method::POST, "/nothing", vec![b' '; 100_000_000])
            .gets(404, "there is nothing at")
            .and_header("connection", "close"),
        post("an event that the bus just carries", event_with_id_below_the_limit(1_000)).accepted(),
        post("an event larger than the bus carries", large.clone()).gets(418, ON_THE_BUS),
        post("a text that grows as it is escaped", escaped_id()).gets(418, ON_THE_BUS),
        post("one of several", format!("[{good},{large}]")).takes_all_but_one(1, 1, ON_THE_BUS),
        post_lines("one of several lines", format!("{large}\n{good}\n")).takes_all_but_one(1, 0, ON_THE_BUS),
        post("alone in an array", format!("[{large}]")).takes_all_but_one(0, 0, ON_THE_BUS),
    ]
}

/// Below a megabyte as it is sent, and above it with every `/u0001` written out again as such.
fn escaped_id() -> String {
    let mut event = event("escaped", 1, "10.3.0.3");
    event["event_id"] = "\u{1}".repeat(MIB / 6 + 1000).into();
    event.to_string()
}
