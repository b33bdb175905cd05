//! The connections of a port that only serves the state of a process: few, and none of them for ever.
//!
//! Whoever reaches that port needs no token, so it must not be able to take all file handles of the process.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at the same time; full: further ones wait in the system's queue.
pub(super) const MAX_CONNECTIONS: usize = 256;

/// How long nothing may come or go; longer than the usual time between two scrapes.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a connection may last; for those who send a byte now and then.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);

/// A listener with places for [`MAX_CONNECTIONS`].
pub(super) struct Limited {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// A connection that has one of the places.
pub(super) struct Connection {
    stream: TcpStream,
    /// When it is over, unless something comes or goes before.
    over: Pin<Box<Sleep>>,
    /// When it is over in any case.
    until: Instant,
    _place: Option<OwnedSemaphorePermit>,
}

impl Limited {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Never closed, so there always is a permit at some time.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let now = Instant::now();
        let over = Box::pin(tokio::time::sleep_until(now + IDLE_TIMEOUT));
        (Connection { stream, over, until: now + LIFETIME, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connection {
    /// What came of reading or writing, or that it is over.
    fn within_time<T>(&mut self, attempt: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.over.as_mut().reset((Instant::now() + IDLE_TIMEOUT).min(self.until));
            return attempt;
        }
        ready!(self.over.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the connection has lasted long enough")))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.within_time(attempt, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.within_time(attempt, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::super::serve;
    use crate::{Metrics, Readiness, Shutdown};

    use super::*;

    async fn serving() -> (SocketAddr, Shutdown) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
        tokio::spawn(serve(listener, Metrics::new(), Readiness::new(), shutdown.clone()));
        (address, shutdown)
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_not_waited_for() {
        let (address, _shutdown) = serving().await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let begun = Instant::now();
        assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0);
        assert_eq!(begun.elapsed().as_secs(), IDLE_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_keep_a_connection() {
        let (address, _shutdown) = serving().await;
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let begun = Instant::now();
        tokio::spawn(async move {
            write.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
            while write.write_all(b"x").await.is_ok() {
                tokio::time::sleep(IDLE_TIMEOUT / 2).await;
            }
        });
        // Closed with or without a reset, as something may be unread in it.
        let mut said = Vec::new();
        read.read_to_end(&mut said).await.ok();
        let secs = begun.elapsed().as_secs();
        assert!((LIFETIME.as_secs()..LIFETIME.as_secs() + 5).contains(&secs), "{secs} s");
    }

    #[tokio::test]
    async fn a_request_that_comes_in_parts_is_answered() {
        let (address, _shutdown) = serving().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        for part in ["GET /heal", "thz HTTP/1.1\r\nHost: x\r\nConn", "ection: close\r\n\r\n"] {
            stream.write_all(part.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }
}
