//! What is asked of those who use the API and the page: what was given as arguments, checked as a whole.

use std::net::SocketAddr;

use axum::http::HeaderName;
use dsiem_runtime::secret::{Secret, SecretError};
use ipnet::IpNet;
use openidconnect::IssuerUrl;
use reqwest::Url;

use crate::accounts::Role;

/// Who may use the API and the page.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// How somebody shows who he is.
    pub mode: AuthMode,
    /// The password of the user `admin`, who is made when there is no user yet.
    pub admin_password: Option<Secret>,
    /// How browsers reach us, where that is not the address that is listened on.
    pub public_url: Option<Url>,
    /// Proxies whose word about the address of a client counts.
    pub trusted_proxies: Vec<IpNet>,
    /// An identity provider to sign in with.
    pub oidc: Option<OidcConfig>,
}

/// How somebody shows who he is. A token does in each of them.
#[derive(Debug, Clone, Default)]
pub enum AuthMode {
    /// He signs in.
    #[default]
    On,
    /// A trusted proxy says it.
    Header(HeaderNames),
    /// Not at all: everybody is an admin.
    Off,
}

/// The headers of a proxy.
#[derive(Debug, Clone)]
pub struct HeaderNames {
    /// The user.
    pub user: HeaderName,
    /// His role, or the groups among which it is.
    pub role: HeaderName,
}

/// An identity provider (OpenID Connect).
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// Where it is, as it names itself.
    pub issuer: IssuerUrl,
    /// What it knows us as.
    pub client_id: String,
    /// What we show it; `None` for a public client.
    pub client_secret: Option<Secret>,
    /// What it is asked to tell us about, beside who it is.
    pub scopes: Vec<String>,
    /// The claim with the role, or the groups among which it is; dots lead into objects.
    pub role_claim: Option<String>,
    /// The role of those of whom it does not say one; `None`: they do not come in.
    pub default_role: Option<Role>,
}

/// Arguments that do not go together.
#[derive(Debug, thiserror::Error)]
pub enum AuthConfigError {
    /// A password or secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Everybody would be an admin.
    #[error(
        "--auth off (DSIEM_AUTH) makes an admin of everybody who reaches {0}, which others can; listen on 127.0.0.1, or give --auth-off-anyway (DSIEM_AUTH_OFF_ANYWAY)"
    )]
    OpenToOthers(SocketAddr),
    /// Nobody could be believed.
    #[error(
        "--auth header (DSIEM_AUTH) needs the networks of the proxies: --trusted-proxies (DSIEM_TRUSTED_PROXIES)"
    )]
    NoProxies,
    /// An argument without another.
    #[error("{0} also needs {1}")]
    Missing(&'static str, &'static str),
    /// The identity provider leads people back to us.
    #[error("{0} is not one that browsers can use: give http:// or https:// and a name, without a path")]
    PublicUrl(Url),
    /// What an identity provider says must not be changed on its way.
    #[error("--oidc-issuer (DSIEM_OIDC_ISSUER) {0} must be https://, except on this machine")]
    OpenIssuer(Url),
}

impl AuthConfig {
    /// The same, checked as a whole for a frontend that listens on `listen`.
    ///
    /// # Errors
    /// If something of it does not go together.
    pub fn checked(self, listen: SocketAddr, off_anyway: bool) -> Result<Self, AuthConfigError> {
        match self.mode {
            AuthMode::Off if !listen.ip().is_loopback() && !off_anyway => {
                return Err(AuthConfigError::OpenToOthers(listen));
            }
            AuthMode::Header(_) if self.trusted_proxies.is_empty() => return Err(AuthConfigError::NoProxies),
            _ => {}
        }
        if let Some(url) = &self.public_url
            && (!matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.path() != "/")
        {
            return Err(AuthConfigError::PublicUrl(url.clone()));
        }
        if let Some(oidc) = &self.oidc {
            if self.public_url.is_none() {
                return Err(AuthConfigError::Missing(
                    "--oidc-issuer (DSIEM_OIDC_ISSUER)",
                    "--public-url (DSIEM_PUBLIC_URL)",
                ));
            }
            if oidc.issuer.url().scheme() != "https" && !is_this_machine(oidc.issuer.url()) {
                return Err(AuthConfigError::OpenIssuer(oidc.issuer.url().clone()));
            }
        }
        Ok(self)
    }
}

/// Whether an address is one of this machine's own.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: AuthConfig, listen: &str, anyway: bool) -> Result<AuthConfig, String> {
        config.checked(listen.parse().unwrap(), anyway).map_err(|error| error.to_string())
    }

    #[test]
    fn nobody_is_let_in_unasked_from_other_machines_by_mistake() {
        let off = || AuthConfig { mode: AuthMode::Off, ..AuthConfig::default() };
        for (listen, anyway, is_fine) in [
            ("127.0.0.1:8080", false, true),
            ("[::1]:8080", false, true),
            ("0.0.0.0:8080", false, false),
            ("10.0.0.1:8080", false, false),
            ("10.0.0.1:8080", true, true),
        ] {
            assert_eq!(check(off(), listen, anyway).is_ok(), is_fine, "{listen}");
        }
        assert!(check(off(), "0.0.0.0:1", false).unwrap_err().contains("0.0.0.0:1"));
        assert!(check(AuthConfig::default(), "0.0.0.0:8080", false).is_ok());
    }

    #[test]
    fn what_belongs_together_is_asked_for() {
        let header = HeaderNames { user: HeaderName::from_static("u"), role: HeaderName::from_static("r") };
        let header = AuthConfig { mode: AuthMode::Header(header), ..AuthConfig::default() };
        assert!(check(header, "0.0.0.0:1", false).unwrap_err().contains("--trusted-proxies"));
        let oidc = |issuer: &str, public: Option<&str>| {
            let oidc = OidcConfig {
                issuer: IssuerUrl::new(issuer.to_owned()).unwrap(),
                client_id: "dsiem".into(),
                client_secret: None,
                scopes: Vec::new(),
                role_claim: None,
                default_role: None,
            };
            let public_url = public.map(|url| url.parse().unwrap());
            let config = AuthConfig { oidc: Some(oidc), public_url, ..AuthConfig::default() };
            check(config, "0.0.0.0:1", false).map(drop)
        };
        assert!(oidc("https://id.example", None).unwrap_err().contains("--public-url"));
        assert!(oidc("http://id.example", Some("https://siem.example")).unwrap_err().contains("https://"));
        assert!(oidc("https://id.example", Some("https://siem.example/dsiem")).unwrap_err().contains("path"));
        assert!(oidc("https://id.example", Some("ftp://siem.example")).is_err());
        assert_eq!(oidc("http://127.0.0.1:5556/dex", Some("http://localhost:8080")), Ok(()));
        assert_eq!(oidc("http://[::1]:5556/dex", Some("http://localhost:8080")), Ok(()));
    }
}
