//! Decides which directives an event concerns: a function, with threads around it.
//!
//! For the many events that concern no directive, only the four key fields are read; no event is built that nobody
//! wants. Whether an event matches a directive's stage-1 rule is tested here as well, before a sleeping directive is
//! woken for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use dsiem_core::directive::Directive;
use dsiem_core::event::{Event, EventKeys, json};
use dsiem_core::index::DirectiveSlot;
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::time::ReceiptTime;
use dsiem_runtime::bus::{Message, Position};
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
    /// The place behind it in the stream, where there is one.
    pub reached: Option<Position>,
    /// Whether everything that was there when this process began is in this batch or an earlier one.
    pub caught_up: bool,
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

/// What became of a message.
enum Judged {
    /// It may concern somebody.
    Concern(Concern),
    /// It concerns nobody.
    Unconcerned,
    /// It is in the books already.
    Dropped,
}

impl Filter {
    /// Filters one batch. `found` is room to work in.
    pub fn batch(&self, raw: RawBatch, found: &mut Vec<DirectiveSlot>) -> FilteredBatch {
        let (mut concerns, mut unconcerned) = (Vec::new(), 0);
        for message in &raw.messages {
            match self.guarded(message, found) {
                Judged::Concern(concern) => concerns.push(concern),
                Judged::Unconcerned => unconcerned += 1,
                Judged::Dropped => {}
            }
        }
        // Once a batch: several threads count in the same place.
        self.counters.events_unconcerned.add(unconcerned);
        self.counters.events_dispatched.add(concerns.len() as u64);
        self.counters.events_in_flight.add(-i64::try_from(raw.messages.len()).unwrap_or(i64::MAX));
        let RawBatch { sequence, reached, caught_up, drained_at, permit, .. } = raw;
        FilteredBatch { sequence, concerns, reached, caught_up, drained_at, permit }
    }

    /// An event that makes us panic is lost alone: a batch that never came out would stop everything behind it.
    fn guarded(&self, message: &Message, found: &mut Vec<DirectiveSlot>) -> Judged {
        // What a panic may leave half done is `found`, and that is emptied before it is used again.
        catch_unwind(AssertUnwindSafe(|| self.message(message, found))).unwrap_or_else(|_| {
            self.counters.events_failed.inc();
            error!(bytes = message.payload.len(), "an event made the filter panic and is lost");
            Judged::Dropped
        })
    }

    fn message(&self, message: &Message, found: &mut Vec<DirectiveSlot>) -> Judged {
        let keys = match EventKeys::read(&message.payload) {
            Ok(keys) => keys,
            Err(error) => return self.invalid(&error),
        };
        self.catalog.index().concerned(&keys, found);
        if found.is_empty() {
            return Judged::Unconcerned;
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
            return Judged::Dropped;
        }
        if event.is_from_the_future(self.max_clock_skew_secs) {
            self.counters.events_from_the_future.inc();
        }
        let directives = found.iter().map(|slot| self.concerned(*slot, &event)).collect();
        Judged::Concern(Concern { event: Arc::new(event), arrived: message.received, directives })
    }

    fn concerned(&self, slot: DirectiveSlot, event: &Event) -> Concerned {
        let directive: &Directive = self.catalog.directive(slot);
        Concerned { slot, opens: directive.rules[0].matches(event, self.catalog.assets(), &NoFirstEvents) }
    }

