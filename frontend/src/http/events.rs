//! `POST /events`: normalized events from whoever has them.
//!
//! The order of the checks: token, the peer's rate, body, JSON, rates, room on the way to the bus, and then each event
//! for itself. Valid events of a request go on even if others of it do not; 200 means that the accepted ones are on the
//! bus. A request with nothing wrong in it is read in one go, before rate and room are asked; the answers are the same.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use dsiem_core::event::{CheckedEvent, EventError, json};
use dsiem_core::throttle::RetryAfter;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::clock::Clock;
use serde::Serialize;

use super::door::Door;
use super::errors::Refusal;
use crate::body::Bodies;
use crate::counters::{Account, EventCounters, Reason, RequestAccount};
use crate::limiter::Limiter;
use crate::peers::Peers;
use crate::publisher::{Batch, Publisher, Room, TooLarge, Unavailable};
use crate::rejected::RejectedEvents;
use crate::submission::{Form, SplitError, Submission};

/// Refused events that an answer lists; where there are more, it also has their number as `refused_total`.
pub(crate) const MAX_LISTED: usize = 1_000;

/// How many events are read before other requests get a turn.
const EVENTS_PER_TURN: usize = 256;

/// Bytes of a longer body are not read in one go, for the same reason.
const MAX_AT_ONCE: usize = EVENTS_PER_TURN * 1_024;

/// What it takes to accept events.
pub(crate) struct Events {
    pub(crate) door: Door,
    pub(crate) peers: Peers,
    pub(crate) bodies: Bodies,
    pub(crate) limiter: Limiter,
    pub(crate) publisher: Publisher,
    pub(crate) rejected: RejectedEvents,
    pub(crate) counters: EventCounters,
    pub(crate) clock: Clock,
    /// Requests so far; `conn_id` of the events of one.
    pub(crate) requests: Arc<AtomicU64>,
}

/// The path, for the router to know.
pub(super) fn routes(events: Arc<Events>) -> Router {
    Router::new().route("/events", post(accept)).route("/events/", post(accept)).with_state(events)
}

/// For a router without a connection; where there is one, the site answers before a router is asked.
async fn accept(State(events): State<Arc<Events>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    events.answer(Ipv4Addr::UNSPECIFIED.into(), &head.headers, body).await
}

/// What the head of a request says that its events depend on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sender<'a> {
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
}

impl<'a> Sender<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let value = |name| headers.get(name).map(HeaderValue::as_bytes);
        Self { authorization: value(header::AUTHORIZATION), content_type: value(header::CONTENT_TYPE) }
    }

    fn sends_lines(self) -> bool {
        const NDJSON: &[u8] = b"application/x-ndjson";
        let Some(value) = self.content_type else { return false };
        // Behind the type there may be parameters, such as a charset.
        let parts = value.trim_ascii_start().split_at_checked(NDJSON.len());
        parts.is_some_and(|(media_type, rest)| {
            media_type.eq_ignore_ascii_case(NDJSON)
                && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
        })
    }
}

fn refuse_body(error: &SplitError) -> Refusal {
    match error {
        SplitError::NotJson(_) => Refusal::bad_request(error.to_string()),
        SplitError::TooMany(_) => Refusal::too_large(error.to_string()),
    }
}

/// Why one event was refused.
#[derive(Debug, thiserror::Error)]
enum EventRefusal {
    #[error(transparent)]
    Invalid(#[from] EventError),
    #[error("the event {0}")]
    TooLarge(#[from] TooLarge),
}

/// What became of the events of a request.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    /// The first [`MAX_LISTED`], by their position in the request.
    refused: Vec<(usize, EventRefusal)>,
    refused_total: usize,
}

impl Events {
    /// Answers a request with events that came from `peer`.
    pub(super) async fn answer<B>(&self, peer: IpAddr, headers: &HeaderMap, body: B) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Display> + Unpin,
    {
        let sender = Sender::of(headers);
        let mut request = self.counters.receive();
        let answered = async {
            self.let_in(peer, sender)?;
            let body = self.bodies.read(headers, body).await?;
            self.accept(peer, sender, body, &mut request).await
        };
        let answered = answered.await;
        settle(answered, request)
    }

