//! Says that a connection ends after an answer to a request whose body was not read.
//!
//! What is left of such a body stands in the way of the next request, so the connection is closed. A sender that is not
//! told would take it for its next request now and then, and see it broken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// A body that notes its end.
pub(super) struct Watched<B> {
    body: B,
    is_read: Arc<AtomicBool>,
}

/// Whether a [`Watched`] body was read to its end.
pub(super) struct Rest(Option<Arc<AtomicBool>>);

/// Watches a body.
pub(super) fn watch<B: HttpBody>(body: B) -> (Watched<B>, Rest) {
    let is_read = Arc::new(AtomicBool::new(false));
    let rest = Rest((!body.is_end_stream()).then(|| Arc::clone(&is_read)));
    (Watched { body, is_read }, rest)
}

impl Rest {
    /// Adds `Connection: close` where something is left of the body.
    pub(super) fn tell(self, response: &mut Response) {
        if self.0.is_some_and(|is_read| !is_read.load(Ordering::Relaxed)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
