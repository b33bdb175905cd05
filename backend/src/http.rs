//! HTTP as look-ups and the configuration need it: one client, and answers that cannot grow without limit.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, StatusCode, Url};

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// An answer that was read to its end.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// The client for all requests of the process; it keeps connections open and knows the system's certificates.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn client() -> anyhow::Result<Client> {
    dsiem_runtime::tls::install();
    let builder = || {
        Client::builder()
            .user_agent(concat!("dsiem/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
    };
    builder().build().or_else(|error| {
        // A small container image without certificates must not keep plain http from working.
        tracing::warn!(error = %anyhow::Error::new(error), "no certificates on this system: https will not work, http does");
        builder().tls_certs_only([]).build().context("cannot set up the HTTP client")
    })
}

/// Fetches `url`, within `time_limit` to the last byte, and at most `max_bytes`.
///
/// # Errors
/// No connection, a broken answer, one that takes too long or is too large; never for a status.
pub(crate) async fn get(
    client: &Client,
    url: Url,
    time_limit: Duration,
    max_bytes: usize,
) -> anyhow::Result<Response> {
    tokio::time::timeout(time_limit, read(client, url, max_bytes))
        .await
        .with_context(|| format!("no complete answer within {} s", time_limit.as_secs_f32()))?
}

async fn read(client: &Client, url: Url, max_bytes: usize) -> anyhow::Result<Response> {
    // URLs may hold a password; errors end up in logs.
    let mut response = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        anyhow::ensure!(body.len() + chunk.len() <= max_bytes, "the answer is larger than {max_bytes} bytes");
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status: response.status(), body })
}
