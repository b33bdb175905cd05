//! Signing in and out, and the first start.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Caller, Role, Via, Viewer};
use super::problem::{Body, Problem};
use crate::auth::{Auth, AuthMode, ClientAddress, SignedIn};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read_login_options))
        .routes(routes!(set_up))
        .routes(routes!(sign_in, read_session, sign_out))
        .routes(routes!(change_password))
}

/// How one comes in.
#[derive(Debug, Serialize, ToSchema)]
struct LoginOptions {
    /// There is no user yet; the log has a link to make the first one.
    set_up_needed: bool,
    /// With name and password.
    password: bool,
    /// With an identity provider: `GET /api/v1/oidc/start`.
    oidc: Option<OidcOption>,
    /// Whether one signs in (`on`), a proxy vouches (`header`), or nobody is asked (`off`).
    auth: &'static str,
}

/// An identity provider.
#[derive(Debug, Serialize, ToSchema)]
struct OidcOption {
    /// What it is called.
    label: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    user: SessionUser,
    /// What requests that change something show in the header `X-CSRF-Token`.
    csrf_token: String,
}

/// A user, and what he may do.
#[derive(Debug, Serialize, ToSchema)]
struct SessionUser {
    name: String,
    role: Role,
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInRequest {
    name: String,
    password: String,
}

/// The first user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetUpRequest {
    /// The one in the link that is in the log.
    token: String,
    /// Letters, digits and `. _ - + @`.
    name: String,
    /// 12 characters or more.
    password: String,
}

/// A password for another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    /// The present one.
    old: String,
    /// 12 characters or more.
    new: String,
}

/// How one comes in
#[utoipa::path(get, path = "/login-options", tag = "session", responses((status = OK, body = LoginOptions)))]
async fn read_login_options(State(auth): State<Auth>) -> Result<Json<LoginOptions>, Problem> {
    let name = match auth.mode() {
        AuthMode::On => "on",
        AuthMode::Header(_) => "header",
        AuthMode::Off => "off",
    };
    let set_up_needed = auth.is_set_up_needed().await?;
    let oidc = auth.oidc_label().map(|label| OidcOption { label });
    Ok(Json(LoginOptions { set_up_needed, password: name == "on", oidc, auth: name }))
}

/// Make the first user, and sign in as him
#[utoipa::path(post, path = "/set-up", tag = "session", request_body = SetUpRequest,
    responses((status = OK, body = Session), (status = FORBIDDEN, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem),
              (status = TOO_MANY_REQUESTS, body = Problem)))]
async fn set_up(
    State(auth): State<Auth>,
    Extension(from): Extension<ClientAddress>,
    Body(request): Body<SetUpRequest>,
) -> Result<Response, Problem> {
    let SetUpRequest { token, name, password } = request;
    Ok(signed_in(auth.set_up(&token, &name, &password, &from).await?))
}

/// Sign in
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignInRequest,
    responses((status = OK, body = Session), (status = UNAUTHORIZED, body = Problem),
              (status = TOO_MANY_REQUESTS, body = Problem)))]
async fn sign_in(
    State(auth): State<Auth>,
    Extension(from): Extension<ClientAddress>,
    Body(request): Body<SignInRequest>,
) -> Result<Response, Problem> {
    Ok(signed_in(auth.sign_in(&request.name, &request.password, &from).await?))
}

/// Who is signed in
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = OK, body = Session), (status = UNAUTHORIZED, body = Problem)))]
async fn read_session(Viewer(caller): Viewer) -> Json<Session> {
    let csrf_token = match &caller.via {
        Via::Session { csrf_token, .. } => csrf_token.to_string(),
        Via::Token => String::new(),
        // Any will do, but there must be one.
        Via::Proxy | Via::Open => "any".to_owned(),
    };
    Json(Session { user: SessionUser { name: caller.name.to_string(), role: caller.role }, csrf_token })
}

/// Sign out
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = Problem)))]
async fn sign_out(Viewer(caller): Viewer, State(auth): State<Auth>) -> Result<Response, Problem> {
    let (digest, now) = (session_of(&caller)?, auth.now());
    auth.accounts(move |accounts| accounts.close_session(&digest, &caller.by(now))).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), auth.forget()))
}

/// Change one's own password; one's other sessions end
#[utoipa::path(post, path = "/session/password", tag = "session", request_body = PasswordRequest,
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = Problem), (status = FORBIDDEN, body = Problem),
              (status = UNPROCESSABLE_ENTITY, body = Problem), (status = TOO_MANY_REQUESTS, body = Problem)))]
async fn change_password(
    Viewer(caller): Viewer,
    State(auth): State<Auth>,
    Extension(from): Extension<ClientAddress>,
    Body(request): Body<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    let digest = session_of(&caller)?;
    auth.change_own_password(&caller.name, (&request.old, &request.new), Some(digest), &from).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session of a caller who has signed in.
fn session_of(caller: &Caller) -> Result<crate::accounts::Digest, Problem> {
    match &caller.via {
        Via::Session { digest, .. } => Ok(digest.clone()),
        Via::Token | Via::Proxy | Via::Open => {
            Err(Problem::conflict("this is for whoever has signed in here"))
        }
    }
}

/// The answer to somebody who has just signed in.
fn signed_in(signed_in: SignedIn) -> Response {
    let SignedIn { user, csrf_token, cookie } = signed_in;
    let session = Session { user: SessionUser { name: user.name, role: user.role }, csrf_token };
    with_cookie(Json(session).into_response(), cookie)
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}
