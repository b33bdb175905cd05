//! Who may connect to a real nats-server, with each kind of credentials, and what is refused.
//!
//! That somebody was refused is seen in the server's own log: only then does "not connected" mean anything.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps says where it failed; clippy knows only test functions"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dsiem_runtime::bus::nats::{ClientCertificate, Credentials, Identity};
use dsiem_runtime::bus::{Nats, NatsConfig};
use dsiem_runtime::{Clock, Metrics, Shutdown};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{Node, Server, until};

#[expect(dead_code, reason = "these tests use a part of it")]
mod support;

/// A server, its log, and a folder for files.
struct Door {
    server: Server,
    folder: TempDir,
}

impl Door {
    /// A server with these options; `{}` in them stands for the folder of `files`.
    fn with(folder: TempDir, options: &str) -> Self {
        let path = folder.path().display().to_string();
        let options: String = options.replace("{}", &path) + &format!(" -l {path}/log");
        // The options live as long as the test does.
        let options: Vec<&'static str> = String::leak(options).split_whitespace().collect();
        Self { server: Server::with_options(&options), folder }
    }

    fn connecting(&self, credentials: Credentials) -> Node {
        self.connecting_to(self.server.url(), credentials)
    }

    fn connecting_to(&self, url: String, credentials: Credentials) -> Node {
        let (metrics, shutdown) = (Metrics::new(), Shutdown::new());
        let config = NatsConfig { url, node: "fe-0".to_owned(), credentials, ..NatsConfig::default() };
        let nats = Nats::connect(config, Clock::system(), &metrics, &shutdown);
        Node { nats, metrics, shutdown }
    }

    async fn admits(&self, credentials: Credentials) {
        self.connecting(credentials).wait_connected(true).await;
    }

    async fn refuses(&self, credentials: Credentials, complaint: &str) {
        let log = self.folder.path().join("log");
        let before = std::fs::read_to_string(&log).unwrap().matches(complaint).count();
        let node = self.connecting(credentials);
        until(complaint, || std::fs::read_to_string(&log).unwrap().matches(complaint).count() > before).await;
        assert!(!*node.nats.connected().borrow());
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn known_as(identity: Identity) -> Credentials {
    Credentials::new(identity, None, None).unwrap()
}

#[tokio::test]
async fn a_token_opens_and_another_does_not() {
    let door = Door::with(folder(), "--auth t0ken");
    door.admits(known_as(Identity::Token("t0ken".into()))).await;
    door.refuses(known_as(Identity::Token("other".into())), "authentication error").await;
    door.refuses(Credentials::default(), "authentication error").await;
}

#[tokio::test]
async fn user_and_password_win_over_those_of_the_address() {
    let door = Door::with(folder(), "--user me --pass s3cret");
    let right = || Identity::Password { user: "me".to_owned(), password: "s3cret".into() };
    door.admits(known_as(right())).await;
    let address = door.server.url().replace("nats://", "nats://me:wrong@");
    door.connecting_to(address, known_as(right())).wait_connected(true).await;
    let wrong = Identity::Password { user: "me".to_owned(), password: "wrong".into() };
    door.refuses(known_as(wrong), "authentication error").await;
}

#[tokio::test]
async fn an_nkey_opens_and_another_does_not() {
    let (folder, key) = (folder(), KeyPair::new_user());
    let config = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", key.public_key());
    std::fs::write(folder.path().join("server.conf"), config).unwrap();
    let door = Door::with(folder, "-c {}/server.conf");
    let seed = |key: &KeyPair| Identity::NKey(key.seed().unwrap().into());
    door.admits(known_as(seed(&key))).await;
    door.refuses(known_as(seed(&KeyPair::new_user())), "authentication error").await;
    assert!(Credentials::new(seed(&KeyPair::new_account()), None, None).is_err(), "not the seed of a user");
}

/// What `issuer` says about `subject`, signed.
fn jwt(issuer: &KeyPair, subject: &KeyPair, mut nats: Value) -> String {
    nats["version"] = json!(2);
    let claims = json!({"jti": "1", "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(),
                        "name": "test", "nats": nats});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap()))
}

#[tokio::test]
async fn a_credentials_file_opens_and_that_of_another_account_does_not() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
                        "conn": -1, "leaf": -1});
    let config = format!(
        "operator: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}",
        jwt(&operator, &operator, json!({"type": "operator"})),
        account.public_key(),
        jwt(&operator, &account, json!({"type": "account", "limits": limits}))
    );
    let folder = folder();
    std::fs::write(folder.path().join("server.conf"), config).unwrap();
    let door = Door::with(folder, "-c {}/server.conf");
    let creds = |issuer: &KeyPair| {
        let user = KeyPair::new_user();
        let nats = json!({"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
        let (jwt, seed) = (jwt(issuer, &user, nats), user.seed().unwrap());
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        known_as(Identity::Creds(text.into()))
    };
    door.admits(creds(&account)).await;
    door.refuses(creds(&KeyPair::new_account()), "authentication error").await;
}

/// An authority that makes certificates for this machine.
struct Authority(CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }

    /// Writes `<name>.pem` and `<name>.key`.
    fn issue(&self, folder: &Path, name: &str) -> ClientCertificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let files = ClientCertificate {
            cert: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        std::fs::write(&files.cert, params.signed_by(&key, &self.0).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

#[tokio::test]
async fn a_server_is_trusted_for_its_authority_and_no_other() {
    let (folder, authority) = (folder(), Authority::new());
    let ca = authority.write(folder.path(), "ca.pem");
    let other = Authority::new().write(folder.path(), "other.pem");
    authority.issue(folder.path(), "server");
    let door = Door::with(folder, "--tls --tlscert {}/server.pem --tlskey {}/server.key");
    let trusting = |ca| Credentials::new(Identity::OfTheAddress, Some(ca), None).unwrap();
    door.admits(trusting(ca)).await;
    door.refuses(trusting(other), "TLS handshake error").await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let (folder, authority) = (folder(), Authority::new());
    let ca = authority.write(folder.path(), "ca.pem");
    authority.issue(folder.path(), "server");
    let ours = authority.issue(folder.path(), "ours");
    let foreign = Authority::new().issue(folder.path(), "foreign");
    let options = "--tlsverify --tlscert {}/server.pem --tlskey {}/server.key --tlscacert {}/ca.pem";
    let door = Door::with(folder, options);
    let showing = |files| Credentials::new(Identity::OfTheAddress, Some(ca.clone()), files).unwrap();
    door.admits(showing(Some(ours))).await;
    door.refuses(showing(Some(foreign)), "TLS handshake error").await;
    door.refuses(showing(None), "TLS handshake error").await;
}

#[tokio::test]
async fn whoever_names_an_authority_does_not_speak_in_the_clear() {
    let folder = folder();
    let ca = Authority::new().write(folder.path(), "ca.pem");
    let door = Door::with(folder, "");
    door.admits(Credentials::default()).await;
    let trusting = Credentials::new(Identity::OfTheAddress, Some(ca), None).unwrap();
    door.refuses(trusting, "parser ERROR").await;
}
