//! The events of a case, made before the clock starts and handed over in batches, so that making them costs the engine
//! nothing.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use dsiem_core::event::{Event, json};

use crate::case::Way;
use crate::traffic::{Now, Traffic};

/// How many events are handed over at a time: as many as ingest takes.
pub(crate) const BATCH: usize = 256;

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
        let bytes = |traffic: &Traffic, n: u64| {
            let mut text = Vec::with_capacity(512);
            traffic.write_event(n, &now, &mut text);
            Bytes::from(text)
        };
        if way != Way::Decoded {
            return Ok(Self::Bytes(batches(traffic, range, |traffic, n| Ok(bytes(traffic, n)))?));
        }
        let decoded = |traffic: &Traffic, n: u64| {
            json::decode(&bytes(traffic, n)).map(Arc::new).context("an event of the benchmark is not valid")
        };
        Ok(Self::Decoded(batches(traffic, range, decoded)?))
    }
}

/// Each event that counts is made; the others are some of a few.
fn batches<E: Clone>(
    traffic: &Traffic,
    range: Range<u64>,
    make: impl Fn(&Traffic, u64) -> anyhow::Result<E>,
) -> anyhow::Result<Vec<Vec<E>>> {
    let unconcerned = Traffic { one_in: 0, ..*traffic };
    let different = if traffic.one_in == 1 { 0 } else { DIFFERENT };
    let others = (0..different).map(|n| make(&unconcerned, n)).collect::<anyhow::Result<Vec<_>>>()?;
    let one_in = u64::from(traffic.one_in);
    let mut batches = Vec::new();
    let mut batch = Vec::with_capacity(BATCH);
    for n in range {
        let counts = one_in > 0 && n.is_multiple_of(one_in);
        batch.push(if counts { make(traffic, n)? } else { others[(n % DIFFERENT) as usize].clone() });
        if batch.len() == BATCH {
            batches.push(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
        }
    }
    batches.push(batch);
    Ok(batches)
}
