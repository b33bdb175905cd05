//! `/config`: the configuration files, for backends to pull and for people to edit.

use std::io;

use axum::Json;
use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dsiem_core::problem::Problem;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::api::FileSeverity;
use super::door::Door;
use super::errors::{Refusal, clipped};
use crate::body::Bodies;
use crate::config_store::{ConfigStore, Expected, FileName, MAX_NAME, StoreError};

/// Problems that an answer lists; the text of the error has their number.
const MAX_LISTED: usize = 1_000;

/// Seconds after which a sender may try again when the folder cannot be read or written.
const RETRY_SECS: u32 = 30;

/// What it takes to serve configuration files.
#[derive(Clone)]
pub(crate) struct ConfigFiles {
    pub(crate) door: Door,
    pub(crate) store: ConfigStore,
    pub(crate) bodies: Bodies,
    /// `--writable-config`.
    pub(crate) writable: bool,
}

pub(super) fn routes(files: ConfigFiles) -> Router {
    let one_file = if files.writable { get(read).post(write).delete(delete) } else { get(read) };
    Router::new()
        .route("/config", get(list))
        .route("/config/", get(list))
        .route("/config/{*name}", one_file)
        .route_layer(middleware::from_fn_with_state(files.door.clone(), ask_for_token))
        .with_state(files)
}

/// Nothing of `/config` is for those who have no token. Methods that do not exist are 405 for everybody.
async fn ask_for_token(State(door): State<Door>, request: Request, next: Next) -> Result<Response, Refusal> {
    let shown = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    door.check(shown)?;
    Ok(next.run(request).await)
}

#[derive(Serialize)]
struct Listing {
    files: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    filename: String,
}

async fn list(State(files): State<ConfigFiles>) -> Result<Json<Listing>, Refusal> {
    let names = files.store.list().await.map_err(|e| unreadable(&e))?;
    Ok(Json(Listing { files: names.into_iter().map(|filename| Listed { filename }).collect() }))
}

async fn read(
    State(files): State<ConfigFiles>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = name_in(uri.path())?;
    let file = files.store.read(&name).await.map_err(refuse)?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| names_tag(known, &file.etag));
    let etag = [(header::ETAG, file.etag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, etag).into_response());
    }
    Ok((etag, [(header::CONTENT_TYPE, "application/json")], file.content).into_response())
}

async fn write(
    State(files): State<ConfigFiles>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let name = name_in(uri.path())?;
    let (head, body) = request.into_parts();
    let body = files.bodies.read(&head.headers, body).await?;
    files.store.write(&name, body, Expected::Anything).await.map_err(refuse)?;
    Ok(StatusCode::CREATED)
}

async fn delete(
    State(files): State<ConfigFiles>,
    OriginalUri(uri): OriginalUri,
) -> Result<StatusCode, Refusal> {
    let name = name_in(uri.path())?;
    files.store.delete(&name).await.map_err(refuse)?;
    Ok(StatusCode::OK)
}

/// The name in `/config/<name>`; everything behind the second slash is the name, further slashes too.
fn name_in(path: &str) -> Result<FileName, Refusal> {
    let raw = path.strip_prefix("/config/").unwrap_or(path);
    let decoded = percent_decode_str(raw).decode_utf8().ok();
    decoded.and_then(|name| FileName::parse(&name)).ok_or_else(|| {
        Refusal::unusable(format!(
            "{:?} is not the name of a configuration file: letters, digits, _ and -, the first a letter or digit, then .json, \
             {MAX_NAME} at most",
            clipped(raw)
        ))
    })
}

fn names_tag(known: &HeaderValue, etag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// One problem of a file: an entry of `details`.
#[derive(Serialize)]
struct ProblemDetail<'a> {
    severity: FileSeverity,
    entry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<u64>,
    field: &'a str,
    message: &'a str,
}

impl<'a> From<&'a Problem> for ProblemDetail<'a> {
    fn from(problem: &'a Problem) -> Self {
        let Problem { severity, entry, stage, field, message, .. } = problem;
        Self { severity: (*severity).into(), entry, stage: *stage, field, message }
    }
}

fn refuse(error: StoreError) -> Refusal {
    let text = error.to_string();
    match error {
        StoreError::Missing(_) => Refusal::not_found(text),
        StoreError::Invalid { problems, .. } => {
            let counted = match problems.len() {
                1 => format!("{text}: one problem"),
                all @ 0..=MAX_LISTED => format!("{text}: {all} problems"),
                more => format!("{text}: {more} problems, of which the first {MAX_LISTED} are listed"),
            };
            Refusal::unusable(counted).with_details(problems.iter().take(MAX_LISTED).map(ProblemDetail::from))
        }
        StoreError::UnknownKind(_) | StoreError::Changed(_) => Refusal::unusable(text),
        StoreError::NoRoom(_) => Refusal::no_room(text),
        StoreError::Io { .. } => {
            tracing::warn!(error = %text, "a configuration file could not be served");
            Refusal::unavailable(text, RETRY_SECS)
        }
    }
}

fn unreadable(error: &io::Error) -> Refusal {
    tracing::warn!(%error, "the folder of configuration files cannot be read");
    Refusal::unavailable(format!("the folder of configuration files cannot be read: {error}"), RETRY_SECS)
}
