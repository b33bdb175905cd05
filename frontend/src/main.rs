//! The frontend as a process of its own: reads its arguments, runs, and says how it ended.

use std::io::Write as _;
use std::process::ExitCode;

use dsiem_frontend::args::{Args, Command};
use dsiem_frontend::config::ServeConfig;
use dsiem_frontend::service;
use dsiem_runtime::telemetry::{self, LogSettings};
use dsiem_runtime::tls;

fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|e| e.exit());
    telemetry::init(LogSettings::from(&args.log));
    tls::install();
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            writeln!(std::io::stderr(), "dsiem-frontend: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    let Command::Serve(serve) = args.command;
    let config = ServeConfig::from_args(*serve)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(service::serve(config))
}