    fn invalid(&self, error: &dyn std::fmt::Display) -> Judged {
        self.counters.events_invalid.inc();
        debug!(%error, "an event from the bus is not valid");
        Judged::Dropped
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

/// Hands a batch to the filter; whether there still is one.
pub type ToFilter = Box<dyn Fn(RawBatch) -> bool + Send + Sync>;

/// Starts the filter. What is sent through the returned function comes out of the receiver, not necessarily in order;
/// the receiver ends when the function has been dropped and everything has come out.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(
    filter: Filter,
    mode: FilterMode,
    in_flight: usize,
) -> std::io::Result<(ToFilter, mpsc::Receiver<FilteredBatch>)> {
    let (filtered_sender, filtered) = mpsc::channel(in_flight);
    let send: ToFilter = match mode {
        FilterMode::Threads(threads) => {
            let start = |n| start_thread(n, filter.clone(), in_flight, filtered_sender.clone());
            let threads = (0..threads.max(1)).map(start).collect::<std::io::Result<Vec<_>>>()?;
            // In turn: they have to come out in their order anyway. A permit goes with each, so there is always room.
            Box::new(move |batch| {
                let turn = batch.sequence % threads.len() as u64;
                usize::try_from(turn).is_ok_and(|turn| threads[turn].try_send(batch).is_ok())
            })
        }
        FilterMode::Inline => {
            Box::new(move |batch| filtered_sender.try_send(filter.batch(batch, &mut Vec::new())).is_ok())
        }
    };
    Ok((send, filtered))
}

/// A thread of the filter; where to send it batches.
fn start_thread(
    n: usize,
    filter: Filter,
    in_flight: usize,
    filtered: mpsc::Sender<FilteredBatch>,
) -> std::io::Result<mpsc::Sender<RawBatch>> {
    let (sender, mut batches) = mpsc::channel(in_flight);
    let work = move || {
        let mut found = Vec::new();
        while let Some(batch) = batches.blocking_recv() {
            if filtered.blocking_send(filter.batch(batch, &mut found)).is_err() {
                return error!("the dispatcher is gone, a filter thread ends");
            }
        }
    };
    thread::Builder::new().name(format!("filter-{n}")).spawn(work)?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use dsiem_core::assets::{self, Assets};
    use dsiem_core::directive::check::{self, Mode};
    use dsiem_core::hash::Seed;
    use dsiem_runtime::metrics::Metrics;
    use tokio::sync::Semaphore;

    use super::*;

    const ARRIVED: ReceiptTime = ReceiptTime::from_secs(5_000);

    fn directive(id: u64, sid: u64) -> Arc<Directive> {
        let file = format!(
            r#"{{"directives":[{{"id":{id},"name":"d","priority":3,"kingdom":"k","category":"c","rules":[
            {{"name":"r1","stage":1,"type":"PluginRule","plugin_id":1,"plugin_sid":[{sid}],"occurrence":1,
              "from":"10.0.0.0/8","to":"ANY","reliability":1,"timeout":0}},
            {{"name":"r2","stage":2,"type":"PluginRule","plugin_id":1,"plugin_sid":[{}],"occurrence":1,
              "from":":1","to":"ANY","reliability":1,"timeout":60}}]}}]}}"#,
            sid + 1
        );
        let directives = check::read("d.json", file.as_bytes(), Mode::default()).into_result().unwrap();
        Arc::new(directives.into_iter().next().unwrap())
    }

    fn filter(change: impl FnOnce(&mut Catalog)) -> Filter {
        let assets = assets::read(
            "assets.json",
            br#"{"assets":[{"name":"w","cidr":"10.9.9.9/32","value":1,"whitelisted":true}]}"#,
        );
        let assets = Arc::new(Assets::new(assets.into_result().unwrap()));
        let mut catalog = Catalog::new(vec![directive(7, 1), directive(8, 2)], assets, Seed(1));
        change(&mut catalog);
        let counters = Counters::new(&Metrics::new());
        Filter { catalog: Arc::new(catalog), counters, max_clock_skew_secs: 300 }
    }

    fn event(sid: u64, source: &str) -> String {
        format!(
            r#"{{"event_id":"e{sid}","timestamp":"1970-01-01T01:00:00Z","sensor":"s","plugin_id":1,
            "plugin_sid":{sid},"src_ip":"{source}","dst_ip":"10.0.0.2"}}"#
        )
    }

    fn batch(sequence: u64, payloads: &[String]) -> RawBatch {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let message = |text: &String| Message { payload: Bytes::from(text.clone()), received: ARRIVED };
        let messages = payloads.iter().map(message).collect();
        RawBatch { sequence, messages, reached: None, caught_up: true, drained_at: None, permit }
    }

    fn run(filter: &Filter, payloads: &[String]) -> Vec<Concern> {
        filter.batch(batch(0, payloads), &mut Vec::new()).concerns
    }

    #[test]
    fn an_event_goes_to_each_directive_it_may_concern_and_opens_where_it_matches_the_first_rule() {
        let concerns = run(&filter(|_| ()), &[event(2, "10.0.0.1"), event(2, "192.168.0.1")]);
        let concerned = |slot, opens| Concerned { slot: DirectiveSlot(slot), opens };
        // Sid 2 is the second stage of the first directive, and the first one of the other.
        assert_eq!(concerns[0].directives[..], [concerned(0, false), concerned(1, true)]);
        assert_eq!(concerns[1].directives[..], [concerned(0, false), concerned(1, false)]);
        assert_eq!((concerns[0].arrived, concerns[0].event.received), (ARRIVED, ARRIVED));
    }

    #[test]
    fn every_event_is_in_the_books_once() {
        // A slot that there is no directive for makes the look-up of its rule panic.
        let filter = filter(|catalog| catalog.also(DirectiveSlot(99), &directive(9, 50)));
        let payloads = [
            event(1, "10.0.0.1"),
            event(1, "10.9.9.9"),
            event(77, "10.0.0.1"),
            event(1, "nowhere"),
            "[]".to_owned(),
            event(50, "10.0.0.1"),
            event(2, "10.0.0.1"),
        ];
        let ids: Vec<_> =
            run(&filter, &payloads).into_iter().map(|concern| concern.event.id.clone()).collect();
        assert_eq!(ids, ["e1".into(), "e2".into()], "the fault takes nothing from the others");
        let c = &filter.counters;
        let books = [
            &c.events_dispatched,
            &c.events_whitelisted,
            &c.events_unconcerned,
            &c.events_invalid,
            &c.events_failed,
        ];
        assert_eq!(books.map(dsiem_runtime::metrics::Counter::get), [2, 1, 1, 2, 1]);
    }

    #[tokio::test]
    async fn everything_comes_out_of_the_threads_and_then_the_end() {
        let (send, mut filtered) = start(filter(|_| ()), FilterMode::Threads(3), 8).unwrap();
        for sequence in 0..8 {
            assert!(send(batch(sequence, &[event(1, "10.0.0.1")])));
        }
        drop(send);
        let mut sequences = Vec::new();
        while let Some(batch) = filtered.recv().await {
            assert_eq!(batch.concerns.len(), 1);
            sequences.push(batch.sequence);
        }
        sequences.sort_unstable();
        assert_eq!(sequences, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
