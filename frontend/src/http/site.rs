//! Everything that is served, with what holds for every answer: it is counted, it says what it is, and it says when the
//! connection ends with it.
//!
//! `POST /events` is answered without a look into the router: a frontend does hardly anything else, and a router that
//! knows thirty paths, with its boxed futures, costs as much as reading the event.

use std::convert::Infallible;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use dsiem_runtime::metrics::{Counter, CounterBy, Metrics};
use tower::ServiceExt as _;

use super::events::{Events, Sender};
use super::unread::{self, Watched};

/// Where a request came from: the other end of its connection. In the extensions of each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site {
    events: Arc<Events>,
    others: Router,
    answers: Answers,
    /// Those that did not come through hyper.
    short: Counter,
}

impl Site {
    /// `events` answers `POST /events`, `others` everything else.
    pub(super) fn new(events: Arc<Events>, others: Router, metrics: &Metrics) -> Self {
        let short = metrics.counter(
            "dsiem_frontend_fast_path_requests",
            "Requests with events that were short and plain enough for the fast path.",
        );
        Self { events, others, answers: Answers::new(metrics), short }
    }

    /// Answers a request that came from `peer`.
    pub(crate) async fn answer<B>(&self, peer: IpAddr, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + Unpin + 'static,
    {
        let response = if request.method() == Method::POST && is_events(request.uri().path()) {
            self.answer_events(peer, request).await
        } else {
            // In a box: the way through the router would make the future of every request several times as large.
            Box::pin(self.answer_other(peer, request)).await
        };
        self.finish(response)
    }

    /// Answers a `POST /events` whose body is there as it was sent.
    pub(crate) async fn answer_short(&self, peer: IpAddr, sender: Sender<'_>, body: &[u8]) -> Response {
        self.short.inc();
        self.finish(self.events.answer_short(peer, sender, body).await)
    }

    fn finish(&self, mut response: Response) -> Response {
        self.answers.count(response.status());
        // What we serve is never something else than it says it is. Most answers are nothing.
        if !response.body().is_end_stream() {
            let nosniff = HeaderValue::from_static("nosniff");
            response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        }
        response
    }

    async fn answer_events<B>(&self, peer: IpAddr, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Display> + Unpin,
    {
        let (head, body) = request.into_parts();
        let is_read = unread::is_read(&body);
        let mut response = self.events.answer(peer, &head.headers, Watched::new(body, &is_read)).await;
        unread::tell(&is_read, &mut response);
        response
    }

    async fn answer_other<B>(&self, peer: IpAddr, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + Unpin + 'static,
    {
        let is_read = Arc::new(unread::is_read(request.body()));
        let mut request = request.map(|body| Body::new(Watched::new(body, Arc::clone(&is_read))));
        request.extensions_mut().insert(Peer(peer));
        let answered: Result<Response, Infallible> = self.others.clone().oneshot(request).await;
        let Ok(mut response) = answered;
        unread::tell(&is_read, &mut response);
        response
    }

    /// The same for a test of one request, all of which come from this machine.
    pub(crate) fn into_router(self) -> Router {
        let peer = Ipv4Addr::LOCALHOST.into();
        Router::new().fallback(move |request: Request<Body>| async move { self.answer(peer, request).await })
    }
}

/// Whether a path is that of events.
pub(crate) fn is_events(path: &str) -> bool {
    matches!(path, "/events" | "/events/")
}

/// Counts answers by their status.
#[derive(Clone)]
struct Answers {
    all: CounterBy,
    /// That of nearly all of them.
    ok: Counter,
}

impl Answers {
    fn new(metrics: &Metrics) -> Self {
        let all = metrics.counter_by("dsiem_frontend_http_responses", "Answers, by HTTP status.", "status");
        Self { ok: all.with(StatusCode::OK.as_str()), all }
    }

    fn count(&self, status: StatusCode) {
        if status == StatusCode::OK { self.ok.inc() } else { self.all.with(status.as_str()).inc() }
    }
}
