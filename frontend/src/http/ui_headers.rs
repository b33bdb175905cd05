//! What a browser is told about everything below `/ui`: what the page may load, who may embed it, what it tells others.
//!
//! The pages of existing installations are served as well. They ask Elasticsearch themselves, wherever it is, and their
//! builders put scripts into the page; they are known by the file that says where Elasticsearch is. For them the
//! policy is as wide as that takes, and no wider.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Only the pages of existing installations have this file below `web/dist`.
pub(super) const EXISTING_PAGE: &str = "assets/config/esconfig.json";

/// Which page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made for this frontend: everything comes from it.
    Ours,
    /// That of an existing installation.
    Existing,
}

/// Styles in the page are what libraries of components write; they can change how it looks, and no more.
const OURS: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; \
    form-action 'self'; frame-ancestors 'self'";

const EXISTING: &str = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline' http: https:; img-src 'self' data: blob:; font-src 'self' data: http: https:; \
    connect-src 'self' http: https:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

/// What does not depend on the page.
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    // For browsers that do not know `frame-ancestors`.
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Adds them.
pub(super) fn add(kind: Kind, headers: &mut HeaderMap) {
    let policy = match kind {
        Kind::Ours => OURS,
        Kind::Existing => EXISTING,
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
}
