//! Says that a connection ends after an answer to a request whose body was not read.
//!
//! What is left of such a body stands in the way of the next request, so the connection is closed. A sender that is not
//! told would take it for its next request now and then, and see it broken.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// A body that notes its end where whoever answers looks.
pub(super) struct Watched<B, F> {
    body: B,
    is_read: F,
}

/// Where `body`, when it is watched, notes that all of it was read; of an empty one, all is.
pub(super) fn is_read<B: HttpBody>(body: &B) -> AtomicBool {
    AtomicBool::new(body.is_end_stream())
}

/// Adds `Connection: close` where something is left of the body.
pub(super) fn tell(is_read: &AtomicBool, response: &mut Response) {
    if !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

impl<B, F: Deref<Target = AtomicBool>> Watched<B, F> {
    /// Watches `body`, of which `is_read` tells.
    pub(super) fn new(body: B, is_read: F) -> Self {
        Self { body, is_read }
    }
}

impl<B, F> HttpBody for Watched<B, F>
where
    B: HttpBody<Data = Bytes> + Unpin,
    F: Deref<Target = AtomicBool> + Unpin,
{
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
