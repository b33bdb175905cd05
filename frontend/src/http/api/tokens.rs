//! Personal API tokens: everybody's own; an admin sees and deletes those of all.
//!
//! A token makes no other token: whoever finds one cannot stay beyond its end.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Caller, Role, Via, Viewer};
use super::problem::{Body, Problem};
use crate::accounts::{NewToken, Token};
use crate::auth::Auth;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(delete_token))
}

/// Tokens, without what is shown to be let in.
#[derive(Debug, Serialize, ToSchema)]
struct Tokens {
    tokens: Vec<Token>,
}

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTokenRequest {
    /// What it is for.
    name: String,
    /// What it may do: at most what you may.
    role: Role,
    /// How long it is good; without it, until it is deleted.
    expires_in_days: Option<u32>,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedToken {
    /// What is shown to be let in: `Authorization: Bearer dsiem_...`. It is not to be had again.
    token: String,
    #[serde(flatten)]
    about: Token,
}

/// One's own tokens; an admin's answer has those of all
#[utoipa::path(get, path = "/tokens", tag = "accounts",
    responses((status = OK, body = Tokens), (status = UNAUTHORIZED, body = Problem)))]
async fn list_tokens(Viewer(caller): Viewer, State(auth): State<Auth>) -> Result<Json<Tokens>, Problem> {
    let owner = whose(&caller);
    let tokens = auth.accounts(move |accounts| accounts.tokens(owner.as_deref())).await?;
    Ok(Json(Tokens { tokens }))
}

/// Make a token
#[utoipa::path(post, path = "/tokens", tag = "accounts", request_body = CreateTokenRequest,
    responses((status = CREATED, body = CreatedToken), (status = FORBIDDEN, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn create_token(
    Viewer(caller): Viewer,
    State(auth): State<Auth>,
    Body(request): Body<CreateTokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    match caller.via {
        Via::Session { .. } | Via::Proxy => {}
        Via::Token => return Err(Problem::forbidden("a token makes no tokens; sign in")),
        Via::Open => return Err(Problem::conflict("nobody is asked for a token here (--auth off)")),
    }
    let now = auth.now();
    let made = auth.accounts(move |accounts| {
        let CreateTokenRequest { name, role, expires_in_days: days } = request;
        accounts.create_token(&NewToken { owner: &caller.name, name: &name, role, days }, &caller.by(now))
    });
    let (token, about) = made.await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { token, about })))
}

/// Delete a token
#[utoipa::path(delete, path = "/tokens/{id}", tag = "accounts",
    params(("id" = u64, Path, description = "Which one")),
    responses((status = NO_CONTENT), (status = UNAUTHORIZED, body = Problem), (status = NOT_FOUND, body = Problem)))]
async fn delete_token(
    Viewer(caller): Viewer,
    State(auth): State<Auth>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: u64 = id.parse().map_err(|_| Problem::not_found(format!("there is no token {id:?}")))?;
    let (owner, now) = (whose(&caller), auth.now());
    auth.accounts(move |accounts| accounts.delete_token(id, owner.as_deref(), &caller.by(now))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose tokens a caller sees; `None` for those of all.
fn whose(caller: &Caller) -> Option<String> {
    (caller.role < Role::Admin).then(|| caller.name.to_string())
}
