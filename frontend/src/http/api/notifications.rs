//! Notifications: channels, rules and the outbox, for admins. Secrets come in and never go out.
//!
//! Every change is in the audit log, also where it is only a test: what a test sends leaves the house.

#[cfg(test)]
mod tests;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Admin;
use super::problem::{Body, Problem};
use super::query::{Asked, Names, limit};
use crate::notifications::{
    Answer, ChannelDocument, ChannelRequest, Delivery, MAX_PAGE, Notifications, Refusal, Rule, RuleDocument,
    State as DeliveryState, TestResult, Tester,
};

/// Deliveries of a page, unless asked otherwise.
const PAGE: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_channels, create_channel))
        .routes(routes!(change_channel, delete_channel))
        .routes(routes!(test_channel))
        .routes(routes!(list_rules, create_rule))
        .routes(routes!(change_rule, delete_rule))
        .routes(routes!(list_deliveries))
        .routes(routes!(retry_delivery))
}

/// All channels.
#[derive(Debug, Serialize, ToSchema)]
struct Channels {
    /// Without their secrets.
    channels: Vec<ChannelDocument>,
}

/// All rules.
#[derive(Debug, Serialize, ToSchema)]
struct Rules {
    rules: Vec<RuleDocument>,
}

/// Some deliveries.
#[derive(Debug, Serialize, ToSchema)]
struct Deliveries {
    /// The newest first.
    deliveries: Vec<Delivery>,
    /// What to ask for next (`after`), if there may be more.
    next: Option<i64>,
    /// How many wait or are being sent, of all.
    waiting: u64,
    /// How many were given up, of all that are kept.
    dead: u64,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// Only those that are so far.
    state: Option<DeliveryState>,
    /// The `next` of the page before.
    after: Option<i64>,
    /// How many, 500 at most.
    limit: Option<usize>,
}

impl Names for DeliveryQuery {
    const NAMES: &'static [&'static str] = &["state", "after", "limit"];
}

/// Where people can be told
#[utoipa::path(get, path = "/notifications/channels", tag = "notifications",
    responses((status = OK, body = Channels), (status = FORBIDDEN, body = Problem)))]
async fn list_channels(_: Admin, State(api): State<Api>) -> Result<Json<Channels>, Problem> {
    let channels = api.asked(|notifications| Ok(Ok(notifications.channels()?))).await?;
    Ok(Json(Channels { channels }))
}

/// Add a channel
#[utoipa::path(post, path = "/notifications/channels", tag = "notifications", request_body = ChannelRequest,
    responses((status = CREATED, body = ChannelDocument), (status = CONFLICT, body = Problem),
              (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn create_channel(
    Admin(caller): Admin,
    State(api): State<Api>,
    Body(request): Body<ChannelRequest>,
) -> Result<(StatusCode, Json<ChannelDocument>), Problem> {
    let made = api.asked(move |notifications| notifications.put_channel(None, request)).await?;
    api.auth.audit(&caller, "notifications.channel.create", made.name.clone(), String::new()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a channel
///
/// Secrets that are null stay as they are, as long as the server is the same.
#[utoipa::path(put, path = "/notifications/channels/{id}", tag = "notifications", params(("id" = i64, Path)),
    request_body = ChannelRequest,
    responses((status = OK, body = ChannelDocument), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn change_channel(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
    Body(request): Body<ChannelRequest>,
) -> Result<Json<ChannelDocument>, Problem> {
    let changed = api.asked(move |notifications| notifications.put_channel(Some(id), request)).await?;
    api.auth.audit(&caller, "notifications.channel.change", changed.name.clone(), String::new()).await?;
    Ok(Json(changed))
}

/// Delete a channel that no rule uses; what waits for it is given up
#[utoipa::path(delete, path = "/notifications/channels/{id}", tag = "notifications", params(("id" = i64, Path)),
    responses((status = NO_CONTENT, description = "It is gone."), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem)))]
async fn delete_channel(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let now = api.now();
    api.asked(move |notifications| notifications.delete_channel(id, now)).await?;
    api.auth.audit(&caller, "notifications.channel.delete", id.to_string(), String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a test to a channel at once, and say what the other side said
#[utoipa::path(post, path = "/notifications/channels/{id}/test", tag = "notifications", params(("id" = i64, Path)),
    responses((status = OK, body = TestResult), (status = NOT_FOUND, body = Problem)))]
async fn test_channel(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<Json<TestResult>, Problem> {
    let now = api.now();
    let key = format!("test-{id}-{}", api.clock.now().nanos());
    let result = answered(api.tester()?.test(id, key, now).await)?;
    api.auth.audit(&caller, "notifications.channel.test", id.to_string(), String::new()).await?;
    Ok(Json(result))
}

/// What is told where
#[utoipa::path(get, path = "/notifications/rules", tag = "notifications",
    responses((status = OK, body = Rules), (status = FORBIDDEN, body = Problem)))]
async fn list_rules(_: Admin, State(api): State<Api>) -> Result<Json<Rules>, Problem> {
    let rules = api.asked(|notifications| Ok(Ok(notifications.rules()?))).await?;
    Ok(Json(Rules { rules }))
}

/// Add a rule
#[utoipa::path(post, path = "/notifications/rules", tag = "notifications", request_body = Rule,
    responses((status = CREATED, body = RuleDocument), (status = CONFLICT, body = Problem),
              (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn create_rule(
    Admin(caller): Admin,
    State(api): State<Api>,
    Body(rule): Body<Rule>,
) -> Result<(StatusCode, Json<RuleDocument>), Problem> {
    let made = api.asked(move |notifications| notifications.put_rule(None, rule)).await?;
    api.auth.audit(&caller, "notifications.rule.create", made.rule.name.clone(), String::new()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a rule
#[utoipa::path(put, path = "/notifications/rules/{id}", tag = "notifications", params(("id" = i64, Path)),
    request_body = Rule,
    responses((status = OK, body = RuleDocument), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem), (status = UNPROCESSABLE_ENTITY, body = Problem)))]
async fn change_rule(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
    Body(rule): Body<Rule>,
) -> Result<Json<RuleDocument>, Problem> {
    let changed = api.asked(move |notifications| notifications.put_rule(Some(id), rule)).await?;
    api.auth.audit(&caller, "notifications.rule.change", changed.rule.name.clone(), String::new()).await?;
    Ok(Json(changed))
}

/// Delete a rule, with what it holds back
#[utoipa::path(delete, path = "/notifications/rules/{id}", tag = "notifications", params(("id" = i64, Path)),
    responses((status = NO_CONTENT, description = "It is gone."), (status = NOT_FOUND, body = Problem)))]
