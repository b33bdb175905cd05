//! The copy of a frontend's configuration in the configs folder, replaced as a whole.
//!
//! A new set is written beside the old one. Once it is complete on the disk, one rename says so, and from then on the
//! update is finished by whoever comes next, should this process not live to do it: there is never a set that is half
//! old and half new. Files that are no longer served are kept in `.stale`, where nothing reads them.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dsiem_runtime::files::write_atomically;

use crate::config_files::{self, ConfigFile, Selection};

/// Where files go that are no longer served, in the configs folder.
const STALE_FOLDER: &str = ".stale";
/// The list of the files of a new set, beside them. No configuration file has that name.
const CONTENTS: &str = "contents";

/// Where the copy is. Several nodes may share a configs folder.
#[derive(Debug)]
pub(super) struct Place {
    configs: PathBuf,
    /// A set that is being written.
    staging: PathBuf,
    /// A set that is complete and on its way into the folder.
    incoming: PathBuf,
    selection: Selection,
}

impl Place {
    pub(super) fn new(configs: &Path, node: &str) -> Self {
        Self {
            configs: configs.to_owned(),
            staging: configs.join(format!(".staging-{node}")),
            incoming: configs.join(format!(".incoming-{node}")),
            selection: Selection::OfNode(node.to_owned()),
        }
    }

    /// Makes `files` the copy.
    pub(super) fn replace(&self, files: &[ConfigFile]) -> anyhow::Result<()> {
        self.stage(files).with_context(|| format!("cannot write to {}", self.staging.display()))?;
        fs::rename(&self.staging, &self.incoming).with_context(|| {
            format!("cannot rename {} to {}", self.staging.display(), self.incoming.display())
        })?;
        self.finish_interrupted()
    }

    fn stage(&self, files: &[ConfigFile]) -> io::Result<()> {
        remove_if_there(&self.staging)?;
        fs::create_dir_all(&self.staging)?;
        for file in files {
            write_atomically(&self.staging.join(&file.name), &file.bytes)?;
        }
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        write_atomically(&self.staging.join(CONTENTS), &serde_json::to_vec(&names)?)
    }

    /// Moves a complete set into the folder, also one that an earlier process left on its way.
    pub(super) fn finish_interrupted(&self) -> anyhow::Result<()> {
        let contents = match fs::read(self.incoming.join(CONTENTS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return self.forget_remains(),
            contents => {
                contents.with_context(|| format!("cannot read {}", self.incoming.join(CONTENTS).display()))?
            }
        };
        let names: Vec<String> = serde_json::from_slice(&contents).with_context(|| {
            format!("{} is damaged; remove that folder", self.incoming.join(CONTENTS).display())
        })?;
        for name in names.iter().filter(|name| self.selection.has(name)) {
            self.move_in(name)
                .with_context(|| format!("cannot replace {}", self.configs.join(name).display()))?;
        }
        self.retire_all_but(&names)
            .with_context(|| format!("cannot move files to {}", self.configs.join(STALE_FOLDER).display()))?;
        File::open(&self.configs)
            .and_then(|folder| folder.sync_all())
            .context("cannot write the configs folder")?;
        // Its list goes first: what is left without one is not a set any more.
        fs::remove_file(self.incoming.join(CONTENTS))
            .context("cannot end the update of the configuration")?;
        self.forget_remains()
    }

    fn move_in(&self, name: &str) -> io::Result<()> {
        match fs::rename(self.incoming.join(name), self.configs.join(name)) {
            // It was moved before the interruption.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Puts away files of ours that are not in the new set.
    fn retire_all_but(&self, names: &[String]) -> io::Result<()> {
        for name in config_files::names(&self.configs, &self.selection)? {
            if !names.contains(&name) && !self.configs.join(&name).is_dir() {
                fs::create_dir_all(self.configs.join(STALE_FOLDER))?;
                fs::rename(self.configs.join(&name), self.configs.join(STALE_FOLDER).join(&name))?;
                tracing::info!(
                    file = name,
                    "configuration file is no longer served, moved to {STALE_FOLDER}"
                );
            }
        }
        Ok(())
    }

    fn forget_remains(&self) -> anyhow::Result<()> {
        for folder in [&self.staging, &self.incoming] {
            remove_if_there(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        Ok(())
    }
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn files(names: &[&str], content: &str) -> Vec<ConfigFile> {
        names.iter().map(|name| ConfigFile { name: (*name).to_owned(), bytes: content.into() }).collect()
    }

    /// Everything in a folder, with what it holds; folders have a slash and their number of entries.
    fn content(folder: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                match fs::read_dir(&path) {
                    Ok(inside) => (name + "/", inside.count().to_string()),
                    Err(_) => (name, fs::read_to_string(&path).unwrap()),
                }
            })
            .collect()
    }

    fn expected(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_new_set_takes_the_place_of_the_old_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["assets_old.json", "directives_be_old.json", "directives_other.json", "notes.txt"] {
            fs::write(folder.path().join(name), "old").unwrap();
        }
        let place = Place::new(folder.path(), "be");
        place.replace(&files(&["assets_a.json", "directives_be.json"], "new")).unwrap();
        place.replace(&files(&["assets_a.json", "directives_be.json"], "newer")).unwrap();
        assert_eq!(
            content(folder.path()),
            expected(&[
                (".stale/", "2"),
                ("assets_a.json", "newer"),
                ("directives_be.json", "newer"),
                ("directives_other.json", "old"),
                ("notes.txt", "old"),
            ])
        );
    }

    #[test]
    fn an_update_that_was_interrupted_half_way_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), "be");
        fs::write(folder.path().join("assets_gone.json"), "old").unwrap();
        place.stage(&files(&["assets_a.json", "assets_b.json"], "new")).unwrap();
        fs::rename(&place.staging, &place.incoming).unwrap();
        place.move_in("assets_a.json").unwrap();

        place.finish_interrupted().unwrap();
        let all = [(".stale/", "1"), ("assets_a.json", "new"), ("assets_b.json", "new")];
        assert_eq!(content(folder.path()), expected(&all));
    }

    #[test]
    fn a_set_that_was_not_complete_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), "be");
        fs::write(folder.path().join("assets_a.json"), "old").unwrap();
        place.stage(&files(&["assets_a.json"], "new")).unwrap();
        place.finish_interrupted().unwrap();
        assert_eq!(content(folder.path()), expected(&[("assets_a.json", "old")]));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let configs = folder.path().join("configs");
        fs::write(&configs, "a file where the folder should be").unwrap();
        let error = Place::new(&configs, "be").replace(&files(&["assets_a.json"], "new")).unwrap_err();
        assert!(format!("{error:#}").contains("configs/.staging-be"), "{error:#}");
    }
}
