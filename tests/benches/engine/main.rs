//! The engine in this process, without sockets: what an event costs in filter, managers and backlogs, and what grows with
//! what.
//!
//! Each case runs in a process of its own, so that the memory of one is not the memory of the next. `docs/performance.md`
//! says what the columns mean and what came out.

mod case;
mod cases;
mod decoded;
mod engine;
mod feed;
#[path = "../pipeline/machine.rs"]
mod machine;
#[path = "../pipeline/rules.rs"]
#[expect(dead_code, reason = "only backlogs that count for ever are wanted here")]
mod rules;
mod table;
#[path = "../pipeline/traffic.rs"]
#[expect(dead_code, reason = "the whole pipeline reads event numbers back, and sends from another process")]
mod traffic;
mod usage;

use std::io::Write as _;
use std::process::Command;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::case::{Case, Figures};
use crate::cases::Row;

/// What an event costs in the engine, in process and without sockets.
#[derive(Debug, Parser)]
#[command(name = "engine")]
struct Args {
    /// A tenth of the events, to see whether it works
    #[arg(long)]
    quick: bool,

    /// Only cases with this in their name or in that of their table; may be repeated
    #[arg(long)]
    only: Vec<String>,

    /// Say which cases there are
    #[arg(long)]
    list: bool,

    /// Given by cargo to whatever it runs as a benchmark.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program also is.
#[derive(Debug, Subcommand)]
enum Part {
    /// Runs one case in this process, as profilers want it
    Case(Case),
    /// Says how large the values are that a backlog is made of
    Sizes,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match &args.part {
        Some(Part::Case(case)) => return say(&format!("{}\n", case.run()?.to_json())),
        Some(Part::Sizes) => return say(&usage::sizes()),
        None => {}
    }
    let chosen: Vec<Row> = cases::all().into_iter().filter(|row| row.is_chosen(&args.only)).collect();
    anyhow::ensure!(!chosen.is_empty(), "no case has {:?} in its name; --list names them", args.only);
    if args.list {
        let names = chosen.iter().map(|row| format!("{}: {}\n", row.table, row.name));
        return say(&names.collect::<String>());
    }
    say(&format!("{}\n", machine::line()))?;
    for rows in chosen.chunk_by(|a, b| a.table == b.table) {
        let measured = rows.iter().map(|row| Ok((row, measure(row, args.quick)?)));
        let measured = measured.collect::<anyhow::Result<Vec<_>>>()?;
        say(&format!("\n{}:\n\n{}", rows[0].table, table::render(&measured)))?;
    }
    Ok(())
}

/// Runs a case in a process of its own.
fn measure(row: &Row, quick: bool) -> anyhow::Result<Figures> {
    let mut case = row.case;
    if quick {
        case.events /= 10;
    }
    let program = std::env::current_exe().context("the system does not say which program this is")?;
    let output = Command::new(program).args(case.words()).stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start the case {}", row.name))?;
    anyhow::ensure!(output.status.success(), "the case {} has failed", row.name);
    Figures::from_json(&output.stdout)
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).context("nobody reads the output")
}
