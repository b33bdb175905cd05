//! Pulling through its door, from frontends that serve what the tests want.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::get;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;
use crate::config_files::tests::{asset_file, directive_file};
use crate::http;

/// What a frontend serves; changed by tests while it runs.
#[derive(Clone, Default)]
struct Served {
    files: BTreeMap<String, (u16, String)>,
    listing: Option<String>,
}

type Shared = Arc<Mutex<Served>>;

struct Frontend {
    url: Url,
    served: Shared,
    requests: watch::Receiver<usize>,
}

impl Frontend {
    async fn start(files: &[(&str, &str)]) -> Self {
        let served = Shared::default();
        let (count, requests) = watch::channel(0);
        let list = |State((served, count)): State<(Shared, watch::Sender<usize>)>| async move {
            count.send_modify(|count| *count += 1);
            served.lock().unwrap().list()
        };
        let file = |UrlPath(name): UrlPath<String>,
                    State((served, _)): State<(Shared, watch::Sender<usize>)>| async move {
            served.lock().unwrap().file(&name)
        };
        let router = Router::new()
            .route("/config/", get(list))
            .route("/config/{name}", get(file))
            .with_state((served.clone(), count));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let frontend = Self { url, served, requests };
        frontend.serves(files);
        frontend
    }

    fn serves(&self, files: &[(&str, &str)]) {
        let files =
            files.iter().map(|(name, text)| ((*name).to_owned(), (200, (*text).to_owned()))).collect();
        *self.served.lock().unwrap() = Served { files, listing: None };
    }

    fn change(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.served.lock().unwrap());
    }
}

impl Served {
    fn list(&self) -> (StatusCode, String) {
        let names: Vec<_> = self.files.keys().map(|name| serde_json::json!({ "filename": name })).collect();
        let listing = serde_json::json!({ "files": names }).to_string();
        (StatusCode::OK, self.listing.clone().unwrap_or(listing))
    }

    fn file(&self, name: &str) -> (StatusCode, String) {
        let (status, text) = self.files.get(name).cloned().unwrap_or((404, String::new()));
        (StatusCode::from_u16(status).unwrap(), text)
    }
}

struct Backend {
    configs: TempDir,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Backend {
    fn new() -> Self {
        Self { configs: tempfile::tempdir().unwrap(), readiness: Readiness::new(), shutdown: Shutdown::new() }
    }

    fn config(&self, frontend: &Url) -> SyncConfig {
        SyncConfig {
            frontend: frontend.clone(),
            node: "be-1".to_owned(),
            configs: self.configs.path().to_owned(),
            mode: Mode::default(),
            limits: SyncLimits {
                attempts_before_copy: 2,
                first_pause: Duration::from_millis(1),
                last_pause: Duration::from_millis(5),
                ..SyncLimits::default()
            },
        }
    }

    async fn pull(&self, frontend: &Url) -> anyhow::Result<Vec<u64>> {
        let client = http::client().unwrap();
        let loaded = pull(&self.config(frontend), &client, &self.readiness, &self.shutdown).await?.unwrap();
        Ok(loaded.directives.iter().map(|directive| directive.id).collect())
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.configs.path().join(name), text).unwrap();
    }

    /// The files of the copy.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.configs.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn is_degraded(&self) -> bool {
        self.readiness.report().degraded.contains_key(CONDITION)
    }
}

/// An address where nobody listens.
async fn nobody() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

#[tokio::test]
async fn our_files_are_pulled_and_kept_and_those_of_other_nodes_are_not() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[1])),
        ("directives_be-1_web.json", &directive_file(&[2])),
        ("directives_be-10.json", &directive_file(&[3])),
        ("dsiem_config.json", "{}"),
    ])
    .await;
    let backend = Backend::new();
    backend.put("directives_be-1_old.json", "no longer served, and not even JSON");
    assert_eq!(backend.pull(&frontend.url).await.unwrap(), [1, 2]);
    assert_eq!(
        backend.files(),
        [".stale", "assets_a.json", "directives_be-1.json", "directives_be-1_web.json"]
    );
    assert!(!backend.is_degraded());
}

#[tokio::test]
async fn the_last_good_copy_is_used_while_the_frontend_is_down() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[1])),
    ])
    .await;
    let backend = Backend::new();
    backend.pull(&frontend.url).await.unwrap();
    assert_eq!(backend.pull(&nobody().await).await.unwrap(), [1]);
    assert!(backend.is_degraded());
    assert_eq!(backend.pull(&frontend.url).await.unwrap(), [1]);
    assert!(!backend.is_degraded());
}

#[tokio::test]
async fn a_bad_set_does_not_replace_the_last_good_copy() {
    let assets = asset_file("a");
    let frontend =
        Frontend::start(&[("assets_a.json", &assets), ("directives_be-1.json", &directive_file(&[1]))]).await;
    let backend = Backend::new();
    backend.pull(&frontend.url).await.unwrap();
    let bad = r#"{"directives":[{"id":1}]}"#;
    for served in [
        &[("assets_a.json", assets.as_str()), ("directives_be-1.json", bad)][..],
        &[("assets_a.json", "{"), ("directives_be-1.json", &directive_file(&[2]))],
        &[("directives_be-1.json", &directive_file(&[2]))],
        &[],
    ] {
        frontend.serves(served);
        assert_eq!(backend.pull(&frontend.url).await.unwrap(), [1]);
        assert_eq!(backend.files(), ["assets_a.json", "directives_be-1.json"]);
        assert!(backend.is_degraded());
    }
}

