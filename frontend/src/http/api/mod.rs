//! `/api/v1`: alarms and everything about them, for the page and for programs.
//!
//! One file per resource. Routes are described where they are made, so that `/api/v1/openapi.json` says what is served,
//! and `/api/v1/docs` shows it; errors are problem documents. Calls of the store block and run on threads for that.

#![expect(unused_qualifications, reason = "what utoipa makes of a description has them")]

mod alarm;
mod alarms;
mod audit;
mod backlogs;
pub(crate) mod caller;
mod changes;
mod configuration;
mod directives;
mod documents;
mod explain;
mod export;
mod handling;
mod notifications;
mod oidc;
pub(crate) mod problem;
mod query;
mod session;
mod statistics;
mod system;
mod system_documents;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::middleware;
use axum::routing::get;
use axum::{Json, http};
use dsiem_runtime::clock::Clock;
use dsiem_runtime::quota::Quota;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use self::caller::Viewer;
pub(crate) use self::configuration::Configuration;
pub(crate) use self::directives::FileSeverity;
use self::problem::Problem;
use crate::alarm_store::AlarmStore;
use crate::auth::{self, Auth};
use crate::config_store::Choices;
use crate::database::DatabaseError;
use crate::library::Library;
use crate::nodes::Nodes;
use crate::notifications::Tester;

/// Where it is served.
pub(crate) const PATH: &str = "/api/v1";

/// Requests that ask the database at the same time; further ones wait for their turn.
const ASKING: usize = 16;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    store: Arc<AlarmStore>,
    library: Library,
    configuration: Configuration,
    auth: Auth,
    /// Notifications, where they could be started.
    tester: Option<Tester>,
    asking: Arc<Semaphore>,
    choices: Arc<Choices>,
    clock: Clock,
    /// Answers that never end by themselves end with it.
    stop: CancellationToken,
    /// Places of clients that follow changes.
    streams: Quota,
    nodes: Nodes,
}

/// What the API needs of others.
pub(crate) struct Parts {
    /// The alarms.
    pub(crate) store: Arc<AlarmStore>,
    /// The directives in the configuration files.
    pub(crate) library: Library,
    /// The configuration files themselves.
    pub(crate) configuration: Configuration,
    /// Who knows who asks.
    pub(crate) auth: Auth,
    /// Notifications, where they could be started.
    pub(crate) tester: Option<Tester>,
    /// The processes of the installation.
    pub(crate) nodes: Nodes,
    /// The words of the installation.
    pub(crate) choices: Choices,
    /// What time it is.
    pub(crate) clock: Clock,
    /// When answers that never end by themselves have to.
    pub(crate) stop: CancellationToken,
}

impl Api {
    /// The API over these parts.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { store, library, configuration, auth, tester, nodes, choices, clock, stop } = parts;
        Self {
            store,
            library,
            configuration,
            auth,
            tester,
            asking: Arc::new(Semaphore::new(ASKING)),
            choices: Arc::new(choices),
            clock,
            stop,
            streams: Quota::new(changes::MAX_STREAMS),
            nodes,
        }
    }

    /// Asks the store something on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&AlarmStore) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.asking).acquire_owned().await;
        let store = Arc::clone(&self.store);
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            question(&store)
        });
        match answer.await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Problem::unavailable("the question could not be answered; the log says why")),
        }
    }

    /// In seconds since 1970.
    fn now(&self) -> i64 {
        self.clock.now().secs()
    }
}

impl FromRef<Api> for Auth {
    fn from_ref(api: &Api) -> Self {
        api.auth.clone()
    }
}

/// The description that the code does not give.
#[derive(OpenApi)]
#[openapi(
    info(title = "dsiem", description = "Alarms: to look at, to explain, to handle. Times are seconds since 1970."),
    tags(
        (name = "alarms", description = "Lists of alarms, single alarms, and what users do with them."),
        (name = "directives", description = "What is loaded, and the files that it is loaded from."),
        (name = "statistics", description = "Figures about many alarms."),
        (name = "system", description = "The processes of the installation, and what is between them."),
        (name = "session", description = "Signing in and out. Requests with the cookie of a session that change something \
            show its csrf_token in the header X-CSRF-Token; programs show a token instead: Authorization: Bearer."),
        (name = "accounts", description = "Users, tokens, saved views and the audit log."),
        (name = "notifications", description = "Who is told of which alarms, and what became of it."),
    )
)]
struct Description;

/// The routes and their description. `Api` is what they work with.
fn described() -> OpenApiRouter<Api> {
    let routes = OpenApiRouter::new()
        .merge(alarms::routes())
        .merge(export::routes())
        .merge(alarm::routes())
        .merge(explain::routes())
        .merge(handling::routes())
        .merge(statistics::routes())
        .merge(system::routes())
        .merge(backlogs::routes())
        .merge(changes::routes())
        .merge(directives::routes())
        .merge(configuration::routes())
        .merge(session::routes())
        .merge(oidc::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(views::routes())
        .merge(notifications::routes())
        .routes(routes!(read_choices));
    OpenApiRouter::with_openapi(Description::openapi()).nest(PATH, routes)
}

/// Everything below `/api/v1`.
pub(crate) fn routes(api: Api) -> Router {
    let auth = api.auth.clone();
    let (router, description) = described().with_state(api).split_for_parts();
    let page = SwaggerUi::new(format!("{PATH}/docs")).url(format!("{PATH}/openapi.json"), description);
    let unknown =
        |uri: http::Uri| async move { Problem::not_found(format!("there is nothing at {:?}", uri.path())) };
    let router = router.route(PATH, get(unknown)).route(&format!("{PATH}/{{*rest}}"), get(unknown));
    router.layer(middleware::from_fn_with_state(auth, auth::identify)).merge(page)
}

/// The OpenAPI document, as it is served.
#[must_use]
pub fn openapi_json() -> String {
    described().into_openapi().to_pretty_json().unwrap_or_default()
}

/// The words of this installation.
#[derive(Serialize, ToSchema)]
struct ChoicesDocument {
    /// What the status of an alarm can be; the first is that of a new one.
    status: Vec<String>,
    /// What the tag of an alarm can be; the first is that of a new one.
    tags: Vec<String>,
}

/// What the status and the tag of an alarm can be
#[utoipa::path(get, path = "/choices", tag = "alarms", responses((status = OK, body = ChoicesDocument)))]
async fn read_choices(_: Viewer, State(api): State<Api>) -> Json<ChoicesDocument> {
    Json(ChoicesDocument { status: api.choices.status.clone(), tags: api.choices.tags.clone() })
}
