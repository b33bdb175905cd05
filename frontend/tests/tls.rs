//! HTTPS as a client sees it: whom it trusts, a certificate that changes while it is served, and what is no TLS.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dsiem_frontend::tls::{Tls, TlsFiles};
use dsiem_runtime::{Metrics, Readiness, Shutdown};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client};
use support::{EVENT, Sender};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Nothing here should take long; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// An authority that makes certificates for this machine.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key, as PEM.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A client that trusts this authority only, with a connection of its own for each request.
    fn client(&self) -> Client {
        dsiem_runtime::tls::install();
        let certificate = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let builder = Client::builder().no_proxy().timeout(PATIENCE).pool_max_idle_per_host(0);
        builder.tls_certs_only([certificate]).build().unwrap()
    }
}

/// Writes both files and says where they are.
fn write(folder: &Path, (cert, key): &(String, String)) -> TlsFiles {
    let files = TlsFiles {
        reload_every: Duration::from_millis(10),
        ..TlsFiles::new(&folder.join("cert.pem"), &folder.join("key.pem"))
    };
    std::fs::write(&files.cert, cert).unwrap();
    std::fs::write(&files.key, key).unwrap();
    files
}

struct Running {
    folder: TempDir,
    address: String,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: Shutdown,
    task: JoinHandle<()>,
    /// What must live as long as the frontend does.
    _rest: Box<dyn std::any::Any>,
}

impl Running {
    async fn with(pair: &(String, String)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::load(write(folder.path(), pair)).unwrap();
        let sender = Sender::with(|config| config.doors.tls = Some(tls));
        let metrics = sender.metrics();
        let (home, frontend, subscription, shutdown, readiness) = sender.into_parts();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(frontend.run(listener));
        let rest = Box::new((home, subscription));
        Self { folder, address, metrics, readiness, shutdown, task, _rest: rest }
    }

    /// Posts an event; whether that works, and why not.
    async fn post(&self, client: &Client) -> Result<u16, String> {
        let sent = client.post(format!("https://{}/events", self.address)).body(EVENT).send().await;
        sent.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
    }

