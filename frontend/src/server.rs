//! Connections: taking them, ending them, and never more of them than we have room for.
//!
//! This is hyper with limits: on the number of connections, on the time for a request's head, and on how long a
//! stopping server waits. A connection is closed only after the sender had a chance to read the answer: whoever is
//! still sending a body that was refused would otherwise see a broken connection instead of the refusal.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Request;
use dsiem_runtime::metrics::{Gauge, Metrics};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::Site;

/// Connections at the same time; full: further ones wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 4_096;

/// How long the head of a request may take, which is also how long a connection may wait for its next request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Bytes of a request's head.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long to wait after a connection could not be taken, so that a lack of file handles does not cost a whole CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes that a sender may still send after it was refused, which are thrown away.
const MAX_DISCARDED: usize = 128 << 20;

/// How long a closing connection waits for more of them.
const DISCARD_IDLE: Duration = Duration::from_secs(2);

/// How long a closing connection takes at most.
const DISCARD_TOTAL: Duration = Duration::from_secs(30);

/// Serves `site` on `listener` until `stop`; then takes no more connections, lets the requests that have arrived
/// finish, and cuts off what is still open after `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    stop: CancellationToken,
    grace: Duration,
    metrics: &Metrics,
) {
    let open = metrics.gauge("dsiem_frontend_connections", "Open HTTP connections.");
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    // Also on a panic or cancellation from above, nothing of ours is left behind.
    let stop = stop.child_token();
    let _cut_at_the_end = (cut.clone().drop_guard(), stop.clone().drop_guard());
    accept(listener, &connections, &stop, |stream| {
        let (site, stop, cut, open) = (site.clone(), stop.clone(), cut.clone(), open.clone());
        Connection { site, stop, cut, open }.serve(stream)
    })
    .await;
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        let late = connections.len();
        tracing::warn!(
            connections = late,
            grace_secs = grace.as_secs(),
            "requests did not finish in time, cut off"
        );
        cut.cancel();
        connections.wait().await;
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    connections: &TaskTracker,
    stop: &CancellationToken,
    connection: impl Fn(TcpStream) -> F,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut failing = false;
    loop {
        let next = async {
            // Never closed, so there always is a permit at some time.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                failing = false;
                let connection = connection(stream);
                drop(connections.spawn(async move {
                    connection.await;
                    drop(place);
                }));
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "connections cannot be taken at this moment");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

struct Connection {
    site: Site,
    /// After its present request it ends.
    stop: CancellationToken,
    /// It ends at once; never before `stop`.
    cut: CancellationToken,
    open: Gauge,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Answers are small and complete; waiting to fill a packet only makes them late.
        stream.set_nodelay(true).ok();
        let _counted = Counted::new(self.open);
        let site = self.site;
        let service = service_fn(|request: Request<Incoming>| async {
            Ok::<_, Infallible>(site.answer(request).await)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .half_close(true)
            .serve_connection(TokioIo::new(Lingering::new(stream)), service);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    served = connection => served,
                    () = self.cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// One in the gauge of connections, for as long as it lives.
struct Counted(Gauge);

impl Counted {
    fn new(open: Gauge) -> Self {
        open.inc();
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A stream whose closing waits for the other side to read what we said.
///
/// A socket that is closed while there is something unread in it sends a reset, which makes the other side's system
/// throw away our answer. So closing means: say that we are done, and read until the other side is, within limits.
struct Lingering {
    stream: TcpStream,
    closing: Option<Closing>,
}

struct Closing {
    discarded: usize,
    idle: Pin<Box<Sleep>>,
    until: Instant,
}

impl Lingering {
    fn new(stream: TcpStream) -> Self {
        Self { stream, closing: None }
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
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
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

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing } = self.get_mut();
        if closing.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        ready!(closing.get_or_insert_with(Closing::new).poll(stream, cx));
        Poll::Ready(Ok(()))
    }
}
