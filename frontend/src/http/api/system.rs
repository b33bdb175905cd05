//! How the installation is: its processes, the bus between them, whether anything is wrong. And how much is going on.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::Problem;
use super::query::{Asked, Names};
use super::system_documents::{Bus, Condition, Ledger, Node};
use crate::nodes::{Point, STEP};

/// The minutes that are kept.
const MINUTES: u64 = 60;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read_system)).routes(routes!(engine_figures))
}

/// The installation, as this frontend sees it.
#[derive(Serialize, ToSchema)]
struct System {
    /// The release of this frontend.
    version: String,
    /// How long this frontend has been running.
    uptime_secs: u64,
    /// This frontend; null for a moment after its start.
    frontend: Option<Node>,
    /// Every process that correlates events, by name.
    backends: Vec<Node>,
    /// All processes, this one and those that have fallen silent included.
    nodes: Vec<Node>,
    /// What is between them.
    bus: Bus,
    /// Whether all books balance.
    ledger: Ledger,
    /// What each process says of itself, those that are not met first.
    conditions: Vec<Condition>,
}

/// How the installation is: processes, bus, books and conditions, as known to this frontend
#[utoipa::path(get, path = "/system", tag = "system", responses((status = OK, body = System)))]
async fn read_system(_: Viewer, State(api): State<Api>) -> Json<System> {
    let (all, now) = (api.nodes.all(), api.now());
    let own = all.iter().find(|shown| api.nodes.is_this(shown));
    let started = own.map_or(now, |own| own.report.started);
    let mut conditions: Vec<_> = all.iter().flat_map(Condition::of).collect();
    conditions.sort_by_key(Condition::rank);
    let node = |shown| Node::new(shown, api.nodes.is_this(shown), now);
    Json(System {
        version: dsiem_runtime::build::VERSION.to_owned(),
        uptime_secs: u64::try_from(now - started).unwrap_or(0),
        frontend: own.map(node),
        backends: all.iter().filter(|shown| Node::is_backend(shown)).map(node).collect(),
        nodes: all.iter().map(node).collect(),
        bus: Bus::from(api.nodes.bus()),
        ledger: Ledger::of(&all),
        conditions,
    })
}

/// How much of the last hour.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MinutesQuery {
    /// Minutes of `points`, 1 to 60.
    #[param(minimum = 1, maximum = 60, default = 60)]
    minutes: Option<u64>,
}

impl Names for MinutesQuery {
    const NAMES: &'static [&'static str] = &["minutes"];
}

/// How much is going on, and was during the last hour.
#[derive(Serialize, ToSchema)]
struct EngineFigures {
    /// Events a second that frontends take in.
    events_per_second: f64,
    /// Events a second that the busiest backend takes from the bus; each backend takes all events.
    events_handled_per_second: f64,
    /// New alarms a minute, over the last minute.
    alarms_per_minute: f64,
    /// Open backlogs of all backends.
    open_backlogs: u64,
    /// Seconds between two points.
    step_secs: u64,
    /// The same figures earlier, the oldest first; those before this frontend started are missing.
    points: Vec<EnginePoint>,
}

/// How much was going on at one time.
#[derive(Serialize, ToSchema)]
struct EnginePoint {
    /// In seconds since 1970.
    at: i64,
    /// As in the whole.
    events_per_second: f64,
    /// As in the whole.
    events_handled_per_second: f64,
    /// As in the whole.
    alarms_per_minute: f64,
    /// As in the whole.
    open_backlogs: u64,
}

impl From<Point> for EnginePoint {
    fn from(point: Point) -> Self {
        Self {
            at: point.at,
            events_per_second: point.figures.events_accepted,
            events_handled_per_second: point.figures.events_received,
            alarms_per_minute: point.figures.alarms_a_minute,
            open_backlogs: point.figures.open_backlogs,
        }
    }
}

/// Events a second, open backlogs and new alarms a minute, now and during the last hour
#[utoipa::path(get, path = "/statistics/engine", tag = "statistics", params(MinutesQuery),
    responses((status = OK, body = EngineFigures), (status = BAD_REQUEST, body = Problem)))]
async fn engine_figures(
    _: Viewer,
    State(api): State<Api>,
    Asked(asked): Asked<MinutesQuery>,
) -> Result<Json<EngineFigures>, Problem> {
    let minutes = asked.minutes.unwrap_or(MINUTES);
    if !(1..=MINUTES).contains(&minutes) {
        return Err(Problem::bad_request(format!("minutes must be 1 to {MINUTES}")));
    }
    let steps = usize::try_from(minutes * 60 / STEP.as_secs()).unwrap_or(usize::MAX);
    let figures = api.nodes.figures();
    Ok(Json(EngineFigures {
        events_per_second: figures.events_accepted,
        events_handled_per_second: figures.events_received,
        alarms_per_minute: figures.alarms_a_minute,
        open_backlogs: figures.open_backlogs,
        step_secs: STEP.as_secs(),
        points: api.nodes.history(steps).into_iter().map(Into::into).collect(),
    }))
}
