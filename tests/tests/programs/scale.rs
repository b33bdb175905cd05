//! Twenty thousand directives: they load, and one event finds the one that it concerns. What it took is printed; the
//! figures that count are those of a release build.

use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::samples::{directive_file, event, many_directives};
use serde_json::json;

const DIRECTIVES: u32 = 20_000;

#[tokio::test]
async fn twenty_thousand_directives_load_and_one_of_them_is_found() {
    let setup = Setup::new(&directive_file(&many_directives(DIRECTIVES)));
    let begun = Instant::now();
    let mut node = Node::standalone(setup).await;
    let loading = begun.elapsed();
    assert_eq!(node.http.metric("dsiem_directives_ttl").await, u64::from(DIRECTIVES));

    let mut one = event("a", 1, "192.168.0.9");
    one["plugin_id"] = json!(1_000 + DIRECTIVES / 2);
    node.http.send(&[one]).await;
    let alarm = node.wait_for_alarms(1).await.remove(0);
    assert_eq!(alarm["title"], format!("Attack {} from 192.168.0.9", DIRECTIVES / 2));
    assert_eq!(node.http.metric("dsiem_pairs_offered_total").await, 1, "nobody else was asked");
    println!("{DIRECTIVES} directives: ready after {loading:?}, {} resident", resident(&node));
    node.stop().await;
}

/// What the system says the process takes.
fn resident(node: &Node) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.program.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}
