//! Users, for admins.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Admin, Role};
use super::problem::{Body, Problem};
use crate::accounts::{NewUser, User, UserChange, UserName};
use crate::auth::Auth;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_users, create_user)).routes(routes!(change_user, delete_user))
}

/// Everybody.
#[derive(Debug, Serialize, ToSchema)]
struct Users {
    /// By name.
    users: Vec<User>,
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateUserRequest {
    /// Letters, digits and `. _ - + @`; capitals become small letters.
    name: String,
    role: Role,
    /// 12 characters or more.
    password: String,
}

/// What is to be changed; what is missing stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeUserRequest {
    role: Option<Role>,
    /// 12 characters or more; his sessions end.
    password: Option<String>,
    /// He is kept out at once, with his tokens.
    disabled: Option<bool>,
}

/// Everybody
#[utoipa::path(get, path = "/users", tag = "accounts",
    responses((status = OK, body = Users), (status = FORBIDDEN, body = Problem)))]
async fn list_users(_: Admin, State(auth): State<Auth>) -> Result<Json<Users>, Problem> {
    let users = auth.accounts(crate::accounts::Accounts::users).await?;
    Ok(Json(Users { users }))
}

/// Make a user
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = CreateUserRequest,
    responses((status = CREATED, body = User), (status = FORBIDDEN, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn create_user(
    Admin(caller): Admin,
    State(auth): State<Auth>,
    Body(request): Body<CreateUserRequest>,
) -> Result<impl IntoResponse, Problem> {
    let name: UserName = request.name.parse()?;
    let password = auth.hash(name.as_str(), &request.password).await?;
    let (new, now) = (NewUser { name, role: request.role, password }, auth.now());
    let user = auth.accounts(move |accounts| accounts.create_user(&new, &caller.by(now))).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Change role or password of a user, or keep him out
#[utoipa::path(patch, path = "/users/{name}", tag = "accounts", request_body = ChangeUserRequest,
    params(("name" = String, Path, description = "Which one")),
    responses((status = OK, body = User), (status = FORBIDDEN, body = Problem), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn change_user(
    Admin(caller): Admin,
    State(auth): State<Auth>,
    Path(name): Path<String>,
    Body(request): Body<ChangeUserRequest>,
) -> Result<Json<User>, Problem> {
    let ChangeUserRequest { role, password, disabled } = request;
    let password = match password {
        Some(password) => Some(auth.hash(&name, &password).await?),
        None => None,
    };
    let (change, now) = (UserChange { role, disabled, password }, auth.now());
    let changed = auth.accounts(move |accounts| accounts.change_user(&name, &change, None, &caller.by(now)));
    Ok(Json(changed.await?))
}

/// Delete a user, with his sessions, tokens and saved views
#[utoipa::path(delete, path = "/users/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Which one")),
    responses((status = NO_CONTENT), (status = FORBIDDEN, body = Problem), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem)))]
async fn delete_user(
    Admin(caller): Admin,
    State(auth): State<Auth>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let now = auth.now();
    auth.accounts(move |accounts| accounts.delete_user(&name, &caller.by(now))).await?;
    Ok(StatusCode::NO_CONTENT)
}
