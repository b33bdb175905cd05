//! Saved views: filters of the list of alarms, under a name; everybody's own.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::{Body, Problem};
use crate::accounts::View;
use crate::auth::Auth;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_views)).routes(routes!(save_view, delete_view))
}

/// One's own views.
#[derive(Debug, Serialize, ToSchema)]
struct Views {
    /// By name.
    views: Vec<View>,
}

/// What a view shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaveViewRequest {
    /// The query of the page that shows it, 8 KiB at most.
    query: String,
}

/// One's own saved views
#[utoipa::path(get, path = "/views", tag = "accounts",
    responses((status = OK, body = Views), (status = UNAUTHORIZED, body = Problem)))]
async fn list_views(Viewer(caller): Viewer, State(auth): State<Auth>) -> Result<Json<Views>, Problem> {
    let views = auth.accounts(move |accounts| accounts.views(&caller.name)).await?;
    Ok(Json(Views { views }))
}

/// Save a view, in place of the one with the same name
#[utoipa::path(put, path = "/views/{name}", tag = "accounts", request_body = SaveViewRequest,
    params(("name" = String, Path, description = "What it is called")),
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = Problem), (status = CONFLICT, body = Problem),
              (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn save_view(
    Viewer(caller): Viewer,
    State(auth): State<Auth>,
    Path(name): Path<String>,
    Body(request): Body<SaveViewRequest>,
) -> Result<StatusCode, Problem> {
    let view = View { name, query: request.query };
    auth.accounts(move |accounts| accounts.save_view(&caller.name, &view)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a saved view
#[utoipa::path(delete, path = "/views/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Which one")),
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = Problem), (status = NOT_FOUND, body = Problem)))]
async fn delete_view(
    Viewer(caller): Viewer,
    State(auth): State<Auth>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    auth.accounts(move |accounts| accounts.delete_view(&caller.name, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
