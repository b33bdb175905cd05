//! Nothing lost and nothing twice, whatever is killed, paused, full or gone: the real programs under load, disturbed.
//!
//! Each test is a [`campaign`]: attacks are sent, and sent again until they are answered with 200, while something is
//! done to the programs. In the end every event has to be counted exactly once at its stage of its alarm, and every alarm
//! has to be what it would have been without the disturbance. `DSIEM_FAULT_ROUNDS` sets how often something is done to
//! them (`make soak`), `DSIEM_FAULT_SEED` repeats a run. What was measured is printed as a row of the table in
//! docs/guarantees.md.

#![expect(clippy::print_stdout, reason = "what a run was is shown when it fails")]

mod attacked;
mod campaign;
mod clock;
mod cluster;
mod configuration;
mod full_disk;
mod killed;
mod log_files;
mod look_ups;
mod nats;
mod recovery;
mod rounds;
mod same_node;
mod slow_directive;
mod small_disk;
mod stopped;
mod stored;
mod written;
