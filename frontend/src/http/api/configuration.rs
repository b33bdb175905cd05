//! The configuration files, for people who edit them in the page: with what is wrong as they type, and without
//! overwriting one another.
//!
//! `/config` serves the same files to backends and scripts. Files may hold passwords of look-up sources, so only admins
//! see them. What is written is used when backends start the next time.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dsiem_core::configuration::FileKind;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::directives::{FileProblem, unreadable};
use super::problem::Problem;
use crate::body::Bodies;
use crate::config_store::{ConfigStore, Expected, FileName, MAX_NAME, StoreError};

/// Problems that an answer lists.
const MAX_LISTED: usize = 1_000;

/// What it takes to show and change configuration files.
#[derive(Clone)]
pub(crate) struct Configuration {
    pub(crate) store: ConfigStore,
    pub(crate) bodies: Bodies,
    /// `--writable-config`.
    pub(crate) writable: bool,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_files))
        .routes(routes!(read_file, write_file, delete_file))
        .routes(routes!(check_file))
}

/// The files.
#[derive(Serialize, ToSchema)]
struct FileList {
    /// Whether they can be written here; see `--writable-config`.
    writable: bool,
    files: Vec<ListedFile>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct ListedFile {
    name: String,
    /// What it holds; null where its name does not say.
    kind: Option<Kind>,
}

/// What a file holds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Assets,
    Directives,
    Intel,
    Vulnerabilities,
}

/// What is wrong with a file.
#[derive(Serialize, ToSchema)]
struct Problems {
    /// The first 1000.
    problems: Vec<FileProblem>,
}

/// The configuration files
#[utoipa::path(get, path = "/config", tag = "directives", responses((status = OK, body = FileList)))]
async fn list_files(_: Admin, State(api): State<Api>) -> Result<Json<FileList>, Problem> {
    let names = api.configuration.store.list().await.map_err(|error| unreadable(&error))?;
    let files =
        names.into_iter().map(|name| ListedFile { kind: FileKind::of(&name).ok().map(Into::into), name });
    Ok(Json(FileList { writable: api.configuration.writable, files: files.collect() }))
}

/// One configuration file; its ETag is to be sent back with a change
#[utoipa::path(get, path = "/config/{name}", tag = "directives", params(("name" = String, Path)),
    responses((status = OK, body = String, content_type = "application/json"), (status = NOT_FOUND, body = Problem)))]
async fn read_file(_: Admin, State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    let file = api.configuration.store.read(&file_name(&name)?).await?;
    let headers = [
        (header::ETAG, file.etag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    Ok((headers, file.content).into_response())
}

/// Write a configuration file that passes the check
///
/// `If-Match` has the ETag with which it was read, or `If-None-Match: *` says that it is new.
#[utoipa::path(put, path = "/config/{name}", tag = "directives",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    request_body(content = String, content_type = "application/json"),
    responses((status = NO_CONTENT, description = "It is written."), (status = PRECONDITION_FAILED, body = Problem),
        (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn write_file(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let name = file_name(&name)?;
    let Configuration { store, bodies, .. } = writable(&api)?;
    let (head, body) = request.into_parts();
    let expected = expected(&head.headers)?;
    let body = bodies.read(&head.headers, body).await?;
    store.write(&name, body, expected).await?;
    tracing::info!(
        file = name.as_str(),
        user = &*caller.name,
        "a configuration file was written in the page"
    );
    api.auth.audit(&caller, "config.write", name.as_str().to_owned(), String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a configuration file
#[utoipa::path(delete, path = "/config/{name}", tag = "directives", params(("name" = String, Path)),
    responses((status = NO_CONTENT, description = "It is gone."), (status = NOT_FOUND, body = Problem)))]
async fn delete_file(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = file_name(&name)?;
    writable(&api)?.store.delete(&name).await?;
    tracing::info!(
        file = name.as_str(),
        user = &*caller.name,
        "a configuration file was deleted in the page"
    );
    api.auth.audit(&caller, "config.delete", name.as_str().to_owned(), String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is wrong with a configuration file that is not written yet
#[utoipa::path(post, path = "/config/{name}/check", tag = "directives", params(("name" = String, Path)),
    request_body(content = String, content_type = "application/json"), responses((status = OK, body = Problems)))]
async fn check_file(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Problems>, Problem> {
    let name = file_name(&name)?;
    let (head, body) = request.into_parts();
    let body = api.configuration.bodies.read(&head.headers, body).await?;
    let problems = api.configuration.store.check(&name, body).await?;
    Ok(Json(Problems { problems: problems.iter().take(MAX_LISTED).map(Into::into).collect() }))
}

fn file_name(name: &str) -> Result<FileName, Problem> {
    FileName::parse(name).ok_or_else(|| {
        Problem::unprocessable(format!(
            "this is not the name of a configuration file: letters, digits, _ and -, the first a letter or digit, then .json, \
             {MAX_NAME} bytes at most"
        ))
    })
}

fn writable(api: &Api) -> Result<&Configuration, Problem> {
    let configuration = &api.configuration;
    let refused = || {
        Problem::forbidden(
            "configuration files cannot be written here: start with --writable-config (DSIEM_WRITEABLECONFIG)",
        )
    };
    configuration.writable.then_some(configuration).ok_or_else(refused)
}

fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (Some(tag), None) => Ok(Expected::Content(tag.to_owned())),
        (None, Some("*")) => Ok(Expected::Nothing),
        _ => Err(Problem::precondition_required(
            "send If-Match with the ETag of the file that you have read, or If-None-Match: * for a new one",
        )),
    }
}

impl From<FileKind> for Kind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::Assets => Self::Assets,
            FileKind::Directives => Self::Directives,
            FileKind::Intel => Self::Intel,
            FileKind::Vulnerabilities => Self::Vulnerabilities,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Missing(_) => Self::not_found(text),
            StoreError::UnknownKind(_) => Self::unprocessable(text),
            StoreError::Changed(_) => Self::changed(text),
            StoreError::Invalid { problems, .. } => {
                let first = problems.iter().find(|problem| problem.is_error());
                let first = first.map_or_else(String::new, |problem| format!(": {problem}"));
                Self::unprocessable(format!("{text}{first}"))
            }
            StoreError::NoRoom(_) => Self::no_room(text),
            StoreError::Io { .. } => {
                tracing::warn!(error = %text, "a configuration file could not be served");
                Self::unavailable(text)
            }
        }
    }
}
