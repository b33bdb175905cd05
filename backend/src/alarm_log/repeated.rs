//! Knows the lines that were written after the last checkpoint.
//!
//! After `kill -9`, what had been handled since the last checkpoint is handled again, and says the same again. Which of
//! it is in the files already is found by reading them from where they ended at that checkpoint: the file at the usual
//! path, and, if a log rotation has renamed the one of the checkpoint, that one too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dsiem_core::event::EventKey;

use super::append_file::{End, FileId};

/// Lines that are in the files, by their hashes, each as often as it is there: an alarm can come up again with the same
/// event, once that is not remembered any more, and its line is then written for a second time.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    lines: HashMap<EventKey, u32>,
}

impl Repeated {
    /// The lines behind `end`, for the log at `path`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn behind(end: End, path: &Path) -> io::Result<Self> {
        let mut known = Self::default();
        for (file, start) in places(end, path)? {
            known.read(&file, start)?;
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
}

fn key(line: &[u8]) -> EventKey {
    EventKey::of(&String::from_utf8_lossy(line))
}

/// The files to read, and from where on.
fn places(end: End, path: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    if let Ok(found) = fs::metadata(path)
        && FileId::of(&found) == end.file
    {
        // A file that was truncated meanwhile holds nothing from before.
        let start = if found.len() < end.length { 0 } else { end.length };
        return Ok(vec![(path.to_owned(), start)]);
    }
    let mut places = vec![(path.to_owned(), 0)];
    let folder = path.parent().unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata().is_ok_and(|found| FileId::of(&found) == end.file) {
            places.push((entry.path(), end.length));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(path: &Path) -> End {
        let found = fs::metadata(path).unwrap();
        End { file: FileId::of(&found), length: found.len() }
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
    fn a_file_that_was_emptied_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before\nand more\n").unwrap();
        let checkpoint = end(&path);
        fs::write(&path, "new\n").unwrap();
        assert!(Repeated::behind(checkpoint, &path).unwrap().take(b"new"));
    }
}
