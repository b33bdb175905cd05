//! The open backlogs of a directive: attempts at completing it that are under way, asked of the backends as they are now.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use dsiem_runtime::bus::{BacklogProgress, MAX_BACKLOGS};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::Problem;
use crate::nodes::Asked;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(open_backlogs))
}

/// What is under way of a directive.
#[derive(Serialize, ToSchema)]
struct OpenBacklogs {
    /// How many backlogs are open.
    open: u64,
    /// Whether every backend that is there has said all of it.
    is_complete: bool,
    /// Those whose time is up first, 200 at most.
    backlogs: Vec<OpenBacklog>,
}

/// An attempt at completing a directive.
#[derive(Serialize, ToSchema)]
struct OpenBacklog {
    /// The backend that has it.
    node: String,
    /// The id that its alarm has, or will have.
    alarm_id: String,
    /// Whether there is an alarm yet.
    is_alarm: bool,
    /// 0 to 10.
    risk: u8,
    /// The stage that it is in, from 1 on.
    stage: u8,
    /// How many stages there are.
    stages: u8,
    /// Events that the stage has had.
    events: u64,
    /// Events that the stage needs.
    needed: u64,
    /// When it was opened.
    since: i64,
    /// Until when the stage can be completed.
    deadline: i64,
    /// Where its events came from, 8 of them at most.
    #[schema(value_type = Vec<String>)]
    src_ips: Vec<IpAddr>,
    /// Where its events went, 8 of them at most.
    #[schema(value_type = Vec<String>)]
    dst_ips: Vec<IpAddr>,
}

/// The open backlogs of a directive, as the backends that have it say within a second
#[utoipa::path(get, path = "/directives/{id}/backlogs", tag = "directives", params(("id" = u64, Path)),
    responses((status = OK, body = OpenBacklogs), (status = NOT_FOUND, body = Problem)))]
async fn open_backlogs(
    _: Viewer,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<OpenBacklogs>, Problem> {
    let unknown = || Problem::not_found(format!("no backend has a directive with the id {id:?}"));
    let directive_id = id.parse().map_err(|_| unknown())?;
    let asked = api.nodes.backlogs(directive_id).await;
    if asked.is_complete && !asked.answers.iter().any(|answer| answer.known) {
        return Err(unknown());
    }
    Ok(Json(asked.into()))
}

impl From<Asked> for OpenBacklogs {
    fn from(asked: Asked) -> Self {
        let open = asked.answers.iter().fold(0_u64, |open, answer| open.saturating_add(answer.open));
        let all = asked.answers.into_iter().flat_map(|answer| {
            let node = answer.node;
            answer.backlogs.into_iter().map(move |backlog| OpenBacklog::new(node.clone(), backlog))
        });
        let mut backlogs: Vec<_> = all.collect();
        backlogs.sort_by_key(|backlog| backlog.deadline);
        backlogs.truncate(MAX_BACKLOGS);
        Self { open, is_complete: asked.is_complete, backlogs }
    }
}

impl OpenBacklog {
    fn new(node: String, backlog: BacklogProgress) -> Self {
        let BacklogProgress {
            alarm_id,
            stage,
            stages,
            events,
            needed,
            since,
            deadline,
            src_ips,
            dst_ips,
            risk,
        } = backlog;
        let is_alarm = risk > 0;
        Self {
            node,
            alarm_id,
            is_alarm,
            risk,
            stage,
            stages,
            events,
            needed,
            since,
            deadline,
            src_ips,
            dst_ips,
        }
    }
}
