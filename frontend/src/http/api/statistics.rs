//! Figures about many alarms, for charts.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::Problem;
use super::query::{Asked, FilterQuery, Filtered, Names, Nothing, limit};
use crate::alarm_store::{Facet, OverTime, Role};

/// The time that figures are of, unless asked otherwise: a week.
const TIME: i64 = 7 * 86_400;
/// Addresses on a list of the top ones, unless asked otherwise.
const TOP: usize = 10;
/// The longest list of the top ones.
const MAX_TOP: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(alarms_over_time)).routes(routes!(top_addresses))
}

/// How many alarms were created, by class, hour by hour up to 14 days and day by day beyond
///
/// `from` and `until` are the last week, unless asked otherwise.
#[utoipa::path(get, path = "/statistics/alarms-over-time", tag = "statistics", params(FilterQuery),
    responses((status = OK, body = OverTime), (status = BAD_REQUEST, body = Problem)))]
async fn alarms_over_time(
    _: Viewer,
    State(api): State<Api>,
    Filtered { mut filter, .. }: Filtered<Nothing>,
) -> Result<Json<OverTime>, Problem> {
    let until = filter.created_until.take().unwrap_or_else(|| api.now() + 1);
    let from = filter.created_from.take().unwrap_or(until - TIME);
    Ok(Json(api.ask(move |store| store.over_time(&filter, from, until)).await?))
}

/// Whose addresses.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Where events came from.
    Sources,
    /// Where events went.
    Destinations,
}

/// Which addresses.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TopQuery {
    /// Whose addresses.
    #[param(inline)]
    what: What,
    /// Of alarms that were created on this day (UTC) or later; a week ago, unless asked otherwise.
    from: Option<i64>,
    /// Of alarms that were created before this time; now, unless asked otherwise.
    until: Option<i64>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<usize>,
}

impl Names for TopQuery {
    const NAMES: &'static [&'static str] = &["what", "from", "until", "limit"];
}

/// Addresses, those of the most alarms first.
#[derive(Serialize, ToSchema)]
struct Top {
    top: Vec<TopAddress>,
}

/// An address, and of how many alarms it is.
#[derive(Serialize, ToSchema)]
struct TopAddress {
    /// The address.
    #[schema(value_type = String)]
    value: IpAddr,
    /// How many alarms.
    alarms: u64,
}

/// The sources or destinations of the most alarms
#[utoipa::path(get, path = "/statistics/top", tag = "statistics", params(TopQuery),
    responses((status = OK, body = Top), (status = BAD_REQUEST, body = Problem)))]
async fn top_addresses(
    _: Viewer,
    State(api): State<Api>,
    Asked(asked): Asked<TopQuery>,
) -> Result<Json<Top>, Problem> {
    let limit = limit(asked.limit.unwrap_or(TOP), MAX_TOP)?;
    let until = asked.until.unwrap_or_else(|| api.now() + 1);
    let from = asked.from.unwrap_or(until - TIME);
    let role = match asked.what {
        What::Sources => Role::Source,
        What::Destinations => Role::Destination,
    };
    let found = api.ask(move |store| store.top_addresses(role, from, until, limit)).await?;
    let top = found.into_iter().map(|Facet { value, alarms }| TopAddress { value, alarms }).collect();
    Ok(Json(Top { top }))
}
