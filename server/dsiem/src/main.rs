//! The one binary: the complete product in one process, and its tools. One file for each sub-command.

mod args;
mod attack;
mod backup;
mod import;
mod ledger;
mod nodes;
mod output;
mod serve;
mod users;

use std::io::Write as _;
use std::process::ExitCode;

use args::{Args, Command, ImportCommand};
use dsiem_runtime::args::IoArgs;
use dsiem_runtime::clock::Clock;
use dsiem_runtime::{build, program};

fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|e| e.exit());
    match args.command {
        Command::Serve(serve) => program::run("dsiem", &args.log, serve.io, serve::serve(*serve)),
        Command::SampleAttack(attack) => {
            program::run("dsiem", &args.log, IoArgs::default(), attack::run(*attack, Clock::system()))
        }
        Command::Ledger(ledger) => program::run_tool("dsiem", &args.log, ledger::run(*ledger)),
        Command::Nodes(nodes) => program::run_tool("dsiem", &args.log, nodes::run(*nodes, Clock::system())),
        Command::Backup(backup) => program::run_tool("dsiem", &args.log, backup::run(*backup)),
        Command::Users(users) => program::run_tool("dsiem", &args.log, users::run(*users, Clock::system())),
        Command::Import(ImportCommand::Alarms(import)) => {
            program::run("dsiem", &args.log, IoArgs::default(), import::alarms(*import, Clock::system()))
        }
        Command::Version => {
            // Where standard output is closed, nobody wants to know.
            writeln!(std::io::stdout(), "dsiem {}", build::VERSION).ok();
            ExitCode::SUCCESS
        }
    }
}
