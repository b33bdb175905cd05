//! What is served over HTTP: one file per resource, one line per route.

pub(crate) mod config_files;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod ui;
mod unread;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Redirect, Response};
use axum::routing::get;
use dsiem_runtime::metrics::{CounterBy, Metrics};

use self::config_files::ConfigFiles;
use self::events::Events;
use self::ui::Page;

/// What the resources work with.
#[derive(Clone)]
pub(crate) struct Resources {
    pub(crate) events: Events,
    pub(crate) config_files: ConfigFiles,
    pub(crate) page: Page,
}

/// Everything that is served. `status` is what an orchestrator asks: `/metrics`, `/healthz`, `/readyz`.
pub(crate) fn router(resources: Resources, status: Router, metrics: &Metrics) -> Router {
    let answers = metrics.counter_by("dsiem_frontend_http_responses", "Answers, by HTTP status.", "status");
    Router::new()
        .route("/", get(|| async { found("/ui/") }))
        .merge(events::routes(resources.events))
        .merge(config_files::routes(resources.config_files))
        .merge(ui::routes(resources.page))
        .merge(status)
        .method_not_allowed_fallback(errors::unknown_method)
        .fallback(errors::unknown_path)
        .layer(from_fn(unread::close_after_unread))
        .layer(from_fn_with_state(answers, count_answers))
}

fn found(location: &'static str) -> Response {
    use axum::response::IntoResponse as _;
    let mut response = Redirect::to(location).into_response();
    *response.status_mut() = axum::http::StatusCode::FOUND;
    response
}

async fn count_answers(
    axum::extract::State(answers): axum::extract::State<CounterBy>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    answers.with(response.status().as_str()).inc();
    // What we serve is never something else than it says it is.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
