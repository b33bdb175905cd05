//! The configuration files that backends pull and people edit: one flat folder of JSON files.
//!
//! Names are turned into `FileName`s at the door, and only those reach the file system, so no request can name
//! anything outside the folder. What is written has passed the check that the loader does, and replaces the file in one
//! step: a backend gets the old file or the new one, never half of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dsiem_core::configuration::{FileKind, Readers, UnknownPrefix, check_directives_among, check_file};
use dsiem_core::directive::check::Mode;
use dsiem_core::problem::Problem;
use dsiem_runtime::files;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// Bytes of a file's name.
pub const MAX_NAME: usize = 200;

/// Uploads that are checked and written at the same time; the others wait, within the limit for all bodies.
const MAX_WRITES: usize = 1;

/// The file that tells the user interface which states and tags an alarm may have.
pub const CHOICES_FILE: &str = "dsiem_config.json";

/// The name of a file in the folder: `[A-Za-z0-9][A-Za-z0-9_-]*\.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName(String);

impl FileName {
    /// Takes `name` if it is a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".json")?;
        let fits = name.len() <= MAX_NAME
            && stem.starts_with(|c: char| c.is_ascii_alphanumeric())
            && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file as it is on the disk.
#[derive(Debug)]
pub(crate) struct StoredFile {
    /// Its bytes, unchanged.
    pub(crate) content: Vec<u8>,
    /// A strong entity tag, with its quotes: the same bytes have the same one.
    pub(crate) etag: String,
}

/// What a file has to be before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it is.
    Anything,
    /// There is none.
    Nothing,
    /// It has this entity tag.
    Content(String),
}

/// Why a file could not be read, written or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is no such file.
    #[error("there is no file {0:?}")]
    Missing(String),
    /// Its name does not say what it holds.
    #[error(transparent)]
    UnknownKind(#[from] UnknownPrefix),
    /// It does not pass the check.
    #[error("{name} does not pass the check and was not written")]
    Invalid {
        /// The file's name.
        name: String,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
    /// Somebody else has changed it.
    #[error("{0} is not what it was when it was read; read it again")]
    Changed(String),
    /// There is no room on the disk.
    #[error("there is no room on the disk for {0}; free some and send it again")]
    NoRoom(String),
    /// The file system does not let us.
    #[error("{name} cannot be {action}: {source}; see to the folder of configuration files")]
    Io {
        /// The file's name.
        name: String,
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl StoreError {
    fn io(name: &FileName, action: &'static str, source: io::Error) -> Self {
        let name = name.as_str().to_owned();
        match source.kind() {
            io::ErrorKind::NotFound if action != WRITTEN => Self::Missing(name),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoRoom(name)
            }
            _ => Self::Io { name, action, source },
        }
    }
}

const READ: &str = "read";
const WRITTEN: &str = "written";
const DELETED: &str = "deleted";

/// The folder of configuration files. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ConfigStore {
    folder: Arc<Path>,
    readers: Readers,
    writes: Arc<Semaphore>,
}

impl ConfigStore {
    /// The files in `folder`, which `readers` load.
    pub(crate) fn new(folder: PathBuf, readers: Readers) -> Self {
        Self { folder: folder.into(), readers, writes: Arc::new(Semaphore::new(MAX_WRITES)) }
    }

    /// The names of all files that can be read here, sorted. A missing folder has none.
    pub(crate) async fn list(&self) -> io::Result<Vec<String>> {
        let folder = Arc::clone(&self.folder);
        blocking(move || match list(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        })
        .await
    }

    /// The file's bytes.
    pub(crate) async fn read(&self, name: &FileName) -> Result<StoredFile, StoreError> {
        let path = self.path(name);
        blocking(move || {
            let content = read_file(&path)?;
            let etag = etag(&content);
            Ok(StoredFile { content, etag })
        })
        .await
        .map_err(|e| StoreError::io(name, READ, e))
    }

    /// Everything that is wrong with `content`, which is not written.
    pub(crate) async fn check(
        &self,
        name: &FileName,
        content: impl std::ops::Deref<Target = [u8]> + Send + 'static,
    ) -> Result<Vec<Problem>, StoreError> {
        FileKind::of(name.as_str())?;
        let (folder, readers) = (Arc::clone(&self.folder), self.readers);
        let checked_name = name.clone();
        let checked = blocking(move || {
            let others = directives_beside(&folder, &checked_name, readers)?;
            Ok(problems_of(&checked_name, &content, &others))
        });
        Ok(checked.await.map_err(|e| StoreError::io(name, READ, e))??)
    }

    /// Checks `content`, and writes it if nothing is wrong with it and the file is as `expected`.
    pub(crate) async fn write(
        &self,
        name: &FileName,
        content: impl std::ops::Deref<Target = [u8]> + Send + 'static,
        expected: Expected,
    ) -> Result<(), StoreError> {
        FileKind::of(name.as_str())?;
        // Never closed, so there always is a permit at some time.
        let _turn = self.writes.acquire().await.ok();
        let path = self.path(name);
        let checked_name = name.clone();
        let (folder, readers) = (Arc::clone(&self.folder), self.readers);
        let outcome = blocking(move || {
            let others = directives_beside(&folder, &checked_name, readers)?;
            if let Err(refused) = check(&checked_name, &content, &others) {
                return Ok(Err(refused));
            }
            if !expected.is_met(&path)? {
                return Ok(Err(StoreError::Changed(checked_name.0)));
            }
            fs::create_dir_all(folder)?;
            files::write_atomically(&path, &content).map(Ok)
        });
        outcome.await.map_err(|e| StoreError::io(name, WRITTEN, e))??;
        tracing::info!(file = name.as_str(), "configuration file written");
        Ok(())
    }

    /// Deletes the file.
    pub(crate) async fn delete(&self, name: &FileName) -> Result<(), StoreError> {
        FileKind::of(name.as_str())?;
        let path = self.path(name);
        blocking(move || is_file(&path).and_then(|()| fs::remove_file(&path)))
            .await
            .map_err(|e| StoreError::io(name, DELETED, e))?;
        tracing::info!(file = name.as_str(), "configuration file deleted");
        Ok(())
    }

    /// Writes the file that tells the user interface which states and tags an alarm may have.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub(crate) async fn write_choices(&self, choices: &Choices) -> io::Result<()> {
        let folder = Arc::clone(&self.folder);
        let content = serde_json::to_vec_pretty(choices)?;
        blocking(move || {
            fs::create_dir_all(&folder)?;
            files::write_atomically(&folder.join(CHOICES_FILE), &content)
        })
        .await
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.folder.join(name.as_str())
    }
}

