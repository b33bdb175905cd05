//! What a frontend serves: its list of files, and those of them that are ours. Any dsiem's frontend will do.
//!
//! Names come from another machine: only those that a frontend would itself accept are used, so that none leads out of
//! the folder.

use std::collections::BTreeSet;

use anyhow::Context as _;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::SyncConfig;
use crate::config_files::{ConfigFile, Selection};
use crate::http;

/// `GET /config/`. Go's frontend says `null` for an empty folder, and names every entry of it.
#[derive(Deserialize)]
struct Listing {
    files: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
}

/// All files that are served and belong to `selection`, in the order of their names.
///
/// # Errors
/// When the list or any of the files could not be had.
pub(super) async fn served(
    config: &SyncConfig,
    selection: &Selection,
    client: &Client,
) -> anyhow::Result<Vec<ConfigFile>> {
    let names = list(config, selection, client).await?;
    let mut files = Vec::new();
    let mut room = config.limits.max_total_bytes;
    for name in names {
        let bytes = get(config, client, &name, room).await?;
        room -= bytes.len();
        files.push(ConfigFile { name, bytes });
    }
    Ok(files)
}

async fn list(
    config: &SyncConfig,
    selection: &Selection,
    client: &Client,
) -> anyhow::Result<BTreeSet<String>> {
    let body = get(config, client, "", config.limits.max_list_bytes).await?;
    let listing: Listing =
        serde_json::from_slice(&body).context("the frontend's list of files cannot be understood")?;
    let listed = listing.files.unwrap_or_default().into_iter().map(|listed| listed.filename);
    let (ours, odd): (BTreeSet<_>, Vec<_>) =
        listed.filter(|name| selection.has(name)).fold(Default::default(), |(mut ours, mut odd), name| {
            if is_plain(&name) {
                ours.insert(name);
            } else {
                odd.push(name);
            }
            (ours, odd)
        });
    for name in odd.iter().take(10) {
        tracing::warn!(
            ?name,
            "the frontend lists a file whose name is not letters, digits, _ and - with .json: it is left out"
        );
    }
    anyhow::ensure!(
        ours.len() <= config.limits.max_files,
        "the frontend lists {} files, more than the limit of {}",
        ours.len(),
        config.limits.max_files
    );
    Ok(ours)
}

/// Whether it is `[A-Za-z0-9][A-Za-z0-9_-]*\.json`, the names that frontends serve.
fn is_plain(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".json") else { return false };
    stem.starts_with(|c: char| c.is_ascii_alphanumeric())
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

async fn get(config: &SyncConfig, client: &Client, name: &str, max_bytes: usize) -> anyhow::Result<Vec<u8>> {
    let url = url(&config.frontend, name);
    let what = format!("GET {}", without_password(&url));
    let response = http::get(client, url, config.limits.time_per_request, max_bytes)
        .await
        .with_context(|| what.clone())?;
    anyhow::ensure!(
        response.status != StatusCode::UNAUTHORIZED,
        "{what}: the answer is {}; the frontend asks for a token: give it with --config-token (DSIEM_CONFIG_TOKEN)",
        response.status
    );
    anyhow::ensure!(response.status.is_success(), "{what}: the answer is {}", response.status);
    Ok(response.body)
}

/// `<frontend>/config/<name>`, whether or not the frontend's address ends with a slash.
fn url(frontend: &Url, name: &str) -> Url {
    let mut url = frontend.clone();
    url.set_path(&format!("{}/config/{name}", frontend.path().trim_end_matches('/')));
    url
}

/// The address as it may be shown.
pub(super) fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    // The one error is that such an address holds no password in the first place.
    shown.set_password(None).ok();
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_not_plain() {
        for name in ["assets_a.json", "directives_be-1_x.json", "a.json"] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "../assets_a.json",
            "assets_../x.json",
            "assets_/x.json",
            "assets_a%2f.json",
            "assets_a\\b.json",
            "assets_a.b.json",
            "_a.json",
            ".json",
            "assets_a.jsonx",
            "assets_\0.json",
            "assets_é.json",
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn the_address_of_the_frontend_may_have_a_path_and_a_slash() {
        let check = |frontend: &str, expected: &str| {
            assert_eq!(url(&frontend.parse().unwrap(), "a.json").as_str(), expected);
        };
        check("http://fe:8080", "http://fe:8080/config/a.json");
        check("http://fe:8080/", "http://fe:8080/config/a.json");
        check("http://fe/dsiem/", "http://fe/dsiem/config/a.json");
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password(&"http://me:secret@fe/".parse().unwrap()), "http://me@fe/");
    }
}
