//! The page that was built into the program, so that one file is the complete product.
//!
//! `make web` builds it into `web/dist`, from where it is taken when this crate is compiled. A program that was compiled
//! without it says so to whoever asks for the page.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// What is shown where the page was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>dsiem</title>\
    <h1>The page was not built</h1>\
    <p>This program was compiled without its page. <code>make build</code> compiles it with the page; \
    or put a built page into <code>web/dist</code> of the home folder.</p></html>";

/// The forms in which files were compressed when the page was built, the smaller one first.
const COMPRESSED: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Answers with the file at `path`, or else with the page itself.
pub(super) fn answer(path: &str, asked: &HeaderMap) -> (Response, bool) {
    let is_file = is_public(path) && Built::get(path).is_some();
    let name = if is_file { path } else { "index.html" };
    let Some(file) = Built::get(name) else {
        return (not_built(), false);
    };
    (send(name, file, asked), is_file)
}

/// Compressed forms are handed out under the name of what they are a form of.
fn is_public(path: &str) -> bool {
    !path.is_empty() && COMPRESSED.iter().all(|(_, ending)| !path.ends_with(ending))
}

fn not_built() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    (StatusCode::NOT_FOUND, [kind], NOT_BUILT).into_response()
}

fn send(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = entity_tag(&file);
    let mut response = if has_it_already(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body(name, file, asked)
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn body(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let kind = file.metadata.mimetype().to_owned();
    let compressed = COMPRESSED
        .into_iter()
        .filter(|(encoding, _)| takes(asked, encoding))
        .find_map(|(encoding, ending)| Some((encoding, Built::get(&format!("{name}{ending}"))?)));
    let (encoding, data) = match compressed {
        Some((encoding, smaller)) => (Some(encoding), smaller.data),
        None => (None, file.data),
    };
    let mut response = Body::from(data.into_owned()).into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether the browser takes this encoding; one that it gives a weight of zero counts as taken only by no browser.
fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    let accepted =
        asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        words.next() == Some(encoding) && !words.any(|weight| weight == "q=0")
    })
}

fn entity_tag(file: &EmbeddedFile) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from("W/\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        // Writing into a text cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn has_it_already(asked: &HeaderMap, tag: &str) -> bool {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|one| one.trim() == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_takes() {
        let mut asked = HeaderMap::new();
        assert!(!takes(&asked, "br"));
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate;q=0.5, br;q=0"));
        assert!(takes(&asked, "gzip") && takes(&asked, "deflate") && !takes(&asked, "br"));
    }

    #[test]
    fn the_page_or_why_there_is_none_is_answered_to_every_path() {
        for path in ["", "no/such/file", "index.html.br"] {
            let (response, is_file) = answer(path, &HeaderMap::new());
            let wanted =
                if Built::get("index.html").is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert!(response.status() == wanted && !is_file, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html", "{path}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let (first, _) = answer("", &HeaderMap::new());
        let Some(tag) = first.headers().get(header::ETAG) else { return };
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]);
        assert_eq!(answer("", &asked).0.status(), StatusCode::NOT_MODIFIED);
    }
}
