//! Alarms under load while people look: `dsiem serve` as it is run, thousands of alarm updates a second, and dozens of
//! clients that follow the list as the page does.
//!
//! `cargo bench -p dsiem-tests --bench watched` after `make build`. It prints how many updates a second were stored, how
//! far the store lagged behind when the last event was in, how long clients waited for a list, and what was lost, which
//! must be nothing. `docs/performance.md` has a table of it.

mod storm;
mod watcher;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use dsiem_tests::installation::{Node, Setup};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::storm::Storm;
use crate::watcher::{Seen, Watcher};

/// How long the store may take to have everything once the last event was taken.
const STORED_WITHIN: Duration = Duration::from_secs(120);

/// Alarm updates while clients watch the list.
#[derive(Debug, Parser)]
#[command(name = "watched")]
struct Args {
    /// Alarm updates a second
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    updates: u32,

    /// Clients that watch the list
    #[arg(long, default_value_t = 50)]
    clients: usize,

    /// Seconds of load
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,

    /// Where the alarms are kept, as for --alarm-store; a file of its own unless given
    #[arg(long)]
    alarm_store: Option<String>,

    /// Given by cargo to whatever it runs as a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.context("no runtime").and_then(|runtime| runtime.block_on(measure(&args)));
    let (text, code) = match done {
        Ok(report) if report.is_complete => (report.text, ExitCode::SUCCESS),
        Ok(report) => (report.text, ExitCode::FAILURE),
        Err(error) => (format!("{error:?}\n"), ExitCode::FAILURE),
    };
    // Where standard output is closed, nobody wants to know.
    std::io::stdout().write_all(text.as_bytes()).ok();
    code
}

struct Report {
    text: String,
    is_complete: bool,
}

async fn measure(args: &Args) -> anyhow::Result<Report> {
    let storm = Storm::new(u64::from(args.updates) * u64::from(args.seconds));
    let mut setup = Setup::new(&storm.directives()).flags("--auth off");
    if let Some(store) = &args.alarm_store {
        setup = setup.flags(&format!("--alarm-store {store}"));
    }
    let node = Node::standalone(setup).await;
    let stop = CancellationToken::new();
    let watcher = Arc::new(Watcher::new(node.http.url()));
    let mut watchers = JoinSet::new();
    for _ in 0..args.clients {
        watchers.spawn(Arc::clone(&watcher).watch(stop.clone()));
    }
    let begun = Instant::now();
    storm.send(node.http.url(), args.updates).await?;
    let sent_in = begun.elapsed();
    let lag = storm.wait_stored(node.http.url(), STORED_WITHIN).await?;
    stop.cancel();
    let mut seen = Seen::default();
    while let Some(one) = watchers.join_next().await {
        seen.add(one.context("a client failed")??);
    }
    let missing = storm.missing(node.http.url()).await?;
    Ok(report(args, &storm, sent_in, lag, missing, &seen))
}

fn report(
    args: &Args,
    storm: &Storm,
    sent_in: Duration,
    lag: Option<Duration>,
    missing: u64,
    seen: &Seen,
) -> Report {
    let updates = storm.updates();
    let rate = f64::from(args.updates) * f64::from(args.seconds) / sent_in.as_secs_f64();
    let lag_text = lag.map_or_else(
        || format!("not all of it within {} s", STORED_WITHIN.as_secs()),
        |lag| format!("{:.1} s", lag.as_secs_f64()),
    );
    let text = format!(
        "{updates} alarm updates at {rate:.0} a second, {} clients\n\
         alarms missing or not complete in the store: {missing}\n\
         behind the last event, the store was complete after {lag_text}\n\
         {} notices and {} lists were read; a list took {} ms at p50, {} ms at p99, {} ms at most\n",
        args.clients,
        seen.notices,
        seen.lists(),
        seen.percentile(50),
        seen.percentile(99),
        seen.percentile(100),
    );
    Report { text, is_complete: missing == 0 && lag.is_some() }
}
