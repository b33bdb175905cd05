//! Knows whether the process that was the node last is dead or alive, where that runs on this machine and in this folder.
//!
//! Whoever wants to be the node has a file locked for as long as it lives, with its name in it. A lock that can be had
//! proves that the process whose name is in the file has ended, so that nobody need wait until its lease expires. A lock
//! that cannot be had proves that it lives, however long it has not been heard of, and has the files of the node. A file
//! that was copied, or written before the machine was started, proves nothing: the name goes with the identity of the file
//! and of the run of the system.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where Linux tells which run of the system it is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Nothing of ours is longer.
const MAX_BYTES: u64 = 4096;

/// The file of one node in one folder.
#[derive(Debug)]
pub(super) struct HolderFile {
    path: PathBuf,
    /// Open for as long as this process may be the node: the system unlocks it when the process ends, however it does.
    locked: Option<File>,
    /// Who had it locked before, and has ended.
    dead: Option<String>,
    /// Another process has it locked, or had when that was last tried.
    others: bool,
}

/// What is in the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    holder: String,
    place: Place,
}

/// Which file it is, on which run of which system.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    boot: String,
    device: u64,
    inode: u64,
}

impl Place {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        let boot = fs::read_to_string(BOOT_ID)?.trim().to_owned();
        Ok(Self { boot, device: found.dev(), inode: found.ino() })
    }
}

impl HolderFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, locked: None, dead: None, others: false }
    }

    /// Locks it for the process that calls itself `own`, unless it is locked; that another living process has it is no
    /// error.
    pub(super) fn lock(&mut self, own: &str) -> io::Result<()> {
        if self.locked.is_some() {
            return Ok(());
        }
        self.others = false;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                self.others = true;
                return Ok(());
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let place = Place::of(&file)?;
        let mut text = String::new();
        (&file).take(MAX_BYTES).read_to_string(&mut text)?;
        let before: Option<Record> = serde_json::from_str(&text).ok();
        self.dead = before.filter(|record| record.place == place).map(|record| record.holder);
        let record = serde_json::to_vec(&Record { holder: own.to_owned(), place })?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&record)?;
        self.locked = Some(file);
        Ok(())
    }

    /// Whether another process that lives has it.
    pub(super) fn is_others(&self) -> bool {
        self.others
    }

    /// The process that had it before, and is certainly dead.
    pub(super) fn dead(&self) -> Option<&str> {
        self.dead.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir) -> HolderFile {
        HolderFile::new(folder.path().join("state/be-0.holder"))
    }

    #[test]
    fn a_process_is_known_to_be_dead_once_its_lock_can_be_had() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, mut second, mut third) = (file(&folder), file(&folder), file(&folder));
        first.lock("first").unwrap();
        assert_eq!(first.dead(), None);
        second.lock("second").unwrap();
        assert_eq!((second.dead(), second.is_others()), (None, true), "the first one lives");
        drop(first);
        second.lock("second").unwrap();
        second.lock("second").unwrap();
        assert_eq!((second.dead(), second.is_others()), (Some("first"), false));
        third.lock("third").unwrap();
        assert_eq!(third.dead(), None);
        drop(second);
        third.lock("third").unwrap();
        assert_eq!(third.dead(), Some("second"));
    }

    #[test]
    fn a_copy_of_the_file_proves_nothing() {
        let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut living, mut other) = (file(&folder), file(&copy));
        living.lock("living").unwrap();
        fs::create_dir_all(other.path.parent().unwrap()).unwrap();
        fs::copy(&living.path, &other.path).unwrap();
        other.lock("other").unwrap();
        assert_eq!(other.dead(), None);
    }

    #[test]
    fn a_file_of_before_the_system_was_started_or_of_something_else_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = file(&folder);
        first.lock("first").unwrap();
        let text = fs::read_to_string(&first.path).unwrap();
        let boot = fs::read_to_string(BOOT_ID).unwrap();
        drop(first);
        for text in [text.replace(boot.trim(), "another"), "nonsense".to_owned(), String::new()] {
            let mut next = file(&folder);
            fs::write(&next.path, text).unwrap();
            next.lock("next").unwrap();
            assert_eq!(next.dead(), None);
        }
    }
}
