//! Reads the body of a request, and no more of it than we are ready to hold.
//!
//! A body is refused before it is read when its length says enough, and while it is read as soon as it is too long;
//! the same limit holds for what it decompresses to, so that a small bomb is no more than a large body. All bodies in
//! memory together have a limit too: beyond it, senders are asked to come again.

use std::fmt::Display;
use std::time::Duration;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use axum::body::HttpBody;
use axum::http::{HeaderMap, header};
use bytes::{BufMut, Bytes};
use dsiem_runtime::quota::{Quota, Share};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::http::errors::Refusal;

/// Default of `--max-body`: bytes of one body, as sent and as decompressed.
pub const DEFAULT_MAX_BODY: usize = 16 << 20;

/// Bytes of all bodies in memory at the same time, and always enough for some of the largest; full: 503.
pub const MAX_BUFFERED_BYTES: usize = 256 << 20;

/// How many bodies of the full size fit into memory, compressed and decompressed, whatever `--max-body` is.
const MIN_FULL_BODIES: usize = 4;

/// How long the sending of one body may take; over: 408.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest window of zstd that we allocate, as a power of two; RFC 9659 asks for no more over HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much is decompressed before other tasks get a turn.
const DECODE_CHUNK: usize = 64 << 10;

/// Reads bodies, within a limit for each and one for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Bodies {
    /// Bytes of one body.
    max: usize,
    /// Bytes that may be in memory.
    memory: Quota,
}

/// A body in memory. Its share of the memory is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct ReadBody {
    content: Content,
    _memory: Share,
}

#[derive(Debug)]
enum Content {
    /// As it came, in one piece.
    Whole(Bytes),
    /// Put together from pieces, or decompressed.
    Collected(Vec<u8>),
}

impl std::ops::Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.content {
            Content::Whole(bytes) => bytes,
            Content::Collected(bytes) => bytes,
        }
    }
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Bodies {
    /// Bodies of at most `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        let memory = MAX_BUFFERED_BYTES.max(max.saturating_mul(2 * MIN_FULL_BODIES));
        Self { max, memory: Quota::new(memory) }
    }

    /// Reads and decompresses `body`.
    ///
    /// # Errors
    /// 413, 415, 400, 408 or 503, as http.md has it.
    pub(crate) async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<ReadBody, Refusal>
    where
        B: HttpBody<Data = Bytes, Error: Display> + Unpin,
    {
        // As its head says; there is none where it comes in chunks.
        let announced = body.size_hint().exact();
        self.check_length(announced.unwrap_or(0))?;
        let coding = coding(headers)?;
        let raw = tokio::select! {
            biased;
            read = self.read_plain(body, announced.unwrap_or(0)) => read?,
            refusal = too_late() => return Err(refusal),
        };
        match coding {
            Coding::Identity => Ok(raw),
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(&*raw);
                decoder.multiple_members(true);
                self.decode("gzip", decoder).await
            }
            Coding::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)];
                let mut decoder = ZstdDecoder::with_params(&*raw, &window);
                decoder.multiple_members(true);
                self.decode("zstd", decoder).await
            }
        }
    }

    /// Whether a body of so many bytes may be read.
    ///
    /// # Errors
    /// 413.
    pub(crate) fn check_length(&self, bytes: u64) -> Result<(), Refusal> {
        if bytes > self.max as u64 { Err(self.too_large("the body")) } else { Ok(()) }
    }

    /// Collects the frames of `body`; `announced` (not above the limit) is allocated at once.
    async fn read_plain<B>(&self, mut body: B, announced: u64) -> Result<ReadBody, Refusal>
    where
        B: HttpBody<Data = Bytes, Error: Display> + Unpin,
    {
        let mut memory = self.memory.none();
        let mut bytes = Vec::new();
        let announced = usize::try_from(announced).unwrap_or(0);
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|e| Refusal::bad_request(format!("the body did not arrive whole: {e}")))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.max {
                return Err(self.too_large("the body"));
            }
            if bytes.is_empty() && body.is_end_stream() {
                // Nearly all are one frame, which needs no copy.
                reserve(&mut memory, data.len())?;
                return Ok(ReadBody { content: Content::Whole(data), _memory: memory });
            }
            if bytes.is_empty() && announced >= data.len() {
                // Reserved when the first bytes are there: an announcement alone costs nothing.
                reserve(&mut memory, announced)?;
                bytes.reserve_exact(announced);
            }
            let missing = (bytes.len() + data.len()).saturating_sub(memory.amount());
            reserve(&mut memory, missing)?;
            make_room(&mut bytes, data.len(), self.max);
            bytes.extend_from_slice(&data);
        }
        Ok(ReadBody { content: Content::Collected(bytes), _memory: memory })
    }

    async fn decode(&self, name: &str, mut decoder: impl AsyncRead + Unpin) -> Result<ReadBody, Refusal> {
        let mut memory = self.memory.none();
        let mut bytes = Vec::new();
        // One byte more than the limit is asked for, to tell "full" from "too large".
        let most = self.max + 1;
        loop {
            let chunk = DECODE_CHUNK.min(most - bytes.len());
            make_room(&mut bytes, chunk, most);
            let read = decoder.read_buf(&mut (&mut bytes).limit(chunk)).await.map_err(|e| {
                Refusal::bad_request(format!("the body is not whole and correct {name}: {e}"))
            })?;
            if read == 0 {
                return Ok(ReadBody { content: Content::Collected(bytes), _memory: memory });
            }
            if bytes.len() > self.max {
                return Err(self.too_large(&format!("the body, decompressed from {name},")));
            }
            reserve(&mut memory, read)?;
            tokio::task::consume_budget().await;
        }
    }

    fn too_large(&self, what: &str) -> Refusal {
        Refusal::too_large(format!(
            "{what} is larger than {} bytes (--max-body, DSIEM_MAX_BODY); send it in smaller parts",
            self.max
        ))
    }
}

