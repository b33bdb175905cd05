//! Connections: taking them, ending them, and never more of them than we have room for.
//!
//! Limits hold for the number of connections, in all and from one address, and for how long a stopping server waits; those of one connection are
//! its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dsiem_runtime::metrics::Metrics;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Connection;
use crate::http::Site;
use crate::places::Places;
use crate::tls::Current;

/// Connections at the same time; full: further ones wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 4_096;

/// How long to wait after a connection could not be taken, so that a lack of file handles does not cost a whole CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