#[tokio::test]
async fn without_a_copy_a_bad_set_stops_the_start_and_every_problem_is_told() {
    let frontend =
        Frontend::start(&[("assets_a.json", "{"), ("directives_be-1.json", r#"{"directives":[{"id":1}]}"#)])
            .await;
    let error = format!("{:#}", Backend::new().pull(&frontend.url).await.unwrap_err());
    assert!(
        error.contains("assets_a.json") && error.contains("directives_be-1.json: directive 1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_set_that_does_not_arrive_whole_is_not_used() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[2])),
        ("directives_be-1_x.json", &directive_file(&[3])),
    ])
    .await;
    frontend.change(|served| served.files.get_mut("directives_be-1_x.json").unwrap().0 = 500);
    let backend = Backend::new();
    backend.put("assets_a.json", &asset_file("old"));
    backend.put("directives_be-1.json", &directive_file(&[1]));
    assert_eq!(backend.pull(&frontend.url).await.unwrap(), [1]);
    assert_eq!(backend.files(), ["assets_a.json", "directives_be-1.json"]);
}

#[tokio::test]
async fn without_a_copy_it_waits_until_the_frontend_serves() {
    let mut frontend = Frontend::start(&[]).await;
    frontend.change(|served| served.listing = Some("<html>not yet</html>".to_owned()));
    let backend = Backend::new();
    let url = frontend.url.clone();
    let pulling = tokio::spawn(async move { backend.pull(&url).await });
    frontend.requests.wait_for(|requests| *requests >= 5).await.unwrap();
    frontend.serves(&[("assets_a.json", &asset_file("a")), ("directives_be-1.json", &directive_file(&[1]))]);
    assert_eq!(pulling.await.unwrap().unwrap(), [1]);
}

#[tokio::test]
async fn waiting_ends_with_the_shutdown() {
    let backend = Backend::new();
    let mut frontend = Frontend::start(&[]).await;
    frontend.change(|served| served.listing = Some("[]".to_owned()));
    let (config, readiness, shutdown) =
        (backend.config(&frontend.url), backend.readiness.clone(), backend.shutdown.clone());
    let client = http::client().unwrap();
    let pulling = tokio::spawn(async move { pull(&config, &client, &readiness, &shutdown).await });
    frontend.requests.wait_for(|requests| *requests >= 3).await.unwrap();
    backend.shutdown.begin();
    assert!(pulling.await.unwrap().unwrap().is_none());
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_folder_is_left_out() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[1])),
    ])
    .await;
    let names = [
        "assets_a.json",
        "directives_be-1.json",
        "assets_/../../evil.json",
        "../assets_evil.json",
        "assets_x y.json",
    ];
    let names: Vec<_> = names.iter().map(|name| serde_json::json!({ "filename": name })).collect();
    frontend.change(|served| served.listing = Some(serde_json::json!({ "files": names }).to_string()));
    let backend = Backend::new();
    assert_eq!(backend.pull(&frontend.url).await.unwrap(), [1]);
    assert_eq!(backend.files(), ["assets_a.json", "directives_be-1.json"]);
}

#[tokio::test]
async fn an_empty_list_of_a_go_frontend_is_no_set() {
    let frontend = Frontend::start(&[]).await;
    frontend.change(|served| served.listing = Some(r#"{"files": null}"#.to_owned()));
    let error = format!("{:#}", Backend::new().pull(&frontend.url).await.unwrap_err());
    assert!(error.contains("assets_*.json") && error.contains("directives_be-1"), "{error}");
}

#[tokio::test]
async fn more_than_the_limits_is_no_set() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[1])),
    ])
    .await;
    let backend = Backend::new();
    backend.put("assets_a.json", &asset_file("a"));
    backend.put("directives_be-1.json", &directive_file(&[7]));
    let limits = backend.config(&frontend.url).limits;
    for limits in [
        SyncLimits { max_files: 1, ..limits.clone() },
        SyncLimits { max_total_bytes: 200, ..limits.clone() },
        SyncLimits { max_list_bytes: 20, ..limits },
    ] {
        let config = SyncConfig { limits, ..backend.config(&frontend.url) };
        let client = http::client().unwrap();
        let loaded = pull(&config, &client, &backend.readiness, &backend.shutdown).await.unwrap().unwrap();
        assert_eq!(loaded.directives[0].id, 7, "the copy is used instead");
    }
}

#[tokio::test]
async fn a_copy_that_cannot_be_kept_does_not_stop_the_start() {
    let frontend = Frontend::start(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be-1.json", &directive_file(&[1])),
    ])
    .await;
    let backend = Backend::new();
    let mut config = backend.config(&frontend.url);
    backend.put("file", "");
    config.configs = backend.configs.path().join("file");
    let client = http::client().unwrap();
    let loaded = pull(&config, &client, &backend.readiness, &backend.shutdown).await.unwrap().unwrap();
    assert_eq!(loaded.directives.len(), 1);
    assert!(backend.is_degraded());
}
