//! Who may come in over HTTP, and how: all of it is off unless it is asked for.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use dsiem_runtime::args::{ConfigTokenArgs, EventsTokenArgs};

use crate::doors::{Doors, DoorsError};
use crate::tls::{Tls, TlsFiles};

/// Tokens, TLS, and what one peer may send.
#[derive(Args, Clone, Debug, Default)]
pub struct DoorArgs {
    /// The token of `POST /events`.
    #[command(flatten)]
    pub events: EventsTokenArgs,

    /// Certificate (PEM, with those it comes from) to serve HTTPS with, read again when it changes [default: plain HTTP]
    #[arg(long, env = "DSIEM_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, env = "DSIEM_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Events per second that are let in from one address; beyond, it gets 429; 0 for no limit
    #[arg(long, env = "DSIEM_MAX_PEER_EPS", default_value = "0", value_name = "RATE")]
    pub max_peer_eps: u32,

    /// Connections that one address may have open; further ones are closed at once; 0 for no limit
    #[arg(long, env = "DSIEM_MAX_PEER_CONNECTIONS", default_value = "0", value_name = "CONNECTIONS")]
    pub max_peer_connections: u32,
}

impl DoorArgs {
    /// What they say, with what the files hold.
    ///
    /// # Errors
    /// If they do not go together, or a file cannot be used.
    pub fn doors(&self, config: &ConfigTokenArgs) -> Result<Doors, DoorsError> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Some(Tls::load(TlsFiles::new(cert, key))?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(DoorsError::HalfACertificate),
        };
        Ok(Doors {
            events_token: self.events.token()?,
            config_token: config.token()?,
            max_peer_eps: NonZeroU32::new(self.max_peer_eps),
            max_peer_connections: NonZeroU32::new(self.max_peer_connections),
            tls,
        })
    }
}
