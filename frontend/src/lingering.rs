//! A stream that does not wait for ever for whoever does not read, and does not hang up on whoever still writes.
//!
//! A socket that is closed while there is something unread in it sends a reset, which makes the other side's system
//! throw away our answer: whoever is still sending a body that was refused would see a broken connection instead of the
//! refusal. So closing means: say that we are done, and read until the other side is, within limits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long the other side may read nothing of what we have to say; over: the connection is closed.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that a sender may still send after it was refused, which are thrown away.
const MAX_DISCARDED: usize = 128 << 20;

/// How long a closing connection waits for more of them.
const DISCARD_IDLE: Duration = Duration::from_secs(2);

/// How long a closing connection takes at most.
const DISCARD_TOTAL: Duration = Duration::from_secs(30);

/// A stream, plain or over TLS, with patience and an end to it.
pub(crate) struct Lingering<S> {
    stream: S,
    /// What was read of it before and is to be read again.
    unread: Bytes,
    /// Since when nothing of ours is read; only while that is so.
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
}

struct Closing {
    discarded: usize,
    idle: Pin<Box<Sleep>>,
    until: Instant,
}

impl<S> Lingering<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, unread: Bytes::new(), stalled: None, closing: None }
    }

    /// Gives back what was read of it.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// What came of an attempt to write, or that there were too many in vain.
    fn within_patience<T>(
        stalled: &mut Option<Pin<Box<Sleep>>>,
        attempt: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            *stalled = None;
            return attempt;
        }
        let sleep = stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_TIMEOUT)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side does not read")))
    }
}

impl Closing {
    fn new() -> Self {
        Self {
            discarded: 0,
            idle: Box::pin(tokio::time::sleep(DISCARD_IDLE)),
            until: Instant::now() + DISCARD_TOTAL,
        }
    }

    /// Ready when there is nothing more to wait for.
    fn poll(&mut self, stream: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 8 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let read = buffer.filled().len();
                    self.discarded += read;
                    let now = Instant::now();
                    if read == 0 || self.discarded > MAX_DISCARDED || now > self.until {
                        return Poll::Ready(());
                    }
                    self.idle.as_mut().reset(now + DISCARD_IDLE);
                }
                Poll::Pending => return self.idle.as_mut().poll(cx),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let again = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread[..again]);
            self.unread.advance(again);
            if self.unread.is_empty() {
                // Its memory, too, is no longer needed.
                self.unread = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, stalled, .. } = self.get_mut();
        let attempt = Pin::new(stream).poll_write(cx, buf);
        Self::within_patience(stalled, attempt, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, stalled, .. } = self.get_mut();
        let stream = Pin::new(stream);
        // Most answers are one piece, which the system takes with less ado by itself than as a list of one.
        let attempt =
            if let [one] = bufs { stream.poll_write(cx, one) } else { stream.poll_write_vectored(cx, bufs) };
        Self::within_patience(stalled, attempt, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, stalled, .. } = self.get_mut();
        let attempt = Pin::new(stream).poll_flush(cx);
        Self::within_patience(stalled, attempt, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, stalled, closing, .. } = self.get_mut();
        if closing.is_none() {
            let attempt = Pin::new(&mut *stream).poll_shutdown(cx);
            ready!(Self::within_patience(stalled, attempt, cx))?;
        }
        ready!(closing.get_or_insert_with(Closing::new).poll(stream, cx));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_nothing_is_given_up_and_whoever_reads_slowly_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut ours = Lingering::new(ours);
        let begun = Instant::now();
        let writing = tokio::spawn(async move { (ours.write_all(&[0; 40]).await, ours) });
        for _ in 0..3 {
            tokio::time::sleep(WRITE_TIMEOUT / 2).await;
            theirs.read_exact(&mut [0; 10]).await.unwrap();
        }
        let (written, mut ours) = writing.await.unwrap();
        written.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 90);
        let error = ours.write_all(&[0; 40]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 150);
    }
}
