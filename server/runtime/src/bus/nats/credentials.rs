//! Who we are on NATS, and whom we trust there.
//!
//! Everything is checked when the process starts, so that a wrong file is an error then, and not a connection that is
//! tried for ever. Certificates are read again with each connection: new ones count from the next one on.

use std::fmt;
use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::address::Servers;
use crate::secret::{Secret, SecretError};

/// What a process shows to NATS, and what NATS has to show.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    identity: Identity,
    ca: Option<PathBuf>,
    client: Option<ClientCertificate>,
}

/// How a process says who it is.
#[derive(Clone, Default)]
pub enum Identity {
    /// As the address says, or not at all.
    #[default]
    OfTheAddress,
    /// User and password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// The seed of an NKey.
    NKey(Secret),
    /// The content of a credentials file.
    Creds(Secret),
}

/// A certificate to show, as PEM files.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate, and those it comes from.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A user without a password, or the other way round.
    #[error("give both --nats-user (DSIEM_NATS_USER) and --nats-password (DSIEM_NATS_PASSWORD), or neither")]
    HalfAUser,
    /// A certificate without a key, or the other way round.
    #[error("give both --nats-cert (DSIEM_NATS_CERT) and --nats-key (DSIEM_NATS_KEY), or neither")]
    HalfACertificate,
    /// More than one identity.
    #[error(
        "there are several of --nats-user, --nats-token, --nats-nkey-file and --nats-creds-file; give only one of them"
    )]
    SeveralIdentities,
    /// No seed.
    #[error(
        "--nats-nkey-file (DSIEM_NATS_NKEY_FILE) holds no seed of a user; it is one line that begins with SU"
    )]
    NotASeed,
    /// No credentials file.
    #[error("--nats-creds-file (DSIEM_NATS_CREDS_FILE) is not a credentials file with a JWT and a seed: {0}")]
    NotCreds(std::io::Error),
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
}

impl Credentials {
    /// Checks everything that can be checked without NATS.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(
        identity: Identity,
        ca: Option<PathBuf>,
        client: Option<ClientCertificate>,
    ) -> Result<Self, CredentialsError> {
        match &identity {
            Identity::NKey(seed) => check_seed(seed)?,
            Identity::Creds(content) => {
                let read = ConnectOptions::new().credentials(content.expose());
                drop(read.map_err(CredentialsError::NotCreds)?);
            }
            Identity::OfTheAddress | Identity::Password { .. } | Identity::Token(_) => {}
        }
        if let Some(ca) = &ca {
            check_certificates(ca, "--nats-ca, DSIEM_NATS_CA")?;
        }
        if let Some(ClientCertificate { cert, key }) = &client {
            check_certificates(cert, "--nats-cert, DSIEM_NATS_CERT")?;
            check_key(key)?;
        }
        Ok(Self { identity, ca, client })
    }

    /// Adds them to what the connection is made with.
    pub(super) fn add_to(
        &self,
        options: ConnectOptions,
        servers: &Servers,
    ) -> Result<ConnectOptions, CredentialsError> {
        let mut options = match &self.identity {
            Identity::OfTheAddress => servers.with_credentials(options),
            Identity::Password { user, password } => {
                options.user_and_password(user.clone(), password.expose().to_owned())
            }
            Identity::Token(token) => options.token(token.expose().to_owned()),
            Identity::NKey(seed) => options.nkey(seed.expose().to_owned()),
            Identity::Creds(content) => {
                options.credentials(content.expose()).map_err(CredentialsError::NotCreds)?
            }
        };
        if let Some(ca) = &self.ca {
            options = options.add_root_certificates(ca.clone());
        }
        if let Some(ClientCertificate { cert, key }) = &self.client {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        // Whoever names certificates does not want to be talked out of them by somebody in between.
        let tls = self.ca.is_some() || self.client.is_some();
        Ok(if tls { options.require_tls(true) } else { options })
    }
}

fn check_seed(seed: &Secret) -> Result<(), CredentialsError> {
    let pair = nkeys::KeyPair::from_seed(seed.expose()).map_err(|_| CredentialsError::NotASeed)?;
    if pair.public_key().starts_with('U') { Ok(()) } else { Err(CredentialsError::NotASeed) }
}

fn check_certificates(path: &Path, origin: &'static str) -> Result<(), CredentialsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let reason = match all {
        Ok(all) if all.is_empty() => "the file has no part that begins with BEGIN CERTIFICATE".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(CredentialsError::Pem { what: "certificate", path: path.to_owned(), origin, reason })
}

fn check_key(path: &Path) -> Result<(), CredentialsError> {
    PrivateKeyDer::from_pem_file(path).map(drop).map_err(|error| CredentialsError::Pem {
        what: "private key",
        path: path.to_owned(),
        origin: "--nats-key, DSIEM_NATS_KEY",
        reason: error.to_string(),
    })
}

impl fmt::Debug for Identity {
    /// Its kind only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfTheAddress => "as the address says",
            Self::Password { .. } => "user and password",
            Self::Token(_) => "token",
            Self::NKey(_) => "NKey",
            Self::Creds(_) => "credentials file",
        })
    }
}
