//! The directives in the folder of configuration files, read as a backend reads them: for showing what is loaded, and for
//! explaining alarms.
//!
//! They are read again when a file has changed, and not otherwise: there may be a hundred thousand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use std::{fs, io};

use dsiem_core::configuration::FileKind;
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::problem::Problem;

/// The folder, and what was read of it last. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    folder: Arc<Path>,
    /// Locked while it is looked at and read, so that several who ask at once read it once.
    read: Arc<Mutex<Option<Read>>>,
}

#[derive(Debug)]
struct Read {
    files: Vec<FileState>,
    shelf: Arc<Shelf>,
}

/// By which a file is known to be the one that was read.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    name: String,
    length: u64,
    modified: Option<SystemTime>,
}

/// All directives, as they were at one moment.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// In the order of their ids; those that are disabled or wrong are not among them.
    pub(crate) directives: Vec<Found>,
    /// How many are disabled.
    pub(crate) disabled: usize,
    /// What is wrong with files and directives.
    pub(crate) problems: Vec<Problem>,
    by_id: HashMap<u64, usize>,
}

/// A directive, and where it stands.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) directive: Directive,
    /// The name of its file.
    pub(crate) file: Arc<str>,
}

impl Shelf {
    /// The directive with this id.
    pub(crate) fn get(&self, id: u64) -> Option<&Found> {
        self.by_id.get(&id).map(|place| &self.directives[*place])
    }
}

impl Library {
    /// The directives in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), read: Arc::default() }
    }

    /// The directives as they are now. Blocks: for threads that may.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub(crate) fn shelf(&self) -> io::Result<Arc<Shelf>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let files = files_of(&self.folder)?;
        if let Some(known) = read.as_ref().filter(|known| known.files == files) {
            return Ok(Arc::clone(&known.shelf));
        }
        let shelf = Arc::new(shelf_of(&self.folder, &files)?);
        *read = Some(Read { files, shelf: Arc::clone(&shelf) });
        Ok(shelf)
    }
}

/// The files of directives, in the order of their names. A missing folder has none.
fn files_of(folder: &Path) -> io::Result<Vec<FileState>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_json = Path::new(&name).extension().is_some_and(|extension| extension == "json");
        if is_json && FileKind::of(&name) == Ok(FileKind::Directives) {
            let metadata = fs::metadata(entry.path())?;
            files.push(FileState { name, length: metadata.len(), modified: metadata.modified().ok() });
        }
    }
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn shelf_of(folder: &Path, files: &[FileState]) -> io::Result<Shelf> {
    let mut shelf = Shelf::default();
    for FileState { name, .. } in files {
        let bytes = fs::read(folder.join(name))?;
        let read = check::read_all([(name.as_str(), bytes.as_slice())], Mode::default());
        let file: Arc<str> = name.as_str().into();
        shelf.disabled += read.value.disabled;
        shelf.problems.extend(read.problems);
        let found = |directive| Found { directive, file: Arc::clone(&file) };
        shelf.directives.extend(read.value.directives.into_iter().map(found));
    }
    shelf.directives.sort_by_key(|found| found.directive.id);
    let places = shelf.directives.iter().enumerate().map(|(place, found)| (found.directive.id, place));
    shelf.by_id = places.collect();
    Ok(shelf)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

    use super::*;

    fn file(ids: &[u64]) -> String {
        let rule = |stage| {
            format!(
                r#"{{"name":"r","stage":{stage},"type":"PluginRule","plugin_id":1,"plugin_sid":[1],"occurrence":1,"from":"ANY","to":"ANY",
                "port_from":"ANY","port_to":"ANY","protocol":"ANY","reliability":1,"timeout":60}}"#
            )
        };
        let directive = |id| {
            format!(
                r#"{{"id":{id},"name":"d","kingdom":"k","category":"c","priority":1,"rules":[{},{}]}}"#,
                rule(1),
                rule(2)
            )
        };
        let all: Vec<String> = ids.iter().map(directive).collect();
        format!(r#"{{"directives":[{}]}}"#, all.join(","))
    }

    #[test]
    fn directives_are_there_by_id_and_again_when_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path().to_owned());
        assert!(library.shelf().unwrap().directives.is_empty());
        fs::write(folder.path().join("directives_b.json"), file(&[2])).unwrap();
        fs::write(folder.path().join("directives_a.json"), file(&[3, 1])).unwrap();
        fs::write(folder.path().join("assets_a.json"), "{}").unwrap();
        let shelf = library.shelf().unwrap();
        let ids: Vec<u64> = shelf.directives.iter().map(|found| found.directive.id).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(&*shelf.get(2).unwrap().file, "directives_b.json");
        assert!(Arc::ptr_eq(&shelf, &library.shelf().unwrap()), "nothing has changed");
        fs::remove_file(folder.path().join("directives_a.json")).unwrap();
        assert!(library.shelf().unwrap().get(3).is_none());
    }

    #[test]
    fn what_is_wrong_is_told_and_the_rest_is_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("directives_a.json"), "not JSON").unwrap();
        fs::write(folder.path().join("directives_b.json"), file(&[2])).unwrap();
        let shelf = Library::new(folder.path().to_owned()).shelf().unwrap();
        assert!(shelf.get(2).is_some());
        assert_eq!(shelf.problems[0].file, "directives_a.json");
    }
}
