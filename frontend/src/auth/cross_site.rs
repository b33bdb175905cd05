//! Requests that another site makes a browser send. Nothing that changes something is done for them.
//!
//! A browser says where a request comes from: in `Sec-Fetch-Site`, or at least in `Origin`. Beside that, a session's
//! requests show a token that only pages of ours can know; where a proxy or nobody at all says who asks, they show the
//! same header with anything in it, which another site cannot send without being asked first, and we never agree.

use axum::http::{HeaderMap, Method, header};
use subtle::ConstantTimeEq as _;

use crate::http::api::problem::Problem;

/// The header of the token.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Whether requests of this method change nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses what a browser says comes from another site. `public` is our own origin, where it is known.
pub(crate) fn check_origin(headers: &HeaderMap, public: Option<&str>) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            public == Some(origin)
                || authority.is_some_and(|authority| text(header::HOST.as_str()) == Some(authority))
        }
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Problem::forbidden(
        "another site has sent this request; if it was yours, behind a proxy, give its address with --public-url (DSIEM_PUBLIC_URL)",
    ))
}

/// Refuses a request without the token, or with a wrong one. With `None`, any will do.
pub(crate) fn check_token(headers: &HeaderMap, expected: Option<&str>) -> Result<(), Problem> {
    let shown = headers.get(CSRF_HEADER);
    let is_right = shown.is_some_and(|shown| {
        expected.is_none_or(|expected| shown.as_bytes().ct_eq(expected.as_bytes()).into())
    });
    if is_right {
        return Ok(());
    }
    Err(Problem::forbidden(
        "the header X-CSRF-Token is missing or wrong; send the csrf_token of GET /api/v1/session",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_another_site_sends_is_known_by_what_the_browser_says() {
        let ours = Some("https://siem.example");
        for (pairs, is_ours) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://siem.example")], false),
            (&[("origin", "https://siem.example"), ("host", "fe:8080")], true),
            (&[("origin", "http://fe:8080"), ("host", "fe:8080")], true),
            (&[("origin", "http://fe:8081"), ("host", "fe:8080")], false),
            (&[("origin", "https://evil.example"), ("host", "fe:8080")], false),
            (&[("origin", "null"), ("host", "fe:8080")], false),
        ] {
            assert_eq!(check_origin(&headers(pairs), ours).is_ok(), is_ours, "{pairs:?}");
        }
    }

    #[test]
    fn the_token_is_compared_where_there_is_one_to_compare_with() {
        for (pairs, expected, is_right) in [
            (&[][..], Some("a"), false),
            (&[], None, false),
            (&[("x-csrf-token", "a")], Some("a"), true),
            (&[("x-csrf-token", "b")], Some("a"), false),
            (&[("x-csrf-token", "")], Some("a"), false),
            (&[("x-csrf-token", "1")], None, true),
        ] {
            assert_eq!(check_token(&headers(pairs), expected).is_ok(), is_right, "{pairs:?} {expected:?}");
        }
    }
}
