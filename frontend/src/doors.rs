//! Who may come in: what was asked for, checked as a whole. Without any of it, everybody who reaches the port may.

use std::num::NonZeroU32;

use dsiem_runtime::secret::{Secret, SecretError};

use crate::tls::{Tls, TlsError};

/// What is asked of those who come in over HTTP.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// What senders of events show.
    pub events_token: Option<Secret>,
    /// What whoever reads or writes configuration files shows.
    pub config_token: Option<Secret>,
    /// Events per second from one address.
    pub max_peer_eps: Option<NonZeroU32>,
    /// Open connections of one address.
    pub max_peer_connections: Option<NonZeroU32>,
    /// HTTPS instead of HTTP.
    pub tls: Option<Tls>,
}

/// Arguments that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DoorsError {
    /// A token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A certificate or a key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// One without the other.
    #[error("give both --tls-cert (DSIEM_TLS_CERT) and --tls-key (DSIEM_TLS_KEY), or neither")]
    HalfACertificate,
}
