//! What may stand on the disk where configuration, logs and saved state should be: a start says all that is wrong and
//! ends, or goes on without it, and never hangs.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::process::{Binary, Program};
use dsiem_tests::samples::{brute_force, directive, directive_file, event, rule};
use serde_json::json;

use crate::{MEMORY_BOUND_KIB, has_source, peak_memory_kib, still_works};

const ASSETS: &str = r#"{"assets":[{"name":"home","cidr":"10.0.0.0/8","value":5}]}"#;

/// How large a file may be; it is refused by its length, so that a test of it costs nothing.
const MAX_FILE_BYTES: u64 = 256 << 20;

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link(path: &Path, target: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, path).unwrap();
}

/// Starts the program in this home, which it must refuse, and returns its exit code and what it said.
async fn refused(home: &Path, flags: &str) -> (i32, Vec<String>) {
    let port = dsiem_tests::ports::free();
    let words = format!("serve -a 127.0.0.1 -p {port} --home {} {flags}", home.display());
    let mut program = Program::start(Binary::Dsiem, "dsiem", words.split_whitespace(), []);
    let code = program.wait_exit().await;
    // The last words may still be on their way from the pipe.
    program.wait_for_log("dsiem: ").await;
    (code, program.log_lines())
}

/// A home with these files in its configs folder.
fn home(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("configs")).unwrap();
    for (name, content) in files {
        fs::write(home.path().join("configs").join(name), content).unwrap();
    }
    home
}

fn good_directives() -> Vec<u8> {
    directive_file(&[brute_force(1, 2)]).to_string().into_bytes()
}

