//! Sending to a webhook: one request, signed where there is a key, to the server that was named and to no other.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};
use sha2::Sha256;

use super::formats;
use super::guard::{self, Guard};
use super::sender::{Failure, Outcome, Parcel, with_causes};
use super::webhook_settings::Webhook;

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 16 << 10;
/// The longest that another side may ask us to wait, in seconds.
const MAX_RETRY_AFTER: i64 = 3_600;
/// How a key of Standard Webhooks begins that is written in base64.
const KEY_PREFIX: &str = "whsec_";

/// A client that follows nobody elsewhere. `ca`: certificates to trust instead of the system's.
///
/// # Errors
/// When the TLS library cannot be set up.
pub(super) fn client(ca: Option<&str>) -> reqwest::Result<Client> {
    dsiem_runtime::tls::install();
    let builder = || {
        Client::builder()
            .user_agent(concat!("dsiem/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .redirect(redirect::Policy::none())
            .dns_resolver(Guard)
    };
    match ca {
        Some(pem) => builder().tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?).build(),
        None => builder().build().or_else(|error| {
            // A small container image without certificates must not keep plain http from working.
            tracing::warn!(%error, "no certificates on this system: webhooks with https will not work, http does");
            builder().tls_certs_only([]).build()
        }),
    }
}

/// Sends one request, once.
pub(super) async fn send(
    shared: &Client,
    settings: &Webhook,
    parcel: &Parcel,
    public_url: Option<&str>,
) -> Outcome {
    let own;
    let client = match &settings.ca {
        None => shared,
        Some(ca) => match client(Some(ca)) {
            Ok(client) => {
                own = client;
                &own
            }
            Err(error) => return Failure::passing(with_causes(&error)).into(),
        },
    };
    let request = match request(settings, parcel, public_url) {
        Ok(request) => request,
        Err(error) => return Failure::passing(error).into(),
    };
    let (url, headers, body) = request;
    // The address is a secret: errors end up in the outbox and in logs.
    match client.post(url).headers(headers).body(body).send().await {
        Ok(response) => judge(response).await,
        Err(error) => Failure::passing(with_causes(&error.without_url())).into(),
    }
}

fn request(
    settings: &Webhook,
    parcel: &Parcel,
    public_url: Option<&str>,
) -> Result<(Url, HeaderMap, String), String> {
    let url: Url = settings.url.0.parse().map_err(|_| "the stored address cannot be read".to_owned())?;
    guard::check_url(&url)?;
    let body = formats::body(settings, &parcel.message, &parcel.key, public_url).to_string();
    let mut headers = HeaderMap::new();
    for header in &settings.headers {
        let name = HeaderName::try_from(&header.name).map_err(|error| error.to_string())?;
        let mut value = HeaderValue::try_from(&header.value.0).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let timestamp = parcel.now.to_string();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let key = HeaderValue::try_from(&parcel.key).map_err(|error| error.to_string())?;
    headers.insert("idempotency-key", key.clone());
    headers.insert("webhook-id", key);
    headers.insert("webhook-timestamp", HeaderValue::from(parcel.now));
    if let Some(key) = &settings.signing_key {
        let signature = signature(&key.0, &format!("{}.{timestamp}.{body}", parcel.key));
        let value = HeaderValue::try_from(signature).map_err(|error| error.to_string())?;
        headers.insert("webhook-signature", value);
    }
    Ok((url, headers, body))
}

/// As Standard Webhooks sign: HMAC with SHA-256, in base64.
fn signature(key: &str, content: &str) -> String {
    let decoded = key.strip_prefix(KEY_PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok());
    let key = decoded.unwrap_or_else(|| key.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(content.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

async fn judge(mut response: Response) -> Outcome {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        answer.extend_from_slice(&chunk[..chunk.len().min(MAX_ANSWER - answer.len())]);
    }
    let said = format!("{status}: {}", String::from_utf8_lossy(&answer));
    if status.is_success() {
        return Outcome::sent(&said);
    }
    let mut failure = match status {
        status if status.is_redirection() => {
            Failure::of_content(format!("{status}: redirects are not followed; give the address it leads to"))
        }
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Failure::of_content(said.clone()),
        // Somebody may put a key or a path in order, and others recover.
        _ => Failure::passing(said.clone()),
    };
    failure.retry_after = retry_after.map(|secs: i64| secs.clamp(0, MAX_RETRY_AFTER));
    Outcome::failed(failure, &said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example of the specification's own reference libraries.
        let content = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert_eq!(
            signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", content),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_ne!(signature("another key", content), signature("a key", content));
    }
}
