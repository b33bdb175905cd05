//! Knows the lines that were written after the last checkpoint.
//!
//! After `kill -9`, what had been handled since the last checkpoint is handled again, and says the same again. Which of
//! it is in the files already is found by reading them from where they ended at that checkpoint: the file at the usual
//! path, and those beside it that log rotations have made meanwhile, one or many, by renaming it or by copying it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dsiem_core::event::EventKey;

use super::append_file::{End, FileId, modified};

/// Lines that are in the files, by their hashes, each as often as it is there: an alarm can come up again with the same
/// event, once that is not remembered any more, and its line is then written for a second time.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    lines: HashMap<EventKey, u32>,
    /// The alarms that these lines are about, but for those of which another document was written meanwhile.
    alarms: HashSet<EventKey>,
}

impl Repeated {
    /// The lines behind `end`, for the log at `path`.
    ///
    /// # Errors
    /// When the file of today cannot be read.
    pub(super) fn behind(end: End, path: &Path) -> io::Result<Self> {
        let mut known = Self::default();
        for (file, start) in places(end, path)? {
            match known.read(&file, start) {
                // What a log rotation has made may be another user's.
                Err(error) if file != path => {
                    tracing::warn!(path = %file.display(), %error, "cannot read a renamed log; lines in it may come twice");
                }
                read => read?,
            }
        }
        if !known.lines.is_empty() {
            tracing::info!(
                path = %path.display(),
                lines = known.lines.values().sum::<u32>(),
                "lines were written after the last checkpoint; they are not written again"
            );
        }
        Ok(known)
    }

    fn read(&mut self, path: &Path, start: u64) -> io::Result<()> {
        if !fs::metadata(path)?.is_file() {
            return Ok(());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            // A line that was left torn is none: it is written again in full.
            if line.pop() == Some(b'\n') {
                *self.lines.entry(key(&line)).or_default() += 1;
                self.alarms.insert(key(alarm_of(&line)));
            }
            line.clear();
        }
        Ok(())
    }

    /// Whether `line` is in the files; from now on it is known once less.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let Entry::Occupied(mut known) = self.lines.entry(key(line)) else { return false };
        *known.get_mut() -= 1;
        if *known.get() == 0 {
            known.remove();
        }
        true
    }

    /// The same for documents of alarms, of which the last one in the file has to be the latest. What is known of an alarm
    /// counts until a document of it comes that is not known: when events are handled again, an alarm can be written in
    /// between where it was not before, or without what look-ups have yet to bring.
    pub(super) fn take_document(&mut self, line: &[u8]) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let alarm = key(alarm_of(line));
        if !self.alarms.contains(&alarm) {
            return false;
        }
        let known = self.take(line);
        if !known {
            self.alarms.remove(&alarm);
        }
        known
    }
}

/// A line up to the end of its first value, which is the id of the alarm.
fn alarm_of(line: &[u8]) -> &[u8] {
    const QUOTES: usize = 4;
    let end = line.iter().enumerate().filter(|(_, byte)| **byte == b'"').nth(QUOTES - 1);
    &line[..end.map_or(line.len(), |(end, _)| end)]
}

fn key(line: &[u8]) -> EventKey {
    EventKey::of(&String::from_utf8_lossy(line))
}

/// The files to read, and from where on.
fn places(end: End, path: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem()) else { return Ok(Vec::new()) };
    let mut places = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(found) = fs::metadata(entry.path()) else { continue };
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
        if FileId::of(&found) == end.file {
            // A file that was truncated meanwhile holds nothing from before.
            let start = if found.len() < end.length { 0 } else { end.length };
            places.push((entry.path(), start));
        } else if entry.path() == path || (is_ours && modified(&found) >= end.modified) {
            // Of those that were renamed, the ones of before the checkpoint have not been written since.
            places.push((entry.path(), 0));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(path: &Path) -> End {
        let found = fs::metadata(path).unwrap();
        End { file: FileId::of(&found), length: found.len(), modified: modified(&found) }
    }

    #[test]
    fn lines_behind_the_checkpoint_are_known_once_and_others_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before\n").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "before\nafter\nlater\ntor").unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        for (line, expected) in
            [("before", false), ("after", true), ("after", false), ("tor", false), ("later", true)]
        {
            assert_eq!(known.take(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_there_twice_is_known_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "a\nb\na\n").unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        assert_eq!(["a", "a", "a", "b"].map(|line| known.take(line.as_bytes())), [true, true, false, true]);
    }

    #[test]
    fn once_an_alarm_has_another_document_all_later_ones_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "").unwrap();
        let checkpoint = end(&path);
        let document = |alarm: &str, text: &str| format!(r#"{{"alarm_id":"{alarm}","title":"{text}"}}"#);
        let lines =
            [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")].map(|(alarm, text)| document(alarm, text));
        fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        for (alarm, text, expected) in [
            ("a", "1", true),
            ("a", "in between", false),
            ("a", "2", false),
            ("b", "1", true),
            ("b", "2", true),
            ("b", "3", false),
            ("c", "1", false),
        ] {
            let line = document(alarm, text);
            assert_eq!(known.take_document(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_file_that_was_renamed_is_found_and_the_new_one_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before\n").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "before\nafter\n").unwrap();
        fs::rename(&path, folder.path().join("log.1")).unwrap();
        fs::write(&path, "new\n").unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        assert!(!known.take(b"before") && known.take(b"after") && known.take(b"new"));
    }

    #[test]
    fn files_of_several_rotations_are_read_and_older_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let renamed = |number: u32| folder.path().join(format!("log.json.{number}"));
        fs::write(renamed(1), "older\n").unwrap();
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::options().write(true).open(renamed(1)).unwrap().set_modified(long_ago).unwrap();
        fs::write(&path, "before\n").unwrap();
        let checkpoint = end(&path);
        for (number, text) in [(2, "before\nfirst\n"), (3, "second\n"), (4, "third\n")] {
            fs::write(&path, text).unwrap();
            fs::rename(&path, renamed(number)).unwrap();
        }
        fs::write(folder.path().join("other.json"), "other\n").unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        let taken =
            ["older", "before", "first", "second", "third", "other"].map(|line| known.take(line.as_bytes()));
        assert_eq!(taken, [false, false, true, true, true, false]);
    }

    #[test]
    fn a_file_that_was_copied_and_emptied_is_found_in_its_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        fs::write(&path, "before\n").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "before\nafter\n").unwrap();
        fs::copy(&path, folder.path().join("log.json.1")).unwrap();
        fs::write(&path, "new\n").unwrap();
        let mut known = Repeated::behind(checkpoint, &path).unwrap();
        assert!(known.take(b"after") && known.take(b"new"));
    }

    #[test]
    fn a_file_that_was_emptied_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before\nand more\n").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "new\n").unwrap();
        assert!(Repeated::behind(checkpoint, &path).unwrap().take(b"new"));
    }
}