async fn delete_rule(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    api.asked(move |notifications| notifications.delete_rule(id)).await?;
    api.auth.audit(&caller, "notifications.rule.delete", id.to_string(), String::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What waits, was sent, or was given up
#[utoipa::path(get, path = "/notifications/deliveries", tag = "notifications", params(DeliveryQuery),
    responses((status = OK, body = Deliveries), (status = FORBIDDEN, body = Problem)))]
async fn list_deliveries(
    _: Admin,
    State(api): State<Api>,
    Asked(query): Asked<DeliveryQuery>,
) -> Result<Json<Deliveries>, Problem> {
    let limit = limit(query.limit.unwrap_or(PAGE), MAX_PAGE)?;
    let (deliveries, counts) = api
        .asked(move |notifications| {
            let page = notifications.deliveries(query.state, query.after, limit)?;
            Ok(Ok((page, notifications.counts()?)))
        })
        .await?;
    let next = deliveries.last().filter(|_| deliveries.len() == limit).map(|delivery| delivery.id);
    Ok(Json(Deliveries { deliveries, next, waiting: counts.open, dead: counts.dead }))
}

/// Try a delivery again that was given up, or that waits
#[utoipa::path(post, path = "/notifications/deliveries/{id}/retry", tag = "notifications", params(("id" = i64, Path)),
    responses((status = OK, body = Delivery), (status = NOT_FOUND, body = Problem),
              (status = CONFLICT, body = Problem)))]
async fn retry_delivery(
    Admin(caller): Admin,
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<Json<Delivery>, Problem> {
    let now = api.now();
    let retried = api.asked(move |notifications| notifications.retry(id, now)).await?;
    api.auth.audit(&caller, "notifications.delivery.retry", id.to_string(), String::new()).await?;
    Ok(Json(retried))
}

impl Api {
    fn tester(&self) -> Result<&Tester, Problem> {
        let missing = || Problem::unavailable("notifications could not be started; the log says why");
        self.tester.as_ref().ok_or_else(missing)
    }

    /// Asks on a thread that may block.
    async fn asked<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Notifications) -> Answer<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let notifications = self.tester()?.notifications().clone();
        self.ask(move |_| question(&notifications)).await?.map_err(Problem::from)
    }
}

fn answered<T>(answer: Answer<T>) -> Result<T, Problem> {
    answer?.map_err(Problem::from)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong(detail) => Self::unprocessable(detail),
            Refusal::Conflict(detail) => Self::conflict(detail),
            Refusal::Missing(detail) => Self::not_found(detail),
        }
    }
}
