//! The filter threads without the decoder: what they do with an event once it is one.
//!
//! Index and rules are those of the backend's filter; the steps between them are its steps, once more.

use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use dsiem_backend::filter::{Concern, Concerned, Filter, FilteredBatch};
use dsiem_backend::ingest::BATCHES_IN_FLIGHT;
use dsiem_core::event::{Event, EventKeys};
use dsiem_core::index::DirectiveSlot;
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Decoded events with their place in the order.
struct DecodedBatch {
    sequence: u64,
    events: Vec<Arc<Event>>,
    arrived: ReceiptTime,
    permit: OwnedSemaphorePermit,
}

/// Where decoded events go in.
pub(crate) struct Decoded {
    threads: Vec<mpsc::Sender<DecodedBatch>>,
    permits: Arc<Semaphore>,
    next: u64,
    clock: Clock,
}

impl Decoded {
    /// Starts the threads; what is left of the events comes out of the receiver.
    pub(crate) fn start(
        filter: &Filter,
        threads: usize,
        clock: Clock,
    ) -> anyhow::Result<(Self, mpsc::Receiver<FilteredBatch>)> {
        let (sender, filtered) = mpsc::channel(BATCHES_IN_FLIGHT);
        let start = |n| {
            let (batches, received) = mpsc::channel(BATCHES_IN_FLIGHT);
            let (filter, sender) = (filter.clone(), sender.clone());
            let thread = thread::Builder::new().name(format!("filter-{n}"));
            thread.spawn(move || work(&filter, received, &sender)).context("cannot start a filter thread")?;
            Ok(batches)
        };
        let threads = (0..threads).map(start).collect::<anyhow::Result<Vec<_>>>()?;
        let permits = Arc::new(Semaphore::new(BATCHES_IN_FLIGHT));
        Ok((Self { threads, permits, next: 0, clock }, filtered))
    }

    /// Hands events over; waits while too many are on their way.
    pub(crate) fn send(&mut self, events: Vec<Arc<Event>>, runtime: &Handle) -> anyhow::Result<()> {
        let permit = runtime.block_on(self.permits.clone().acquire_owned()).context("it is never closed")?;
        let batch = DecodedBatch { sequence: self.next, events, arrived: self.clock.now(), permit };
        let thread = (self.next % self.threads.len() as u64) as usize;
        self.next += 1;
        // A permit goes with each, so there is always room.
        self.threads[thread].try_send(batch).ok().context("the filter threads are gone")
    }
}

fn work(filter: &Filter, mut batches: mpsc::Receiver<DecodedBatch>, sender: &mpsc::Sender<FilteredBatch>) {
    let mut found = Vec::new();
    while let Some(DecodedBatch { sequence, events, arrived, permit }) = batches.blocking_recv() {
        let all = events.len();
        let concerns = events.into_iter().filter_map(|event| concern(filter, event, arrived, &mut found));
        let concerns: Vec<_> = concerns.collect();
        filter.counters.events_unconcerned.add((all - concerns.len()) as u64);
        filter.counters.events_dispatched.add(concerns.len() as u64);
        let filtered = FilteredBatch {
            sequence,
            concerns,
            reached: None,
            caught_up: true,
            drained_at: Some(arrived),
            permit,
        };
        if sender.blocking_send(filtered).is_err() {
            return;
        }
    }
}

/// What the filter does behind its decoder; no event is whitelisted here, but it has to ask.
fn concern(
    filter: &Filter,
    event: Arc<Event>,
    arrived: ReceiptTime,
    found: &mut Vec<DirectiveSlot>,
) -> Option<Concern> {
    let catalog = &filter.catalog;
    catalog.index().concerned(&EventKeys::from(&*event), found);
    if found.is_empty() || catalog.assets().is_whitelisted(event.src_ip) {
        return None;
    }
    if event.is_from_the_future(filter.max_clock_skew_secs) {
        filter.counters.events_from_the_future.inc();
    }
    let opens = |slot| catalog.directive(slot).rules[0].matches(&event, catalog.assets(), &NoFirstEvents);
    let directives = found.iter().map(|slot| Concerned { slot: *slot, opens: opens(*slot) }).collect();
    Some(Concern { event, arrived, directives })
}
