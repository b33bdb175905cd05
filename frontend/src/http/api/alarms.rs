//! Lists of alarms: pages of them, and how many have which values.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::documents::AlarmSummary;
use super::problem::Problem;
use super::query::{FilterQuery, Filtered, Names, Nothing, limit};
use crate::alarm_store::{self, Cursor, Facets, MAX_PAGE, Order, SortBy};

/// Alarms on a page, unless asked otherwise.
const PAGE: usize = 50;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_alarms)).routes(routes!(alarm_facets))
}

/// Which way a list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    /// The lowest first.
    Asc,
    /// The highest first.
    #[default]
    Desc,
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// What the list is sorted by: `updated`, unless asked otherwise.
    #[param(inline)]
    sort: SortBy,
    /// `desc`, unless asked otherwise.
    #[param(inline)]
    order: Direction,
    /// The `next` of the page before, of the same list.
    after: Option<String>,
    /// Alarms on the page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: usize,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { sort: SortBy::default(), order: Direction::default(), after: None, limit: PAGE }
    }
}

impl Names for PageQuery {
    const NAMES: &'static [&'static str] = &["sort", "order", "after", "limit"];
}

/// Some alarms of a list.
#[derive(Serialize, ToSchema)]
struct AlarmPage {
    /// In the list's order.
    alarms: Vec<AlarmSummary>,
    /// How many alarms are on the whole list.
    count: Count,
    /// To be sent as `after` for the next page; null on the last one.
    next: Option<String>,
}

/// A number, or that it is beyond what is counted.
#[derive(Serialize, ToSchema)]
struct Count {
    /// The number; where it is not exact, there are more.
    value: u64,
    /// Whether it was counted to the end.
    is_exact: bool,
}

/// A page of a filtered, sorted list of alarms
#[utoipa::path(get, path = "/alarms", tag = "alarms", params(FilterQuery, PageQuery),
    responses((status = OK, body = AlarmPage), (status = BAD_REQUEST, body = Problem)))]
async fn list_alarms(
    _: Viewer,
    State(api): State<Api>,
    Filtered { filter, asked }: Filtered<PageQuery>,
) -> Result<Json<AlarmPage>, Problem> {
    limit(asked.limit, MAX_PAGE)?;
    let after = asked.after.as_deref().map(cursor).transpose()?;
    let order = Order { by: asked.sort, descending: asked.order == Direction::Desc };
    let page = api.ask(move |store| store.page(&filter, order, after.as_ref(), asked.limit)).await?;
    Ok(Json(AlarmPage {
        alarms: page.alarms.into_iter().map(Into::into).collect(),
        count: page.count.into(),
        next: page.next.as_ref().map(opaque),
    }))
}

/// How many alarms of a list have each value, as if the filter said nothing about that value
#[utoipa::path(get, path = "/alarms/facets", tag = "alarms", params(FilterQuery),
    responses((status = OK, body = Facets), (status = BAD_REQUEST, body = Problem)))]
async fn alarm_facets(
    _: Viewer,
    State(api): State<Api>,
    Filtered { filter, .. }: Filtered<Nothing>,
) -> Result<Json<Facets>, Problem> {
    Ok(Json(api.ask(move |store| store.facets(&filter)).await?))
}

impl From<alarm_store::Count> for Count {
    fn from(count: alarm_store::Count) -> Self {
        match count {
            alarm_store::Count::Exactly(value) => Self { value, is_exact: true },
            alarm_store::Count::MoreThan(value) => Self { value, is_exact: false },
        }
    }
}

/// A cursor as nobody is tempted to read it.
fn opaque(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn cursor(text: &str) -> Result<Cursor, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        Problem::bad_request("after is not the `next` of a page; leave it out to begin with the first page")
    })
}
