//! What a mail channel is: as somebody writes it, as it is kept, as it is shown.

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::channel::{Hidden, check_ca, secret};
use super::guard;

/// People whom one channel writes to.
const MAX_RECIPIENTS: usize = 50;
/// Bytes of a name of a server or a user, and of an address.
const MAX_TEXT: usize = 255;

/// Mail, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mail {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: MailTls,
    pub(super) user: Option<String>,
    pub(super) password: Option<Hidden>,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) ca: Option<String>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// It begins in the clear and must become TLS; usually port 587.
    Starttls,
    /// It is TLS from the beginning; usually port 465.
    Tls,
    /// It stays in the clear; without a password.
    None,
}

/// Mail, as somebody writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailRequest {
    /// The mail server.
    pub host: String,
    /// Its port; 587, 465 or 25 where none is given, as `tls` says.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who we are there.
    #[serde(default)]
    pub user: Option<String>,
    /// A secret: null leaves what it is, an empty text takes it away.
    #[serde(default)]
    pub password: Option<String>,
    /// Whom the mails are from, such as `dsiem <dsiem@example.com>`.
    pub from: String,
    /// Who gets them.
    pub to: Vec<String>,
    /// Certificates (PEM) that the server's own must come from, instead of those that the system trusts.
    #[serde(default)]
    pub ca: Option<String>,
}

/// Mail, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MailDocument {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who we are there.
    pub user: Option<String>,
    /// Whether there is a password.
    pub password_is_set: bool,
    /// Whom the mails are from.
    pub from: String,
    /// Who gets them.
    pub to: Vec<String>,
    /// Certificates that the server's own must come from.
    pub ca: Option<String>,
}

impl MailRequest {
    /// What is kept of it.
    pub(super) fn settings(self, stored: Option<&Mail>) -> Result<Mail, String> {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if self.host.is_empty() || self.host.len() > MAX_TEXT || !self.host.chars().all(is_host) {
            return Err(format!("host {:?} is not the name or address of a server", self.host));
        }
        guard::check_host(&self.host)?;
        mailbox("from", &self.from)?;
        self.to.iter().try_for_each(|to| mailbox("to", to).map(drop))?;
        if !(1..=MAX_RECIPIENTS).contains(&self.to.len()) {
            return Err(format!("to must be 1 to {MAX_RECIPIENTS} addresses"));
        }
        let port = self.port.filter(|port| *port > 0).unwrap_or(self.tls.usual_port());
        let is_same_place = stored
            .is_none_or(|stored| (&stored.host, stored.port, stored.tls) == (&self.host, port, self.tls));
        let password = stored.and_then(|stored| stored.password.as_ref());
        let user = self.user.filter(|user| !user.is_empty());
        let password = match (&user, &self.password) {
            (None, None) => None,
            _ => secret("password", self.password, password, is_same_place)?,
        };
        if user.as_ref().is_some_and(|user| user.len() > MAX_TEXT) {
            return Err(format!("user is longer than {MAX_TEXT} bytes"));
        }
        if user.is_some() != password.is_some() {
            return Err("user and password belong together: give both or none".to_owned());
        }
        if self.tls == MailTls::None && password.is_some() && !guard::is_loopback(&self.host) {
            return Err("tls is none: a password would be sent in the clear; use starttls or tls".to_owned());
        }
        check_ca(self.ca.as_ref())?;
        let (host, tls, from, to, ca) = (self.host, self.tls, self.from, self.to, self.ca);
        Ok(Mail { host, port, tls, user, password, from, to, ca })
    }
}

/// An address that mails can go to.
pub(super) fn mailbox(what: &str, text: &str) -> Result<Mailbox, String> {
    let is_line = text.len() <= MAX_TEXT && !text.contains(char::is_control);
    let mailbox = is_line.then(|| text.parse().ok()).flatten();
    mailbox.ok_or_else(|| format!("{what} {text:?} is not an address such as dsiem <dsiem@example.com>"))
}

impl MailTls {
    fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl Mail {
    /// What is shown of it.
    pub(super) fn document(&self) -> MailDocument {
        MailDocument {
            host: self.host.clone(),
            port: self.port,
            tls: self.tls,
            user: self.user.clone(),
            password_is_set: self.password.is_some(),
            from: self.from.clone(),
            to: self.to.clone(),
            ca: self.ca.clone(),
        }
    }
}
