//! What a process has written about alarms, wherever the files are and however many there are of them.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use dsiem_tests::alarms::{Link, last_documents, link};
use dsiem_tests::installation::Node;
use serde_json::Value;

/// So much of the end of a file is enough to find the newest events in it.
const TAIL_BYTES: u64 = 64 << 10;

/// The folder of the files. Those that were renamed have names that begin like the original ones, and are older.
#[derive(Debug, Clone)]
pub(crate) struct Written(PathBuf);

impl Written {
    /// What `node` has written.
    pub(crate) fn by(node: &Node) -> Self {
        Self(node.path("logs"))
    }

    /// What is in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Every line about a counted event.
    pub(crate) fn links(&self) -> Vec<Link> {
        self.lines("siem_alarm_events").iter().map(link).collect()
    }

    /// The last document of each alarm.
    pub(crate) fn alarms(&self) -> Vec<Value> {
        last_documents(self.lines("siem_alarms"))
    }

    /// The newest events that were counted.
    pub(crate) fn newest_events(&self) -> String {
        let mut tail = Vec::new();
        if let Ok(mut file) = std::fs::File::open(self.0.join("siem_alarm_events.json")) {
            let length = file.metadata().map_or(0, |found| found.len());
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok();
            file.read_to_end(&mut tail).ok();
        }
        String::from_utf8_lossy(&tail).into_owned()
    }

    /// Every line of a kind of file, as it is.
    pub(crate) fn texts(&self, kind: &str) -> Vec<String> {
        let lines = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        self.files(kind).iter().flat_map(lines).collect()
    }

    /// A process that was killed within a write leaves a line torn, which comes again whole: what is no JSON is no line.
    fn lines(&self, kind: &str) -> Vec<Value> {
        self.texts(kind).iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The oldest first.
    fn files(&self, kind: &str) -> Vec<PathBuf> {
        let file = format!("{kind}.json");
        let names = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut renamed: Vec<_> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(&format!("{file}.")))
            .collect();
        renamed.sort();
        renamed.push(file);
        renamed.iter().map(|name| self.0.join(name)).collect()
    }
}
