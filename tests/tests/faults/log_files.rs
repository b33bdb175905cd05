//! Alarm files that are renamed, removed or cannot be written, while they are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use dsiem_tests::installation::{Node, Setup};
use dsiem_tests::wait::wait_until;

use crate::campaign::{Campaign, directives};
use crate::cluster::DURABLE;
use crate::recovery::Recovery;
use crate::rounds::{Chance, rounds};
use crate::written::Written;

/// The files.
const FILES: [&str; 2] = ["siem_alarms.json", "siem_alarm_events.json"];

/// An installation under load whose files something is done to.
struct Attacked {
    node: Node,
    campaign: Campaign,
    recovery: Recovery,
    chance: Chance,
    /// How many files have been put aside.
    aside: usize,
}

impl Attacked {
    async fn start(fault: &'static str) -> Self {
        let node = Node::standalone(Setup::new(&directives()).flags(DURABLE)).await;
        let campaign = Campaign::begin(&node.http);
        Self { node, campaign, recovery: Recovery::of(fault), chance: Chance::new(), aside: 0 }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.node.path("logs").join(name)
    }

    /// Renames the files as a log rotation does; the later ones sort last.
    fn rotate(&mut self) {
        self.aside += 1;
        for name in FILES {
            if self.file(name).is_file() {
                fs::rename(self.file(name), self.file(&format!("{name}.{:05}", self.aside)))
                    .expect("its own file");
            }
        }
    }

    async fn kill(&mut self) {
        self.node.program.sigkill();
        self.node.start_again().await;
        self.node.wait_ready().await;
    }

    async fn recover(&mut self, since: Instant) {
        self.recovery.ready(since);
        self.recovery.caught_up(since, &self.campaign, &Written::by(&self.node)).await;
    }

    async fn check(mut self) {
        let sent = self.campaign.end().await;
        sent.check(&Written::by(&self.node)).await;
        self.recovery.show(&sent);
        self.node.stop().await;
    }
}

#[tokio::test]
async fn renamed_log_files() {
    let mut attacked = Attacked::start("alarm files renamed").await;
    for _ in 0..rounds() {
        attacked.campaign.go_on().await;
        attacked.chance.pause(500).await;
        let since = Instant::now();
        attacked.rotate();
        attacked.recover(since).await;
    }
    attacked.check().await;
}

#[tokio::test]
async fn renamed_log_files_of_a_killed_process() {
    let mut attacked = Attacked::start("alarm files renamed several times, then `dsiem serve` killed").await;
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        for _ in 0..=round % 3 {
            attacked.rotate();
            attacked.chance.pause(400).await;
        }
        attacked.kill().await;
        attacked.recover(since).await;
    }
    attacked.check().await;
}

/// What a file had in it when it was removed is gone, and that is the deed of whoever removed it. So it is kept here: a
/// line has to be in it or in the files of today.
struct Removed {
    name: &'static str,
    file: File,
    aside: PathBuf,
}

impl Removed {
    /// Writes what is in no file of today into one.
    fn put_aside(mut self, written: &Written) {
        let mut text = String::new();
        self.file.read_to_string(&mut text).expect("a file can be read after its removal");
        let today: HashSet<String> = written.texts(self.name.trim_end_matches(".json")).into_iter().collect();
        let missing: Vec<_> = text.lines().filter(|line| !today.contains(*line)).collect();
        fs::write(&self.aside, missing.iter().map(|line| format!("{line}\n")).collect::<String>())
            .expect("room");
    }
}

#[tokio::test]
async fn removed_log_files() {
    let mut attacked = Attacked::start("alarm files removed").await;
    let mut removed = Vec::new();
    for _ in 0..rounds() {
        attacked.campaign.go_on().await;
        attacked.chance.pause(500).await;
        let since = Instant::now();
        attacked.aside += 1;
        for name in FILES {
            let (path, aside) =
                (attacked.file(name), attacked.file(&format!("{name}.{:05}", attacked.aside)));
            let file = File::open(&path).expect("its own file");
            fs::remove_file(&path).expect("its own file");
            removed.push(Removed { name, file, aside });
        }
        attacked.recover(since).await;
    }
    let sent = attacked.campaign.end().await;
    attacked.node.stop().await;
    let written = Written::by(&attacked.node);
    for file in removed {
        file.put_aside(&written);
    }
    sent.check(&written).await;
    attacked.recovery.show(&sent);
}

#[tokio::test]
async fn unwritable_log_files() {
    let mut attacked = Attacked::start("alarm files cannot be written").await;
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        attacked.rotate();
        let name = FILES[round % 2];
        let path = attacked.file(name);
        // Permissions mean nothing to root, so there is something in its place that nobody can write.
        if fs::create_dir(&path).is_err() {
            // The process was quicker. It may go on with a file that it has open already.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("its own file");
            attacked.recover(since).await;
            continue;
        }
        wait_until("it to be said", || async {
            attacked.node.http.readiness().await["degraded"].get("alarm_log").is_some()
        })
        .await;
        attacked.campaign.go_on().await;
        fs::remove_dir(&path).expect("it is empty");
        wait_until("it to be over", || async {
            attacked.node.http.readiness().await["degraded"].get("alarm_log").is_none()
        })
        .await;
        attacked.recover(since).await;
    }
    attacked.check().await;
}
