//! The alarms of one attack, found in the alarm file while it grows.
//!
//! An alarm's id is a function of its directive and the event that opened it, so the alarms of an attack are known by
//! the ids of its events, whatever else the server is doing meanwhile.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dsiem_core::backlog::AlarmId;
use serde_json::Value;

/// The id of the alarm that this event opens under this directive.
pub(super) fn alarm_id(directive: u64, event_id: &str) -> String {
    AlarmId::of(directive, event_id).as_str().to_owned()
}

/// A `siem_alarms.json`, read from where it ended.
pub(super) struct AlarmFile {
    path: PathBuf,
    read_to: u64,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
}

impl AlarmFile {
    /// The file at `path`, which may not be there yet, without what is in it already.
    pub(super) fn from_its_end(path: &Path) -> anyhow::Result<Self> {
        let read_to = match std::fs::metadata(path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
        };
        Ok(Self { path: path.to_owned(), read_to, begun: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The documents of these alarms that have been written since the last look.
    pub(super) fn read_new(&mut self, alarm_ids: &[String]) -> anyhow::Result<Vec<Value>> {
        self.read_on().with_context(|| format!("cannot read {}", self.path.display()))?;
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.begun.split_off(end + 1);
        let lines = std::mem::replace(&mut self.begun, rest);
        let documents =
            lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let is_ours = |document: &Value| {
            document["alarm_id"].as_str().is_some_and(|id| alarm_ids.iter().any(|own| own == id))
        };
        Ok(documents.filter(is_ours).collect())
    }

    fn read_on(&mut self) -> std::io::Result<()> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        if file.metadata()?.len() < self.read_to {
            // It was rotated.
            self.read_to = 0;
            self.begun.clear();
        }
        file.seek(SeekFrom::Start(self.read_to))?;
        self.read_to += file.read_to_end(&mut self.begun)? as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    fn append(path: &Path, text: &str) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn risks(file: &mut AlarmFile) -> Vec<u64> {
        let documents = file.read_new(&["mine".to_owned()]).unwrap();
        documents.iter().map(|document| document["risk"].as_u64().unwrap()).collect()
    }

    #[test]
    fn what_was_there_before_and_what_belongs_to_others_is_left_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.json");
        append(&path, "{\"alarm_id\":\"mine\",\"risk\":1}\n");
        let mut file = AlarmFile::from_its_end(&path).unwrap();
        assert_eq!(risks(&mut file), [0; 0]);
        append(&path, "{\"alarm_id\":\"other\",\"risk\":2}\n{\"alarm_id\":\"mine\",\"risk\":3}\nnot json\n");
        assert_eq!(risks(&mut file), [3]);
        assert_eq!(risks(&mut file), [0; 0], "each once");
    }

    #[test]
    fn a_line_is_read_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.json");
        let mut file = AlarmFile::from_its_end(&path).unwrap();
        append(&path, "{\"alarm_id\":\"mine\",");
        assert_eq!(risks(&mut file), [0; 0]);
        append(&path, "\"risk\":4}\n");
        assert_eq!(risks(&mut file), [4]);
    }

    #[test]
    fn a_file_that_begins_anew_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.json");
        append(&path, &"x\n".repeat(100));
        let mut file = AlarmFile::from_its_end(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(risks(&mut file), [0; 0]);
        append(&path, "{\"alarm_id\":\"mine\",\"risk\":5}\n");
        assert_eq!(risks(&mut file), [5]);
    }
}
