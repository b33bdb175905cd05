//! What a request gets that we do not serve: a status, and JSON that says what to do.
//!
//! The form is the same everywhere: `{"error": "...", "details": [...]}`, `details` only where there are any. Whoever
//! should come again later gets `Retry-After`.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// How much of a sender's own text an error repeats, in bytes.
const MAX_QUOTED: usize = 200;

/// How whoever was not let in has to come.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"dsiem\"");

/// The refusal of one request.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// Seconds.
    retry_after: Option<u32>,
    body: ErrorBody,
}

/// The body of every error.
#[derive(Debug, Serialize)]
struct ErrorBody {
    error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<serde_json::Value>,
}

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, retry_after: None, body: ErrorBody { error: error.into(), details: Vec::new() } }
    }

    /// 400: not what the headers say it is.
    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 401: the token that is needed is missing or wrong.
    pub(crate) fn unauthorized(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error)
    }

    /// 404.
    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// 408: the sender was too slow.
    pub(crate) fn timeout(error: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, error)
    }

    /// 413.
    pub(crate) fn too_large(error: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// 415: a `Content-Encoding` that we cannot undo.
    pub(crate) fn unsupported_encoding(name: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Content-Encoding {:?} is not supported; send gzip, zstd or identity", clipped(name)),
        )
    }

    /// 418: well-formed, and still not what it should be; sending it again does not help.
    pub(crate) fn unusable(error: impl Into<String>) -> Self {
        Self::new(StatusCode::IM_A_TEAPOT, error)
    }

    /// 429: over the rate; nothing was accepted.
    pub(crate) fn too_many(error: impl Into<String>, retry_after_secs: u32) -> Self {
        Self { retry_after: Some(retry_after_secs), ..Self::new(StatusCode::TOO_MANY_REQUESTS, error) }
    }

    /// 503: not now.
    pub(crate) fn unavailable(error: impl Into<String>, retry_after_secs: u32) -> Self {
        Self { retry_after: Some(retry_after_secs), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }

    /// 507: there is no room on the disk.
    pub(crate) fn no_room(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, error)
    }

    /// The same refusal with what is wrong in detail.
    pub(crate) fn with_details<T: Serialize>(mut self, details: impl IntoIterator<Item = T>) -> Self {
        self.body.details.extend(details.into_iter().filter_map(|detail| serde_json::to_value(detail).ok()));
        self
    }

    /// What is wrong, for another form of it.
    pub(crate) fn into_error(self) -> (StatusCode, String) {
        (self.status, self.body.error)
    }

    /// The status that is answered.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(secs) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

/// Answers paths that nothing is served on.
pub(super) async fn unknown_path(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is nothing at {:?}", clipped(uri.path())))
}

/// Answers methods that a path does not know; `Allow` is added by the router. `OPTIONS` just wants to know that.
pub(super) async fn unknown_method(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let (method, path) = (clipped(method.as_str()), clipped(uri.path()));
    let error = format!("{method} is not possible on {path:?}; the Allow header says what is");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
}

/// The beginning of a text of a sender's, fit for an error.
pub(crate) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_QUOTED)]
}
