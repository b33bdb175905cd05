//! An installation that lets nobody in who does not belong: TLS and credentials on both sides of the frontend and on
//! NATS, tokens, and no secret in anything that the programs say.

use std::path::Path;

use dsiem_tests::http::Http;
use dsiem_tests::nats::{EVENTS, NatsServer};
use dsiem_tests::ports;
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{brute_force, directive_file, event};
use dsiem_tests::wait::{DEADLINE, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

const EVENTS_TOKEN: &str = "events-0123456789";
const CONFIG_TOKEN: &str = "config-0123456789";
const PASSWORD: &str = "password-0123456789";

/// Authorities and certificates of an installation, as files, and its secrets.
struct Keys {
    folder: TempDir,
    ca: String,
}

impl Keys {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let keys = Self { folder: tempfile::tempdir().expect("a temporary folder"), ca: authority.pem() };
        keys.write("ca.pem", &keys.ca);
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            keys.write(&format!("{name}.pem"), &certificate.pem());
            keys.write(&format!("{name}.key"), &key.serialize_pem());
        }
        keys.write("events", &format!("{EVENTS_TOKEN}\n"));
        keys.write("config", &format!("{CONFIG_TOKEN}\n"));
        keys.write("password", PASSWORD);
        keys
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).expect("a file of the test's own");
    }

    /// `KEYS` in `text` stands for the folder.
    fn fill(&self, text: &str) -> String {
        text.replace("KEYS", &self.folder.path().display().to_string())
    }

    /// A client that trusts the authority.
    fn client(&self) -> Client {
        dsiem_runtime::tls::install();
        let certificate = Certificate::from_pem(self.ca.as_bytes()).expect("it is one");
        let builder = Client::builder().no_proxy().timeout(DEADLINE).tls_certs_only([certificate]);
        builder.build().expect("a client")
    }
}

/// Starts a program with these words and variables (both separated by blanks).
fn start(binary: Binary, keys: &Keys, words: &str, variables: &str) -> Program {
    let (words, variables) = (keys.fill(words), keys.fill(variables));
    let variables = variables.split_whitespace().map(|variable| {
        let (name, value) = variable.split_once('=').expect("NAME=value");
        (name.to_owned(), value.to_owned())
    });
    Program::start(binary, &format!("{} {words}", binary.name()), words.split_whitespace(), variables)
}

fn configure(home: &Path, name: &str, content: &Value) {
    let folder = home.join("configs");
    std::fs::create_dir_all(&folder).expect("a folder of the test's own");
    std::fs::write(folder.join(name), content.to_string()).expect("a file of the test's own");
}

/// How all programs of it find and trust NATS.
const ON_NATS: &str = "DSIEM_NATS_USER=dsiem DSIEM_NATS_PASSWORD_FILE=KEYS/password DSIEM_NATS_CA=KEYS/ca.pem \
    DSIEM_NATS_CERT=KEYS/client.pem DSIEM_NATS_KEY=KEYS/client.key";

/// Signs in over HTTPS; the id of the session.
async fn sign_in(client: &Client, url: &str) -> String {
    let body = json!({"name": "admin", "password": PASSWORD}).to_string();
    let request =
        client.post(format!("{url}/api/v1/session")).header("content-type", "application/json").body(body);
    let answer = request.send().await.expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie is text");
    let id = cookie.strip_prefix("__Host-dsiem_session=").and_then(|rest| rest.split(';').next());
    id.expect("a cookie for HTTPS").to_owned()
}

