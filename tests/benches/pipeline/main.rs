//! The whole pipeline under load: the real programs, a real nats-server, and what an event costs beside the floor.
//!
//! `make bench` runs all workloads and prints a table; `docs/performance.md` says what the columns mean. The load and
//! the floor are this same program in processes of their own, so that what they take is not counted as ours.

mod books;
mod flat;
mod floor;
mod floor_stream;
mod latency;
mod load;
mod machine;
mod measure;
mod nats_load;
mod own;
mod rules;
mod stage;
mod table;
mod traffic;
mod usage;
mod web_load;
mod workloads;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::table::Row;
use crate::workloads::{Kind, Workload};

/// What the whole pipeline costs an event, in release binaries, beside the floor of the same run.
#[derive(Debug, Parser)]
#[command(name = "pipeline")]
struct Args {
    /// Seconds of load for each workload
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,

    /// Only workloads with this in their name; may be repeated
    #[arg(long)]
    only: Vec<String>,

    /// With durability: JetStream, and for `dsiem serve` its log; the floor reads from JetStream too
    #[arg(long)]
    durable: bool,

    /// Without the alarm store, as `--alarm-store off`
    #[arg(long)]
    without_alarm_store: bool,

    /// Those too that take minutes and gigabytes
    #[arg(long)]
    all: bool,

    /// Millions of events for the one that shows that memory stays flat
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    flat_millions: u64,

    /// File into which the rows of the tables are written too
    #[arg(long)]
    json: Option<PathBuf>,

    /// Say which workloads there are
    #[arg(long)]
    list: bool,

    /// Given by cargo to whatever it runs as a benchmark.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program also is, in processes of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// Sends events at a rate
    #[command(hide = true)]
    Load(load::Load),
    /// Takes events from NATS and parses or only counts them
    #[command(hide = true)]
    Floor(floor::Floor),
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match &args.part {
        Some(Part::Load(load)) => load.run()?,
        Some(Part::Floor(floor)) => floor.run()?,
        None if args.list => say(&workloads::list())?,
        None => return all(&args),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the workloads one after the other and prints the tables; fails if an event was lost or out of order.
fn all(args: &Args) -> anyhow::Result<ExitCode> {
    let chosen = workloads::all().into_iter().filter(|workload| workload.is_chosen(&args.only, args.all));
    let (durable, stores_alarms) = (args.durable, !args.without_alarm_store);
    let chosen: Vec<_> = chosen.map(|workload| Workload { durable, stores_alarms, ..workload }).collect();
    anyhow::ensure!(!chosen.is_empty(), "no workload has {:?} in its name; --list names them", args.only);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let durability = if args.durable { "require" } else { "off" };
    let alarms = if args.without_alarm_store { "; --alarm-store off" } else { "" };
    say(&format!("{}; --durability {durability}{alarms}\n", machine::line()))?;
    let (mut rows, mut samples): (Vec<Row>, _) = (Vec::new(), Vec::new());
    for workload in &chosen {
        progress(&format!("{} ...\n", workload.name))?;
        match workload.kind {
            Kind::Flat => samples = runtime.block_on(flat::run(workload, args.flat_millions))?,
            _ => rows.push(runtime.block_on(measure::measure(workload, args.seconds))?),
        }
    }
    say(&table::render(&rows))?;
    if !samples.is_empty() {
        say(&format!("\n{}", flat::render(&samples)))?;
    }
    if let Some(path) = &args.json {
        let rows: Vec<_> = rows.iter().map(|row| row.json(&rows)).collect();
        let text = format!("{:#}\n", serde_json::Value::from(rows));
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let wrong = rows.iter().any(Row::is_wrong) || flat::is_wrong(&samples);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("nobody reads the output")
}

fn progress(text: &str) -> anyhow::Result<()> {
    std::io::stderr().lock().write_all(text.as_bytes()).context("nobody reads the messages")
}
