//! A whole list as a file: CSV for spreadsheets, NDJSON for programs.
//!
//! Pages are read while they are sent, so a list of any length takes the memory of one. Texts come from whoever sends
//! events; a cell that a spreadsheet would take for a formula begins with an apostrophe.

use std::convert::Infallible;
use std::fmt::Display;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Viewer;
use super::documents::AlarmSummary;
use super::problem::Problem;
use super::query::{FilterQuery, Filtered, Names};
use crate::alarm_store::{Cursor, Filter, Order, SortBy};

/// Alarms that are read at once.
const PAGE: usize = 500;

/// The columns of CSV.
const COLUMNS: [&str; 18] = [
    "alarm_id",
    "title",
    "status",
    "tag",
    "assignee",
    "risk",
    "risk_class",
    "kingdom",
    "category",
    "created_time",
    "update_time",
    "src_ips",
    "dst_ips",
    "networks",
    "directive_id",
    "stages",
    "finished_stages",
    "findings",
];

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(export_alarms))
}

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Lines of cells, the first with their names.
    Csv,
    /// A JSON object on each line, as in lists.
    Ndjson,
}

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// What it is made of.
    #[param(inline)]
    format: Format,
}

impl Names for ExportQuery {
    const NAMES: &'static [&'static str] = &["format"];
}

/// A filtered list as a file, the newest alarms first
#[utoipa::path(get, path = "/alarms/export", tag = "alarms", params(FilterQuery, ExportQuery),
    responses((status = OK, content_type = "text/csv", body = String), (status = BAD_REQUEST, body = Problem)))]
async fn export_alarms(
    _: Viewer,
    State(api): State<Api>,
    Filtered { filter, asked: ExportQuery { format } }: Filtered<ExportQuery>,
) -> Response {
    let (media_type, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "alarms.csv"),
        Format::Ndjson => ("application/x-ndjson", "alarms.ndjson"),
    };
    let beginning = match format {
        Format::Csv => line(&COLUMNS),
        Format::Ndjson => Vec::new(),
    };
    let pages =
        stream::try_unfold(Some(None), move |place| next_page(api.clone(), filter.clone(), format, place));
    let beginning = stream::iter([Ok::<_, std::io::Error>(Bytes::from(beginning))]);
    let body = Body::from_stream(futures::StreamExt::chain(beginning, pages));
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, &*disposition)], body).into_response()
}

/// Where the next page begins: `None` after the last one, `Some(None)` before the first.
type Place = Option<Option<Cursor>>;

async fn next_page(
    api: Api,
    filter: Filter,
    format: Format,
    place: Place,
) -> Result<Option<(Bytes, Place)>, std::io::Error> {
    let Some(after) = place else { return Ok(None) };
    let order = Order { by: SortBy::Created, descending: true };
    // An answer that has begun can only be cut off: whoever reads it sees that it is not complete.
    let page = api.ask(move |store| store.page(&filter, order, after.as_ref(), PAGE)).await;
    let page = page.map_err(|problem| std::io::Error::other(format!("{problem:?}")))?;
    let mut text = Vec::new();
    for alarm in page.alarms {
        let alarm = AlarmSummary::from(alarm);
        text.extend(match format {
            Format::Csv => cells(alarm),
            Format::Ndjson => object(&alarm),
        });
    }
    Ok(Some((Bytes::from(text), page.next.map(Some))))
}

fn object(alarm: &AlarmSummary) -> Vec<u8> {
    let mut text = serde_json::to_vec(alarm).unwrap_or_default();
    text.push(b'\n');
    text
}

fn cells(alarm: AlarmSummary) -> Vec<u8> {
    line(&[
        alarm.alarm_id,
        alarm.title,
        alarm.status,
        alarm.tag,
        alarm.assignee,
        alarm.risk.to_string(),
        alarm.risk_class.as_str().to_owned(),
        alarm.kingdom,
        alarm.category,
        time(alarm.created_time),
        time(alarm.update_time),
        joined(&alarm.src_ips),
        joined(&alarm.dst_ips),
        joined(&alarm.networks),
        alarm.directive_id.map_or_else(String::new, |id| id.to_string()),
        alarm.stages.to_string(),
        alarm.finished_stages.to_string(),
        alarm.findings.to_string(),
    ])
}

/// A time as spreadsheets read it.
fn time(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).map_or_else(|_| secs.to_string(), |time| time.to_string())
}

fn joined<T: Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A line of CSV.
fn line<T: AsRef<str>>(cells: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written: Result<_, csv::Error> = writer.write_record(cells.iter().map(|cell| as_text(cell.as_ref())));
    debug_assert!(written.is_ok(), "memory takes it");
    let line: Result<Vec<u8>, Infallible> = Ok(writer.into_inner().unwrap_or_default());
    let Ok(line) = line;
    line
}

/// A cell that no spreadsheet takes for a formula.
fn as_text(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas_and_stay_in_their_cell() {
        let line = line(&["=cmd|' /C calc'!A0", "a,b\n\"c\"", "plain"]);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "\"'=cmd|' /C calc'!A0\",\"a,b\n\"\"c\"\"\",plain\n"
                .replace("\"'=cmd|' /C calc'!A0\"", "'=cmd|' /C calc'!A0")
        );
    }
}
