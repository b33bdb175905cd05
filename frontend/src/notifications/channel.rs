//! Channels: where something is told. A channel is kept with its secrets, and shown without them.
//!
//! What is not said of a secret when a channel is changed stays, but not for another server: secrets are for the one
//! that they were given for.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mail_settings::{Mail, MailDocument, MailRequest};
use super::rule::check_name;
use super::webhook_settings::{Webhook, WebhookDocument, WebhookRequest};

/// Bytes of a secret.
pub(super) const MAX_SECRET: usize = 8 << 10;
/// Bytes of certificates.
const MAX_CA: usize = 64 << 10;

/// A text that is kept, and shows itself nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// A channel, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Settings {
    Webhook(Webhook),
    Mail(Mail),
}

/// A channel, as somebody writes it: either a webhook or mail.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelRequest {
    /// What people call it; no two have the same.
    pub name: String,
    /// A server that is sent a request.
    #[serde(default)]
    pub webhook: Option<WebhookRequest>,
    /// People who get a mail.
    #[serde(default)]
    pub mail: Option<MailRequest>,
}

/// A channel, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChannelDocument {
    /// Given by us.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// Where it is a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookDocument>,
    /// Where it is mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailDocument>,
}

impl ChannelRequest {
    /// What is kept of it. `stored` is what was kept so far, where it is changed.
    pub(super) fn settings(self, stored: Option<&Settings>) -> Result<(String, Settings), String> {
        check_name(&self.name)?;
        let settings = match (self.webhook, self.mail, stored) {
            (Some(webhook), None, Some(Settings::Webhook(stored))) => {
                Settings::Webhook(webhook.settings(Some(stored))?)
            }
            (Some(webhook), None, _) => Settings::Webhook(webhook.settings(None)?),
            (None, Some(mail), Some(Settings::Mail(stored))) => Settings::Mail(mail.settings(Some(stored))?),
            (None, Some(mail), _) => Settings::Mail(mail.settings(None)?),
            _ => return Err("give either webhook or mail".to_owned()),
        };
        Ok((self.name, settings))
    }
}

impl Settings {
    /// What is shown of it.
    pub(super) fn document(&self, id: i64, name: &str) -> ChannelDocument {
        let (webhook, mail) = match self {
            Self::Webhook(webhook) => (Some(webhook.document()), None),
            Self::Mail(mail) => (None, Some(mail.document())),
        };
        ChannelDocument { id, name: name.to_owned(), webhook, mail }
    }
}

/// What a secret is after a change. `is_same_place`: it goes to the server that the stored one was given for.
pub(super) fn secret(
    what: &str,
    given: Option<String>,
    stored: Option<&Hidden>,
    is_same_place: bool,
) -> Result<Option<Hidden>, String> {
    match (given, stored) {
        (Some(text), _) if text.is_empty() => Ok(None),
        (Some(text), _) if text.len() > MAX_SECRET => {
            Err(format!("{what} is longer than {MAX_SECRET} bytes"))
        }
        (Some(text), _) => Ok(Some(Hidden(text))),
        (None, Some(_)) if !is_same_place => {
            Err(format!("{what} was given for another server: give it again, or an empty text for none"))
        }
        (None, stored) => Ok(stored.cloned()),
    }
}

/// Certificates that can be used.
pub(super) fn check_ca(ca: Option<&String>) -> Result<(), String> {
    let Some(pem) = ca else { return Ok(()) };
    let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
    if certificates.is_empty() || pem.len() > MAX_CA {
        return Err(format!("ca must be certificates in PEM, {MAX_CA} bytes at most"));
    }
    Ok(())
}
