//! Signing in with an identity provider: OpenID Connect, authorization code with PKCE.
//!
//! What has to be known again when somebody comes back (state, nonce, the verifier of PKCE) follows from one random id
//! in a cookie of his browser, so nothing is kept here, and any frontend can take him back. Who he is, is what the
//! provider has signed for us, now, for this very attempt.

use std::pin::Pin;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreProviderMetadata,
};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::config::OidcConfig;
use super::cookie::Cookie;
use super::sign_in::SignedIn;
use super::{Auth, AuthMode, ClientAddress};
use crate::accounts::{By, External, Origin, Role, SecretId, UserName};
use crate::http::api::problem::Problem;

/// Where the provider leads people back to.
pub(crate) const CALLBACK: &str = "/api/v1/oidc/callback";

/// How long one answer of the provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;
/// How long it is remembered where the provider's parts are, and its keys.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Keys that are younger than this are not asked for again because of a signature.
const FRESH: Duration = Duration::from_secs(10);

/// The identity provider.
#[derive(Debug, Default)]
pub(super) struct Provider {
    /// What it says about itself. Held while it is asked: one question at a time.
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// What comes back with somebody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Return {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    /// Why the provider did not let him in.
    pub(crate) error: Option<String>,
}

/// What the provider says about somebody.
struct Vouched {
    subject: String,
    name: UserName,
    role: Option<Role>,
}

/// Why the provider could not be asked.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("its answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    #[error(transparent)]
    Answer(#[from] axum::http::Error),
}

