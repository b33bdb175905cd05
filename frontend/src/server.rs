//! Connections: taking them, ending them, and never more of them than we have room for.
//!
//! This is hyper with limits: on the number of connections, in all and from one address, on the time for TLS to be agreed on and for a request's
//! head, on how long an answer may go unread, and on how long a stopping server waits.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use dsiem_runtime::metrics::{Gauge, Metrics};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::Site;
use crate::idle::Requests;
use crate::lingering::Lingering;
use crate::places::Places;
use crate::tls::Current;

/// Connections at the same time; full: further ones wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 4_096;

/// Bytes of a request's head.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long to wait after a connection could not be taken, so that a lack of file handles does not cost a whole CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a new connection may take to agree on TLS.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `site` on `listener`, over TLS where there is a certificate, until `stop`; then takes no more connections, lets the requests that have arrived
/// finish, and cuts off what is still open after `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Current>,
    site: Site,
    places: Places,
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
    accept(listener, &connections, &stop, |stream, address| {
        let (site, stop, cut, open) = (site.clone(), stop.clone(), cut.clone(), open.clone());
        let (place, tls) = (places.take(address.ip()), tls.clone());
        let connection = Connection { site, peer: address.ip(), stop, cut, open };
        async move {
            // Without a place, the stream is closed by being dropped: an answer would cost what the limit is to save.
            if let Some(_place) = place {
                connection.serve(stream, tls).await;
            }
        }
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
    connection: impl Fn(TcpStream, SocketAddr) -> F,
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
            Ok((stream, address)) => {
                failing = false;
                let connection = connection(stream, address);
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
    /// Where it comes from.
    peer: IpAddr,
    /// After its present request it ends.
    stop: CancellationToken,
    /// It ends at once; never before `stop`.
    cut: CancellationToken,
    open: Gauge,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<Current>) {
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
        let (site, peer) = (self.site, self.peer);
        let requests = Requests::default();
        let service = service_fn(|request: Request<Incoming>| async {
            let in_hand = requests.begin();
            Ok::<_, Infallible>(in_hand.until_sent(site.answer(peer, request).await))
        });
        let connection = http1::Builder::new()
            // There is one timer for all requests of a connection.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD_BYTES)
            .half_close(true)
            .serve_connection(TokioIo::new(Lingering::new(stream)), service);
        let ended = async {
            tokio::select! {
                () = requests.stay_away() => End::Idle,
                () = self.stop.cancelled() => End::Stop,
            }
        };
        // Each request polls its connection several times. What is in here is polled only when it has something to say.
        let mut ended = FuturesUnordered::from_iter([ended]);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            biased;
            served = connection.as_mut() => served,
            Some(end) = ended.next() => match end {
                End::Idle => return tracing::debug!(%peer, "a connection was closed, no request came"),
                End::Stop => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        served = connection => served,
                        () = self.cut.cancelled() => return,
                    }
                }
            },
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
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
