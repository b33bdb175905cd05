//! Alarm files that are renamed, removed or cannot be written, while they are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use dsiem_tests::wait::wait_until;

use crate::attacked::{Attacked, durable};
use crate::rounds::{Chance, rounds};
use crate::written::Written;

/// The files.
const FILES: [&str; 2] = ["siem_alarms.json", "siem_alarm_events.json"];

/// The alarm files of a process, and how often they were put aside.
struct Files {
    folder: PathBuf,
    aside: usize,
}

impl Files {
    fn of(attacked: &Attacked) -> Self {
        Self { folder: attacked.node.path("logs"), aside: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where one is put aside; the later ones sort last.
    fn path_aside(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.{:05}", self.aside))
    }

    /// Renames the files as a log rotation does.
    fn rotate(&mut self) {
        self.aside += 1;
        for name in FILES {
            if self.path(name).is_file() {
                fs::rename(self.path(name), self.path_aside(name)).expect("its own file");
            }
        }
    }
}

#[tokio::test]
async fn renamed_log_files() {
    let mut attacked = Attacked::start("alarm files renamed", durable()).await;
    let (mut files, mut chance) = (Files::of(&attacked), Chance::new());
    for _ in 0..rounds() {
        attacked.campaign.go_on().await;
        chance.pause(500).await;
        let since = Instant::now();
        files.rotate();
        attacked.recover(since).await;
    }
    attacked.check().await;
}

#[tokio::test]
async fn renamed_log_files_of_a_killed_process() {
    let mut attacked =
        Attacked::start("alarm files renamed several times, then `dsiem serve` killed", durable()).await;
    let (mut files, mut chance) = (Files::of(&attacked), Chance::new());
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        for _ in 0..=round % 3 {
            files.rotate();
            chance.pause(400).await;
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
    let mut attacked = Attacked::start("alarm files removed", durable()).await;
    let (mut files, mut chance) = (Files::of(&attacked), Chance::new());
    let mut removed = Vec::new();
    for _ in 0..rounds() {
        attacked.campaign.go_on().await;
        chance.pause(500).await;
        let since = Instant::now();
        files.aside += 1;
        for name in FILES {
            let (path, aside) = (files.path(name), files.path_aside(name));
            let file = File::open(&path).expect("its own file");
            fs::remove_file(&path).expect("its own file");
            removed.push(Removed { name, file, aside });
        }
        attacked.recover(since).await;
    }
    let sent = attacked.campaign.end().await;
    attacked.node.stop().await;
    for file in removed {
        file.put_aside(&attacked.written);
    }
    sent.check(&attacked.written).await;
    attacked.recovery.show(&sent);
}

#[tokio::test]
async fn unwritable_log_files() {
    let mut attacked = Attacked::start("alarm files cannot be written", durable()).await;
    let mut files = Files::of(&attacked);
    for round in 0..rounds() {
        attacked.campaign.go_on().await;
        let since = Instant::now();
        files.rotate();
        let name = FILES[round % 2];
        let path = files.path(name);
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