    /// The same for a request whose body is there as it was sent.
    pub(super) async fn answer_short(&self, peer: IpAddr, sender: Sender<'_>, body: &[u8]) -> Response {
        let mut request = self.counters.receive();
        let answered = async {
            self.let_in(peer, sender)?;
            self.bodies.check_length(body.len() as u64)?;
            self.accept(peer, sender, body, &mut request).await
        };
        let answered = answered.await;
        settle(answered, request)
    }

    fn let_in(&self, peer: IpAddr, sender: Sender<'_>) -> Result<(), Refusal> {
        self.door.check(sender.authorization)?;
        self.peers.greet(peer).map_err(refuse_peer)
    }

    /// `request` is for as long as nobody knows how many events there are.
    async fn accept<T: Deref<Target = [u8]>>(
        &self,
        peer: IpAddr,
        sender: Sender<'_>,
        body: T,
        request: &mut RequestAccount<'_>,
    ) -> Result<Response, Refusal> {
        let text = std::str::from_utf8(&body).map_err(|e| {
            Refusal::bad_request(format!("the body is not UTF-8 from byte {} on", e.valid_up_to()))
        })?;
        let form = Form::of(text, sender.sends_lines());
        let conn_id = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(batch) = self.read_flawless(text, form, conn_id) {
            let (room, account) = self.admit(peer, request.open(batch.len()), batch.len())?;
            drop(body); // its memory is for those that are read meanwhile
            self.publish(batch, room, account).await?;
            return Ok(StatusCode::OK.into_response());
        }
        let submission = Submission::split(text, form).map_err(|e| refuse_body(&e))?;
        let account = request.open(submission.events().len());
        let read = self.take_in(&submission, peer, conn_id, account).await?;
        Ok(match submission {
            Submission::One(_) => read.answer_for_one(),
            Submission::Many(_) => read.answer_for_many(),
        })
    }

    /// Reads the events and puts the valid ones on the bus.
    async fn take_in(
        &self,
        submission: &Submission<'_>,
        peer: IpAddr,
        conn_id: u64,
        account: Account<'_>,
    ) -> Result<Outcome, Refusal> {
        let texts = submission.events();
        let (room, mut account) = self.admit(peer, account, texts.len())?;
        let (batch, outcome) = self.read(texts, conn_id, &mut account).await;
        self.publish(batch, room, account).await?;
        Ok(outcome)
    }

    /// Whether rates and queue let so many events in.
    fn admit<'a>(
        &self,
        peer: IpAddr,
        account: Account<'a>,
        events: usize,
    ) -> Result<(Room, Account<'a>), Refusal> {
        if let Err(retry) = self.peers.admit(peer, events) {
            account.refuse_rest(Reason::PeerRateLimited);
            return Err(refuse_peer(retry));
        }
        if let Err(retry) = self.limiter.admit(events) {
            account.refuse_rest(Reason::RateLimited);
            return Err(too_many("the event rate limit is reached", retry));
        }
        match self.publisher.room(events) {
            Ok(room) => Ok((room, account)),
            Err(unavailable) => Err(refuse_all(account, &unavailable)),
        }
    }

    /// Puts `batch` on the bus; `room` is held until the bus has it.
    async fn publish(&self, batch: Batch, room: Room, account: Account<'_>) -> Result<(), Refusal> {
        let published = self.publisher.publish(batch).await;
        drop(room);
        match published {
            Ok(()) => {
                account.accept_rest();
                Ok(())
            }
            Err(unavailable) => Err(refuse_all(account, &unavailable)),
        }
    }

