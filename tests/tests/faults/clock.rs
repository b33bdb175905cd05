//! A clock that jumps, as when somebody sets it or a virtual machine wakes up.
//!
//! libfaketime stands between the program and the system's clock of the day. Timers go by another clock, which nobody can
//! set. Events keep their own times, which the program is told to trust, and jumps are shorter than the stages of the
//! directive may last, so that everything has to come as if the clock had been right.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use dsiem_tests::installation::Setup;
use tempfile::TempDir;

use crate::attacked::{Attacked, durable};
use crate::cluster::Cluster;
use crate::recovery::Recovery;
use crate::rounds::rounds;

/// How far off the clock is, in seconds, one after the other.
const OFFSETS: [i32; 6] = [1_200, 0, -1_500, 0, -900, 600];

/// Events may lie this much after the clock, in seconds.
const SKEW: &str = "--max-clock-skew 86400";

/// A clock that the test sets.
struct FakeClock {
    folder: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// A clock that is right; `None`, and a word about it, where libfaketime is missing.
    fn new() -> Option<Self> {
        let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from).into_iter();
        let multiarch = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
        let place = "faketime/libfaketimeMT.so.1";
        let found = folders.chain(multiarch).map(|folder| folder.join(place)).find(|path| path.is_file());
        let Some(library) = found else {
            writeln!(std::io::stderr(), "SKIPPED: faults of the clock, without libfaketime").ok();
            return None;
        };
        let clock = Self { folder: tempfile::tempdir().expect("a temporary folder"), library };
        clock.set(0);
        Some(clock)
    }

    /// Is off by so many seconds from now on.
    fn set(&self, offset: i32) {
        let (file, new) = (self.file(), self.folder.path().join("new"));
        fs::write(&new, format!("{offset:+}")).expect("a file of the test's own");
        fs::rename(&new, &file).expect("a file of the test's own");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// A setup whose process goes by this clock.
    fn of(&self, setup: Setup) -> Setup {
        setup
            .env("LD_PRELOAD", &self.library.display().to_string())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file().display().to_string())
            .env("FAKETIME_NO_CACHE", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            // The times of files stay what they are, as on a system whose clock is set.
            .env("NO_FAKE_STAT", "1")
            .flags(SKEW)
    }
}

#[tokio::test]
async fn clock_jumps_of_one_process() {
    let Some(clock) = FakeClock::new() else { return };
    let fault = "clock of `dsiem serve` jumps by up to 25 minutes";
    let mut attacked = Attacked::start(fault, clock.of(durable())).await;
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        clock.set(OFFSETS[round % OFFSETS.len()]);
        attacked.recover(since).await;
    }
    attacked.check().await;
}

#[tokio::test]
async fn clock_jumps_of_a_backend() {
    let Some(clock) = FakeClock::new() else { return };
    let cluster = Cluster::start_with(clock.of(Setup::default())).await;
    let campaign = cluster.attack();
    let mut recovery = Recovery::of("clock of a backend jumps by up to 25 minutes");
    for round in 0..rounds() {
        campaign.go_on().await;
        let since = Instant::now();
        clock.set(OFFSETS[round % OFFSETS.len()]);
        cluster.recover(since, &campaign, &mut recovery).await;
    }
    cluster.check(campaign, &recovery).await;
    cluster.stop().await;
}

#[tokio::test]
async fn clock_is_set_back_between_a_stop_and_a_kill() {
    let Some(clock) = FakeClock::new() else { return };
    let fault = "clock set back, `dsiem serve` stopped, started and killed";
    let mut attacked = Attacked::start(fault, clock.of(durable())).await;
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        clock.set(0);
        attacked.node.stop().await;
        clock.set(OFFSETS[round % OFFSETS.len()].min(0) - 600);
        attacked.start_again().await;
        attacked.campaign.wait_seen(&attacked.written).await;
        // What is saved from now on is newer than what was saved by the stop, whatever the clock says.
        attacked.node.http.wait_for_metric("dsiem_checkpoints_total", 2).await;
        let since = Instant::now();
        attacked.kill().await;
        attacked.recover(since).await;
    }
    attacked.check().await;
}
