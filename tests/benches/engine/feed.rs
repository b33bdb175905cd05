//! The events of a case, made while the clock stands and handed over in batches, so that making them costs the engine
//! nothing.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use dsiem_core::event::{Event, json};

use crate::case::Way;
use crate::traffic::{Now, Traffic};

/// How many events are handed over at a time: as many as ingest takes.
const BATCH: u64 = 256;

/// Of the events that count nowhere, so many differ; they come again and again.
const DIFFERENT: u64 = 4_096;

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
        let now = Now::read();
        let nowhere = Traffic { one_in: 0, ..*traffic };
        let different = if traffic.one_in == 1 { 0 } else { DIFFERENT };
        let pieces = (0..different).step_by(BATCH as usize);
        let others: Vec<_> = pieces.flat_map(|n| messages(&nowhere, n..n + BATCH, &now)).collect();
        let firsts = range.clone().step_by(BATCH as usize);
        let batches = firsts.map(|first| first..range.end.min(first + BATCH));
        let counting = |batch: &Range<u64>| {
            let numbers = batch.clone().filter(|n| counts(traffic, *n));
            messages(traffic, numbers, &now)
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
fn messages(traffic: &Traffic, numbers: impl Iterator<Item = u64>, now: &Now) -> Vec<Bytes> {
    let (mut text, mut ends) = (Vec::new(), vec![0]);
    for n in numbers {
        traffic.write_event(n, now, &mut text);
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