/// Seconds after which a sender may try again when the memory for bodies was full.
const RETRY_MEMORY: u32 = 1;

/// Takes so much more of the memory for bodies.
fn reserve(memory: &mut Share, bytes: usize) -> Result<(), Refusal> {
    let refusal = || {
        let message = "too many request bodies are being read at this moment; send this again";
        Refusal::unavailable(message, RETRY_MEMORY)
    };
    memory.grow(bytes).then_some(()).ok_or_else(refusal)
}

/// The answer to a body that takes too long, once it has. The timer begins with the first wait for the body, which most
/// need not wait for.
async fn too_late() -> Refusal {
    tokio::time::sleep(BODY_READ_TIMEOUT).await;
    Refusal::timeout(format!("the body did not arrive within {} s", BODY_READ_TIMEOUT.as_secs()))
}

/// Makes room for `more` bytes: twice the room there was, as a `Vec` does, but not beyond `most`.
fn make_room(bytes: &mut Vec<u8>, more: usize, most: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let room = (2 * bytes.capacity()).min(most).max(needed);
        bytes.reserve_exact(room - bytes.len());
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Refusal> {
    let mut coding = Coding::Identity;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let next = match name.to_ascii_lowercase().as_slice() {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Coding::Gzip,
                b"zstd" => Coding::Zstd,
                _ => return Err(Refusal::unsupported_encoding(&String::from_utf8_lossy(name))),
            };
            if coding != Coding::Identity {
                return Err(Refusal::unsupported_encoding(&every_coding(headers)));
            }
            coding = next;
        }
    }
    Ok(coding)
}

