//! Signing in with an identity provider: a real one, small, over loopback, which signs with a key of its own and checks
//! what it is shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dsiem_frontend::accounts::Role;
use dsiem_frontend::auth::config::OidcConfig;
use openidconnect::IssuerUrl;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::asker::{Asker, Site};
use crate::support::Answer;

const CLIENT: &str = "dsiem";
const SECRET: &str = "s3cret";
const BACK: &str = "http://localhost:8080/api/v1/oidc/callback";

/// What the provider does wrong, or what it says.
#[derive(Clone, Default)]
struct Says {
    /// Claims in place of those that are right.
    claims: Value,
    /// It signs with a key that it does not publish.
    foreign_key: bool,
    /// It does not sign.
    unsigned: bool,
    /// It does not let him in.
    refuses: bool,
}

struct Provider {
    issuer: String,
    says: Mutex<Says>,
    key: Mutex<Key>,
    /// Code to what was asked with it.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
}

struct Key {
    pair: EcdsaKeyPair,
    id: String,
}

impl Key {
    fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, id: id.to_owned() }
    }

    fn public(&self) -> Value {
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y})
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.id});
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            issuer: format!("http://{}/realm", listener.local_addr().unwrap()),
            says: Mutex::default(),
            key: Mutex::new(Key::new("first")),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(describe))
            .route("/realm/keys", get(keys))
            .route("/realm/authorize", get(authorize))
            .route("/realm/token", post(token))
            .with_state(Arc::clone(&provider));
        drop(tokio::spawn(async move { axum::serve(listener, router).await }));
        provider
    }

    fn says(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    fn site(&self, role_claim: Option<&str>, default_role: Option<Role>) -> Site {
        let oidc = OidcConfig {
            issuer: IssuerUrl::new(self.issuer.clone()).unwrap(),
            client_id: CLIENT.into(),
            client_secret: Some(SECRET.into()),
            scopes: vec!["profile".into()],
            role_claim: role_claim.map(str::to_owned),
            default_role,
        };
        Site::empty(|config| {
            config.auth.public_url = Some("http://localhost:8080".parse().unwrap());
            config.auth.oidc = Some(oidc);
        })
    }
}

async fn describe(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let key = provider.key.lock().unwrap().public();
    Json(json!({"keys": [key]}))
}

/// Somebody says at once who he is.
async fn authorize(
    State(provider): State<Arc<Provider>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Redirect {
    assert_eq!(
        (&*asked["client_id"], &*asked["redirect_uri"], &*asked["response_type"]),
        (CLIENT, BACK, "code")
    );
    assert_eq!((&*asked["scope"], &*asked["code_challenge_method"]), ("openid profile", "S256"));
    let state = &asked["state"];
    if provider.says.lock().unwrap().refuses {
        return Redirect::to(&format!("{BACK}?error=access_denied&state={state}"));
    }
    let code = format!("code{}", provider.codes.lock().unwrap().len());
    let back = format!("{BACK}?code={code}&state={state}&session_state=x");
    provider.codes.lock().unwrap().insert(code, asked);
    Redirect::to(&back)
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(asked): Form<HashMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    assert_eq!(headers["authorization"].to_str().unwrap(), basic);
    assert_eq!((&*asked["grant_type"], &*asked["redirect_uri"]), ("authorization_code", BACK));
    // A code is good once.
    let begun = provider.codes.lock().unwrap().remove(&asked["code"]).ok_or(StatusCode::BAD_REQUEST)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&asked["code_verifier"]));
    assert_eq!(begun["code_challenge"], challenge);
    let says = provider.says.lock().unwrap().clone();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": provider.issuer, "sub": "4711", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"],
        "preferred_username": "Ann", "groups": ["staff", "dsiem-analyst"],
    });
    if let Value::Object(others) = says.claims {
        claims.as_object_mut().unwrap().extend(others);
    }
    let id_token = match (says.unsigned, says.foreign_key) {
        (true, _) => format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims)),
        (_, true) => Key::new(&provider.key.lock().unwrap().id).sign(&claims),
        _ => provider.key.lock().unwrap().sign(&claims),
    };
    Ok(Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": id_token})))
}