impl Auth {
    /// Where a browser is sent to sign in, and the cookie that it comes back with.
    pub(crate) async fn send_to_provider(&self) -> Result<(String, Option<HeaderValue>), Problem> {
        let oidc = self.oidc()?;
        let id = SecretId::random().map_err(crate::accounts::AccountError::from)?;
        let (_, metadata) = self.provider(oidc, None).await?;
        let client =
            CoreClient::from_provider_metadata(metadata, ClientId::new(oidc.client_id.clone()), None)
                .set_redirect_uri(self.redirect_url()?);
        let verifier = PkceCodeVerifier::new(id.derived(VERIFIER));
        let (state, nonce) = (id.derived(STATE), id.derived(NONCE));
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in &oidc.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _, _) = request.url();
        Ok((url.into(), Cookie::SignIn.set(&id.text(), self.is_secure())))
    }

    /// Opens a session for whoever comes back from the provider.
    pub(crate) async fn back_from_provider(
        &self,
        back: Return,
        headers: &HeaderMap,
        from: &ClientAddress,
    ) -> Result<SignedIn, Problem> {
        self.pay(from, "").await?;
        let vouched = self.vouched(back, headers).await;
        if let Err(problem) = &vouched {
            tracing::warn!(reason = %problem, address = %from.text, "signing in with the identity provider failed");
            self.failed_elsewhere(from).await?;
        }
        let Vouched { subject, name, role } = vouched?;
        self.0.attempts.give_back(from.ip, "");
        let default_role = self.oidc()?.default_role;
        let (origin, now) = (from.text.clone(), self.now());
        let user = self.accounts(move |accounts| {
            let external =
                External { origin: Origin::Oidc, subject: Some(&subject), name: &name, role, default_role };
            accounts.external_user(&external, &By { who: name.as_str(), origin: &origin, now })
        });
        self.open(user.await?.name, None, from).await
    }

    /// The cookie of somebody on his way, removed.
    pub(crate) fn forget_sign_in(&self) -> Option<HeaderValue> {
        Cookie::SignIn.remove(self.is_secure())
    }

    async fn vouched(&self, back: Return, headers: &HeaderMap) -> Result<Vouched, Problem> {
        let oidc = self.oidc()?;
        let id = Cookie::SignIn.read(headers, self.is_secure()).and_then(SecretId::parse);
        let id = id.ok_or_else(|| refused("it took too long, or was begun in another browser; try again"))?;
        let state = back.state.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(id.derived(STATE).as_bytes())) {
            return Err(refused("this is the answer to another attempt; try again"));
        }
        if let Some(error) = back.error {
            return Err(refused(&format!("the identity provider says {error:?}")));
        }
        let code = back.code.ok_or_else(|| refused("the identity provider has sent no code"))?;
        let (mut learned, mut metadata) = self.provider(oidc, None).await?;
        let token = self.exchange(oidc, metadata.clone(), code, &id).await?;
        let nonce = Nonce::new(id.derived(NONCE));
        loop {
            match verified(oidc, metadata, &token, &nonce) {
                Ok(claims) => return vouched(oidc, &token, &claims),
                Err(reason) if learned.elapsed() < FRESH => return Err(refused(&reason)),
                // It may have signed with a new key.
                Err(_) => (learned, metadata) = self.provider(oidc, Some(learned)).await?,
            }
        }
    }

    /// What the provider gives for a code.
    async fn exchange(
        &self,
        oidc: &OidcConfig,
        metadata: CoreProviderMetadata,
        code: String,
        id: &SecretId,
    ) -> Result<CoreIdToken, Problem> {
        let secret = oidc.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let client =
            CoreClient::from_provider_metadata(metadata, ClientId::new(oidc.client_id.clone()), secret)
                .set_redirect_uri(self.redirect_url()?);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| refused(&format!("the identity provider gives no tokens: {error}")))?
            .set_pkce_verifier(PkceCodeVerifier::new(id.derived(VERIFIER)));
        let http = http()?;
        let tokens = request.request_async(&http).await;
        let tokens = tokens
            .map_err(|error| refused(&format!("the identity provider does not take its code: {error}")))?;
        tokens
            .id_token()
            .cloned()
            .ok_or_else(|| refused("the identity provider does not say who it is (no ID token)"))
    }

    /// What the provider says about itself, and when it was asked; asked again if that was at `stale`.
    async fn provider(
        &self,
        oidc: &OidcConfig,
        stale: Option<Instant>,
    ) -> Result<(Instant, CoreProviderMetadata), Problem> {
        let mut known = self.0.provider.known.lock().await;
        if let Some((learned, metadata)) = &*known
            && Some(*learned) != stale
            && learned.elapsed() < REMEMBERED
        {
            return Ok((*learned, metadata.clone()));
        }
        let http = http()?;
        let metadata = CoreProviderMetadata::discover_async(oidc.issuer.clone(), &http).await.map_err(|error| {
            let reason = reasons(&error);
            tracing::warn!(issuer = %oidc.issuer.as_str(), reason, "the identity provider does not answer as it should");
            Problem::unavailable(format!("the identity provider does not answer as it should: {reason}"))
        })?;
        let learned = Instant::now();
        *known = Some((learned, metadata.clone()));
        Ok((learned, metadata))
    }

    fn oidc(&self) -> Result<&OidcConfig, Problem> {
        let oidc = self.0.config.oidc.as_ref().filter(|_| matches!(self.mode(), AuthMode::On));
        oidc.ok_or_else(|| Problem::not_found("there is no identity provider here (--oidc-issuer)"))
    }

    fn redirect_url(&self) -> Result<RedirectUrl, Problem> {
        let origin = self.0.public_origin.as_deref().unwrap_or_default();
        RedirectUrl::new(format!("{origin}{CALLBACK}"))
            .map_err(|_| Problem::unavailable("--public-url (DSIEM_PUBLIC_URL) cannot be used"))
    }
}

const STATE: &str = "dsiem oidc state";
const NONCE: &str = "dsiem oidc nonce";
const VERIFIER: &str = "dsiem oidc verifier";

fn refused(reason: &str) -> Problem {
    Problem::forbidden(format!("signing in did not work: {reason}"))
}

/// What the provider has signed, if it is for us, for this attempt, and has not expired.
fn verified(
    oidc: &OidcConfig,
    metadata: CoreProviderMetadata,
    token: &CoreIdToken,
    nonce: &Nonce,
) -> Result<CoreIdTokenClaims, String> {
    // With a secret, a token might be signed with that alone; what is asked for is a signature of the provider's own.
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(oidc.client_id.clone()), None);
    let claims = token.claims(&client.id_token_verifier(), nonce);
    claims.cloned().map_err(|error| format!("the ID token is not good: {}", reasons(&error)))
}

