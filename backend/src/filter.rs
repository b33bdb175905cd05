//! Decides which directives an event concerns: a function, with threads around it.
//!
//! For the many events that concern no directive, only the four key fields are read; no event is built that nobody
//! wants. Whether an event matches a directive's stage-1 rule is tested here as well, before a sleeping directive is
//! woken for it.

use std::sync::Arc;
use std::thread;

use dsiem_core::directive::Directive;
use dsiem_core::event::{Event, EventKeys, json};
use dsiem_core::index::DirectiveSlot;
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::Message;
use smallvec::SmallVec;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::{debug, error};

use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::ingest::RawBatch;

/// A directive that an event may concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concerned {
    /// Which directive.
    pub slot: DirectiveSlot,
    /// Whether the event matches its stage-1 rule, so that it may open a backlog.
    pub opens: bool,
}

/// An event with the directives it may concern; at least one.
#[derive(Debug)]
pub struct Concern {
    /// The event.
    pub event: Arc<Event>,
    /// When this process got it.
    pub arrived: ReceiptTime,
    /// In the order of their slots.
    pub directives: SmallVec<[Concerned; 2]>,
}

/// What is left of a batch.
#[derive(Debug)]
pub struct FilteredBatch {
    /// Its place in the order.
    pub sequence: u64,
    /// In the order in which the events came.
    pub concerns: Vec<Concern>,
    /// Everything that the bus had for us before this time is in this batch or an earlier one.
    pub drained_at: Option<ReceiptTime>,
    /// Held until the batch has been dispatched.
    pub permit: OwnedSemaphorePermit,
}

/// What every filter thread works with.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Directives, index and assets.
    pub catalog: Arc<Catalog>,
    /// The books.
    pub counters: Counters,
    /// Seconds that an event's timestamp may lie after its receipt.
    pub max_clock_skew_secs: u32,
}

impl Filter {
    /// Filters one batch. `found` is room to work in.
    pub fn batch(&self, raw: RawBatch, found: &mut Vec<DirectiveSlot>) -> FilteredBatch {
        let concerns = raw.messages.iter().filter_map(|message| self.message(message, found)).collect();
        FilteredBatch { sequence: raw.sequence, concerns, drained_at: raw.drained_at, permit: raw.permit }
    }

    fn message(&self, message: &Message, found: &mut Vec<DirectiveSlot>) -> Option<Concern> {
        let keys = match EventKeys::read(&message.payload) {
            Ok(keys) => keys,
            Err(error) => return self.invalid(&error),
        };
        self.catalog.index().concerned(&keys, found);
        if found.is_empty() {
            self.counters.events_unconcerned.inc();
            return None;
        }
        let mut event = match json::decode(&message.payload) {
            Ok(event) => event,
            Err(error) => return self.invalid(&error),
        };
        if event.received <= ReceiptTime::default() {
            // An existing frontend without receipt time: that of the bus.
            event.received = message.received;
        }
        if self.catalog.assets().is_whitelisted(event.src_ip) {
            self.counters.events_whitelisted.inc();
            return None;
        }
        if event.is_from_the_future(self.max_clock_skew_secs) {
            self.counters.events_from_the_future.inc();
        }
        self.counters.events_dispatched.inc();
        let directives = found.iter().map(|slot| self.concerned(*slot, &event)).collect();
        Some(Concern { event: Arc::new(event), arrived: message.received, directives })
    }

    fn concerned(&self, slot: DirectiveSlot, event: &Event) -> Concerned {
        let directive: &Directive = self.catalog.directive(slot);
        Concerned { slot, opens: directive.rules[0].matches(event, self.catalog.assets(), &NoFirstEvents) }
    }

    fn invalid(&self, error: &dyn std::fmt::Display) -> Option<Concern> {
        self.counters.events_invalid.inc();
        debug!(%error, "an event from the bus is not valid");
        None
    }
}

/// Where the filter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterMode {
    /// On this many threads of its own.
    Threads(usize),
    /// On the runtime's own threads: for tests with paused time.
    Inline,
}

/// Starts the filter. What is sent through the returned function comes out of the receiver, not necessarily in order;
/// the receiver ends when the function has been dropped and everything has come out.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(
    filter: Filter,
    mode: FilterMode,
    in_flight: usize,
) -> std::io::Result<(Box<dyn Fn(RawBatch) -> bool + Send + Sync>, mpsc::Receiver<FilteredBatch>)> {
    let (filtered_sender, filtered) = mpsc::channel(in_flight);
    let send: Box<dyn Fn(RawBatch) -> bool + Send + Sync> = match mode {
        FilterMode::Threads(threads) => {
            let (raw_sender, raw) = crossbeam_channel::bounded::<RawBatch>(in_flight);
            for n in 0..threads.max(1) {
                let (filter, raw, sender) = (filter.clone(), raw.clone(), filtered_sender.clone());
                thread::Builder::new()
                    .name(format!("filter-{n}"))
                    .spawn(move || work(&filter, &raw, &sender))?;
            }
            // A permit goes with each batch, so there is always room.
            Box::new(move |batch| raw_sender.send(batch).is_ok())
        }
        FilterMode::Inline => {
            Box::new(move |batch| filtered_sender.try_send(filter.batch(batch, &mut Vec::new())).is_ok())
        }
    };
    Ok((send, filtered))
}

fn work(filter: &Filter, raw: &crossbeam_channel::Receiver<RawBatch>, sender: &mpsc::Sender<FilteredBatch>) {
    let mut found = Vec::new();
    for batch in raw {
        if sender.blocking_send(filter.batch(batch, &mut found)).is_err() {
            error!("the dispatcher is gone, a filter thread ends");
            return;
        }
    }
}
