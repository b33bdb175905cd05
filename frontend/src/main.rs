//! The frontend as a process of its own: reads its arguments, runs, and says how it ended.

use std::process::ExitCode;

use dsiem_frontend::args::{Args, Command};
use dsiem_frontend::config::ServeConfig;
use dsiem_frontend::service;
use dsiem_runtime::program;

fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|e| e.exit());
    let Command::Serve(serve) = args.command;
    program::run("dsiem-frontend", &args.log, serve.io, async {
        service::serve(ServeConfig::from_args(*serve)?).await
    })
}
