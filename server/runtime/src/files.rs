//! Folders and files that must survive a crash in the middle of writing.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// So many files of one name can be set aside; whoever has more should look at why.
const MAX_SET_ASIDE: u32 = 1_000;

/// For files that are new; the process's umask takes bits away from it as usual.
const NEW_FILE_MODE: u32 = 0o666;

/// The folders of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Assets, directives, intel and vulnerability sources.
    pub configs: PathBuf,
    /// Alarms, alarm events and saved state.
    pub logs: PathBuf,
    /// The user interface, if there is one.
    pub web: PathBuf,
}

impl Home {
    /// The folders below `base`, where they have always been. None is created.
    #[must_use]
    pub fn at(base: &Path) -> Self {
        Self { configs: base.join("configs"), logs: base.join("logs"), web: base.join("web").join("dist") }
    }
}

/// Puts `content` into `path` so that a reader, or a crash, sees the old file or the new one and nothing between.
///
/// A file that was there keeps its permissions.
///
/// # Errors
///
/// Whatever the system says, with the path; the old file is then untouched, and nothing is left beside it.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    replace(path, content).map_err(|error| in_words("cannot write", path, &error))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut fresh = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(NEW_FILE_MODE))
        .tempfile_in(folder)?;
    match fs::metadata(path) {
        Ok(old) => fresh.as_file().set_permissions(old.permissions())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fresh.write_all(content)?;
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
}

/// The content of the file at `path`, which must be a regular one, or lead to one, of at most `max_bytes`.
///
/// A pipe would be waited for without end, and a device may never end.
///
/// # Errors
///
/// What is there instead, or whatever the system says, without the path.
pub fn read_regular(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is a pipe or device, not a file"));
    }
    let mut content = Vec::new();
    if metadata.len() <= max_bytes {
        // As much room as it needs: growing to it would take up to three times that. It may have grown since.
        content.reserve_exact(usize::try_from(metadata.len()).unwrap_or(0));
        File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut content)?;
    }
    let length = metadata.len().max(content.len() as u64);
    if length > max_bytes {
        let message = format!("it has {length} bytes, and at most {max_bytes} are read");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

/// Renames `path` to `path.suffix`, or `path.suffix.1` and so on if that is taken. Returns the new name.
///
/// # Errors
///
/// Whatever the system says, with the path; nothing is ever overwritten.
pub fn set_aside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    move_aside(path, suffix).map_err(|error| in_words("cannot set aside", path, &error))
}

fn move_aside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let is_folder = fs::symlink_metadata(path)?.is_dir();
    for number in 0..MAX_SET_ASIDE {
        let target = aside_name(path, suffix, number);
        match claim(&target, is_folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return rename_over_claim(path, target),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("{MAX_SET_ASIDE} files are set aside already")))
}

/// Creates what may be renamed over, so that two who do this at once cannot take the same name.
fn claim(target: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        return fs::create_dir(target);
    }
    OpenOptions::new().write(true).create_new(true).open(target).map(drop)
}

fn rename_over_claim(path: &Path, target: PathBuf) -> io::Result<PathBuf> {
    if let Err(error) = fs::rename(path, &target) {
        // Only our own empty claim; the rename's error is the one to tell.
        fs::remove_file(&target).or_else(|_| fs::remove_dir(&target)).ok();
        return Err(error);
    }
    Ok(target)
}

fn aside_name(path: &Path, suffix: &str, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    if number > 0 {
        name.push(format!(".{number}"));
    }
    PathBuf::from(name)
}

/// A bare file name lies in the current folder, whose parent by name is the empty path.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Keeps the kind, because callers tell a full disk from a read-only one by it.
fn in_words(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

/// A node's name with everything unusual in it spelled out, so that two nodes never get the same file.
#[must_use]
pub fn in_file_name(node: &str) -> String {
    node.chars().fold(String::with_capacity(node.len()), |mut name, c| {
        if c.is_ascii_alphanumeric() || c == '-' {
            name.push(c);
        } else {
            // Writing to a String cannot fail.
            write!(name, "_{:x}_", u32::from(c)).ok();
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_created_and_replaced_with_nothing_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_a_new_one_is_not_private() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.json"), folder.path().join("b.json"));
        fs::write(&path, b"one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

        let as_usual = folder.path().join("c.json");
        fs::write(&as_usual, b"").unwrap();
        write_atomically(&other, b"one").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&other), mode(&as_usual));
    }

    #[test]
    fn a_failure_names_the_path_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no").join("a.json");
        let error = write_atomically(&missing, b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no/a.json"), "{error}");

        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_atomically(&taken, b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn setting_aside_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");
        for (content, expected) in [("a", "1.json.rejected"), ("b", "1.json.rejected.1")] {
            fs::write(&path, content).unwrap();
            let moved = set_aside(&path, "rejected").unwrap();
            assert_eq!(moved, folder.path().join(expected));
        }
        assert_eq!(fs::read(folder.path().join("1.json.rejected")).unwrap(), b"a");
        assert_eq!(names(folder.path()), ["1.json.rejected", "1.json.rejected.1"]);
        assert_eq!(set_aside(&path, "rejected").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_folder_is_set_aside_like_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.json");
        for expected in ["1.json.rejected", "1.json.rejected.1"] {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("inside"), b"x").unwrap();
            assert_eq!(set_aside(&path, "rejected").unwrap(), folder.path().join(expected));
            assert!(folder.path().join(expected).join("inside").is_file());
        }
        assert_eq!(names(folder.path()), ["1.json.rejected", "1.json.rejected.1"]);
    }

    #[test]
    fn only_what_ends_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        assert_eq!(read_regular(&path("file"), 5).unwrap(), b"12345");
        assert_eq!(read_regular(&path("link"), 5).unwrap(), b"12345");
        for (path, expected) in [
            (path("file"), "it has 5 bytes, and at most 4 are read"),
            (path("pipe"), "it is a pipe or device, not a file"),
            (PathBuf::from("/dev/zero"), "it is a pipe or device, not a file"),
            (folder.path().to_owned(), "it is a folder, not a file"),
            (path("loop"), "oo many levels of symbolic links"),
            (path("missing"), "No such file"),
        ] {
            let error = read_regular(&path, 4).unwrap_err().to_string();
            assert!(error.contains(expected), "{}: {error}", path.display());
        }
    }

    #[test]
    fn a_file_takes_no_more_room_than_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, " ".repeat(1_000_001)).unwrap();
        assert_eq!(read_regular(&path, 2_000_000).unwrap().capacity(), 1_000_001);
    }

    #[test]
    fn the_folders_are_where_they_have_always_been() {
        let home = Home::at(Path::new("/dsiem"));
        assert_eq!(home.configs, Path::new("/dsiem/configs"));
        assert_eq!(home.logs, Path::new("/dsiem/logs"));
        assert_eq!(home.web, Path::new("/dsiem/web/dist"));
    }
}
