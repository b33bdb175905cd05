//! A file that only grows by whole lines, whatever others do to it.
//!
//! Log shippers and operators rename, remove, replace and truncate the alarm files while we write them, disks fill up
//! and processes are killed. This is the part that copes: it follows its path to whatever file is there now, ends a
//! line that was left torn, and knows how much of a batch is already in the file, so that a retry neither loses nor
//! doubles a line. When to write, to retry and to give up is decided by the caller.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How often a batch is written anew at once because its file was removed meanwhile, before that counts as a failure.
const MAX_REMOVALS: usize = 3;

/// Whole lines on their way into a file.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    /// How many of the bytes are in the file.
    written: usize,
}

/// A file opened for append, found again by its path when it was replaced.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    open: OpenFile,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    id: FileId,
    /// Its length after our last write; a shorter file has been truncated.
    length: u64,
    /// When that was, as the system noted it.
    modified: i64,
    /// Its last line has no end yet, and the rest of that line will never come.
    is_torn: bool,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

/// Where a file ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    #[serde(flatten)]
    pub(super) file: FileId,
    /// Its length in bytes.
    pub(super) length: u64,
    /// When it was written last, in nanoseconds since 1970: files of an earlier rotation are older.
    #[serde(default)]
    pub(super) modified: i64,
}

impl Pending {
    /// Where the next line is to be put; it must end with a newline and hold no other.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Whether everything is in the file.
    pub(super) fn is_done(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// How many lines have not been written to their end.
    pub(super) fn lines_left(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.bytes[self.written..]).count()
    }

    /// Makes room for the next batch, once everything is written.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    /// Writes on from where the last attempt ended.
    fn write_to(&mut self, file: &mut impl Write) -> io::Result<()> {
        while !self.is_done() {
            match file.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes a line that was cut short by a failure once more from its beginning: its first part is in another file.
    fn rewind_to_line(&mut self) {
        let begun = &self.bytes[..self.written];
        self.written = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    }
}

impl AppendFile {
    /// Opens or creates the file, and its folder if need be.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let open = OpenFile::at(&path)?;
        Ok(Self { path, open })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is pending into the file that is at the path now. After an error, call it again with the same
    /// `pending`: it goes on where it stopped.
    pub(super) fn append(&mut self, pending: &mut Pending) -> io::Result<()> {
        if pending.is_done() {
            return Ok(());
        }
        for _ in 0..MAX_REMOVALS {
            self.follow(pending)?;
            self.open.write(pending)?;
            if !self.open.is_removed()? {
                return Ok(());
            }
            // Nobody will read what went into a removed file.
            pending.written = 0;
        }
        Err(io::Error::other("it is removed again and again while it is written"))
    }

    /// Where it ends, after what was written last.
    pub(super) fn end(&self) -> End {
        End { file: self.open.id, length: self.open.length, modified: self.open.modified }
    }

    /// Asks the system to put what was written onto the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.open.file.sync_data()
    }

    /// Sees to it that the open file is the one at the path, and that it ends where we think.
    fn follow(&mut self, pending: &mut Pending) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(found) if FileId::of(&found) == self.open.id => {
                if found.is_file() && found.len() < self.open.length {
                    pending.rewind_to_line();
                    self.open.take_end(&found)?;
                }
                Ok(())
            }
            Ok(_) | Err(_) => {
                self.open = OpenFile::at(&self.path)?;
                pending.rewind_to_line();
                tracing::info!(path = %self.path.display(), "log file was renamed, removed or replaced; goes on in a new one");
                Ok(())
            }
        }
    }
}

impl OpenFile {
    fn at(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let found = file.metadata()?;
        let mut open = Self { file, id: FileId::of(&found), length: 0, modified: 0, is_torn: false };
        open.take_end(&found)?;
        if open.is_torn {
            tracing::warn!(path = %path.display(), "the last line of the log file was left incomplete; it is ended there");
        }
        Ok(open)
    }

    /// Takes note of where the file ends and whether that is the end of a line.
    fn take_end(&mut self, found: &Metadata) -> io::Result<()> {
        (self.length, self.modified) = (found.len(), modified(found));
        self.is_torn = false;
        if found.is_file() && found.len() > 0 {
            let mut last = [0];
            self.file.read_exact_at(&mut last, found.len() - 1)?;
            self.is_torn = last != *b"\n";
        }
        Ok(())
    }

    fn write(&mut self, pending: &mut Pending) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let result = pending.write_to(&mut self.file);
        let found = self.file.metadata()?;
        (self.length, self.modified) = (found.len(), modified(&found));
        result
    }

    fn is_removed(&self) -> io::Result<bool> {
        let found = self.file.metadata()?;
        Ok(found.is_file() && found.nlink() == 0)
    }
}

impl FileId {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// When a file was written last, in nanoseconds since 1970.
pub(super) fn modified(found: &Metadata) -> i64 {
    found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(lines: &str) -> Pending {
        Pending { bytes: lines.as_bytes().to_vec(), written: 0 }
    }

    /// Takes `room` bytes, a few at a time, and then is full.
    struct SmallDisk {
        content: Vec<u8>,
        room: usize,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(3).min(self.room);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.content.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn after_a_short_write_it_goes_on_behind_what_is_written() {
        let mut disk = SmallDisk { content: Vec::new(), room: 7 };
        let mut lines = pending("first\nsecond\n");
        assert_eq!(lines.write_to(&mut disk).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(lines.lines_left(), 1);
        disk.room = 100;
        lines.write_to(&mut disk).unwrap();
        assert_eq!(disk.content, b"first\nsecond\n");
        assert!(lines.is_done());
    }

    #[test]
    fn a_line_begun_in_a_file_that_is_gone_is_written_whole_into_the_next() {
        let mut lines = pending("first\nsecond\n");
        lines.written = 8;
        lines.rewind_to_line();
        let mut next = Vec::new();
        lines.write_to(&mut next).unwrap();
        assert_eq!(next, b"second\n");
    }

    #[test]
    fn goes_on_after_the_file_was_renamed_removed_replaced_and_truncated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut file = AppendFile::open(path.clone()).unwrap();
        file.append(&mut pending("1\n")).unwrap();

        fs::rename(&path, folder.path().join("old.json")).unwrap();
        file.append(&mut pending("2\n")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("old.json")).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");

        fs::remove_file(&path).unwrap();
        file.append(&mut pending("3\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");

        fs::write(folder.path().join("other"), "theirs\n").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        file.append(&mut pending("4\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs\n4\n");

        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        file.append(&mut pending("5\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
    }

    #[test]
    fn goes_on_after_the_folder_was_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/log.json");
        let mut file = AppendFile::open(path.clone()).unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        file.append(&mut pending("1\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_torn_last_line_is_ended_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        fs::write(&path, "whole\ntor").unwrap();
        let mut file = AppendFile::open(path.clone()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntor", "opening alone changes nothing");
        file.append(&mut pending("1\n")).unwrap();
        file.append(&mut pending("2\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntor\n1\n2\n");
    }

    #[test]
    fn a_file_cut_off_within_a_line_is_ended_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut file = AppendFile::open(path.clone()).unwrap();
        file.append(&mut pending("first\nsecond\n")).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(8).unwrap();
        file.append(&mut pending("third\n")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nse\nthird\n");
    }

    #[test]
    fn a_removal_between_looking_and_writing_is_noticed_after_the_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut file = AppendFile::open(path.clone()).unwrap();
        assert!(!file.open.is_removed().unwrap());
        fs::remove_file(&path).unwrap();
        file.open.write(&mut pending("1\n")).unwrap();
        assert!(file.open.is_removed().unwrap());
    }
}
