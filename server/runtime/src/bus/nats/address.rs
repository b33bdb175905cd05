//! The servers' addresses as a person writes them, with credentials that must not get into a log.

use std::fmt;

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

/// One or several servers of one NATS.
#[derive(Clone)]
pub(super) struct Servers(Vec<ServerAddr>);

/// Says what is wrong with an address before anything is started; fit for a value parser of arguments.
///
/// # Errors
///
/// What is wrong with which address, without its credentials.
pub fn check_url(text: &str) -> Result<String, String> {
    Servers::parse(text).map(|_| text.to_owned())
}

/// The addresses as they may be shown: without credentials.
#[must_use]
pub fn shown_url(text: &str) -> String {
    Servers::parse(text).map_or_else(|reason| reason, |servers| servers.to_string())
}

impl Servers {
    /// Reads addresses with commas between them. `host`, `host:port` and `nats://host` are all fine.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|one| parse_one(one.trim())).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn addresses(&self) -> Vec<ServerAddr> {
        self.0.clone()
    }

    /// Adds the credentials of the first address that has some: NATS servers of one cluster share them.
    pub(super) fn with_credentials(&self, options: ConnectOptions) -> ConnectOptions {
        match self.0.iter().find_map(credentials) {
            Some(Credentials::Password { user, password }) => options.user_and_password(user, password),
            Some(Credentials::Token(token)) => options.token(token),
            None => options,
        }
    }
}

fn parse_one(text: &str) -> Result<ServerAddr, String> {
    let shown = text.rsplit('@').next().unwrap_or_default();
    let address: ServerAddr = text.parse().map_err(|error| {
        format!("\"{shown}\" is not the address of a NATS server ({error}); write nats://host:4222")
    })?;
    match (address.host().is_empty(), address.is_websocket()) {
        (true, _) => Err(format!("\"{shown}\" has no host; write nats://host:4222")),
        (_, true) => {
            Err(format!("\"{shown}\": NATS over websockets is not supported; write nats://host:4222"))
        }
        _ => Ok(address),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    Password { user: String, password: String },
    Token(String),
}

fn credentials(address: &ServerAddr) -> Option<Credentials> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = plain(address.username()?);
    Some(match address.password() {
        Some(password) => Credentials::Password { user, password: plain(password) },
        None => Credentials::Token(user),
    })
}

impl fmt::Display for Servers {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let host = address.host();
            let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
            write!(f, "{comma}{}://{open}{host}{close}:{}", address.scheme(), address.port())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_credentials() {
        let shown = |text: &str| Servers::parse(text).unwrap().to_string();
        assert_eq!(shown("nats://dsiem-nats:4222"), "nats://dsiem-nats:4222");
        assert_eq!(shown("nats://me:secret@a:1, tls://token@b ,c"), "nats://a:1,tls://b:4222,nats://c:4222");
        assert_eq!(shown("nats://[::1]:4222"), "nats://[::1]:4222");
    }

    #[test]
    fn credentials_are_those_of_the_first_address_that_has_some() {
        let found = |text: &str| Servers::parse(text).unwrap().0.iter().find_map(credentials);
        let password = Credentials::Password { user: "me".to_owned(), password: "p@ss".to_owned() };
        assert_eq!(found("nats://a:1,nats://me:p%40ss@b:1"), Some(password));
        assert_eq!(found("nats://t0ken@a"), Some(Credentials::Token("t0ken".to_owned())));
        assert_eq!(found("nats://a"), None);
    }

    #[test]
    fn what_cannot_be_an_address_is_named_without_credentials() {
        for (text, shown) in [
            ("http://host:1", "http://host:1"),
            ("nats://me:secret@host:99999", "host:99999"),
            ("ws://me:secret@host", "host"),
            ("", ""),
            ("nats://a,,nats://b", ""),
        ] {
            let error = check_url(text).unwrap_err();
            assert!(error.starts_with(&format!("\"{shown}\"")), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(check_url("nats://me:x@host").as_deref(), Ok("nats://me:x@host"));
    }
}