    /// The events of a request, if all of them can be accepted and there are any.
    fn read_flawless(&self, text: &str, form: Form, conn_id: u64) -> Option<Batch> {
        if text.len() > MAX_AT_ONCE {
            return None;
        }
        let now = self.clock.now();
        let mut batch = self.publisher.batch_for(text);
        let take = |mut event: CheckedEvent<'_>| {
            event.received = now;
            event.conn_id = conn_id;
            batch.push(&event).is_ok()
        };
        let flawless = match form {
            Form::Lines => json::check_lines(text, take),
            Form::Array => json::check_array(text, take),
            Form::One => json::check(text).is_ok_and(take),
        };
        (flawless && batch.len() > 0).then_some(batch)
    }

    async fn read(&self, texts: &[&str], conn_id: u64, account: &mut Account<'_>) -> (Batch, Outcome) {
        let now = self.clock.now();
        let mut batch = self.publisher.batch(texts.len());
        let mut outcome = Outcome::default();
        for (index, text) in texts.iter().enumerate() {
            if let Err(refusal) = read_one(text, now, conn_id, &mut batch) {
                self.note_refused(text, now, &refusal, account);
                outcome.refused_total += 1;
                if outcome.refused.len() < MAX_LISTED {
                    outcome.refused.push((index, refusal));
                }
            }
            if (index + 1) % EVENTS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        outcome.accepted = batch.len();
        (batch, outcome)
    }

    fn note_refused(&self, text: &str, now: ReceiptTime, refusal: &EventRefusal, account: &mut Account<'_>) {
        account.refuse(
            1,
            match refusal {
                EventRefusal::Invalid(_) => Reason::Invalid,
                EventRefusal::TooLarge(_) => Reason::TooLarge,
            },
        );
        self.rejected.offer(now, &refusal, text);
    }
}

fn settle(answered: Result<Response, Refusal>, mut request: RequestAccount<'_>) -> Response {
    answered.unwrap_or_else(|refusal| {
        request.refuse(refusal.status());
        refusal.into_response()
    })
}

fn too_many(what: &str, retry: RetryAfter) -> Refusal {
    let secs = u32::try_from(retry.secs()).unwrap_or(u32::MAX);
    Refusal::too_many(format!("{what}; nothing was accepted"), secs)
}

fn refuse_peer(retry: RetryAfter) -> Refusal {
    too_many("the event rate limit of your address is reached", retry)
}

fn refuse_all(account: Account<'_>, unavailable: &Unavailable) -> Refusal {
    account.refuse_rest(unavailable.reason());
    Refusal::unavailable(unavailable.to_string(), unavailable.retry_after_secs())
}

fn read_one(text: &str, now: ReceiptTime, conn_id: u64, batch: &mut Batch) -> Result<(), EventRefusal> {
    let mut event = json::check(text)?;
    event.received = now;
    event.conn_id = conn_id;
    Ok(batch.push(&event)?)
}

/// The answer where not all of several events were accepted.
#[derive(Serialize)]
struct PartAnswer {
    accepted: usize,
    refused: Vec<RefusedEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_total: Option<usize>,
}

#[derive(Serialize)]
struct RefusedEvent {
    index: usize,
    error: String,
}

/// What is wrong with one event: an entry of `details`.
#[derive(Serialize)]
struct FieldDetail<'a> {
    field: &'a str,
    reason: &'a str,
}

impl Outcome {
    fn answer_for_one(self) -> Response {
        let Some((_, refusal)) = self.refused.into_iter().next() else {
            return StatusCode::OK.into_response();
        };
        let message = format!("the event is not valid: {refusal}");
        let refused = Refusal::unusable(message);
        match refusal {
            EventRefusal::Invalid(error) => {
                let details =
                    error.problems.iter().map(|p| FieldDetail { field: p.field, reason: &p.reason });
                refused.with_details(details).into_response()
            }
            EventRefusal::TooLarge(error) => {
                refused.with_details([FieldDetail { field: "", reason: &error.to_string() }]).into_response()
            }
        }
    }

    fn answer_for_many(self) -> Response {
        if self.refused_total == 0 && self.accepted > 0 {
            return StatusCode::OK.into_response();
        }
        let status = if self.accepted > 0 { StatusCode::OK } else { StatusCode::IM_A_TEAPOT };
        let listed = self.refused.len();
        let refused = self.refused.into_iter().map(|(index, e)| RefusedEvent { index, error: e.to_string() });
        let answer = PartAnswer {
            accepted: self.accepted,
            refused: refused.collect(),
            refused_total: (self.refused_total > listed).then_some(self.refused_total),
        };
        (status, Json(answer)).into_response()
    }
}
