//! Folders in, sets or problems out.

use serde_json::{Value, json};

use super::*;

/// A file of one asset, which has its name.
pub(crate) fn asset_file(name: &str) -> String {
    json!({ "assets": [{ "name": name, "cidr": "10.0.0.0/8", "value": 3 }] }).to_string()
}

/// A directive that works.
pub(crate) fn directive(id: u64) -> Value {
    let rule = |stage: u8| {
        json!({ "name": "r", "type": "PluginRule", "stage": stage, "plugin_id": 1001, "plugin_sid": [1],
            "occurrence": 1, "from": "ANY", "to": "HOME_NET", "port_from": "ANY", "port_to": "ANY", "protocol": "ANY",
            "reliability": 5, "timeout": 60 })
    };
    json!({ "id": id, "name": "d", "priority": 3, "kingdom": "k", "category": "c", "rules": [rule(1), rule(2)] })
}

/// A file of directives that work.
pub(crate) fn directive_file(ids: &[u64]) -> String {
    json!({ "directives": ids.iter().map(|id| directive(*id)).collect::<Vec<_>>() }).to_string()
}

const INTEL: &str = r#"{"intel_sources":[{"name":"w","type":"Ip","enabled":false,"plugin":"Wise",
    "config":"{\"url\":\"http://wise:8081/ip/${ip}\"}"}]}"#;
const BAD_INTEL: &str =
    r#"{"intel_sources":[{"name":"w","type":"Ip","enabled":true,"plugin":"Wise","config":"{"}]}"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn ids(loaded: &Loaded) -> Vec<u64> {
    loaded.directives.iter().map(|directive| directive.id).collect()
}

fn node(name: &str) -> Selection {
    Selection::OfNode(name.to_owned())
}

const STRICT: Mode = Mode { lenient: false, ignore_protocol: false };
const LENIENT: Mode = Mode { lenient: true, ignore_protocol: false };

#[test]
fn a_node_has_its_own_directives_and_not_those_of_a_node_with_a_longer_name() {
    let be1 = node("be-1");
    for name in
        ["directives_be-1.json", "directives_be-1_web.json", "assets_x.json", "intel_x.json", "vuln_x.json"]
    {
        assert!(be1.has(name), "{name}");
    }
    for name in [
        "directives_be-10.json",
        "directives_be-10_web.json",
        "directives_be-1x.json",
        "directives_x.json",
        "directives_be-1_web.json.bak",
        "dsiem_config.json",
        "kingdom.json",
        ".assets_x.json",
    ] {
        assert!(!be1.has(name), "{name}");
    }
    assert!(Selection::All.has("directives_x.json") && !Selection::All.has("dsiem_config.json"));
}

#[test]
fn all_files_of_the_selection_make_one_set() {
    let (one, two, other) = (directive_file(&[1]), directive_file(&[2, 3]), directive_file(&[4]));
    let folder = folder(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_be_2.json", &two),
        ("directives_be.json", &one),
        ("directives_fe.json", &other),
        ("intel_x.json", INTEL),
        ("notes.txt", "not ours"),
    ]);
    let loaded = load(folder.path(), &node("be"), STRICT).unwrap();
    assert_eq!(ids(&loaded), [1, 2, 3]);
    assert!(loaded.assets.is_home("10.1.1.1".parse().unwrap()));
    assert_eq!(loaded.sources.len(), 1);
    let all = load(folder.path(), &Selection::All, STRICT).unwrap();
    assert_eq!(all.directives.len(), 4);
}

#[test]
fn strictly_every_problem_of_every_file_is_told_one_a_line() {
    let mut bad = directive(7);
    bad["priority"] = json!(9);
    bad["name"] = json!("");
    let bad = json!({ "directives": [bad] }).to_string();
    let folder = folder(&[
        ("assets_a.json", r#"{"assets":[{"name":"a","cidr":"10.0.0.300","value":3}]}"#),
        ("directives_a.json", &bad),
        ("directives_b.json", "{"),
        ("intel_x.json", BAD_INTEL),
    ]);
    let error = load(folder.path(), &Selection::All, STRICT).unwrap_err().to_string();
    for part in [
        "10.0.0.300",
        "directives_a.json: directive 7: priority",
        "directive 7: name",
        "directives_b.json",
        "intel_x",
    ] {
        assert!(error.lines().any(|line| line.contains(part)), "{part} is missing in\n{error}");
    }
    assert!(error.lines().all(|line| line.contains(".json: ")), "{error}");
}

#[test]
fn what_is_no_file_is_told_beside_the_problems_of_the_files() {
    let bad = r#"{"directives": [{"id": 7}]}"#;
    let folder = folder(&[("assets_a.json", "{"), ("directives_bad.json", bad)]);
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("directives_folder.json")).unwrap();
    std::os::unix::fs::symlink(path("intel_loop.json"), path("intel_loop.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("vuln_pipe.json")).status().unwrap().success());
    for mode in [STRICT, LENIENT] {
        let error = load(folder.path(), &Selection::All, mode).unwrap_err().to_string();
        for line in [
            "assets_a.json: is not JSON",
            "directives_bad.json: directive 7: ",
            "directives_folder.json: cannot be read: it is a folder, not a file",
            "intel_loop.json: cannot be read: Too many levels of symbolic links",
            "vuln_pipe.json: cannot be read: it is a pipe or device, not a file",
        ] {
            assert!(error.lines().any(|said| said.starts_with(line)), "{line} is missing in\n{error}");
        }
        assert!(!error.contains("at least one"), "they are there and cannot be read: {error}");
    }
}

#[test]
fn leniently_what_cannot_work_is_left_out_and_told_of() {
    let mut bad = directive(7);
    bad["name"] = json!("");
    let content = json!({ "directives": [bad, directive(8)] }).to_string();
    let folder = folder(&[
        ("assets_a.json", &asset_file("a")),
        ("directives_a.json", &content),
        ("intel_x.json", BAD_INTEL),
    ]);
    let loaded = load(folder.path(), &Selection::All, LENIENT).unwrap();
    assert_eq!((ids(&loaded), loaded.skipped, loaded.sources.len()), (vec![8], 1, 0));
    let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert!(problems.iter().any(|problem| problem.contains("directive 7")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("intel_x.json")), "{problems:?}");
}

#[test]
fn a_set_without_assets_or_directives_names_the_folder_and_the_pattern() {
    let folder = folder(&[("directives_other.json", &directive_file(&[1]))]);
    let error = load(folder.path(), &node("be"), STRICT).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    let path = folder.path().display().to_string();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].contains(&path) && lines[0].contains("assets_*.json"), "{error}");
    assert!(
        lines[1].contains(&path) && lines[1].contains("directives_be.json or directives_be_*.json"),
        "{error}"
    );
}

#[test]
fn with_every_directive_left_out_none_is_left() {
    let mut bad = directive(7);
    bad["name"] = json!("");
    let content = json!({ "directives": [bad] }).to_string();
    let folder = folder(&[("assets_a.json", &asset_file("a")), ("directives_a.json", &content)]);
    let error = load(folder.path(), &Selection::All, LENIENT).unwrap_err().to_string();
    assert!(error.contains("1 cannot work"), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("configs");
    let error = load(&missing, &Selection::All, STRICT).unwrap_err().to_string();
    assert!(error.contains(&missing.display().to_string()), "{error}");
}
