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

    /// Checks `content`, and writes it if nothing is wrong with it.
    pub(crate) async fn write(
        &self,
        name: &FileName,
        content: impl std::ops::Deref<Target = [u8]> + Send + 'static,
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

/// As strict as a backend that loads the file, together with the `others`.
fn check(name: &FileName, content: &[u8], others: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    let problems = match others {
        [] => check_file(name.as_str(), content, Mode::default())?,
        others => check_directives_among(name.as_str(), content, others, Mode::default()),
    };
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
mod tests {
    use super::*;

    const ASSETS: &[u8] = br#"{ "assets": [ { "name": "lan", "cidr": "10.0.0.0/8", "value": 3 } ] }"#;

    fn name(text: &str) -> FileName {
        FileName::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn names_have_no_way_out_of_the_folder() {
        for text in ["assets_x.json", "a.json", "9-_a.json", "X.json"] {
            assert_eq!(FileName::parse(text).map(|name| name.0).as_deref(), Some(text));
        }
        let long = format!("{}.json", "a".repeat(MAX_NAME));
        for text in [
            "",
            ".json",
            "json",
            "_a.json",
            "-a.json",
            "a.JSON",
            "a.json ",
            "a.json/",
            "../a.json",
            "a/b.json",
            "..json",
            "a\\b.json",
            "a.b.json",
            "a.json\0",
            "a\0.json",
            "é.json",
            "а.json",
            "aXjson",
            "a.jsonx",
            " a.json",
            "a\n.json",
            &long,
        ] {
            assert_eq!(FileName::parse(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_is_written_is_read_back_byte_for_byte_under_one_tag() {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
        store.write(&name("assets_x.json"), ASSETS.to_vec()).await.unwrap();
        let file = store.read(&name("assets_x.json")).await.unwrap();
        assert_eq!(file.content, ASSETS);
        assert_eq!(file.etag, store.read(&name("assets_x.json")).await.unwrap().etag);
        store.write(&name("assets_x.json"), [ASSETS, b"\n"].concat()).await.unwrap();
        assert_ne!(file.etag, store.read(&name("assets_x.json")).await.unwrap().etag);
    }

    #[tokio::test]
    async fn a_file_that_does_not_pass_the_check_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
        store.write(&name("assets_x.json"), ASSETS.to_vec()).await.unwrap();
        let bad = br#"{ "assets": [ { "name": "a", "cidr": "10.0.0.0/99", "value": 0 }, { "name": "b" } ] }"#;
        let refused = store.write(&name("assets_x.json"), bad.to_vec()).await.unwrap_err();
        let StoreError::Invalid { problems, .. } = refused else { panic!("{refused}") };
        assert!(problems.len() >= 3, "every problem, not the first: {problems:?}");
        assert_eq!(store.read(&name("assets_x.json")).await.unwrap().content, ASSETS);
    }

    #[tokio::test]
    async fn an_id_that_another_file_of_the_same_readers_has_is_refused() {
        let directives = |id: u8| {
            let rule = |stage: u8| {
                format!(
                    r#"{{"stage":{stage},"type":"PluginRule","plugin_id":1,"plugin_sid":[1],"occurrence":1,"from":"ANY","to":"ANY","reliability":1}}"#
                )
            };
            format!(
                r#"{{"directives":[{{"id":{id},"name":"n","priority":1,"kingdom":"k","category":"c","rules":[{},{}]}}]}}"#,
                rule(1),
                rule(2)
            )
            .into_bytes()
        };
        for (readers, is_refused) in [(Readers::OneProcess, true), (Readers::Nodes, false)] {
            let folder = tempfile::tempdir().unwrap();
            let store = ConfigStore::new(folder.path().to_owned(), readers);
            store.write(&name("directives_be-1.json"), directives(1)).await.unwrap();
            store.write(&name("directives_be-1.json"), directives(1)).await.unwrap(); // itself again
            let other_node = store.write(&name("directives_be-2.json"), directives(1)).await;
            assert_eq!(other_node.is_err(), is_refused, "{readers:?}");
            let same_node = store.write(&name("directives_be-1_more.json"), directives(1)).await;
            assert!(matches!(same_node, Err(StoreError::Invalid { .. })), "{readers:?}");
        }
    }

    #[tokio::test]
    async fn the_list_has_what_can_be_read_sorted() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["vuln_b.json", "assets_a.json", "readme.md", ".hidden.json", "kingdom.json", "a b.json"]
        {
            fs::write(folder.path().join(file), "{}").unwrap();
        }
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
        assert_eq!(store.list().await.unwrap(), ["assets_a.json", "kingdom.json", "vuln_b.json"]);
        assert!(matches!(store.read(&name("folder.json")).await, Err(StoreError::Missing(_))));
        let nowhere = ConfigStore::new(folder.path().join("nowhere"), Readers::OneProcess);
        assert_eq!(nowhere.list().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn only_files_of_known_kinds_are_written_or_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
        fs::write(folder.path().join(CHOICES_FILE), "{}").unwrap();
        let file = name(CHOICES_FILE);
        assert!(matches!(store.write(&file, ASSETS.to_vec()).await, Err(StoreError::UnknownKind(_))));
        assert!(matches!(store.delete(&file).await, Err(StoreError::UnknownKind(_))));
        assert_eq!(store.list().await.unwrap(), [CHOICES_FILE]);
    }

    #[tokio::test]
    async fn deleting_says_whether_there_was_something() {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().to_owned(), Readers::OneProcess);
        store.write(&name("assets_x.json"), ASSETS.to_vec()).await.unwrap();
        store.delete(&name("assets_x.json")).await.unwrap();
        assert!(matches!(store.delete(&name("assets_x.json")).await, Err(StoreError::Missing(_))));
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_cannot_be_written() {
        let of = |kind: io::ErrorKind, action| StoreError::io(&name("assets_x.json"), action, kind.into());
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(of(kind, WRITTEN), StoreError::NoRoom(_)), "{kind}");
        }
        for kind in
            [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied, io::ErrorKind::NotFound]
        {
            assert!(matches!(of(kind, WRITTEN), StoreError::Io { .. }), "{kind}");
        }
        assert!(matches!(of(io::ErrorKind::NotFound, READ), StoreError::Missing(_)));
    }

    #[tokio::test]
    async fn the_choices_are_written_for_the_user_interface() {
        let folder = tempfile::tempdir().unwrap();
        let store = ConfigStore::new(folder.path().join("configs"), Readers::OneProcess);
        let choices = Choices { status: vec!["Open".into(), "Closed".into()], tags: vec!["A".into()] };
        store.write_choices(&choices).await.unwrap();
        let written = store.read(&name(CHOICES_FILE)).await.unwrap().content;
        let expected = serde_json::json!({ "status": ["Open", "Closed"], "tags": ["A"] });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), expected);
    }
}
