//! The audit log, for admins.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::problem::Problem;
use super::query::{Asked, Names, limit};
use crate::accounts::{AuditPage, MAX_AUDIT_PAGE};
use crate::auth::Auth;

/// Lines of a page, unless asked otherwise.
const PAGE: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read_audit_log))
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// The `next` of the page before.
    after: Option<u64>,
    /// How many, 500 at most.
    limit: Option<usize>,
}

impl Names for AuditQuery {
    const NAMES: &'static [&'static str] = &["after", "limit"];
}

/// Who did what, from where; the newest first
#[utoipa::path(get, path = "/audit", tag = "accounts", params(AuditQuery),
    responses((status = OK, body = AuditPage), (status = FORBIDDEN, body = Problem)))]
async fn read_audit_log(
    _: Admin,
    State(auth): State<Auth>,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = limit(query.limit.unwrap_or(PAGE), MAX_AUDIT_PAGE)?;
    Ok(Json(auth.accounts(move |accounts| accounts.audit_log(query.after, limit)).await?))
}