#[tokio::test]
async fn a_strict_start_lists_every_problem_of_every_file_and_ends() {
    let bad = json!({"directives": [
        {"id": 7, "name": "", "priority": 9, "kingdom": "k", "category": "c", "rules": [rule(1, 1, 1, "10.0.0", 1), rule(2, 1, 1, ":2", 1)]},
        directive(1, &[rule(1, 1, 1, "ANY", 1), rule(2, 1, 1, ":1", 1)]),
    ]})
    .to_string();
    let home = home(&[
        ("assets_bad.json", br#"{"assets":[{"name":"a","cidr":"10.0.0.300","value":0},5]}"#),
        ("directives_1_good.json", &good_directives()),
        ("directives_2_bad.json", bad.as_bytes()),
        ("directives_3_empty.json", b""),
        ("directives_4_bytes.json", b"\xff\xfe{}"),
        (
            "intel_bad.json",
            br#"{"intel_sources":[{"name":"w","enabled":true,"plugin":"Wise","config":"{"}]}"#,
        ),
        ("vuln_bad.json", b"{\"vuln_sources\":"),
        ("kingdom.json", b"nobody reads this"),
        ("assets_bad.json.bak", b"nor this"),
    ]);
    let path = |name: &str| home.path().join("configs").join(name);
    fs::create_dir(path("directives_5_folder.json")).unwrap();
    pipe(&path("directives_6_pipe.json"));
    link(&path("directives_7_loop.json"), path("directives_7_loop.json"));
    link(&path("directives_8_device.json"), "/dev/zero");
    link(&path("directives_9_nowhere.json"), "/nonexistent");
    File::create(path("vuln_huge.json")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    let expected = [
        "assets_bad.json: asset \"a\": cidr: \"10.0.0.300\" is not a network or address such as 10.0.0.0/8, 10.0.0.1 or 2001:db8::/32",
        "assets_bad.json: asset \"a\": value: 0 is too small: it must be 1 or more",
        "assets_bad.json: entry 2: 5 is not an object: write { … }",
        "directives_2_bad.json: directive 7: name: is empty: it needs a text",
        "directives_2_bad.json: directive 7: priority: 9 is out of range: it must be 1 to 5",
        "directives_2_bad.json: directive 7: stage 1: from: \"10.0.0\" is not an address or network such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32, nor ANY, HOME_NET, !HOME_NET or :n",
        "directives_2_bad.json: directive 7: stage 1: to: \"10.0.0\" is not an address or network such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32, nor ANY, HOME_NET, !HOME_NET or :n",
        "directives_2_bad.json: directive 7: stage 2: from: \":2\" must refer to a stage lower than its own, which is 2",
        "directives_2_bad.json: directive 7: stage 2: to: \":2\" must refer to a stage lower than its own, which is 2",
        "directives_2_bad.json: directive 1: id: 1 stands in directives_1_good.json already: ids are unique over all files",
        "directives_3_empty.json: is not JSON: EOF while parsing a value at line 1 column 0",
        "directives_4_bytes.json: is not UTF-8 text: line 1 column 1",
        "directives_5_folder.json: cannot be read: it is a folder, not a file",
        "directives_6_pipe.json: cannot be read: it is a pipe or device, not a file",
        "directives_7_loop.json: cannot be read: Too many levels of symbolic links (os error 40)",
        "directives_8_device.json: cannot be read: it is a pipe or device, not a file",
        "directives_9_nowhere.json: cannot be read: No such file or directory (os error 2)",
        "intel_bad.json: source \"w\": config: \"{\" is not JSON in a text: EOF while parsing an object at line 1 column 1",
        "vuln_bad.json: is not JSON: EOF while parsing a value at line 1 column 16",
        "vuln_huge.json: cannot be read: it has 268435457 bytes, and at most 268435456 are read",
    ];
    let (code, said) = refused(home.path(), "").await;
    assert_eq!(code, 1);
    for problem in expected {
        let count = said.iter().filter(|line| line.ends_with(problem)).count();
        assert_eq!(count, 1, "{problem}\nin\n{}", said.join("\n"));
    }
    let all = said.iter().filter(|line| line.contains(".json: ")).count();
    assert_eq!(all, expected.len(), "nothing else is said to be wrong:\n{}", said.join("\n"));
    assert!(said.iter().any(|line| line.contains("--home or DSIEM_HOME")), "{}", said.join("\n"));
    assert!(!home.path().join("logs").exists(), "nothing is begun before the configuration is right");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_stops_a_lenient_start_too() {
    let home = home(&[("assets_a.json", ASSETS.as_bytes()), ("directives_a.json", &good_directives())]);
    pipe(&home.path().join("configs/directives_b.json"));
    let (code, said) = refused(home.path(), "--lenient-directives").await;
    assert_eq!(code, 1);
    assert!(
        said.iter()
            .any(|line| line
                .ends_with("directives_b.json: cannot be read: it is a pipe or device, not a file"))
    );
}

#[tokio::test]
async fn a_start_without_what_it_needs_says_so() {
    let good = good_directives();
    let assets = ("assets_a.json", ASSETS.as_bytes());
    let directives = ("directives_a.json", &good[..]);
    let one = "at least one is needed";
    for (files, expected) in [
        (
            &[][..],
            &["no asset in any assets_*.json", "no directive that can be used in any directives_*.json"][..],
        ),
        (
            &[assets],
            &["no directive that can be used in any directives_*.json: 0 cannot work, 0 are disabled"],
        ),
        (&[directives], &["no asset in any assets_*.json", one]),
        (
            &[assets, ("directives_a.json", br#"{"directives":[{"disabled":true}]}"#)],
            &["0 cannot work, 1 are disabled", one],
        ),
        (&[directives, ("assets_a.json", br#"{"assets":[]}"#)], &["assets_a.json: assets: is empty"]),
    ] {
        let (code, said) = refused(home(files).path(), "").await;
        assert_eq!(code, 1);
        for part in expected {
            assert!(said.iter().any(|line| line.contains(part)), "{part}\nin\n{}", said.join("\n"));
        }
    }
}

#[tokio::test]
async fn folders_that_are_none_are_named() {
    let good = good_directives();
    let whole: &[(&str, &[u8])] = &[("assets_a.json", ASSETS.as_bytes()), ("directives_a.json", &good)];
    type Spoil = fn(&Path);
    let spoilt: [(Spoil, &str); 5] = [
        (
            |home| fs::remove_dir_all(home.join("configs")).unwrap(),
            "configs: the folder cannot be read: No such file",
        ),
        (
            |home| {
                fs::remove_dir_all(home.join("configs")).unwrap();
                fs::write(home.join("configs"), "").unwrap();
            },
            "configs: the folder cannot be read: Not a directory",
        ),
        (
            |home| fs::write(home.join("logs"), "").unwrap(),
            "logs/state for checkpoints: give this process write access",
        ),
        (
            |home| fs::create_dir_all(home.join("logs/siem_alarms.json")).unwrap(),
            "logs/siem_alarms.json for writing",
        ),
        (
            |home| {
                fs::create_dir(home.join("logs")).unwrap();
                fs::write(home.join("logs/backlogs"), "").unwrap();
            },
            "cannot make the folder",
        ),
    ];
    for (spoil, expected) in spoilt {
        let home = home(whole);
        spoil(home.path());
        let (code, said) = refused(home.path(), "").await;
        assert_eq!(code, 1, "{expected}");
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}\nin\n{}", said.join("\n"));
    }
}

#[tokio::test]
async fn a_lenient_start_skips_and_repairs_with_warnings_and_says_that_it_is_degraded() {
    let (good, bad) =
        (brute_force(1, 1000), directive(2, &[rule(1, 1, 1, "10.0.0", 1), rule(2, 1, 1, ":1", 1)]));
    let mut repaired = directive(3, &[rule(1, 7, 5, "ANY", 99), rule(2, 7, 1, ":1", 1)]);
    repaired["priority"] = json!(9);
    let directives = directive_file(&[bad, json!(5), good, repaired]);
    let intel = json!({"intel_sources": [{"name": "w", "enabled": true, "plugin": "Wise", "config": "{"}]});
    let setup = Setup::new(&directives).file("intel_test.json", &intel).flags("--lenient-directives");
    let node = Node::standalone(setup).await;
    for line in [
        "directives_test.json: directive 2: stage 1: from: warning: \"10.0.0\" is not an address",
        "directives_test.json: directive 2: warning: is skipped",
        "directives_test.json: entry 2: warning: 5 is not an object",
        "directives_test.json: entry 2: warning: is skipped",
        "directives_test.json: directive 3: priority: repaired: 9 is out of range: it must be 1 to 5; 1 is used",
        "directives_test.json: directive 3: stage 1: occurrence: repaired: 5 must be 1; 1 is used",
        "directives_test.json: directive 3: stage 1: reliability: repaired: 99 is out of range: it must be 0 to 10; 10 is used",
        "intel_test.json: source \"w\": config: warning: ",
    ] {
        assert_eq!(node.program.log_count(line), 1, "{line}");
    }
    let readiness = node.http.readiness().await;
    assert_eq!(readiness["ready"], true);
    assert_eq!(
        readiness["degraded"]["directives"],
        "2 directives are left out because they cannot work; the log says why"
    );
    assert_eq!(node.http.metric("dsiem_directives_skipped").await, 2);
    still_works(&node, 1).await;
}

#[tokio::test]
async fn a_file_of_50_mb_is_read_if_it_is_right() {
    let blanks = " ".repeat(50_000_000);
    let setup = Setup::new(&directive_file(&[brute_force(1, 1000)]))
        .raw_file("assets_large.json", format!("{ASSETS}{blanks}"));
    let node = Node::standalone(setup).await;
    still_works(&node, 1).await;
    assert!(peak_memory_kib(&node) < MEMORY_BOUND_KIB);

    let home = home(&[
        ("assets_a.json", "[".repeat(50_000_000).as_bytes()),
        ("directives_a.json", &good_directives()),
    ]);
    let (code, said) = refused(home.path(), "").await;
    assert_eq!(code, 1);
    assert!(
        said.iter().any(|line| line.contains("assets_a.json: is not of the form {\"assets\": [ … ]}")),
        "{said:?}"
    );
}

#[tokio::test]
async fn saved_state_that_cannot_be_read_is_moved_aside_and_the_rest_goes_on() {
    let mut node = Node::standalone(Setup::new(&directive_file(&[brute_force(1, 2)]))).await;
    node.http.send(&[event("before", 1, "10.7.0.1")]).await;
    node.wait_for_alarm("the alarm", |alarm| has_source(alarm, "10.7.0.1")).await;
    node.stop().await;

    let folder = node.path("logs/backlogs");
    let path = |name: &str| folder.join(name);
    let ours = fs::read_to_string(path("1.json")).unwrap();
    let deep = "[".repeat(1_000_000);
    let newer = ours.replacen("\"version\": 1", "\"version\": 999", 1);
    assert_ne!(ours, newer);
    let texts: [(&str, &[u8], &str); 10] = [
        ("10.json", b"", "EOF while parsing"),
        ("11.json", b"garbage", "expected value"),
        ("12.json", b"{}", "its \\\"format\\\" is not"),
        ("13.json", b"\xff\xfe\x00", "expected value"),
        ("14.json", &ours.as_bytes()[..ours.len() / 2], "EOF while parsing"),
        ("15.json", deep.as_bytes(), ""),
        ("16.json", newer.as_bytes(), "999"),
        ("17.json", b"[{\"backlogs\": 1e999}]", ""),
        ("not-a-number.json", b"[]", "is not the id of a directive"),
        ("18.json", &[0; 100_000], "expected value"),
    ];
    for (name, content, _) in texts {
        fs::write(path(name), content).unwrap();
    }
    fs::create_dir(path("20.json")).unwrap();
    pipe(&path("21.json"));
    link(&path("22.json"), path("22.json"));
    link(&path("23.json"), "/dev/zero");
    let others = [
        ("20.json", "it is a folder"),
        ("21.json", "it is a pipe"),
        ("22.json", "symbolic links"),
        ("23.json", "it is a pipe or device"),
    ];

    node.start_again().await;
    node.wait_ready().await;
    for (name, reason) in texts.map(|(name, _, reason)| (name, reason)).into_iter().chain(others) {
        assert!(fs::symlink_metadata(path(name)).is_err(), "{name} is still there");
        let aside = path(&format!("{name}.rejected"));
        assert!(fs::symlink_metadata(&aside).is_ok(), "{name} is not where it was moved to");
        let line = node.program.wait_for_log(&format!("moved_to={}", aside.display())).await;
        assert!(
            line.contains("saved backlogs cannot be read") && line.contains(reason),
            "{reason} is not in {line}"
        );
    }
    for (name, content, _) in texts {
        assert_eq!(fs::read(path(&format!("{name}.rejected"))).unwrap(), content, "{name} is kept as it was");
    }
    let rest = [event("b", 2, "10.7.0.1"), event("c", 2, "10.7.0.1"), event("d", 3, "10.7.0.1")];
    node.http.send(&rest).await;
    node.wait_for_alarm("the attack to go on", |alarm| has_source(alarm, "10.7.0.1") && alarm["risk"] == 10)
        .await;
    still_works(&node, 1).await;
}

#[tokio::test]
async fn files_that_are_none_beside_a_running_process_harm_nobody() {
    let setup = Setup::new(&directive_file(&[brute_force(1, 1000)])).flags("--writeableConfig");
    let node = Node::standalone(setup).await;
    let config = |name: &str| node.path("configs").join(name);
    fs::create_dir_all(config("assets_folder.json")).unwrap();
    pipe(&config("assets_pipe.json"));
    link(&config("assets_loop.json"), config("assets_loop.json"));
    link(&config("assets_device.json"), "/dev/zero");
    fs::create_dir_all(node.path("logs/rejected_events.json")).unwrap();
    for name in ["assets_folder.json", "assets_pipe.json", "assets_loop.json", "assets_device.json"] {
        let answer = node.http.get(&format!("/config/{name}")).await;
        assert!([404, 503].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
    }
    let listed = node.http.get("/config/").await.json();
    assert_eq!(
        listed,
        json!({"files": [{"filename": "assets_test.json"}, {"filename": "directives_test.json"}, {"filename": "dsiem_config.json"}]})
    );
    let answer = node.http.post("/config/assets_folder.json", ASSETS).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(node.http.post("/events", "{}").await.status, 418);
    node.program.wait_for_log("refused events cannot be written to rejected_events.json").await;
    still_works(&node, 1).await;
}

#[tokio::test]
async fn without_writable_config_nothing_can_be_written_or_deleted() {
    let node = Node::standalone(Setup::new(&directive_file(&[brute_force(1, 1000)]))).await;
    for (method, name) in [
        (reqwest::Method::POST, "assets_x.json"),
        (reqwest::Method::POST, "assets_test.json"),
        (reqwest::Method::DELETE, "assets_test.json"),
        (reqwest::Method::DELETE, "assets_nope.json"),
        (reqwest::Method::POST, "..%2fx.json"),
    ] {
        let answer =
            node.http.request(method.clone(), &format!("/config/{name}")).body(ASSETS).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()),
            (405, "GET,HEAD"),
            "{method} {name}"
        );
        let text = answer.text().await.unwrap();
        assert!(text.contains(&format!("{method} is not possible on")), "{text}");
    }
    assert!(!node.path("configs/assets_x.json").exists() && node.path("configs/assets_test.json").exists());
    still_works(&node, 1).await;
}
