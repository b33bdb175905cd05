//! The cookies that we set and read.
//!
//! Over HTTPS their names begin with `__Host-`: a browser then takes them from nobody else, not even from another
//! server of the same domain.

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session. It never comes with a request that another site makes.
    Session,
    /// Somebody is on his way to an identity provider; it comes back with him.
    SignIn,
}

impl Cookie {
    fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Self::Session, true) => "__Host-dsiem_session",
            (Self::Session, false) => "dsiem_session",
            (Self::SignIn, true) => "__Host-dsiem_sign_in",
            (Self::SignIn, false) => "dsiem_sign_in",
        }
    }

    /// What a request has of it.
    pub(crate) fn read(self, headers: &HeaderMap, is_secure: bool) -> Option<&str> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(name, value)| (name == self.name(is_secure)).then_some(value))
    }

    /// `Set-Cookie` with a value of letters, digits, `-` and `_`.
    pub(crate) fn set(self, value: &str, is_secure: bool) -> Option<HeaderValue> {
        let more = match self {
            Self::Session => "SameSite=Strict",
            Self::SignIn => "SameSite=Lax; Max-Age=600",
        };
        self.header(value, more, is_secure)
    }

    /// `Set-Cookie` that removes it.
    pub(crate) fn remove(self, is_secure: bool) -> Option<HeaderValue> {
        self.header("", "SameSite=Strict; Max-Age=0", is_secure)
    }

    fn header(self, value: &str, more: &str, is_secure: bool) -> Option<HeaderValue> {
        let secure = if is_secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; {more}{secure}", self.name(is_secure));
        HeaderValue::try_from(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_set_for_us_alone_and_read_again() {
        let set = Cookie::Session.set("abc", true).unwrap();
        assert_eq!(set, "__Host-dsiem_session=abc; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(
            Cookie::SignIn.set("x", false).unwrap(),
            "dsiem_sign_in=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"
        );
        assert!(Cookie::Session.remove(false).unwrap().to_str().unwrap().contains("dsiem_session=; "));
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; dsiem_session=plain".parse().unwrap());
        headers.append(header::COOKIE, "__Host-dsiem_session=abc".parse().unwrap());
        assert_eq!(Cookie::Session.read(&headers, true), Some("abc"));
        assert_eq!(Cookie::Session.read(&headers, false), Some("plain"));
        assert_eq!(Cookie::SignIn.read(&headers, false), None);
    }
}