fn vouched(oidc: &OidcConfig, token: &CoreIdToken, claims: &CoreIdTokenClaims) -> Result<Vouched, Problem> {
    let subject = claims.subject().as_str();
    let names = [
        claims.preferred_username().map(|name| name.as_str()),
        claims.email().map(|email| email.as_str()),
        Some(subject),
    ];
    let name: Option<UserName> = names.into_iter().flatten().find_map(|name| name.parse().ok());
    let name = name.ok_or_else(|| {
        refused("neither preferred_username nor email nor sub is a name of letters (a to z), digits and . _ - + @")
    })?;
    // Whoever has lost his role there has lost it here.
    let role = match &oidc.role_claim {
        None => None,
        Some(claim) => {
            let said = payload(token).and_then(|claims| role_in(&claims, claim));
            let role = said.or(oidc.default_role);
            Some(role.ok_or_else(|| {
                refused(&format!(
                    "the identity provider gives {name} no role here (viewer, analyst or admin)"
                ))
            })?)
        }
    };
    Ok(Vouched { subject: format!("{} {subject}", oidc.issuer.as_str()), name, role })
}

/// All claims of a token that has been verified.
fn payload(token: &CoreIdToken) -> Option<serde_json::Value> {
    let text = token.to_string();
    let bytes = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The highest role in a claim, which is a word or a list of them; dots lead into objects.
fn role_in(claims: &serde_json::Value, claim: &str) -> Option<Role> {
    let deeper = || claim.split('.').try_fold(claims, |within, name| within.get(name));
    match claims.get(claim).or_else(deeper)? {
        serde_json::Value::String(words) => Role::highest(words.split([',', ' '])),
        serde_json::Value::Array(words) => Role::highest(words.iter().filter_map(|word| word.as_str())),
        _ => None,
    }
}

/// A client that follows nobody elsewhere.
fn http() -> Result<Http, Problem> {
    dsiem_runtime::tls::install();
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build();
    client
        .map(Http)
        .map_err(|error| Problem::unavailable(format!("the identity provider cannot be asked: {error}")))
}

type Fetched = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send>>;

/// How the provider is asked.
struct Http(reqwest::Client);

impl AsyncHttpClient<'_> for Http {
    type Error = FetchError;
    type Future = Fetched;

    fn call(&self, request: HttpRequest) -> Fetched {
        Box::pin(fetch(self.0.clone(), request))
    }
}

async fn fetch(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, FetchError> {
    let request = reqwest::Request::try_from(request.map(reqwest::Body::from))?;
    let mut answer = client.execute(request).await?;
    let mut builder = axum::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        builder = builder.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return Err(FetchError::TooLong);
        }
    }
    Ok(builder.body(body)?)
}

/// An error with all of its reasons.
fn reasons(error: &dyn std::error::Error) -> String {
    let deeper = std::iter::successors(error.source(), |error| error.source());
    deeper.fold(error.to_string(), |all, reason| format!("{all}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_role_is_found_where_providers_put_it() {
        for (claims, claim, role) in [
            (json!({"role": "admin"}), "role", Some(Role::Admin)),
            (json!({"groups": ["staff", "dsiem-analyst"]}), "groups", Some(Role::Analyst)),
            (json!({"realm_access": {"roles": ["viewer", "x"]}}), "realm_access.roles", Some(Role::Viewer)),
            (
                json!({"https://siem.example/roles": ["admin"]}),
                "https://siem.example/roles",
                Some(Role::Admin),
            ),
            (json!({"roles": ["Administrator"]}), "roles", None),
            (json!({"roles": {"admin": true}}), "roles", None),
            (json!({"roles": 1}), "nothing", None),
        ] {
            assert_eq!(role_in(&claims, claim), role, "{claims}");
        }
    }
}
