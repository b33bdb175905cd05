//! The directives that come with the product do what their examples say, over the whole pipeline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dsiem_core::example::{self, Case};
use dsiem_tests::engine::{EPOCH_SECS, Engine, EngineConfig};
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every directive file with the cases beside it.
fn topics() -> Vec<(Value, Vec<Case>)> {
    let mut names: Vec<_> = std::fs::read_dir(repository().join("directives"))
        .expect("the folder of samples")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_prefix("directives_")?.strip_suffix(".json")?.to_owned()))
        .collect();
    names.sort();
    names.iter().map(|topic| (json(&sample("directives", topic)), cases(topic))).collect()
}

fn sample(kind: &str, topic: &str) -> PathBuf {
    repository().join("directives").join(format!("{kind}_{topic}.json"))
}

fn cases(topic: &str) -> Vec<Case> {
    let path = sample("examples", topic);
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name of ours");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    example::read(name, &bytes).into_result().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test(start_paused = true)]
async fn every_example_does_what_it_says() {
    let mut failures = Vec::new();
    let mut run = 0;
    for (directives, cases) in topics() {
        for case in cases {
            run += 1;
            if let Err(reason) = raises_what_it_expects(&directives, &case).await {
                failures.push(format!("{}: {reason}", case.label()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {run} examples:\n{}", failures.len(), failures.join("\n"));
    assert!(run >= 100, "only {run} examples were found");
}

async fn raises_what_it_expects(directives: &Value, case: &Case) -> Result<(), String> {
    let mut config = EngineConfig::new(directives.clone());
    config.assets = json(&repository().join("configs/assets_samples.json"));
    let mut engine = Engine::start(config, None);
    let start = jiff::Timestamp::from_second(EPOCH_SECS).map_err(|e| e.to_string())?;
    for timed in case.events(start) {
        engine.pass_until(i64::try_from(timed.offset_secs).map_err(|e| e.to_string())?).await;
        engine.send(timed.event).await;
    }
    engine.pass_until(i64::try_from(case.duration_secs()).map_err(|e| e.to_string())?).await;
    let documents = engine.documents();
    engine.stop().await;
    case.check(&documents)
}

#[test]
fn every_directive_has_an_attack_and_two_near_misses() {
    let topics = topics();
    assert!(topics.iter().map(|(file, _)| ids(file).len()).sum::<usize>() >= 8);
    for (file, cases) in &topics {
        for id in ids(file) {
            let mut counts: BTreeMap<bool, usize> = BTreeMap::new();
            for case in cases.iter().filter(|case| case.directive == id) {
                *counts.entry(case.expect.alarms.is_empty()).or_default() += 1;
            }
            assert!(counts.get(&false) >= Some(&1), "directive {id} has no example of an attack");
            assert!(counts.get(&true) >= Some(&2), "directive {id} has fewer than two near misses");
        }
    }
}

fn ids(file: &Value) -> Vec<u64> {
    let directives = file["directives"].as_array().expect("a list of directives");
    directives.iter().filter_map(|directive| directive["id"].as_u64()).collect()
}
