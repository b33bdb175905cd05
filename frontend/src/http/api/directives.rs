//! The directives that stand in the configuration files: what there is to find alarms with.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use dsiem_core::directive::file;
use dsiem_core::problem::Severity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::problem::Problem;
use super::query::{Asked, Names, limit};
use crate::alarm_store::{AlarmStore, Filter, MAX_PAGE};
use crate::database::DatabaseError;
use crate::library::{Found, Shelf};

/// Directives on a page, unless asked otherwise.
const PAGE: usize = 100;
/// Problems that an answer lists.
const MAX_PROBLEMS: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_directives)).routes(routes!(read_directive))
}

/// Which directives.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct DirectivesQuery {
    /// In its name, kingdom, category or file, or its id; regardless of case.
    text: Option<String>,
    /// Behind the directive with this id; the `next` of the page before.
    after: Option<u64>,
    /// Directives on the page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

impl Default for DirectivesQuery {
    fn default() -> Self {
        Self { text: None, after: None, limit: PAGE }
    }
}

impl Names for DirectivesQuery {
    const NAMES: &'static [&'static str] = &["text", "after", "limit"];
}

/// Some directives, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
struct DirectivePage {
    directives: Vec<DirectiveSummary>,
    /// How many fit what was asked for.
    count: usize,
    /// To be sent as `after` for the next page; null on the last one.
    next: Option<u64>,
    /// How many are disabled, of all; they are not listed.
    disabled: usize,
    /// What is wrong in files of directives, of all; the first 1000.
    problems: Vec<FileProblem>,
}

/// A directive, as a line of a list.
#[derive(Debug, Serialize, ToSchema)]
struct DirectiveSummary {
    id: u64,
    /// The title of its alarms.
    name: String,
    /// The kind of attack.
    kingdom: String,
    /// The kind of attack within the kingdom.
    category: String,
    /// 1 to 5; a factor of the risk.
    priority: u8,
    /// How many stages it has.
    stages: usize,
    /// Whether events may still join stages that are complete.
    all_rules_always_active: bool,
    /// The file that it stands in.
    file: String,
    /// Its alarms that are not closed.
    open_alarms: u64,
    /// Attempts at completing it that are under way, some seconds ago; null where that is not known.
    open_backlogs: Option<u64>,
}

/// A directive, with its rules.
#[derive(Debug, Serialize, ToSchema)]
struct DirectiveDetail {
    #[serde(flatten)]
    summary: DirectiveSummary,
    /// As they stand in files of directives.
    #[schema(value_type = Vec<Object>)]
    rules: Vec<Value>,
    /// What is wrong with its file.
    problems: Vec<FileProblem>,
}

/// What is wrong in one place of one file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileProblem {
    severity: FileSeverity,
    file: String,
    /// Such as `directive 7`; empty for the file as a whole.
    entry: String,
    /// Where it is about one.
    stage: Option<u64>,
    /// Empty for the entry as a whole.
    field: String,
    /// What is wrong, and what would be right.
    message: String,
}

/// How bad a problem is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileSeverity {
    /// Worth knowing; the entry works.
    Warning,
    /// The entry was changed so that it works.
    Repaired,
    /// The entry does not work.
    Error,
}

/// The directives in the configuration files
#[utoipa::path(get, path = "/directives", tag = "directives", params(DirectivesQuery),
    responses((status = OK, body = DirectivePage)))]
async fn list_directives(
    _: Viewer,
    State(api): State<Api>,
    Asked(asked): Asked<DirectivesQuery>,
) -> Result<Json<DirectivePage>, Problem> {
    limit(asked.limit, MAX_PAGE)?;
    let library = api.library.clone();
    let page = api.ask(move |store| {
        let open = open_alarms(store)?;
        Ok(library.shelf().map(|shelf| page(&shelf, &asked, &open)))
    });
    let mut page = page.await?.map_err(|error| unreadable(&error))?;
    let backlogs = api.nodes.open_by_directive();
    for summary in &mut page.directives {
        summary.open_backlogs = backlogs.of(summary.id);
    }
    Ok(Json(page))
}

/// One directive
#[utoipa::path(get, path = "/directives/{id}", tag = "directives", params(("id" = u64, Path)),
    responses((status = OK, body = DirectiveDetail), (status = NOT_FOUND, body = Problem)))]
