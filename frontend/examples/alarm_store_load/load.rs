//! Updates at a rate, while lists are read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use dsiem_frontend::alarm_store::{AlarmStore, AlarmUpdate, Filter, StageEvent, WithoutAlarm};

use crate::made::{BEGIN, Chance, SPAN, alarm, event, id, later};
use crate::questions::{one_filter, page, several};
use crate::{Args, Times, say};

/// The most updates that are handed over at once.
const AT_ONCE: u64 = 1_000;
/// How long updates are gathered: what the feed does, too.
const GATHERED: Duration = Duration::from_millis(100);
/// One in so many updates is of a new alarm.
const NEW_IN: u64 = 4;
/// Updates of alarms that are there are of one of so many newest.
const RECENT: u64 = 20_000;
/// How many events come with an update.
const EVENTS: u64 = 2;
/// How long a reader pauses between two pages.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends updates for a while; prints the rate that was reached, and how long batches and pages took.
pub(crate) fn sustain(store: &AlarmStore, args: &Args) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    let (written, pages) = thread::scope(|scope| {
        let is_over = &is_over;
        let readers: Vec<_> =
            (1..=args.readers).map(|seed| scope.spawn(move || read(store, seed, is_over))).collect();
        let written = write(store, args);
        is_over.store(true, Ordering::Relaxed);
        let mut pages = Times::default();
        for reader in readers {
            pages.0.extend(reader.join().ok().context("a reader has failed")??.0);
        }
        anyhow::Ok((written?, pages))
    })?;
    let (rate, batches, behind) = written;
    say(
        "| Updates a second asked | reached | behind at the end | a batch: p50 | p99 | longest | pages beside it: p50 | p99 | longest |\n|---|---|---|---|---|---|---|---|---|",
    )?;
    let (batches, number, pages) = (batches.in_columns(), pages.0.len(), pages.in_columns());
    say(&format!("| {} | {rate:.0} | {behind} | {batches} | {pages} |", args.updates))?;
    say(&format!("{number} pages; {EVENTS} events with each update, one in {NEW_IN} of a new alarm"))
}

/// The rate, the time of each batch, and how many updates were not stored when they should have been.
fn write(store: &AlarmStore, args: &Args) -> anyhow::Result<(f64, Times, u64)> {
    let first_revision = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut chance = Chance(first_revision | 1);
    let mut newest = args.alarms;
    while store.alarm(&id(newest))?.is_some() {
        newest += AT_ONCE;
    }
    let (began, all) = (Instant::now(), Duration::from_secs(args.secs));
    let (mut times, mut done, mut due) = (Times::default(), 0, 0);
    while began.elapsed() < all {
        due = if args.updates == 0 { done + AT_ONCE } else { due_after(began.elapsed(), args.updates) };
        let size = (due - done).min(AT_ONCE);
        let (mut updates, mut events): (Vec<AlarmUpdate>, Vec<StageEvent>) = (Vec::new(), Vec::new());
        for number in done..done + size {
            let of = if number.is_multiple_of(NEW_IN) {
                newest += 1;
                newest
            } else {
                newest - 1 - chance.below(RECENT)
            };
            let revision = first_revision + number;
            updates.push(if of == newest {
                fresh(of, args)
            } else {
                later(of, args.alarms, revision, &mut chance)
            });
            events.extend((0..EVENTS).map(|event_number| event(of, revision * EVENTS + event_number)));
        }
        let batch = Instant::now();
        store.apply(updates, BEGIN)?;
        store.count(&events, WithoutAlarm::Keep, BEGIN)?;
        times.push(batch.elapsed());
        done += size;
        if args.updates > 0 {
            thread::sleep(GATHERED.saturating_sub(batch.elapsed()));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let rate = done as f64 / began.elapsed().as_secs_f64();
    Ok((rate, times, due.saturating_sub(done)))
}

fn due_after(elapsed: Duration, rate: u64) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) * rate / 1_000
}

/// An alarm that is new now.
fn fresh(n: u64, args: &Args) -> AlarmUpdate {
    let mut update = alarm(n, args.alarms);
    update.document.status = "Open".into();
    update.document.created_time = BEGIN + SPAN;
    update
}

/// Reads first pages of lists until it is over.
fn read(store: &AlarmStore, seed: u64, is_over: &AtomicBool) -> anyhow::Result<Times> {
    let mut chance = Chance(seed);
    let mut times = Times::default();
    while !is_over.load(Ordering::Relaxed) {
        let filter = match chance.below(3) {
            0 => Filter::default(),
            1 => one_filter(&mut chance),
            _ => several(&mut chance),
        };
        let began = Instant::now();
        page(store, &mut chance, &filter)?;
        times.push(began.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(times)
}
