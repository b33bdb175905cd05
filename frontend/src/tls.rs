//! HTTPS: the certificate, and taking a new one without a restart.
//!
//! The files are read again every few seconds. Their content decides, not their times: secrets that are mounted into
//! containers change by a link that points elsewhere. A pair that cannot be used leaves the old one in place, with an
//! error in the log and a degraded condition; so does a moment in which only one of the two files is new.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dsiem_runtime::metrics::{Counter, Metrics};
use dsiem_runtime::status::Readiness;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;

/// How often the files are read again.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// The name of the condition in `/readyz`.
const CONDITION: &str = "tls_certificate";

/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those it comes from, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// How often both are read again.
    pub reload_every: Duration,
}

/// A certificate that was read and found good. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    pair: Arc<Pair>,
    config: Arc<ServerConfig>,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("cannot read {} ({origin}): {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The flag and the variable that named it.
        origin: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A file without what it should hold.
    #[error("there is no {what} in {} ({origin}): {reason}", .path.display())]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The flag and the variable that named it.
        origin: &'static str,
        /// What was found instead.
        reason: String,
    },
    /// Two files that do not belong together, or a kind of key that is not known.
    #[error("the certificate {} cannot be served with the key {}: {reason}", .cert.display(), .key.display())]
    Unusable {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What rustls says.
        reason: rustls::Error,
    },
}

const CERT_ORIGIN: &str = "--tls-cert, DSIEM_TLS_CERT";
const KEY_ORIGIN: &str = "--tls-key, DSIEM_TLS_KEY";

/// What the two files held.
#[derive(PartialEq, Eq)]
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl TlsFiles {
    /// Files that are read again every [`RELOAD_EVERY`].
    #[must_use]
    pub fn new(cert: &Path, key: &Path) -> Self {
        Self { cert: cert.to_owned(), key: key.to_owned(), reload_every: RELOAD_EVERY }
    }

    fn read(&self) -> Result<Pair, TlsError> {
        let read = |path: &Path, origin| {
            std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), origin, error })
        };
        Ok(Pair { cert: read(&self.cert, CERT_ORIGIN)?, key: read(&self.key, KEY_ORIGIN)? })
    }

    fn config(&self, pair: &Pair) -> Result<Arc<ServerConfig>, TlsError> {
        dsiem_runtime::tls::install();
        let none = |what, path: &Path, origin, reason: pem::Error| {
            let reason = match reason {
                pem::Error::NoItemsFound => format!("the file has no part that begins with BEGIN and {what}"),
                other => other.to_string(),
            };
            TlsError::Pem { what, path: path.to_owned(), origin, reason }
        };
        let certificates = CertificateDer::pem_slice_iter(&pair.cert).collect::<Result<Vec<_>, _>>();
        let certificates = certificates
            .and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) })
            .map_err(|error| none("certificate", &self.cert, CERT_ORIGIN, error))?;
        let key = PrivateKeyDer::from_pem_slice(&pair.key)
            .map_err(|error| none("private key", &self.key, KEY_ORIGIN, error))?;
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).map_err(
                |reason| TlsError::Unusable { cert: self.cert.clone(), key: self.key.clone(), reason },
            )?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// If they cannot be used.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = files.read()?;
        let config = files.config(&pair)?;
        Ok(Self { files, pair: Arc::new(pair), config })
    }

    /// What connections are served with, and what keeps it up to date.
    pub(crate) fn open(self, metrics: &Metrics, readiness: Readiness) -> (Current, Reloader) {
        readiness.set(CONDITION, Ok(()));
        let (sender, current) = watch::channel(self.config);
        let reloads = metrics
            .counter("dsiem_frontend_tls_reloads", "New certificates that are served without a restart.");
        let failures = metrics.counter(
            "dsiem_frontend_tls_handshakes_failed",
            "Connections that ended before TLS was agreed on.",
        );
        let reloader =
            Reloader { files: self.files, seen: self.pair, told: None, sender, readiness, reloads };
        (Current { config: current, failures }, reloader)
    }
}

/// What connections are served with now.
#[derive(Clone)]
pub(crate) struct Current {
    config: watch::Receiver<Arc<ServerConfig>>,
    /// Handshakes that came to nothing.
    pub(crate) failures: Counter,
}

impl Current {
    /// What a new connection is served with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.borrow().clone()
    }
}

/// Reads the files again and again.
pub(crate) struct Reloader {
    files: TlsFiles,
    /// What is served.
    seen: Arc<Pair>,
    /// What was last complained about.
    told: Option<String>,
    sender: watch::Sender<Arc<ServerConfig>>,
    readiness: Readiness,
    reloads: Counter,
}

impl Reloader {
    /// Goes on until it is dropped.
    pub(crate) async fn run(mut self) -> Infallible {
        loop {
            tokio::time::sleep(self.files.reload_every).await;
            let (files, seen) = (self.files.clone(), Arc::clone(&self.seen));
            let looked = tokio::task::spawn_blocking(move || look(&files, &seen)).await;
            match looked {
                Ok(looked) => self.take(looked),
                Err(error) => self.complain(format!("reading it ended with a fault of ours: {error}")),
            }
        }
    }

    fn take(&mut self, looked: Result<Option<(Pair, Arc<ServerConfig>)>, TlsError>) {
        match looked {
            Ok(None) => self.recover(),
            Ok(Some((pair, config))) => {
                self.seen = Arc::new(pair);
                self.sender.send_replace(config);
                self.reloads.inc();
                self.recover();
                tracing::info!(cert = %self.files.cert.display(), "a new certificate is served from now on");
            }
            Err(error) => self.complain(error.to_string()),
        }
    }

    fn complain(&mut self, reason: String) {
        if self.told.as_ref() != Some(&reason) {
            tracing::error!(
                reason,
                "the certificate has changed and cannot be used; the old one is still served"
            );
            self.readiness.degrade(CONDITION, format!("the old certificate is still served: {reason}"));
            self.told = Some(reason);
        }
    }

    fn recover(&mut self) {
        if self.told.take().is_some() {
            self.readiness.set(CONDITION, Ok(()));
            tracing::info!("certificate and key can be used again");
        }
    }
}

/// What the files hold now, where that is something else than what was `seen`.
fn look(files: &TlsFiles, seen: &Pair) -> Result<Option<(Pair, Arc<ServerConfig>)>, TlsError> {
    let pair = files.read()?;
    if pair == *seen {
        return Ok(None);
    }
    let config = files.config(&pair)?;
    Ok(Some((pair, config)))
}

impl fmt::Debug for Tls {
    /// Without what the files hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}
