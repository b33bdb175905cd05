//! Signing in with an identity provider: to it, and back. A browser goes these ways by itself, so what does not work is
//! said by the page.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::problem::Problem;
use crate::auth::{Auth, ClientAddress, Return};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(finish))
}

/// What an identity provider sends somebody back with.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReturnQuery {
    /// What the provider gives tokens for.
    code: Option<String>,
    /// What we sent along.
    state: Option<String>,
    /// Why he was not let in.
    error: Option<String>,
}

/// Sign in with the identity provider
#[utoipa::path(get, path = "/oidc/start", tag = "session",
    responses((status = SEE_OTHER, description = "To the identity provider, or to the page with what is wrong.")))]
async fn start(State(auth): State<Auth>) -> Response {
    match auth.send_to_provider().await {
        Ok((url, cookie)) => to(&url, [cookie]),
        Err(problem) => to_the_page(&problem, []),
    }
}

/// Come back from the identity provider
#[utoipa::path(get, path = "/oidc/callback", tag = "session", params(ReturnQuery),
    responses((status = SEE_OTHER, description = "To the page, signed in, or with what is wrong.")))]
async fn finish(
    State(auth): State<Auth>,
    Extension(from): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Response {
    // Providers may add what they like.
    let query: ReturnQuery = serde_html_form::from_str(uri.query().unwrap_or_default()).unwrap_or_default();
    let back = Return { code: query.code, state: query.state, error: query.error };
    let forget = auth.forget_sign_in();
    match auth.back_from_provider(back, &headers, &from).await {
        Ok(signed_in) => to("/ui/", [forget, signed_in.cookie]),
        Err(problem) => to_the_page(&problem, [forget]),
    }
}

fn to_the_page<const N: usize>(problem: &Problem, cookies: [Option<HeaderValue>; N]) -> Response {
    let reason = problem.to_string();
    to(&format!("/ui/#/login?problem={}", utf8_percent_encode(&reason, NON_ALPHANUMERIC)), cookies)
}

fn to<const N: usize>(url: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let Ok(location) = HeaderValue::try_from(url) else {
        return Problem::unavailable("the identity provider cannot be reached").into_response();
    };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
