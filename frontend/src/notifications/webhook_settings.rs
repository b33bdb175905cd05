//! What a webhook is: as somebody writes it, as it is kept, as it is shown.
//!
//! Its address is a secret too: with Slack and Teams, whoever knows it may write.

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::channel::{Hidden, MAX_SECRET, check_ca, secret};
use super::guard;
use super::template;

/// Bytes of an address.
const MAX_URL: usize = 2_048;
/// Headers of a webhook.
const MAX_HEADERS: usize = 20;
/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Headers that are ours, or the connection's.
const OUR_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// A webhook, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Webhook {
    pub(super) url: Hidden,
    pub(super) format: Format,
    pub(super) template: Option<Value>,
    pub(super) headers: Vec<Header>,
    pub(super) signing_key: Option<Hidden>,
    pub(super) routing_key: Option<Hidden>,
    pub(super) ca: Option<String>,
}

/// A header of a webhook, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: Hidden,
}

/// What a webhook is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookFormat)]
pub enum Format {
    /// A document of our own, or one made from `template`.
    Json,
    /// A message for an incoming webhook of Slack, and of others that take these.
    Slack,
    /// A card for a workflow of Microsoft Teams.
    Teams,
    /// An event for PagerDuty's Events API version 2.
    #[serde(rename = "pagerduty")]
    PagerDuty,
}

/// A webhook, as somebody writes it. Of secrets, what is null stays as it is, and an empty text takes one away.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// Its address, `https://` or `http://`. It is a secret. For PagerDuty, its own where none is given.
    #[serde(default)]
    pub url: Option<String>,
    /// What it is sent.
    pub format: Format,
    /// For `json`: the document, in whose texts `{{field}}` stands for a field.
    #[serde(default)]
    pub template: Option<Value>,
    /// Headers beside our own. Their values are secrets.
    #[serde(default)]
    pub headers: Vec<HeaderRequest>,
    /// A key that requests are signed with (Standard Webhooks). A secret.
    #[serde(default)]
    pub signing_key: Option<String>,
    /// For PagerDuty: the integration key of the service. A secret.
    #[serde(default)]
    pub routing_key: Option<String>,
    /// Certificates (PEM) that its own must come from, instead of those that the system trusts.
    #[serde(default)]
    pub ca: Option<String>,
}

/// A header, as somebody writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderRequest {
    /// Such as `Authorization`.
    pub name: String,
    /// Such as `Bearer ...`; null leaves what it has.
    #[serde(default)]
    pub value: Option<String>,
}

/// A webhook, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WebhookDocument {
    /// The server; the rest of the address is a secret.
    pub server: String,
    /// What it is sent.
    pub format: Format,
    /// For `json`: the document.
    pub template: Option<Value>,
    /// The names of its headers.
    pub headers: Vec<String>,
    /// Whether requests are signed.
    pub signing_key_is_set: bool,
    /// Whether the integration key of PagerDuty is there.
    pub routing_key_is_set: bool,
    /// Certificates that its own must come from.
    pub ca: Option<String>,
}

impl WebhookRequest {
    /// What is kept of it.
    pub(super) fn settings(self, stored: Option<&Webhook>) -> Result<Webhook, String> {
        let url = self.url(stored)?;
        let is_same_place = stored.is_none_or(|stored| server_of(&stored.url.0) == server_of(&url));
        let old = |of: fn(&Webhook) -> &Option<Hidden>| stored.and_then(|stored| of(stored).as_ref());
        let signing_key =
            secret("signing_key", self.signing_key, old(|webhook| &webhook.signing_key), is_same_place)?;
        let routing_key =
            secret("routing_key", self.routing_key, old(|webhook| &webhook.routing_key), is_same_place)?;
        if self.headers.len() > MAX_HEADERS {
            return Err(format!("a webhook has at most {MAX_HEADERS} headers"));
        }
        let headers = self.headers.into_iter().map(|header| header.settings(stored, is_same_place));
        let headers = headers.collect::<Result<_, _>>()?;
        if self.format == Format::PagerDuty && routing_key.is_none() {
            return Err("routing_key is missing: give the integration key of the service".to_owned());
        }
        match &self.template {
            Some(_) if self.format != Format::Json => {
                return Err("template is for the format json; leave it away".to_owned());
            }
            Some(template) => template::check(template)?,
            None => {}
        }
        check_ca(self.ca.as_ref())?;
        let (format, template, ca) = (self.format, self.template, self.ca);
        Ok(Webhook { url: Hidden(url), format, template, headers, signing_key, routing_key, ca })
    }

    fn url(&self, stored: Option<&Webhook>) -> Result<String, String> {
        let given = self.url.as_deref().filter(|url| !url.is_empty());
        let url = match (given, stored) {
            (Some(url), _) => url,
            (None, Some(stored)) => &stored.url.0,
            (None, None) if self.format == Format::PagerDuty => PAGERDUTY,
            (None, None) => return Err("url is missing: give the address of the webhook".to_owned()),
        };
        let parsed: Url = url
            .parse()
            .map_err(|error| format!("url is not an address such as https://host/path: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() || url.len() > MAX_URL {
            return Err(format!("url must begin with https:// or http:// and have at most {MAX_URL} bytes"));
        }
        guard::check_url(&parsed)?;
        Ok(parsed.into())
    }
}

impl HeaderRequest {
    fn settings(self, stored: Option<&Webhook>, is_same_place: bool) -> Result<Header, String> {
        let name = HeaderName::try_from(self.name.as_str())
            .map_err(|_| format!("{:?} is not the name of a header", self.name))?;
        if OUR_HEADERS.contains(&name.as_str()) {
            return Err(format!("the header {name} is set by us; leave it away"));
        }
        let what = format!("the value of the header {name}");
        let old = stored.and_then(|stored| stored.headers.iter().find(|header| header.name == name.as_str()));
        let value = secret(&what, self.value, old.map(|header| &header.value), is_same_place)?;
        let value = value.ok_or_else(|| format!("{what} is missing"))?;
        if HeaderValue::try_from(&value.0).is_err() {
            return Err(format!(
                "{what} has characters that a header cannot have, or more than {MAX_SECRET}"
            ));
        }
        Ok(Header { name: name.as_str().to_owned(), value })
    }
}

impl Webhook {
    /// What is shown of it.
    pub(super) fn document(&self) -> WebhookDocument {
        WebhookDocument {
            server: server_of(&self.url.0),
            format: self.format,
            template: self.template.clone(),
            headers: self.headers.iter().map(|header| header.name.clone()).collect(),
            signing_key_is_set: self.signing_key.is_some(),
            routing_key_is_set: self.routing_key.is_some(),
            ca: self.ca.clone(),
        }
    }
}

/// The part of an address that is no secret.
fn server_of(url: &str) -> String {
    url.parse::<Url>().map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}
