//! Who asks: looked up for each request of the API, so that whoever is kept out is so at once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::config::{AuthMode, is_this_machine};
use super::cookie::Cookie;
use super::{Auth, cross_site};
use crate::accounts::{Role, SecretId, User};
use crate::http::Peer;
use crate::http::api::caller::{Caller, Via};
use crate::http::api::problem::Problem;

/// Who everybody is where nobody is asked.
const ANYBODY: &str = "anybody";

/// What a session's CSRF token is derived for.
const CSRF: &str = "dsiem csrf token";

/// Requests that are for whoever is not known yet: they need no token of a session that may have ended.
const FOR_ANYBODY: [&str; 2] = ["/session", "/set-up"];

/// The address a request comes from, behind proxies that are trusted. In the extensions of each request of the API.
#[derive(Debug, Clone)]
pub(crate) struct ClientAddress {
    /// As an address.
    pub(crate) ip: IpAddr,
    /// As text, for the audit log.
    pub(crate) text: Arc<str>,
}

/// Puts a [`ClientAddress`] to each request of the API, and a [`Caller`] if it is known who asks. Answers are for him
/// alone.
pub(crate) async fn identify(
    State(auth): State<Auth>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    let ip = auth.0.proxies.client(peer, &head.headers);
    let address = ClientAddress { ip, text: ip.to_string().into() };
    if let Some(caller) = auth.who(&head, peer, &address).await? {
        head.extensions.insert(caller);
    }
    head.extensions.insert(address);
    let mut response = next.run(Request::from_parts(head, body)).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Auth {
    async fn who(&self, head: &Parts, peer: IpAddr, from: &ClientAddress) -> Result<Option<Caller>, Problem> {
        let is_off = matches!(self.mode(), AuthMode::Off);
        if is_off {
            self.check_host(head)?;
        } else if let Some(token) = bearer(head) {
            return self.with_token(token, from).await.map(Some);
        }
        let changes = !cross_site::is_safe(&head.method);
        if changes {
            cross_site::check_origin(&head.headers, self.0.public_origin.as_deref())?;
        }
        let caller = match self.mode() {
            AuthMode::Off => Some(caller(ANYBODY, Role::Admin, from, Via::Open)),
            AuthMode::Header(names) => self
                .named_by_proxy(names, &head.headers, self.0.proxies.has(peer), &from.text)
                .await?
                .map(|user| caller(&user.name, user.role, from, Via::Proxy)),
            AuthMode::On => self.with_session(head, from).await?,
        };
        if let Some(caller) = caller.as_ref().filter(|_| changes && !is_for_anybody(head)) {
            let expected = match &caller.via {
                Via::Session { csrf_token, .. } => Some(&**csrf_token),
                _ => None,
            };
            cross_site::check_token(&head.headers, expected)?;
        }
        Ok(caller)
    }

    async fn with_token(&self, token: &str, from: &ClientAddress) -> Result<Caller, Problem> {
        let (token, now) = (token.to_owned(), self.now());
        let found = self.accounts(move |accounts| accounts.token(&token, now)).await?;
        let used = found.ok_or_else(|| {
            Problem::unauthorized(
                "this token is not known, has expired, or its owner is kept out; make another one",
            )
        })?;
        Ok(caller(&used.user.name, used.role, from, Via::Token))
    }

    async fn with_session(&self, head: &Parts, from: &ClientAddress) -> Result<Option<Caller>, Problem> {
        let shown = Cookie::Session.read(&head.headers, self.is_secure()).and_then(SecretId::parse);
        let Some(id) = shown else { return Ok(None) };
        let (csrf_token, now) = (csrf_token(&id).into(), self.now());
        let found = self.accounts(move |accounts| accounts.session(&id, now)).await?;
        Ok(found.map(|open| {
            let User { name, role, .. } = open.user;
            caller(&name, role, from, Via::Session { digest: open.digest, csrf_token })
        }))
    }

    /// Where nobody is asked who he is, a site that has its own name lead to this machine could have visitors' browsers
    /// ask us. The name that a request was sent to gives it away.
    fn check_host(&self, head: &Parts) -> Result<(), Problem> {
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(url) = host.and_then(|host| reqwest::Url::parse(&format!("http://{host}/")).ok()) else {
            // Browsers always say it.
            return if head.headers.contains_key(header::HOST) { Err(foreign_host()) } else { Ok(()) };
        };
        let public = self.0.config.public_url.as_ref().and_then(|public| public.host_str());
        let is_address =
            url.host_str().is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok());
        if is_address || is_this_machine(&url) || (public.is_some() && url.host_str() == public) {
            Ok(())
        } else {
            Err(foreign_host())
        }
    }
}

/// What requests of a session that change something show.
pub(super) fn csrf_token(session: &SecretId) -> String {
    session.derived(CSRF)
}

fn foreign_host() -> Problem {
    Problem::forbidden(
        "with --auth off, ask by address or as localhost, or give the name that you use with --public-url (DSIEM_PUBLIC_URL)",
    )
}

fn caller(name: &str, role: Role, from: &ClientAddress, via: Via) -> Caller {
    Caller { name: name.into(), role, origin: Arc::clone(&from.text), via }
}

fn bearer(head: &Parts) -> Option<&str> {
    let (scheme, token) = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_for_anybody(head: &Parts) -> bool {
    head.method == Method::POST && FOR_ANYBODY.iter().any(|end| head.uri.path().ends_with(end))
}
