//! One connection, from its first byte to its end.
//!
//! It begins on the fast path and goes on with hyper where that ends. Limits hold on either: on the time for TLS to be agreed on
//! and for a request's head, on the head's length, and on how long an answer may go unread.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Request;
use dsiem_runtime::metrics::Gauge;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::fast_path::{FastPath, Left};
use crate::http::Site;
use crate::idle::Requests;
use crate::lingering::Lingering;
use crate::tls::Current;

/// Bytes of a request's head.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long a new connection may take to agree on TLS.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection is served with.
pub(crate) struct Connection {
    pub(crate) site: Site,
    /// Where it comes from.
    pub(crate) peer: IpAddr,
    /// After its present request it ends.
    pub(crate) stop: CancellationToken,
    /// It ends at once; never before `stop`.
    pub(crate) cut: CancellationToken,
    pub(crate) open: Gauge,
}

impl Connection {
    /// Serves `stream`, over TLS where there is a certificate, until it ends.
    pub(crate) async fn serve(self, stream: TcpStream, tls: Option<Current>) {
        // Answers are small and complete; waiting to fill a packet only makes them late.
        stream.set_nodelay(true).ok();
        let _counted = Counted::new(self.open.clone());
        let Some(tls) = tls else { return self.speak(stream).await };
        let agreed = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls.config()).accept(stream));
        let agreed = tokio::select! {
            agreed = agreed => agreed,
            () = self.stop.cancelled() => return,
        };
        match agreed {
            Ok(Ok(stream)) => return self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, peer = %self.peer, "TLS was not agreed on"),
            Err(_) => tracing::debug!(peer = %self.peer, "TLS was not agreed on in time"),
        }
        tls.failures.inc();
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let requests = Requests::default();
        let ended = async {
            tokio::select! {
                () = requests.stay_away() => End::Idle,
                () = self.stop.cancelled() => End::Stop,
            }
        };
        // Each request polls its connection several times. What is in here is polled only when it has something to say.
        let mut ended = FuturesUnordered::from_iter([ended]);
        let talk =
            Talk { site: &self.site, peer: self.peer, requests: &requests, stopping: AtomicBool::new(false) };
        let mut spoken = pin!(talk.speak(Lingering::new(stream)));
        let spoken = tokio::select! {
            biased;
            spoken = spoken.as_mut() => spoken,
            Some(end) = ended.next() => match end {
                End::Idle => return tracing::debug!(peer = %self.peer, "a connection was closed, no request came"),
                End::Stop => {
                    talk.stopping.store(true, Ordering::Relaxed);
                    tokio::select! {
                        spoken = spoken => spoken,
                        () = self.cut.cancelled() => return,
                    }
                }
            },
        };
        if let Err(error) = spoken {
            tracing::debug!(error, peer = %self.peer, "a connection ended early");
        }
    }
}

/// What ends a connection that could go on.
enum End {
    /// No request came for too long.
    Idle,
    /// The server stops.
    Stop,
}

/// Requests and answers, one after the other.
struct Talk<'a> {
    site: &'a Site,
    peer: IpAddr,
    requests: &'a Requests,
    /// After the present request there is no other. Looked at whenever this is polled.
    stopping: AtomicBool,
}

impl Talk<'_> {
    async fn speak<S>(&self, mut stream: Lingering<S>) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { site, peer, requests, stopping } = self;
        let fast_path = FastPath { site, peer: *peer, requests, stopping, stream: &mut stream };
        match fast_path.serve().await? {
            Left::Nothing => return Ok(()),
            Left::Unread(bytes) => stream.unread(bytes),
        }
        Ok(self.speak_hyper(stream).await?)
    }

    async fn speak_hyper<S>(&self, stream: Lingering<S>) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(|request: Request<Incoming>| async {
            let in_hand = self.requests.begin();
            Ok::<_, Infallible>(in_hand.until_sent(self.site.answer(self.peer, request).await))
        });
        let connection = http1::Builder::new()
            // There is one timer for all requests of a connection.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD_BYTES)
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut told = false;
        poll_fn(|cx| {
            let served = connection.as_mut().poll(cx);
            if served.is_ready() || told || !self.stopping.load(Ordering::Relaxed) {
                return served;
            }
            told = true;
            connection.as_mut().graceful_shutdown();
            connection.as_mut().poll(cx)
        })
        .await
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
