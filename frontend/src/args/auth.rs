//! Who may use the API and the page.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderName;
use clap::{ArgAction, Args, ValueEnum};
use dsiem_runtime::args::parse_bool;
use dsiem_runtime::secret::{Name, Secret};
use ipnet::IpNet;
use openidconnect::IssuerUrl;
use reqwest::Url;

use crate::accounts::Role;
use crate::auth::config::{AuthConfig, AuthConfigError, AuthMode, HeaderNames, OidcConfig};

const ADMIN_PASSWORD: Name = Name { flag: "--admin-password", variable: "DSIEM_ADMIN_PASSWORD" };
const CLIENT_SECRET: Name = Name { flag: "--oidc-client-secret", variable: "DSIEM_OIDC_CLIENT_SECRET" };

/// How somebody shows who he is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AuthKind {
    /// He signs in
    #[default]
    On,
    /// A trusted proxy says it in a header
    Header,
    /// Not at all: everybody is an admin
    Off,
}

/// Users, a proxy that vouches for them, or an identity provider.
#[derive(Args, Clone, Debug)]
pub struct AuthArgs {
    /// How users of the page and of /api/v1 show who they are; off makes everybody an admin
    #[arg(long, env = "DSIEM_AUTH", value_enum, default_value = "on")]
    pub auth: AuthKind,

    /// Allow --auth off where other machines reach this one
    #[arg(long, env = "DSIEM_AUTH_OFF_ANYWAY", num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_missing_value = "true", default_value = "false", value_parser = parse_bool, action = ArgAction::Set)]
    pub auth_off_anyway: bool,

    /// Password of the user admin, who is made when there is no user yet [default: a link for the first user is logged]
    #[arg(long, env = "DSIEM_ADMIN_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    pub admin_password: Option<Secret>,

    /// File with that password
    #[arg(long, env = "DSIEM_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,

    /// How browsers reach the page, such as `https://siem.example.com` [default: the address that is listened on]
    #[arg(long, env = "DSIEM_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,

    /// Networks of proxies whose X-Forwarded-For, and with --auth header whose word on users, is believed
    #[arg(long, env = "DSIEM_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Header with the user, for --auth header
    #[arg(long, env = "DSIEM_AUTH_HEADER", value_name = "NAME", default_value = "Remote-User")]
    pub auth_header: HeaderName,

    /// Header with the role, or the groups among which it is
    #[arg(long, env = "DSIEM_AUTH_ROLE_HEADER", value_name = "NAME", default_value = "Remote-Groups")]
    pub auth_role_header: HeaderName,

    /// Identity provider (OpenID Connect) to sign in with, as it names itself
    #[arg(long, env = "DSIEM_OIDC_ISSUER", value_name = "URL", value_parser = issuer)]
    pub oidc_issuer: Option<IssuerUrl>,

    /// What it knows this installation as
    #[arg(long, env = "DSIEM_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// What is shown to it
    #[arg(long, env = "DSIEM_OIDC_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub oidc_client_secret: Option<Secret>,

    /// File with that secret
    #[arg(long, env = "DSIEM_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// What it is asked to tell about a user; some need groups here to name them
    #[arg(
        long,
        env = "DSIEM_OIDC_SCOPES",
        value_name = "SCOPES",
        value_delimiter = ',',
        default_value = "profile,email"
    )]
    pub oidc_scopes: Vec<String>,

    /// Claim with the role, or the groups among which it is; dots lead into objects
    #[arg(long, env = "DSIEM_OIDC_ROLE_CLAIM", value_name = "CLAIM")]
    pub oidc_role_claim: Option<String>,

    /// Role of those for whom it names none: viewer, analyst or admin [default: they do not come in]
    #[arg(long, env = "DSIEM_OIDC_DEFAULT_ROLE", value_name = "ROLE")]
    pub oidc_default_role: Option<Role>,
}

impl AuthArgs {
    /// What they say for a frontend that listens on `listen`, with what the files hold.
    ///
    /// # Errors
    /// If they do not go together, or a file cannot be used.
    pub fn auth(&self, listen: SocketAddr) -> Result<AuthConfig, AuthConfigError> {
        let mode = match self.auth {
            AuthKind::On => AuthMode::On,
            AuthKind::Off => AuthMode::Off,
            AuthKind::Header => AuthMode::Header(HeaderNames {
                user: self.auth_header.clone(),
                role: self.auth_role_header.clone(),
            }),
        };
        let password =
            ADMIN_PASSWORD.secret(self.admin_password.as_ref(), self.admin_password_file.as_deref())?;
        let config = AuthConfig {
            mode,
            admin_password: password,
            public_url: self.public_url.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            oidc: self.oidc()?,
        };
        config.checked(listen, self.auth_off_anyway)
    }

    fn oidc(&self) -> Result<Option<OidcConfig>, AuthConfigError> {
        let secret = CLIENT_SECRET
            .secret(self.oidc_client_secret.as_ref(), self.oidc_client_secret_file.as_deref())?;
        let Some(issuer) = self.oidc_issuer.clone() else { return Ok(None) };
        let client_id = self.oidc_client_id.clone().ok_or(AuthConfigError::Missing(
            "--oidc-issuer (DSIEM_OIDC_ISSUER)",
            "--oidc-client-id (DSIEM_OIDC_CLIENT_ID)",
        ))?;
        Ok(Some(OidcConfig {
            issuer,
            client_id,
            client_secret: secret,
            scopes: self.oidc_scopes.clone(),
            role_claim: self.oidc_role_claim.clone(),
            default_role: self.oidc_default_role,
        }))
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into())).map_err(|_| {
        "give a network such as 10.0.0.0/24, or an address; several with commas between them".to_owned()
    })
}

/// An issuer as it is written: it must be the same to the last slash.
fn issuer(text: &str) -> Result<IssuerUrl, String> {
    IssuerUrl::new(text.to_owned()).map_err(|error| error.to_string())
}
