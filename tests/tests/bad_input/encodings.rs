//! Compressed bodies: damaged, said to be something else, too large when decompressed.

use std::io::Write as _;

use dsiem_tests::samples::event;

use crate::case::{Case, post};

/// What the bombs hold: far more than the largest body.
const BOMB_BYTES: usize = 256 << 20;

const TOO_LARGE: &str =
    "is larger than 16777216 bytes (--max-body, DSIEM_MAX_BODY); send it in smaller parts";

fn good(id: &str) -> Vec<u8> {
    event(id, 1, "10.2.0.1").to_string().into_bytes()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b' '), BOMB_BYTES as u64), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

fn zstd_bomb() -> Vec<u8> {
    zstd::encode_all(std::io::Read::take(std::io::repeat(b' '), BOMB_BYTES as u64), 1).unwrap()
}

/// Asks for a window of 128 MiB.
fn zstd_window() -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&good("window")).unwrap();
    encoder.finish().unwrap()
}

fn encoded(what: &str, encoding: &str, body: impl Into<Vec<u8>>) -> Case {
    post(what, body).header("content-encoding", encoding)
}

pub(crate) fn cases() -> Vec<Case> {
    let whole = gzip(&good("cut"));
    let mut flipped = whole.clone();
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 0xff;
    let bomb_in_members = gzip(&vec![b' '; 4 << 20]).repeat(8);
    let mut cases = vec![
        encoded("gzip", "gzip", gzip(&good("z1"))).accepted(),
        encoded("another case", "GZip", gzip(&good("z2"))).accepted(),
        encoded("the old name", "x-gzip", gzip(&good("z3"))).accepted(),
        encoded("zstd", "zstd", zstd(&good("z4"))).accepted(),
        encoded("identity", "identity", good("z5")).accepted(),
        encoded("gzip that is cut off", "gzip", &whole[..whole.len() - 5])
            .gets(400, "the body is not whole and correct gzip: unexpected end of file"),
        encoded("the head of gzip alone", "gzip", &whole[..10])
            .gets(400, "the body is not whole and correct gzip"),
        encoded("gzip with a wrong checksum", "gzip", flipped)
            .gets(400, "the body is not whole and correct gzip: CRC"),
        encoded("gzip with something behind it", "gzip", [&whole[..], b"x"].concat())
            .gets(400, "not whole and correct gzip"),
        encoded("no gzip", "gzip", "hello")
            .gets(400, "the body is not whole and correct gzip: Invalid gzip header"),
        encoded("nothing as gzip", "gzip", "").gets(400, "the body is not whole and correct gzip"),
        encoded("JSON that is said to be gzip", "gzip", good("z6")).gets(400, "not whole and correct gzip"),
        encoded("gzip that is said to be nothing", "identity", whole.clone())
            .gets(400, "the body is not UTF-8 from byte 1 on"),
        encoded("gzip that is said to be zstd", "zstd", whole)
            .gets(400, "the body is not whole and correct zstd"),
        encoded("zstd that is cut off", "zstd", &zstd(&good("z7"))[..20])
            .gets(400, "not whole and correct zstd"),
        encoded("no zstd", "zstd", "hello, hello").gets(400, "not whole and correct zstd"),
        encoded("zstd that wants a huge window", "zstd", zstd_window())
            .gets(400, "not whole and correct zstd"),
        encoded("gzip of nothing", "gzip", gzip(b"")).gets(400, "the body is not JSON: EOF"),
        encoded("gzip of invalid UTF-8", "gzip", gzip(b"\xff"))
            .gets(400, "the body is not UTF-8 from byte 0 on"),
        encoded("twice", "gzip, gzip", gzip(&gzip(&good("z8"))))
            .gets(415, "Content-Encoding \"gzip, gzip\" is not supported"),
        encoded("gzip in zstd", "gzip, zstd", zstd(&gzip(&good("z9"))))
            .gets(415, "Content-Encoding \"gzip, zstd\""),
        encoded("two headers", "gzip", gzip(&gzip(&good("z10"))))
            .header("content-encoding", "zstd")
            .gets(415, "Content-Encoding \"gzip, zstd\" is not supported; send gzip, zstd or identity"),
        encoded("a name that is no text", "x", good("z11"))
            .header("content-encoding", [0xff])
            .gets(415, "\"x\""),
        encoded("a bomb of gzip", "gzip", gzip_bomb())
            .gets(413, &format!("the body, decompressed from gzip, {TOO_LARGE}")),
        encoded("a bomb of zstd", "zstd", zstd_bomb())
            .gets(413, &format!("the body, decompressed from zstd, {TOO_LARGE}")),
        encoded("a bomb in members", "gzip", bomb_in_members).gets(413, TOO_LARGE),
    ];
    for name in ["br", "deflate", "compress", "chunked", "*", "gzip;q=1", "\u{1f4a3}"] {
        let expected = format!("Content-Encoding {name:?} is not supported; send gzip, zstd or identity");
        cases.push(encoded(name, name, good("z12")).gets(415, &expected));
    }
    cases
}