#[tokio::test]
async fn an_installation_works_behind_closed_doors_and_gives_nothing_away() {
    let keys = Keys::new();
    let nats_options = keys.fill(
        "--user dsiem --pass password-0123456789 --tlsverify --tlscert KEYS/server.pem --tlskey KEYS/server.key \
         --tlscacert KEYS/ca.pem",
    );
    let nats = NatsServer::start_with(&nats_options).await;
    let (fe_home, be_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]});
    configure(fe_home.path(), "assets_a.json", &assets);
    configure(fe_home.path(), "directives_be-1.json", &directive_file(&[brute_force(1, 2)]));
    let (fe_port, be_port) = (ports::free(), ports::free());
    let url = format!("https://127.0.0.1:{fe_port}");

    let fe = format!(
        "{ON_NATS} DSIEM_MSQ={} DSIEM_HOME={} DSIEM_EVENTS_TOKEN={EVENTS_TOKEN} DSIEM_CONFIG_TOKEN_FILE=KEYS/config \
         DSIEM_TLS_CERT=KEYS/server.pem DSIEM_TLS_KEY=KEYS/server.key DSIEM_ADMIN_PASSWORD_FILE=KEYS/password \
         DSIEM_PUBLIC_URL={url} DSIEM_OIDC_ISSUER=https://127.0.0.1:9 DSIEM_OIDC_CLIENT_ID=dsiem \
         DSIEM_OIDC_CLIENT_SECRET_FILE=KEYS/password",
        nats.url(),
        fe_home.path().display()
    );
    let words = format!("--trace serve -n fe-1 -a 127.0.0.1 -p {fe_port}");
    let mut frontend = start(Binary::Frontend, &keys, &words, &fe);
    frontend.wait_for_log("connected to NATS").await;

    let be = format!(
        "{ON_NATS} DSIEM_MSQ={} DSIEM_HOME={} DSIEM_FRONTEND={url} DSIEM_FRONTEND_CA=KEYS/ca.pem",
        nats.url(),
        be_home.path().display()
    );
    let words = format!("--trace serve -n be-1 --metrics-address 127.0.0.1:{be_port}");
    let without_token = start(Binary::Backend, &keys, &words, &be);
    without_token.wait_for_log("--config-token (DSIEM_CONFIG_TOKEN)").await;
    drop(without_token);
    let mut backend =
        start(Binary::Backend, &keys, &words, &format!("{be} DSIEM_CONFIG_TOKEN={CONFIG_TOKEN}"));
    backend.wait_for_log("backend started").await;
    nats.wait_for_subscriber("be-1", EVENTS).await;

    let client = keys.client();
    let body = event("a", 1, "192.168.0.9").to_string();
    let post = || client.post(format!("{url}/events")).body(body.clone());
    assert_eq!(post().send().await.unwrap().status(), 401);
    assert_eq!(post().bearer_auth(EVENTS_TOKEN).send().await.unwrap().status(), 200);
    let metrics = Http::new(&format!("http://127.0.0.1:{be_port}"));
    metrics.wait_for_metric("dsiem_pairs_opened_total", 1).await;
    let session = sign_in(&client, &url).await;

    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../directives/examples_authentication.json");
    let words = format!("--trace sample-attack --to {url} --examples {}", examples.display());
    let ca = "DSIEM_FRONTEND_CA=KEYS/ca.pem";
    let mut refused = start(Binary::Dsiem, &keys, &words, ca);
    assert_eq!(refused.wait_exit().await, 1);
    refused.wait_for_log("--events-token (DSIEM_EVENTS_TOKEN)").await;
    let mut attack =
        start(Binary::Dsiem, &keys, &words, &format!("{ca} DSIEM_EVENTS_TOKEN_FILE=KEYS/events"));
    assert_eq!(attack.wait_exit().await, 0);

    let shown = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let said = [frontend.log(), backend.log(), attack.log(), shown, metrics.get("/metrics").await.text()];
    for secret in [EVENTS_TOKEN, CONFIG_TOKEN, PASSWORD, "PRIVATE KEY", &session] {
        assert!(said.iter().all(|text| !text.contains(secret)), "{secret} is in a log or in /metrics");
    }
    for program in [&mut backend, &mut frontend] {
        program.sigterm();
        assert_eq!(program.wait_exit().await, 0);
    }
}

#[tokio::test]
async fn one_process_has_the_same_doors() {
    let keys = Keys::new();
    let home = tempfile::tempdir().unwrap();
    let assets = json!({"assets": [{"name": "home", "cidr": "10.0.0.0/8", "value": 5}]});
    configure(home.path(), "assets_a.json", &assets);
    configure(home.path(), "directives_a.json", &directive_file(&[brute_force(1, 2)]));
    let port = ports::free();
    let words = format!(
        "serve -a 127.0.0.1 -p {port} --home {} --events-token-file KEYS/events --config-token {CONFIG_TOKEN} \
         --tls-cert KEYS/server.pem --tls-key KEYS/server.key --max-peer-eps 1",
        home.path().display()
    );
    let mut dsiem = start(Binary::Dsiem, &keys, &words, "");
    let (client, url) = (keys.client(), format!("https://127.0.0.1:{port}"));
    wait_until("dsiem to be ready", || async {
        let answer = client.get(format!("{url}/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let config = || client.get(format!("{url}/config/"));
    assert_eq!(config().send().await.unwrap().status(), 401);
    assert_eq!(config().bearer_auth(CONFIG_TOKEN).send().await.unwrap().status(), 200);
    let events: Vec<_> = (0..100).map(|n| event(&format!("{n}"), 1, "192.168.0.9")).collect();
    let post = || client.post(format!("{url}/events")).body(json!(events).to_string());
    assert_eq!(post().send().await.unwrap().status(), 401);
    assert_eq!(post().bearer_auth(EVENTS_TOKEN).send().await.unwrap().status(), 200);
    let answer = post().bearer_auth(EVENTS_TOKEN).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (429, true));
    dsiem.sigterm();
    assert_eq!(dsiem.wait_exit().await, 0);
}

#[tokio::test]
async fn what_cannot_be_used_stops_the_start_with_one_line() {
    use Binary::{Backend, Frontend};
    let keys = Keys::new();
    let cases: [(Binary, &str, &str); 9] = [
        (Frontend, "--tls-cert KEYS/server.pem", "--tls-key (DSIEM_TLS_KEY)"),
        (Frontend, "--tls-cert KEYS/server.pem --tls-key KEYS/client.key", "cannot be served with the key"),
        (Frontend, "--events-token-file KEYS/missing", "DSIEM_EVENTS_TOKEN_FILE"),
        (Frontend, "--events-token x --events-token-file KEYS/events", "leave one of them away"),
        (Frontend, "--config-token \u{e9}", "letters, digits"),
        (Frontend, "--nats-user me", "DSIEM_NATS_PASSWORD"),
        (Backend, "--frontend-ca KEYS/missing", "DSIEM_FRONTEND_CA"),
        (Backend, "--frontend-ca KEYS/server.key", "no certificate"),
        (Backend, "--nats-cert KEYS/client.pem", "DSIEM_NATS_KEY"),
    ];
    for (binary, words, part) in cases {
        let words = format!("serve -n node {words}");
        let mut program = start(binary, &keys, &words, &keys.fill("DSIEM_HOME=KEYS"));
        assert_eq!(program.wait_exit().await, 1, "{words}");
        program.wait_for_log(part).await;
    }
}
