//! What is served over HTTP: one file per resource, one line per route.

pub(crate) mod api;
pub(crate) mod config_files;
pub(crate) mod door;
pub(crate) mod errors;
pub(crate) mod events;
mod site;
pub(crate) mod ui;
mod ui_headers;
mod unread;

use std::sync::Arc;

use axum::Router;
use axum::response::{Redirect, Response};
use axum::routing::get;
use dsiem_runtime::metrics::Metrics;

use self::api::Api;
pub use self::api::openapi_json;
use self::config_files::ConfigFiles;
use self::events::Events;
pub(crate) use self::site::{Peer, Site, is_events};
use self::ui::Page;

/// What the resources work with.
pub(crate) struct Resources {
    pub(crate) events: Events,
    pub(crate) config_files: ConfigFiles,
    pub(crate) page: Page,
    /// Where there is a store of alarms.
    pub(crate) api: Option<Api>,
}

/// Everything that is served. `status` is what an orchestrator asks: `/metrics`, `/healthz`, `/readyz`.
pub(crate) fn site(resources: Resources, status: Router, metrics: &Metrics) -> Site {
    let events = Arc::new(resources.events);
    let others = Router::new()
        .route("/", get(|| async { found("/ui/") }))
        .merge(events::routes(events.clone()))
        .merge(config_files::routes(resources.config_files))
        .merge(ui::routes(resources.page))
        .merge(resources.api.map_or_else(Router::new, api::routes))
        .merge(status)
        .method_not_allowed_fallback(errors::unknown_method)
        .fallback(errors::unknown_path);
    Site::new(events, others, metrics)
}

fn found(location: &'static str) -> Response {
    use axum::response::IntoResponse as _;
    let mut response = Redirect::to(location).into_response();
    *response.status_mut() = axum::http::StatusCode::FOUND;
    response
}
