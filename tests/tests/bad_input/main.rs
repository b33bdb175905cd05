//! Malformed and hostile input against the real program: each has its exact answer, and the process goes on.
//!
//! The tables are by topic, one test for each; [`case`] sends a case and compares. After each table a good event still
//! has to raise its alarm, nothing may have panicked, and the memory has to have stayed within a bound.

#![allow(clippy::unwrap_used, reason = "where something is missing, the test is to fail")]

mod bodies;
mod case;
mod config_content;
mod config_directives;
mod encodings;
mod fields;
mod paths;
mod sizes;
mod start_up;
mod timing;
mod wire;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{brute_force, directive_file, event};
use serde_json::Value;

use case::Case;

/// What the process may have needed at its worst: a few bodies of the largest size (16 MiB) with what is made of them.
const MEMORY_BOUND_KIB: u64 = 192 << 10;

/// The network that good events come from, one address for each of them; the tables stay out of it.
const GOOD_SOURCES: &str = "192.168.77.";

/// `dsiem serve` with a directive that makes an alarm of every event of its first rule, and with configuration files that
/// can be written.
async fn start() -> Node {
    let setup = Setup::new(&directive_file(&[brute_force(1, 1000)])).flags("--writeableConfig");
    let node = Node::standalone(setup).await;
    std::fs::create_dir_all(node.path("web/dist")).unwrap();
    std::fs::write(node.path("web/dist/index.html"), "the page").unwrap();
    still_works(&node, 1).await;
    node
}

/// Goes through a table, tells every case that went wrong, and looks whether the process is still of use.
async fn check(cases: Vec<Case>) {
    let node = start().await;
    let before = configuration(&node);
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(case.check(&node).await.err());
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n\n{}", wrong.len(), wrong.join("\n\n"));
    assert_eq!(configuration(&node), before, "nothing was written into the configs folder");
    still_works(&node, 2).await;
}

/// An event raises its alarm, the process is well, has not panicked and has not grown beyond all measure.
async fn still_works(node: &Node, time: u8) {
    let source = format!("{GOOD_SOURCES}{time}");
    node.http.send(&[event(&format!("good-{time}"), 1, &source)]).await;
    node.wait_for_alarm("the alarm of a good event", |alarm| has_source(alarm, &source)).await;
    assert_eq!(node.http.get("/healthz").await.status, 200);
    assert_eq!(node.http.readiness().await["ready"], true);
    assert!(!node.program.log().contains("panicked"), "something panicked");
    let peak = peak_memory_kib(node);
    assert!(peak < MEMORY_BOUND_KIB, "{peak} KiB at the worst, and {MEMORY_BOUND_KIB} are the bound");
}

fn has_source(alarm: &Value, source: &str) -> bool {
    alarm["src_ips"].as_array().is_some_and(|sources| sources.iter().any(|s| s == source))
}

/// The most memory that the process ever had.
fn peak_memory_kib(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Every file of the configs folder with its content.
fn configuration(node: &Node) -> std::collections::BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(node.path("configs")).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[tokio::test]
async fn bodies_that_are_no_events() {
    check(bodies::cases()).await;
}

#[tokio::test]
async fn several_events_some_of_them_bad() {
    check(bodies::several()).await;
}

#[tokio::test]
async fn lines() {
    check(bodies::lines()).await;
}

#[tokio::test]
async fn fields_of_events() {
    check(fields::refused()).await;
}

#[tokio::test]
async fn encodings_of_bodies() {
    check(encodings::cases()).await;
}

#[tokio::test]
async fn sizes_of_bodies() {
    check(sizes::cases()).await;
}

#[tokio::test]
async fn methods_and_paths() {
    check(paths::cases()).await;
}

#[tokio::test]
async fn names_of_configuration_files() {
    check(paths::names()).await;
}

#[tokio::test]
async fn what_is_hardly_http() {
    check(wire::cases()).await;
}

#[tokio::test]
async fn contents_of_configuration_files() {
    check(config_content::cases()).await;
}
