//! One alarm: its stages and findings, its events, its history.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::documents::AlarmDetail;
use super::problem::Problem;
use super::query::{Asked, Names, limit};
use crate::alarm_store::{EventPage, HistoryEntry, MAX_PAGE};

/// Events on a page, unless asked otherwise.
const PAGE: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read_alarm))
        .routes(routes!(read_events))
        .routes(routes!(read_history))
}

/// That there is no such alarm.
pub(super) fn missing(alarm_id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no alarm {alarm_id:?}; it may have been deleted, or be older than what is kept"
    ))
}

/// One alarm, with its stages and findings
#[utoipa::path(get, path = "/alarms/{alarm_id}", tag = "alarms", params(("alarm_id" = String, Path)),
    responses((status = OK, body = AlarmDetail), (status = NOT_FOUND, body = Problem)))]
async fn read_alarm(
    _: Viewer,
    State(api): State<Api>,
    Path(alarm_id): Path<String>,
) -> Result<Json<AlarmDetail>, Problem> {
    let asked = alarm_id.clone();
    let found = api.ask(move |store| store.alarm(&asked)).await?;
    let (alarm, counts) = found.ok_or_else(|| missing(&alarm_id))?;
    Ok(Json(AlarmDetail::new(alarm, &counts)))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Of which stage, from 1.
    #[param(minimum = 1)]
    stage: u8,
    /// Behind the event with this number; the `next` of the page before.
    after: u64,
    /// Events on the page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

impl Default for EventsQuery {
    fn default() -> Self {
        Self { stage: 1, after: 0, limit: PAGE }
    }
}

impl Names for EventsQuery {
    const NAMES: &'static [&'static str] = &["stage", "after", "limit"];
}

/// The events of a stage, in the order in which they came
///
/// Of long stages, only the first and the newest events say more than their ids.
#[utoipa::path(get, path = "/alarms/{alarm_id}/events", tag = "alarms",
    params(("alarm_id" = String, Path), EventsQuery), responses((status = OK, body = EventPage)))]
async fn read_events(
    _: Viewer,
    State(api): State<Api>,
    Path(alarm_id): Path<String>,
    Asked(asked): Asked<EventsQuery>,
) -> Result<Json<EventPage>, Problem> {
    limit(asked.limit, MAX_PAGE)?;
    Ok(Json(api.ask(move |store| store.events(&alarm_id, asked.stage, asked.after, asked.limit)).await?))
}

/// What was done with an alarm.
#[derive(Serialize, ToSchema)]
struct History {
    /// From the first.
    history: Vec<HistoryEntry>,
}

/// What was done with an alarm: changes and comments
#[utoipa::path(get, path = "/alarms/{alarm_id}/history", tag = "alarms", params(("alarm_id" = String, Path)),
    responses((status = OK, body = History)))]
async fn read_history(
    _: Viewer,
    State(api): State<Api>,
    Path(alarm_id): Path<String>,
) -> Result<Json<History>, Problem> {
    Ok(Json(History { history: api.ask(move |store| store.history(&alarm_id)).await? }))
}
