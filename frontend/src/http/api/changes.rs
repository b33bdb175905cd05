//! Which alarms change, as they do: server-sent events.
//!
//! A client is told at most once a second, and of each alarm once, so that thousands of updates a second and dozens of
//! clients do not multiply; where more have changed than a list shows, it is told to load again what it shows.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use dsiem_runtime::quota::Share;
use futures::Stream;
use futures::stream;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::Problem;
use crate::alarm_store::{AlarmChange, ChangeKind};

/// How often a client is told.
const EVERY: Duration = Duration::from_secs(1);
/// Alarms that are named at once; beyond, a client is told that there are more.
const MAX_NAMED: usize = 200;
/// Clients that listen at the same time; further ones are asked to come again later.
pub(super) const MAX_STREAMS: usize = 512;
/// A stream ends after this time, so that whoever may no longer look does not; browsers ask anew by themselves.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(follow_changes))
}

/// The data of an event named `alarms`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
struct AlarmChanges {
    /// Alarms that are new, or that the engine says something new about.
    #[schema(value_type = Vec<String>)]
    updated: BTreeSet<Arc<str>>,
    /// Alarms that users did something with.
    #[schema(value_type = Vec<String>)]
    handled: BTreeSet<Arc<str>>,
    /// Alarms that are gone.
    #[schema(value_type = Vec<String>)]
    deleted: BTreeSet<Arc<str>>,
    /// More have changed than are named: whatever is shown has to be loaded again.
    more: bool,
}

/// Which alarms change, as server-sent events
///
/// Once a second at most, an event named `alarms` with an `AlarmChanges` document as its data.
#[utoipa::path(get, path = "/changes", tag = "alarms",
    responses((status = OK, content_type = "text/event-stream", body = AlarmChanges),
              (status = SERVICE_UNAVAILABLE, body = Problem)))]
async fn follow_changes(
    _: Viewer,
    State(api): State<Api>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Some(place) = api.streams.take(1) else {
        return Err(Problem::unavailable(format!("{MAX_STREAMS} clients listen already; come again later")));
    };
    let listener = Listener {
        changes: api.store.subscribe(),
        stop: api.stop.clone(),
        until: Instant::now() + LIFETIME,
        next: Instant::now(),
        _place: place,
    };
    let events = stream::unfold(listener, |mut listener| async {
        let changes = listener.next().await?;
        let event = Event::default().event("alarms").json_data(&changes).unwrap_or_default();
        Some((Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// One client.
struct Listener {
    changes: broadcast::Receiver<AlarmChange>,
    stop: CancellationToken,
    until: Instant,
    /// Not to be told before.
    next: Instant,
    _place: Share,
}

impl Listener {
    /// What has changed since the last time; `None` when the stream is over.
    async fn next(&mut self) -> Option<AlarmChanges> {
        let mut told = AlarmChanges::default();
        loop {
            let full = tokio::time::sleep_until(self.next);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                () = full, if !told.is_empty() => {
                    self.next = Instant::now() + EVERY;
                    return Some(told);
                }
                change = self.changes.recv() => match change {
                    Ok(change) => told.add(change),
                    Err(RecvError::Lagged(_)) => told.more = true,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}

impl AlarmChanges {
    fn is_empty(&self) -> bool {
        !self.more && self.named() == 0
    }

    fn named(&self) -> usize {
        self.updated.len() + self.handled.len() + self.deleted.len()
    }

    fn add(&mut self, AlarmChange { alarm_id, kind }: AlarmChange) {
        if self.named() >= MAX_NAMED {
            self.more = true;
            return;
        }
        match kind {
            ChangeKind::Updated => self.updated.insert(alarm_id),
            ChangeKind::Handled => self.handled.insert(alarm_id),
            ChangeKind::Deleted => self.deleted.insert(alarm_id),
            ChangeKind::Missed => std::mem::replace(&mut self.more, true),
        };
    }
}