/// What people may set an alarm to; the first of each is what a new alarm has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choices {
    /// `status` of an alarm.
    pub status: Vec<String>,
    /// `tag` of an alarm.
    pub tags: Vec<String>,
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

/// The other files of directives that are loaded together with the one of this name; none if it holds something else.
fn directives_beside(folder: &Path, name: &FileName, readers: Readers) -> io::Result<Vec<(String, Vec<u8>)>> {
    if FileKind::of(name.as_str()) != Ok(FileKind::Directives) {
        return Ok(Vec::new());
    }
    let names = match list(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let others = names.into_iter().filter(|other| {
        other != name.as_str()
            && FileKind::of(other) == Ok(FileKind::Directives)
            && readers.share(other, name.as_str())
    });
    others.map(|other| Ok((other.clone(), fs::read(folder.join(other))?))).collect()
}

impl Expected {
    fn is_met(&self, path: &Path) -> io::Result<bool> {
        let there = match read_file(path) {
            Ok(content) => Some(etag(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(match self {
            Self::Anything => true,
            Self::Nothing => there.is_none(),
            Self::Content(tag) => there.as_deref() == Some(tag),
        })
    }
}

/// As strict as a backend that loads the file, together with the `others`.
fn problems_of(
    name: &FileName,
    content: &[u8],
    others: &[(String, Vec<u8>)],
) -> Result<Vec<Problem>, UnknownPrefix> {
    match others {
        [] => check_file(name.as_str(), content, Mode::default()),
        others => Ok(check_directives_among(name.as_str(), content, others, Mode::default())),
    }
}

fn check(name: &FileName, content: &[u8], others: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    let problems = problems_of(name, content, others)?;
    if problems.iter().any(Problem::is_error) {
        return Err(StoreError::Invalid { name: name.as_str().to_owned(), problems });
    }
    for problem in problems {
        tracing::warn!(%problem, "uploaded configuration file");
    }
    Ok(())
}

fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| FileName::parse(name.to_str()?));
        names.extend(name.filter(|_| path.is_file()).map(|name| name.0));
    }
    names.sort_unstable();
    Ok(names)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    is_file(path)?;
    fs::read(path)
}

/// Folders, pipes and devices are not served: to us they are missing. Links are followed; whoever can set one can also
/// write a file.
fn is_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn etag(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from('"');
    for byte in &Sha256::digest(content)[..16] {
        // Writing to a String does not fail.
        write!(tag, "{byte:02x}").ok();
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests;
