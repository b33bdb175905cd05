//! HTTP as look-ups and the configuration need it: clients, and answers that cannot grow without limit.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use dsiem_runtime::secret::Secret;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, StatusCode, Url, redirect};

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Vec<u8>,
}

/// What one server has to be shown, and has to show.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The bearer token that it asks for.
    pub token: Option<Secret>,
    /// Certificates that its own must come from; without them, those of the system.
    pub ca: Option<PathBuf>,
}

impl Access {
    /// A client for this server and no other.
    ///
    /// # Errors
    /// When a file cannot be used, or the TLS library cannot be set up.
    pub fn client(&self) -> anyhow::Result<Client> {
        if self.token.is_none() && self.ca.is_none() {
            return client();
        }
        dsiem_runtime::tls::install();
        let mut builder = builder();
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .ok()
                .context("the token has characters that a header cannot carry")?;
            value.set_sensitive(true);
            // The token is for the server that was named, not for whoever that one names.
            builder = builder
                .default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]))
                .redirect(redirect::Policy::none());
        }
        if let Some(ca) = &self.ca {
            let origin = format!("{} (--frontend-ca, DSIEM_FRONTEND_CA)", ca.display());
            let pem = std::fs::read(ca).with_context(|| format!("cannot read {origin}"))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{origin} is not a file of certificates"))?;
            anyhow::ensure!(!certificates.is_empty(), "there is no certificate in {origin}");
            builder = builder.tls_certs_only(certificates);
        }
        builder.build().context("cannot set up the HTTP client")
    }
}

fn builder() -> ClientBuilder {
    Client::builder().user_agent(concat!("dsiem/", env!("CARGO_PKG_VERSION"))).connect_timeout(CONNECT_LIMIT)
}

/// The client for look-ups; it keeps connections open and knows the system's certificates.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn client() -> anyhow::Result<Client> {
    dsiem_runtime::tls::install();
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
pub async fn get(
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::response::Redirect;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(router: Router) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    async fn ask(access: &Access, url: Url) -> (u16, String) {
        let answer = get_once(access, url).await.unwrap();
        (answer.status.as_u16(), String::from_utf8(answer.body).unwrap())
    }

    async fn get_once(access: &Access, url: Url) -> anyhow::Result<Response> {
        super::get(&access.client().unwrap(), url, Duration::from_secs(20), 1_000).await
    }

    #[tokio::test]
    async fn a_token_is_shown_to_the_server_that_was_named_and_to_nobody_else() {
        let show = |headers: HeaderMap| async move {
            headers.get(AUTHORIZATION).map_or("nothing", |value| value.to_str().unwrap()).to_owned()
        };
        let shown = serve(Router::new().route("/", get(show))).await;
        let elsewhere = shown.to_string();
        let lead = move || async move { Redirect::temporary(&elsewhere) };
        let leading = serve(Router::new().route("/", get(lead))).await;
        let (without, with) =
            (Access::default(), Access { token: Some("t0ken".into()), ..Access::default() });
        assert_eq!(ask(&without, shown.clone()).await, (200, "nothing".to_owned()));
        assert_eq!(ask(&with, shown).await, (200, "Bearer t0ken".to_owned()));
        assert_eq!(ask(&without, leading.clone()).await.0, 200);
        assert_eq!(ask(&with, leading).await.0, 307);
    }

    #[test]
    fn a_file_that_holds_no_authority_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let error = |content: Option<&str>| {
            content.into_iter().for_each(|content| std::fs::write(&ca, content).unwrap());
            let access = Access { token: None, ca: Some(ca.clone()) };
            format!("{:#}", access.client().unwrap_err())
        };
        for content in [None, Some(""), Some("nonsense"), Some("-----BEGIN CERTIFICATE-----\n!\n")] {
            let error = error(content);
            assert!(error.contains("ca.pem (--frontend-ca, DSIEM_FRONTEND_CA)"), "{error}");
        }
    }
}
