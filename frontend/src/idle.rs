//! Ends a connection that has waited too long for the head of a request.
//!
//! hyper can do that with a timer for each request, which is set and taken away again: six percent of what an event
//! costs that comes by itself. This is one timer for each connection, which looks now and then whether a request came.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// How long the head of a request may take, which is also how long a connection may wait for its next request; over: it is
/// closed at the next look.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The requests of one connection, of which there is one at a time.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// How many have come, and how many of them have been answered: odd while there is one.
    turns: Arc<AtomicU64>,
}

/// A request, from its head to the end of its answer.
#[derive(Debug)]
pub(crate) struct InHand(Arc<AtomicU64>);

impl Requests {
    /// A request has come.
    pub(crate) fn begin(&self) -> InHand {
        self.turns.fetch_add(1, Ordering::Relaxed);
        InHand(Arc::clone(&self.turns))
    }

    /// Waits until there has been no request for [`HEAD_TIMEOUT`].
    pub(crate) async fn stay_away(&self) {
        let (mut seen, mut idle) = (0, Duration::ZERO);
        while idle < HEAD_TIMEOUT {
            tokio::time::sleep(LOOK_EVERY).await;
            let turns = self.turns.load(Ordering::Relaxed);
            let is_idle = turns == seen && turns.is_multiple_of(2);
            idle = if is_idle { idle + LOOK_EVERY } else { Duration::ZERO };
            seen = turns;
        }
    }
}

impl InHand {
    /// The request is in hand until all of `answer` is on its way.
    pub(crate) fn until_sent(self, answer: Response) -> Response {
        if answer.body().is_end_stream() {
            return answer;
        }
        answer.map(|body| Body::new(Held { body, _request: self }))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of an answer, with what ends when it does.
struct Held {
    body: Body,
    _request: InHand,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    /// The longest that a connection waits.
    const LONGEST: Duration = HEAD_TIMEOUT.saturating_add(LOOK_EVERY);

    /// For how long nothing came, when that was too long.
    async fn idle_for(requests: &Requests) -> Duration {
        let begun = Instant::now();
        requests.stay_away().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_a_connection_and_their_lack_ends_it() {
        let requests = Requests::default();
        assert_eq!(idle_for(&requests).await, HEAD_TIMEOUT);
        let coming = async {
            for _ in 0..20 {
                sleep(HEAD_TIMEOUT - Duration::from_secs(1)).await;
                drop(requests.begin());
            }
            Instant::now()
        };
        let (last, ()) = tokio::join!(coming, requests.stay_away());
        assert!((HEAD_TIMEOUT..=LONGEST).contains(&last.elapsed()), "{:?}", last.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_there_until_its_answer_is_sent() {
        let requests = Requests::default();
        let in_hand = requests.begin();
        timeout(10 * LONGEST, requests.stay_away()).await.unwrap_err();
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
        let pieces = futures::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let answer = in_hand.until_sent(Body::from_stream(pieces).into_response());
        timeout(10 * LONGEST, requests.stay_away()).await.unwrap_err();
        let sent = tokio::spawn(answer.into_body().collect());
        sender.send(Ok(Bytes::from_static(b"a piece"))).await.unwrap();
        timeout(10 * LONGEST, requests.stay_away()).await.unwrap_err();
        drop(sender);
        assert_eq!(sent.await.unwrap().unwrap().to_bytes(), "a piece");
        assert!((HEAD_TIMEOUT..=LONGEST).contains(&idle_for(&requests).await));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_sent_at_once_is_no_request_any_more() {
        let requests = Requests::default();
        let answer = requests.begin().until_sent(().into_response());
        assert!((HEAD_TIMEOUT..=LONGEST).contains(&idle_for(&requests).await));
        drop(answer);
    }
}