async fn read_directive(
    _: Viewer,
    State(api): State<Api>,
    Path(id): Path<u64>,
) -> Result<Json<DirectiveDetail>, Problem> {
    let library = api.library.clone();
    let found = api.ask(move |store| {
        let open = open_alarms(store)?;
        Ok(library.shelf().map(|shelf| shelf.get(id).map(|found| detail(&shelf, found, &open))))
    });
    let found = found.await?.map_err(|error| unreadable(&error))?;
    let with_backlogs = |mut detail: DirectiveDetail| {
        detail.summary.open_backlogs = api.nodes.open_by_directive().of(id);
        Json(detail)
    };
    found.map(with_backlogs).ok_or_else(|| {
        Problem::not_found(format!(
            "there is no directive {id} in the configuration files, or it is disabled"
        ))
    })
}

pub(super) fn unreadable(error: &std::io::Error) -> Problem {
    tracing::warn!(%error, "the folder of configuration files cannot be read");
    Problem::unavailable(format!("the folder of configuration files cannot be read: {error}"))
}

/// How many alarms of each directive are not closed.
fn open_alarms(store: &AlarmStore) -> Result<HashMap<u64, u64>, DatabaseError> {
    let all = store.facets(&Filter::default())?;
    let closed = &store.words().closed;
    let status = all.status.into_iter().map(|facet| facet.value).filter(|status| status != closed).collect();
    let open = Filter { status, ..Filter::default() };
    if open.status.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(store.facets(&open)?.directive.into_iter().map(|facet| (facet.value, facet.alarms)).collect())
}

fn page(shelf: &Shelf, asked: &DirectivesQuery, open: &HashMap<u64, u64>) -> DirectivePage {
    let text = asked.text.as_deref().unwrap_or_default().trim().to_lowercase();
    let fitting: Vec<&Found> = shelf.directives.iter().filter(|found| fits(found, &text)).collect();
    let behind = |found: &&&Found| asked.after.is_none_or(|after| found.directive.id > after);
    let mut some: Vec<&Found> = fitting.iter().filter(behind).take(asked.limit + 1).copied().collect();
    let has_more = some.len() > asked.limit;
    some.truncate(asked.limit);
    DirectivePage {
        count: fitting.len(),
        next: if has_more { some.last().map(|found| found.directive.id) } else { None },
        directives: some.into_iter().map(|found| summary(found, open)).collect(),
        disabled: shelf.disabled,
        problems: shelf.problems.iter().take(MAX_PROBLEMS).map(Into::into).collect(),
    }
}

fn fits(found: &Found, text: &str) -> bool {
    let directive = &found.directive;
    text.is_empty()
        || [&*directive.name, &*directive.kingdom, &*directive.category, &*found.file]
            .iter()
            .any(|field| field.to_lowercase().contains(text))
        || directive.id.to_string() == text
}

fn summary(Found { directive, file }: &Found, open: &HashMap<u64, u64>) -> DirectiveSummary {
    DirectiveSummary {
        id: directive.id,
        name: directive.name.to_string(),
        kingdom: directive.kingdom.to_string(),
        category: directive.category.to_string(),
        priority: directive.priority,
        stages: directive.rules.len(),
        all_rules_always_active: directive.all_rules_always_active,
        file: file.to_string(),
        open_alarms: open.get(&directive.id).copied().unwrap_or(0),
        open_backlogs: None,
    }
}

fn detail(shelf: &Shelf, found: &Found, open: &HashMap<u64, u64>) -> DirectiveDetail {
    let rules = match file::to_value(&found.directive).get_mut("rules").map(Value::take) {
        Some(Value::Array(rules)) => rules,
        _ => Vec::new(),
    };
    let problems = shelf.problems.iter().filter(|problem| *problem.file == *found.file);
    DirectiveDetail {
        summary: summary(found, open),
        rules,
        problems: problems.take(MAX_PROBLEMS).map(Into::into).collect(),
    }
}

impl From<&dsiem_core::problem::Problem> for FileProblem {
    fn from(problem: &dsiem_core::problem::Problem) -> Self {
        Self {
            severity: problem.severity.into(),
            file: problem.file.clone(),
            entry: problem.entry.clone(),
            stage: problem.stage,
            field: problem.field.clone(),
            message: problem.message.clone(),
        }
    }
}

impl From<Severity> for FileSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Repaired => Self::Repaired,
            Severity::Error => Self::Error,
        }
    }
}
