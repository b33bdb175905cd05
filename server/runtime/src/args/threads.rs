//! How many threads serve connections.

use clap::{Args, value_parser};

/// The threads of everything that mostly waits for others.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoArgs {
    /// Threads that connections are served on: HTTP, the bus, look-ups; 0 for half of the CPUs, up to 8
    #[arg(long, env = "DSIEM_IO_THREADS", default_value = "0", value_name = "THREADS",
          value_parser = value_parser!(u16).range(..=256))]
    pub io_threads: u16,
}