    async fn until(&self, what: &str, mut condition: impl AsyncFnMut(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !condition(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
    }

    fn complaint(&self) -> Option<String> {
        self.readiness.report().degraded.remove("tls_certificate")
    }

    async fn stop(self) {
        self.shutdown.begin();
        tokio::time::timeout(PATIENCE, self.task).await.expect("stops in time").unwrap();
    }
}

#[tokio::test]
async fn a_client_trusts_the_authority_and_no_other() {
    let authority = Authority::new();
    let running = Running::with(&authority.issue()).await;
    assert_eq!(running.post(&authority.client()).await, Ok(200));
    let error = running.post(&Authority::new().client()).await.unwrap_err();
    assert!(error.contains("InvalidCertificate"), "{error}");
    assert!(running.readiness.report().met.contains(&"tls_certificate"));
    running
        .until("the failure is counted", async |running| {
            running.metrics.text().contains("dsiem_frontend_tls_handshakes_failed_total 1")
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn whoever_speaks_plain_http_gets_no_answer_and_holds_up_nobody() {
    let authority = Authority::new();
    let running = Running::with(&authority.issue()).await;
    // Says nothing at all, and is still there at the end.
    let silent = TcpStream::connect(&running.address).await.unwrap();
    let mut plain = TcpStream::connect(&running.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, plain.read_to_end(&mut said)).await.unwrap().ok();
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/"), "{said:?}");
    assert_eq!(running.post(&authority.client()).await, Ok(200));
    running.stop().await;
    drop(silent);
}

#[tokio::test]
async fn a_large_body_is_refused_with_an_answer_over_tls_too() {
    let authority = Authority::new();
    let running = Running::with(&authority.issue()).await;
    let sent = authority.client().post(format!("https://{}/events", running.address));
    let answer = sent.body(vec![b' '; 40 << 20]).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    assert!(answer.text().await.unwrap().contains("--max-body"));
    running.stop().await;
}

#[tokio::test]
async fn a_new_pair_is_served_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let running = Running::with(&old.issue()).await;
    let (old_client, new_client) = (old.client(), new.client());
    assert_eq!(running.post(&old_client).await, Ok(200));

    // No two parts of these belong together, so that no moment between two writes has a good pair.
    let broken = [
        (new.issue().0, new.issue().1),
        ("nonsense".to_owned(), new.issue().1),
        (new.issue().0, String::new()),
    ];
    for (cert, key) in broken {
        let before = running.complaint();
        write(running.folder.path(), &(cert, key));
        running
            .until("a complaint", async |running| {
                let now = running.complaint();
                now.is_some() && now != before
            })
            .await;
        assert_eq!(running.post(&old_client).await, Ok(200), "the old pair is still served");
        assert!(running.readiness.report().ready);
    }

    write(running.folder.path(), &new.issue());
    running.until("the new pair", async |running| running.post(&new_client).await == Ok(200)).await;
    assert!(running.post(&old_client).await.is_err());
    running.until("no complaint", async |running| running.complaint().is_none()).await;
    let counted = running.metrics.text();
    assert!(counted.contains("dsiem_frontend_tls_reloads_total 1"), "{counted}");
    running.stop().await;
}

#[tokio::test]
async fn a_connection_survives_a_new_certificate() {
    let (old, new) = (Authority::new(), Authority::new());
    let running = Running::with(&old.issue()).await;
    dsiem_runtime::tls::install();
    let both = [&old, &new].map(|authority| Certificate::from_pem(authority.0.pem().as_bytes()).unwrap());
    let client = Client::builder().no_proxy().timeout(PATIENCE).tls_certs_only(both).build().unwrap();
    assert_eq!(running.post(&client).await, Ok(200));
    write(running.folder.path(), &new.issue());
    running
        .until("the new pair", async |running| {
            running.metrics.text().contains("dsiem_frontend_tls_reloads_total 1")
        })
        .await;
    assert_eq!(running.post(&client).await, Ok(200));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_agree_on_tls_is_not_waited_for() {
    let running = Running::with(&Authority::new().issue()).await;
    let mut silent = TcpStream::connect(&running.address).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0, "closed without a word");
    assert!((10..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    running.stop().await;
}

#[test]
fn files_that_cannot_be_served_stop_the_start_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Authority::new().issue(), Authority::new().issue());
    let error = |pair: &(String, String)| Tls::load(write(folder.path(), pair)).unwrap_err().to_string();
    let (none, garbled) = (String::new(), "-----BEGIN CERTIFICATE-----\n!\n".to_owned());
    for (pair, part) in [
        ((one.0.clone(), other.1.clone()), "cannot be served with the key"),
        ((none.clone(), one.1.clone()), "no certificate"),
        ((garbled, one.1.clone()), "DSIEM_TLS_CERT"),
        ((one.0.clone(), none), "no private key"),
        ((one.0.clone(), one.0.clone()), "DSIEM_TLS_KEY"),
    ] {
        let error = error(&pair);
        assert!(error.contains(part) && error.contains(folder.path().to_str().unwrap()), "{error}");
    }
    let missing = TlsFiles::new(Path::new("/no/such/cert"), &PathBuf::from("/no/such/key"));
    let error = Tls::load(missing).unwrap_err().to_string();
    assert!(error.contains("/no/such/cert (--tls-cert, DSIEM_TLS_CERT)"), "{error}");
}

#[test]
fn a_key_does_not_show_itself() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Authority::new().issue();
    let shown = format!("{:?}", Tls::load(write(folder.path(), &pair)).unwrap());
    assert!(shown.contains("key.pem") && !shown.contains("PRIVATE"), "{shown}");
}
