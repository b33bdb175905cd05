//! The directives of the whole pipeline's benchmark, read a part at a time: the text of a hundred thousand of them would
//! be in the figures of memory.

use std::sync::Arc;

use anyhow::Context as _;
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_tests::samples;
use serde_json::{Value, json};

use crate::traffic;

/// How many are read at a time.
const PART: u32 = 1_000;

/// Directives 1 to `count`.
pub(crate) fn make(count: u32) -> anyhow::Result<Vec<Arc<Directive>>> {
    let first = traffic::directive_file(1, ":1")["directives"][0].take();
    let mut all = Vec::new();
    for from in (0..count).step_by(PART as usize) {
        let part: Vec<_> = (from..count.min(from + PART)).map(|place| like(&first, place)).collect();
        let file = samples::directive_file(&part).to_string();
        let checked = check::read("directives_bench.json", file.as_bytes(), Mode::default()).into_result();
        all.extend(
            checked.ok().context("the directives of the benchmark are wrong")?.into_iter().map(Arc::new),
        );
    }
    Ok(all)
}

/// The directive at `place`: the first one with other sids.
fn like(first: &Value, place: u32) -> Value {
    let mut directive = first.clone();
    directive["id"] = json!(place + 1);
    for rule in directive["rules"].as_array_mut().into_iter().flatten() {
        let stage = rule["stage"].as_u64().unwrap_or(0);
        rule["plugin_sid"] = json!([10 * u64::from(place) + stage]);
    }
    directive
}
