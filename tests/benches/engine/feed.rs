//! What a case gives the engine: the directives and the events of the whole pipeline's benchmark.
//!
//! Events are made while the clock stands and handed over in batches, so that making them costs the engine nothing.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::event::{Event, json};
use dsiem_tests::samples;
use serde_json::Value;

use crate::case::Way;
use crate::rules::Rules;
use crate::traffic::{self, Clock, Traffic};

/// How many directives are read at a time: the text of a hundred thousand would be in the figures of memory.
const READ_AT_ONCE: u32 = 1_000;

/// How many events are handed over at a time: as many as ingest takes.
const BATCH: u64 = 256;

/// Of the events that count nowhere, so many differ; they come again and again.
const DIFFERENT: u64 = 4_096;

/// Directives 1 to `count`.
pub(crate) fn directives(count: u32) -> anyhow::Result<Vec<Arc<Directive>>> {
    let file: Value = serde_json::from_str(&Rules::COUNTING.file(1)).context("it is JSON")?;
    let first = &file["directives"][0];
    let mut all = Vec::new();
    for from in (0..count).step_by(READ_AT_ONCE as usize) {
        let part: Vec<_> = (from..count.min(from + READ_AT_ONCE)).map(|place| like(first, place)).collect();
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
    directive["id"] = (place + 1).into();
    for rule in directive["rules"].as_array_mut().into_iter().flatten() {
        let stage = rule["stage"].as_u64().unwrap_or(0);
        rule["plugin_sid"] = vec![10 * u64::from(place) + stage].into();
    }
    directive
}

/// Events that are ready.
#[derive(Debug)]
pub(crate) enum Load {
    /// As they come from the bus.
    Bytes(Vec<Vec<Bytes>>),
    /// As the decoder makes them.
    Decoded(Vec<Vec<Arc<Event>>>),
}

impl Load {
    /// Events number `range` of `traffic`.
    pub(crate) fn new(traffic: &Traffic, range: Range<u64>, way: Way) -> anyhow::Result<Self> {
        let nowhere = Traffic { one_in: 0, ..*traffic };
        let different = if traffic.one_in == 1 { 0 } else { DIFFERENT };
        let pieces = (0..different).step_by(BATCH as usize);
        let others: Vec<_> = pieces.flat_map(|n| messages(&nowhere, n..n + BATCH)).collect();
        let firsts = range.clone().step_by(BATCH as usize);
        let batches = firsts.map(|first| first..range.end.min(first + BATCH));
        let counting = |batch: &Range<u64>| {
            let numbers = batch.clone().filter(|n| counts(traffic, *n));
            messages(traffic, numbers)
        };
        if way != Way::Decoded {
            let batches = batches.map(|batch| merged(traffic, counting(&batch), &others, batch));
            return Ok(Self::Bytes(batches.collect()));
        }
        let others = decoded(&others)?;
        let batches = batches.map(|batch| Ok(merged(traffic, decoded(&counting(&batch))?, &others, batch)));
        Ok(Self::Decoded(batches.collect::<anyhow::Result<_>>()?))
    }
}

fn counts(traffic: &Traffic, n: u64) -> bool {
    traffic.one_in > 0 && n.is_multiple_of(u64::from(traffic.one_in))
}

/// Events side by side in one piece of memory, as a reader leaves them that takes what is there from a socket.
fn messages(traffic: &Traffic, numbers: impl Iterator<Item = u64>) -> Vec<Bytes> {
    let mut clock = Clock::at(traffic::now_nanos());
    let (mut text, mut ends) = (Vec::new(), vec![0]);
    for n in numbers {
        traffic.write_event(n, &mut clock, &mut text);
        ends.push(text.len());
    }
    let text = Bytes::from(text);
    ends.windows(2).map(|ends| text.slice(ends[0]..ends[1])).collect()
}

fn decoded(messages: &[Bytes]) -> anyhow::Result<Vec<Arc<Event>>> {
    let decode = |message: &Bytes| json::decode(message).map(Arc::new);
    messages.iter().map(decode).collect::<Result<_, _>>().context("an event of the benchmark is not valid")
}

/// The events of a batch in their order: those that count, each of its own, and some of the others.
fn merged<E: Clone>(traffic: &Traffic, counting: Vec<E>, others: &[E], batch: Range<u64>) -> Vec<E> {
    let mut counting = counting.into_iter();
    let of = |n: u64| {
        if counts(traffic, n) { counting.next() } else { others.get((n % DIFFERENT) as usize).cloned() }
    };
    batch.filter_map(of).collect()
}
