//! Fills an alarm store and measures what is asked of it: pages, counts, searches, facets, charts; and how many updates
//! it takes while lists are read.
//!
//! ```text
//! cargo run --release -p dsiem-frontend --example alarm_store_load -- --file /tmp/alarms.sqlite
//! cargo run --release -p dsiem-frontend --example alarm_store_load -- --server postgresql://dsiem@localhost/test --alarms 100000
//! ```
//!
//! The store is filled up to the number that is asked for; a second run on the same one measures only.

mod cpu;
mod load;
mod made;
mod questions;

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use dsiem_frontend::alarm_store::{AlarmStore, AlarmUpdate, StageEvent, WithoutAlarm, Words};

use crate::made::{BEGIN, alarm, event, id};

/// How many alarms are put in at once.
const BATCH: u64 = 500;

/// What is measured, and on what.
#[derive(Debug, Parser)]
struct Args {
    /// The SQLite file; made if it is not there
    #[arg(long, conflicts_with = "server", required_unless_present = "server")]
    file: Option<PathBuf>,
    /// The PostgreSQL database
    #[arg(long)]
    server: Option<String>,
    /// How many alarms there are to be
    #[arg(long, default_value_t = 1_000_000)]
    alarms: u64,
    /// How many events each alarm has
    #[arg(long, default_value_t = 10)]
    events: u64,
    /// How often each question is asked, each time with other values
    #[arg(long, default_value_t = 200)]
    questions: u64,
    /// How many of the slowest questions of each kind are shown, with what was asked
    #[arg(long, default_value_t = 0)]
    slowest: usize,
    /// Asks only questions whose name begins like this
    #[arg(long, default_value = "")]
    only: String,
    /// How many updates a second are sent afterwards; 0 is as many as it takes
    #[arg(long, default_value_t = 2_000)]
    updates: u64,
    /// For how long
    #[arg(long, default_value_t = 60)]
    secs: u64,
    /// How many read lists meanwhile, each ten a second at most
    #[arg(long, default_value_t = 2)]
    readers: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let store = match (&args.file, &args.server) {
        (Some(path), _) => AlarmStore::open_file(path, Words::default())?,
        (None, Some(url)) => AlarmStore::open_server(url, Words::default())?,
        (None, None) => anyhow::bail!("give --file or --server"),
    };
    fill(&store, &args)?;
    questions::measure(&store, &args)?;
    load::sustain(&store, &args)
}

/// How long something took, each time.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The median, the 99th percentile and the longest, for a table.
    fn in_columns(mut self) -> String {
        self.0.sort();
        let at = |percent: usize| {
            let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
            self.0
                .get(index)
                .map_or_else(String::new, |time| format!("{:.1} ms", time.as_secs_f64() * 1_000.0))
        };
        format!("{} | {} | {}", at(50), at(99), at(100))
    }
}

fn fill(store: &AlarmStore, args: &Args) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut next = already_there(store, args.alarms)?;
    let first = next;
    while next < args.alarms {
        let until = (next + BATCH).min(args.alarms);
        let updates: Vec<AlarmUpdate> = (next..until).map(|n| alarm(n, args.alarms)).collect();
        store.apply(updates, BEGIN)?;
        let events: Vec<StageEvent> =
            (next..until).flat_map(|n| (0..args.events).map(move |e| event(n, e))).collect();
        store.count(&events, WithoutAlarm::Keep, BEGIN)?;
        next = until;
        if next % 50_000 == 0 {
            say(&format!("{next} alarms after {:.0?}", began.elapsed()))?;
        }
    }
    let (alarms, secs) = (next - first, began.elapsed().as_secs_f64());
    if alarms > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
        let rate = alarms as f64 / secs;
        say(&format!("filled: {rate:.0} alarms a second, each with {} events", args.events))?;
    }
    say(&format!("{next} alarms, {} MiB in use", store.used_bytes()? >> 20))
}

/// How many alarms are there: they were put in one after the other.
fn already_there(store: &AlarmStore, most: u64) -> anyhow::Result<u64> {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = u64::midpoint(low, high);
        if store.alarm(&id(middle))?.is_some() { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(stdout(), "{text}")?)
}
