//! Why an alarm is what it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::alarm::missing;
use super::caller::Viewer;
use super::problem::Problem;
use crate::alarm_store::{AlarmStore, StageCount, StoredEvent};
use crate::database::DatabaseError;
use crate::explanation::{EVENTS_LOOKED_AT, Explanation, explain};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(explain_alarm))
}

/// Why an alarm is what it is: for each stage which rule, which values fitted, and what is missing until when
#[utoipa::path(get, path = "/alarms/{alarm_id}/explain", tag = "alarms", params(("alarm_id" = String, Path)),
    responses((status = OK, body = Explanation), (status = NOT_FOUND, body = Problem)))]
async fn explain_alarm(
    _: Viewer,
    State(api): State<Api>,
    Path(alarm_id): Path<String>,
) -> Result<Json<Explanation>, Problem> {
    let (asked, library) = (alarm_id.clone(), api.library.clone());
    let found = api
        .ask(move |store| {
            let Some((alarm, counts)) = store.alarm(&asked)? else { return Ok(None) };
            let mut events = first_events(store, &asked, alarm.document.rules.iter().map(|rule| rule.stage))?;
            // Without the directive, the alarm explains itself nearly as well.
            let shelf =
                library.shelf().inspect_err(|error| tracing::warn!(%error, "directives cannot be read")).ok();
            let directive = shelf.as_ref().zip(alarm.directive_id).and_then(|(shelf, id)| shelf.get(id));
            let counted = |stage| StageCount::of(&counts, stage);
            let events_of = |stage| events.remove(&stage).unwrap_or_default();
            Ok(Some(explain(&alarm.document, directive.map(|found| &found.directive), counted, events_of)))
        })
        .await?;
    found.map(Json).ok_or_else(|| missing(&alarm_id))
}

fn first_events(
    store: &AlarmStore,
    alarm_id: &str,
    stages: impl Iterator<Item = u8>,
) -> Result<BTreeMap<u8, Vec<StoredEvent>>, DatabaseError> {
    stages.map(|stage| Ok((stage, store.events(alarm_id, stage, 0, EVENTS_LOOKED_AT)?.events))).collect()
}
