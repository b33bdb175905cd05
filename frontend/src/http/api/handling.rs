//! What users do with alarms, one or many at once: changing, commenting, deleting.
//!
//! Whoever changes an alarm says which version of it he has seen; where somebody else was quicker, that alarm is left
//! alone and said to conflict, and the others are changed.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::{Analyst, Caller};
use super::problem::{Body, Problem};
use crate::alarm_store::{Act, AlarmStore, Change, Handled, Target};
use crate::database::DatabaseError;

/// Alarms that can be handled in one request.
const MAX_TARGETS: usize = 1_000;
/// Bytes of a comment.
const MAX_COMMENT: usize = 16 << 10;
/// Bytes of a name.
const MAX_ASSIGNEE: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(change_alarms))
        .routes(routes!(comment_on_alarms))
        .routes(routes!(delete_alarms))
}

/// Which alarms, and what they are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    /// The alarms, 1000 at most.
    targets: Vec<Target>,
    /// One of the installation's words.
    status: Option<String>,
    /// One of the installation's words.
    tag: Option<String>,
    /// Who handles them from now on; empty is nobody.
    assignee: Option<String>,
}

/// Which alarms, and what there is to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentRequest {
    /// The alarms, 1000 at most.
    targets: Vec<Target>,
    /// The comment, 16 KiB at most.
    text: String,
}

/// Which alarms.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteRequest {
    /// The alarms, 1000 at most.
    targets: Vec<Target>,
}

/// What became of each alarm, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct Results {
    results: Vec<TargetResult>,
}

/// What became of one alarm.
#[derive(Debug, Serialize, ToSchema)]
struct TargetResult {
    alarm_id: String,
    outcome: HandledAs,
    /// The version it has now; null where there is no such alarm.
    version: Option<u64>,
}

/// What can become of an alarm that somebody handles.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HandledAs {
    /// It is as was asked.
    Done,
    /// Somebody else has changed it; nothing was done with it.
    Conflict,
    /// There is no such alarm.
    Missing,
}

/// Change status, tag or assignee of one or many alarms
#[utoipa::path(post, path = "/alarms/change", tag = "alarms", request_body = ChangeRequest,
    responses((status = OK, body = Results), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn change_alarms(
    Analyst(caller): Analyst,
    State(api): State<Api>,
    Body(request): Body<ChangeRequest>,
) -> Result<Json<Results>, Problem> {
    let ChangeRequest { targets, status, tag, assignee } = request;
    one_of("status", status.as_deref(), &api.choices.status)?;
    one_of("tag", tag.as_deref(), &api.choices.tags)?;
    if assignee.as_ref().is_some_and(|name| name.len() > MAX_ASSIGNEE) {
        return Err(Problem::unprocessable(format!("assignee is longer than {MAX_ASSIGNEE} bytes")));
    }
    if status.is_none() && tag.is_none() && assignee.is_none() {
        return Err(Problem::unprocessable("nothing is to be changed: give status, tag or assignee"));
    }
    let words = [("status", &status), ("tag", &tag), ("assignee", &assignee)];
    let words = words.into_iter().filter_map(|(what, word)| Some(format!("{what} {}", word.as_ref()?)));
    let audited = ("alarm.change", words.collect::<Vec<_>>().join(", "));
    let change = Change { status, tag, assignee };
    handle(&api, &caller, audited, targets, move |store, targets, act| store.change(targets, &change, act))
        .await
}

/// Comment on one or many alarms
#[utoipa::path(post, path = "/alarms/comment", tag = "alarms", request_body = CommentRequest,
    responses((status = OK, body = Results), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn comment_on_alarms(
    Analyst(caller): Analyst,
    State(api): State<Api>,
    Body(request): Body<CommentRequest>,
) -> Result<Json<Results>, Problem> {
    let CommentRequest { targets, text } = request;
    if text.trim().is_empty() || text.len() > MAX_COMMENT {
        return Err(Problem::unprocessable(format!("text must be 1 to {MAX_COMMENT} bytes")));
    }
    let audited = ("alarm.comment", text.clone());
    handle(&api, &caller, audited, targets, move |store, targets, act| store.comment(targets, &text, act))
        .await
}

/// Delete one or many alarms with everything about them
///
/// They come back only if the engine raises their class.
#[utoipa::path(post, path = "/alarms/delete", tag = "alarms", request_body = DeleteRequest,
    responses((status = OK, body = Results), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn delete_alarms(
    Analyst(caller): Analyst,
    State(api): State<Api>,
    Body(request): Body<DeleteRequest>,
) -> Result<Json<Results>, Problem> {
    let audited = ("alarm.delete", String::new());
    handle(&api, &caller, audited, request.targets, |store, targets, act| store.delete(targets, act.now))
        .await
}

/// Handles alarms, and notes in the audit log which of them, with this action and detail.
async fn handle(
    api: &Api,
    caller: &Caller,
    (action, detail): (&'static str, String),
    targets: Vec<Target>,
    work: impl FnOnce(&AlarmStore, &[Target], &Act<'_>) -> Result<Vec<Handled>, DatabaseError> + Send + 'static,
) -> Result<Json<Results>, Problem> {
    if !(1..=MAX_TARGETS).contains(&targets.len()) {
        return Err(Problem::unprocessable(format!("targets must be 1 to {MAX_TARGETS} alarms")));
    }
    let (who, now) = (caller.name.clone(), api.now());
    let results: Vec<TargetResult> = api
        .ask(move |store| {
            let handled = work(store, &targets, &Act { who: &who, now })?;
            Ok(targets
                .into_iter()
                .zip(handled)
                .map(|(target, handled)| TargetResult::new(target, handled))
                .collect())
        })
        .await?;
    let done = results.iter().filter(|result| matches!(result.outcome, HandledAs::Done));
    let done: Vec<&str> = done.map(|result| result.alarm_id.as_str()).collect();
    if !done.is_empty() {
        api.auth.audit(caller, action, done.join(" "), detail).await?;
    }
    Ok(Json(Results { results }))
}

impl TargetResult {
    fn new(target: Target, handled: Handled) -> Self {
        let (outcome, version) = match handled {
            Handled::Done(version) => (HandledAs::Done, Some(version)),
            Handled::Conflict(version) => (HandledAs::Conflict, Some(version)),
            Handled::Missing => (HandledAs::Missing, None),
        };
        Self { alarm_id: target.alarm_id, outcome, version }
    }
}

fn one_of(what: &str, word: Option<&str>, words: &[String]) -> Result<(), Problem> {
    match word {
        Some(word) if !words.iter().any(|known| known == word) => Err(Problem::unprocessable(format!(
            "{what} {word:?} is not one of this installation's: {}",
            words.join(", ")
        ))),
        _ => Ok(()),
    }
}
