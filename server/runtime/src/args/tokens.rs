//! The tokens of the HTTP interface, which those who ask for them and those who show them spell alike.

use std::path::PathBuf;

use clap::Args;

use crate::secret::{Name, Secret, SecretError};

const EVENTS_TOKEN: Name = Name { flag: "--events-token", variable: "DSIEM_EVENTS_TOKEN" };
const CONFIG_TOKEN: Name = Name { flag: "--config-token", variable: "DSIEM_CONFIG_TOKEN" };

/// The token of `POST /events`.
#[derive(Args, Clone, Debug, Default)]
pub struct EventsTokenArgs {
    /// Token that senders of events show, as `Authorization: Bearer TOKEN` [default: none needed]
    #[arg(long, env = "DSIEM_EVENTS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub events_token: Option<Secret>,

    /// File with that token
    #[arg(long, env = "DSIEM_EVENTS_TOKEN_FILE", value_name = "FILE")]
    pub events_token_file: Option<PathBuf>,
}

/// The token of `/config`.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigTokenArgs {
    /// Token for reading and writing /config; frontends ask for it, backends show it [default: none needed]
    #[arg(long, env = "DSIEM_CONFIG_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub config_token: Option<Secret>,

    /// File with that token
    #[arg(long, env = "DSIEM_CONFIG_TOKEN_FILE", value_name = "FILE")]
    pub config_token_file: Option<PathBuf>,
}

impl EventsTokenArgs {
    /// The token, if there is one.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn token(&self) -> Result<Option<Secret>, SecretError> {
        EVENTS_TOKEN.token(self.events_token.as_ref(), self.events_token_file.as_deref())
    }
}

impl ConfigTokenArgs {
    /// The token, if there is one.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn token(&self) -> Result<Option<Secret>, SecretError> {
        CONFIG_TOKEN.token(self.config_token.as_ref(), self.config_token_file.as_deref())
    }
}