/// All that the sender says about codings, for an answer.
fn every_coding(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use axum::http::{HeaderValue, StatusCode};
    use hyper::body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::io::Write as _;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    const MAX: usize = 1 << 20;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        // Checksums are an option of zstd; without one, not all damage can be seen.
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    async fn check(coding: &'static str, sent: Vec<u8>, expected: Result<&[u8], StatusCode>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        let read = Bodies::new(MAX).read(&headers, Body::from(sent)).await;
        let read = read.map_err(|refusal| refusal.status());
        // Not `assert_eq!`, which would print megabytes.
        assert!(
            read.as_deref() == expected.as_ref().map(|bytes| *bytes),
            "{coding}: {:?}",
            read.map(|body| body.len())
        );
    }

    #[tokio::test]
    async fn plain_and_compressed_bodies_are_read() {
        let text = b"one event ".repeat(9_000);
        for identity in ["", "identity", "identity, identity"] {
            check(identity, text.clone(), Ok(&text)).await;
        }
        for name in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
            check(name, gzip(&text), Ok(&text)).await;
        }
        check("zstd", zstd(&text), Ok(&text)).await;
    }

    #[tokio::test]
    async fn several_members_are_one_body() {
        check("gzip", [gzip(b"one"), gzip(b"two")].concat(), Ok(b"onetwo")).await;
        check("zstd", [zstd(b"one"), zstd(b"two")].concat(), Ok(b"onetwo")).await;
    }

    #[tokio::test]
    async fn the_limit_holds_as_sent_and_as_decompressed() {
        check("identity", vec![b' '; MAX], Ok(&vec![b' '; MAX])).await;
        check("identity", vec![b' '; MAX + 1], Err(StatusCode::PAYLOAD_TOO_LARGE)).await;
        check("gzip", gzip(&vec![0; MAX]), Ok(&vec![0; MAX])).await;
        for size in [MAX + 1, 100 * MAX] {
            check("gzip", gzip(&vec![0; size]), Err(StatusCode::PAYLOAD_TOO_LARGE)).await;
            check("zstd", zstd(&vec![0; size]), Err(StatusCode::PAYLOAD_TOO_LARGE)).await;
        }
    }

    fn room(read: &ReadBody) -> usize {
        match &read.content {
            Content::Whole(bytes) => bytes.len(),
            Content::Collected(bytes) => bytes.capacity(),
        }
    }

    #[tokio::test]
    async fn a_body_of_one_piece_is_not_copied_and_counts_while_it_is_held() {
        let bodies = Bodies { max: MAX, memory: Quota::new(MAX) };
        let sent = Bytes::from(vec![b' '; MAX]);
        let read = bodies.read(&HeaderMap::new(), Body::from(sent.clone())).await.unwrap();
        assert_eq!(read.as_ptr(), sent.as_ptr());
        let refused = bodies.read(&HeaderMap::new(), Body::from("more")).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_body_takes_no_more_room_than_may_be_read() {
        // What comes in one piece is read with a growing length, so that some growth ends just below the limit.
        for piece in (10..=100).map(|kib| kib << 10) {
            let pieces =
                (0..MAX / piece).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; piece])));
            let body = Body::from_stream(futures::stream::iter(pieces));
            let read = Bodies::new(MAX).read(&HeaderMap::new(), body).await.unwrap();
            assert!(room(&read) <= MAX, "{piece}: {}", room(&read));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        for size in (MAX / 2..=MAX).step_by(MAX / 20) {
            let read = Bodies::new(MAX).read(&headers, Body::from(gzip(&vec![b' '; size]))).await.unwrap();
            assert!(room(&read) <= MAX + 1, "{size}: {}", room(&read));
        }
    }

    #[tokio::test]
    async fn damaged_compression_is_a_bad_request() {
        let text = b"one event ".repeat(9_000);
        for (name, whole) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
            for cut in [1, 5, whole.len() / 2, whole.len() - 1] {
                check(name, whole[..cut].to_vec(), Err(StatusCode::BAD_REQUEST)).await;
            }
            check(name, text.clone(), Err(StatusCode::BAD_REQUEST)).await;
            let mut flipped = whole.clone();
            let middle = flipped.len() / 2;
            flipped[middle] ^= 0x5a;
            check(name, flipped, Err(StatusCode::BAD_REQUEST)).await;
            check(name, [whole, b"tail".to_vec()].concat(), Err(StatusCode::BAD_REQUEST)).await;
        }
    }

    #[tokio::test]
    async fn a_zstd_frame_cannot_ask_for_a_huge_window() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"small").unwrap();
        check("zstd", encoder.finish().unwrap(), Err(StatusCode::BAD_REQUEST)).await;
    }

    #[tokio::test]
    async fn other_codings_are_refused() {
        for name in ["br", "deflate", "gzip, gzip", "zstd, gzip", "gzip;q=1"] {
            check(name, b"{}".to_vec(), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)).await;
        }
    }

    #[tokio::test]
    async fn a_length_that_is_too_large_is_refused_before_reading() {
        let never = Announced(MAX as u64 + 1);
        let refused = Bodies::new(MAX).read(&HeaderMap::new(), never).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_given_up() {
        let never = Body::from_stream(never_ends());
        let refused = Bodies::new(MAX).read(&HeaderMap::new(), never).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn memory_for_all_bodies_is_bounded_and_given_back() {
        let bodies = Bodies { max: MAX, memory: Quota::new(MAX) };
        let held = bodies.read(&HeaderMap::new(), Body::from(vec![0; MAX - 1])).await.unwrap();
        let refused = bodies.read(&HeaderMap::new(), Body::from(vec![0; 2])).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert!(bodies.read(&HeaderMap::new(), Body::from(vec![0; 2])).await.is_ok());
    }

    /// A body that says how long it is and never comes.
    struct Announced(u64);

    impl HttpBody for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    fn never_ends() -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send {
        futures::stream::pending()
    }
}