/// What a browser does: to the provider, and back with what it says.
async fn way_to(browser: &Asker<'_>) -> String {
    let start = browser.get("/oidc/start").await;
    assert_eq!(start.status, 303, "{}", start.body);
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(start.header("location")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    back.strip_prefix("http://localhost:8080/api/v1").unwrap().to_owned()
}

async fn sign_in(browser: &Asker<'_>) -> Answer {
    let back = way_to(browser).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(!browser.cookies().contains_key("dsiem_sign_in"), "it is for one way");
    answer
}

#[tokio::test]
async fn who_the_provider_vouches_for_comes_in_with_his_role() {
    dsiem_runtime::tls::install();
    let provider = Provider::start().await;
    let site = provider.site(Some("groups"), None);
    let options = site.nobody().get("/login-options").await.json();
    assert_eq!(options["oidc"], json!({"label": "127.0.0.1"}));
    let ann = site.nobody();
    let answer = sign_in(&ann).await;
    assert_eq!(answer.header("location"), "/ui/");
    assert_eq!(ann.is().await.as_deref(), Some("ann analyst"));
    ann.check("PUT", "/views/x", json!({"query": ""}), 204, "").await;
    provider.says(|says| says.claims = json!({"groups": ["viewer"], "preferred_username": "another"}));
    let again = site.nobody();
    sign_in(&again).await;
    assert_eq!(again.is().await.as_deref(), Some("ann viewer"), "known by his id");
    assert_eq!(ann.is().await.as_deref(), Some("ann viewer"));
    assert_eq!(site.nobody().sign_in("ann", "x").await.status, 401, "he has no password here");
    provider.says(|says| says.claims = json!({"groups": []}));
    let without = site.nobody();
    assert!(sign_in(&without).await.header("location").contains("no%20role"), "who has lost it there");
    assert_eq!(without.is().await, None);
    let audit = site.audit();
    assert_eq!(audit[..2], ["ann 127.0.0.1 user.create ann", "ann 127.0.0.1 login ann"], "{audit:#?}");
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_asked_for() {
    dsiem_runtime::tls::install();
    let provider = Provider::start().await;
    let site = provider.site(None, Some(Role::Viewer));
    let ann = site.nobody();
    sign_in(&ann).await;
    assert_eq!(ann.is().await.as_deref(), Some("ann viewer"), "the role of those of whom it says none");
    *provider.key.lock().unwrap() = Key::new("second");
    let back = way_to(&ann).await;
    tokio::time::pause();
    ann.wait(60).await;
    tokio::time::resume();
    assert_eq!(ann.get(&back).await.header("location"), "/ui/");
}

#[tokio::test]
async fn what_the_provider_did_not_sign_for_us_and_now_is_refused() {
    dsiem_runtime::tls::install();
    let provider = Provider::start().await;
    let site = provider.site(Some("groups"), None);
    site.make("root", Role::Admin);
    let wrong: [(&str, Says); 9] = [
        ("nonce", Says { claims: json!({"nonce": "another"}), ..Says::default() }),
        ("audience", Says { claims: json!({"aud": "another"}), ..Says::default() }),
        ("issuer", Says { claims: json!({"iss": "http://another"}), ..Says::default() }),
        ("time", Says { claims: json!({"exp": 1_000_000_000}), ..Says::default() }),
        ("key", Says { foreign_key: true, ..Says::default() }),
        ("signature", Says { unsigned: true, ..Says::default() }),
        ("role", Says { claims: json!({"groups": ["staff"]}), ..Says::default() }),
        ("name", Says { claims: json!({"preferred_username": "root", "sub": "4712"}), ..Says::default() }),
        ("will", Says { refuses: true, ..Says::default() }),
    ];
    for (what, says) in wrong {
        provider.says(|now| *now = says);
        let browser = site.nobody();
        let answer = sign_in(&browser).await;
        assert!(
            answer.header("location").starts_with("/ui/#/login?problem="),
            "{what}: {}",
            answer.header("location")
        );
        assert!(!browser.cookies().contains_key("dsiem_session"), "{what}");
        assert_eq!(browser.is().await, None, "{what}");
    }
    assert_eq!(site.accounts.users().unwrap().len(), 1);
    // Whoever comes back again and again fills no log.
    for _ in 0..100 {
        site.nobody().get("/oidc/callback?state=x").await;
    }
    let failed = site.audit().iter().filter(|line| line.contains("login.failed")).count();
    assert!((20..60).contains(&failed), "20, and one each 15 seconds: {failed}");
}

#[tokio::test]
async fn nobody_comes_back_on_the_way_of_another() {
    dsiem_runtime::tls::install();
    let provider = Provider::start().await;
    let site = provider.site(Some("groups"), None);
    let (ann, eve) = (site.nobody(), site.nobody());
    let way = way_to(&eve).await;
    for victim in [&ann, &site.nobody()] {
        // She has somebody follow her own way, so that he works under her name without knowing.
        assert!(victim.get(&way).await.header("location").contains("problem="));
        assert_eq!(victim.is().await, None);
        way_to(victim).await;
    }
    assert!(ann.get(&way).await.header("location").contains("another%20attempt"));
    assert_eq!(eve.get(&way).await.header("location"), "/ui/");
    let (code, _) = way.split_once("&state").unwrap();
    let again = way_to(&eve).await;
    let (_, state) = again.split_once("&state").unwrap();
    let replayed = eve.get(&format!("{code}&state{state}")).await;
    assert!(replayed.header("location").contains("problem="), "a code is good once");
}

#[tokio::test]
async fn without_a_provider_the_page_says_so() {
    let site = Site::new();
    let answer = site.nobody().get("/oidc/start").await;
    assert!(answer.header("location").contains("no%20identity%20provider"), "{}", answer.header("location"));
}
