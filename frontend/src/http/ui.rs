//! `/ui`: the page. One in `web/dist` of the home folder, as existing installations have it, comes before the one that is
//! built into the program.
//!
//! Unknown paths below it give the page, so that links into it work. Files whose name holds a hash of their content may
//! be kept for ever; everything else is asked for each time, which costs an answer without a body.

mod built_in;

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use percent_encoding::percent_decode_str;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::ui_headers::{self, EXISTING_PAGE, Kind};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// How long the hash in a file's name is, in characters: Vite writes `name-DiwrgTda.js`.
const HASH_LENGTH: RangeInclusive<usize> = 8..=32;

/// The page's files.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    folder: Arc<Path>,
}

impl Page {
    /// The page in `folder`, which may not be there (yet).
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into() }
    }

    /// The file that a path below `/ui/` names, if there is one.
    async fn file(&self, path: &str) -> Option<PathBuf> {
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        let relative = Path::new(&*decoded);
        let stays_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.folder.join(relative);
        (stays_inside && is_file(&file).await).then_some(file)
    }
}

pub(super) fn routes(page: Page) -> Router {
    Router::new()
        .route("/ui", get(serve))
        .route("/ui/", get(serve))
        .route("/ui/{*path}", get(serve))
        .route_layer(middleware::from_fn_with_state(page.clone(), add_headers))
        .with_state(page)
}

/// Whatever is answered below `/ui` says what a browser may do with it.
async fn add_headers(State(page): State<Page>, request: Request, next: Next) -> Response {
    let kind = if is_file(&page.folder.join(EXISTING_PAGE)).await { Kind::Existing } else { Kind::Ours };
    let mut response = next.run(request).await;
    ui_headers::add(kind, response.headers_mut());
    response
}

async fn serve(State(page): State<Page>, OriginalUri(uri): OriginalUri, request: Request) -> Response {
    let path = uri.path().strip_prefix("/ui/").unwrap_or_default();
    let index = page.folder.join("index.html");
    if !is_file(&index).await {
        let (response, is_file) = built_in::answer(path, request.headers());
        return kept(response, if is_file { keep(Path::new(path)) } else { ASK_EACH_TIME });
    }
    let file = page.file(path).await.unwrap_or(index);
    let keep = keep(&file);
    kept(send(file, request).await, keep)
}

fn keep(file: &Path) -> HeaderValue {
    if has_hash(file) { FOR_EVER } else { ASK_EACH_TIME }
}

async fn is_file(path: &Path) -> bool {
    tokio::fs::metadata(path).await.is_ok_and(|metadata| metadata.is_file())
}

async fn send(file: PathBuf, request: Request) -> Response {
    let answered: Result<_, Infallible> = ServeFile::new(file).oneshot(request).await;
    answered.map(|response| response.map(Body::new)).into_response()
}

/// Says how long an answer may be kept.
fn kept(mut response: Response, keep: HeaderValue) -> Response {
    if response.status().is_success() || response.status().is_redirection() {
        response.headers_mut().insert(header::CACHE_CONTROL, keep);
    }
    response
}

/// Whether the name holds a hash of the content: a last part after `-` or `.` that no word looks like.
fn has_hash(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let last = stem.rsplit(['-', '.']).next().unwrap_or_default();
    let is_part = last.len() < stem.len();
    let looks_random =
        last.bytes().any(|b| b.is_ascii_digit()) || last.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    let fits = last.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_part && fits && looks_random && HASH_LENGTH.contains(&last.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_told_from_others() {
        for name in ["index-DiwrgTda.js", "a/b-0123456789abcdef.css", "chunk.4f2a9c1e.js", "x-B_9kQz12.woff2"]
        {
            assert!(has_hash(Path::new(name)), "{name}");
        }
        for name in [
            "index.html",
            "esconfig.json",
            "DiwrgTda1.js",
            "logo-complete.png",
            "font-v2.css",
            "a-.js",
            "é-1.js",
        ] {
            assert!(!has_hash(Path::new(name)), "{name}");
        }
    }
}
