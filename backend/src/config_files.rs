//! The configuration as files: which ones are ours, and everything that is wrong with them.
//!
//! A set is used whole or not at all. Strictly, one entry that cannot work refuses the set, with every problem of every
//! file in one message; leniently, bad directives and look-up sources are left out, as Go dsiem does.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use dsiem_core::assets::{self, Assets};
use dsiem_core::configuration::FileKind;
use dsiem_core::directive::Directive;
use dsiem_core::directive::check::{self, Mode};
use dsiem_core::problem::{Problem, Severity};
use dsiem_core::sources::{self, Source};
use dsiem_runtime::files::read_regular;

/// Bytes of one file that are read; a larger one is a problem of the set.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// How many problems of a set that is used are logged one by one.
const MAX_LOGGED: usize = 200;

/// Which files of a folder, or of a frontend, belong to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// One process that does it all: every configuration file.
    All,
    /// A backend of a cluster: all but the directives of other nodes. Its own are in `directives_<node>.json` and
    /// `directives_<node>_*.json`.
    OfNode(String),
}

/// A configuration file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Without folders.
    pub name: String,
    /// As they are in the file.
    pub bytes: Vec<u8>,
}

/// A set that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// At least one.
    pub assets: Assets,
    /// At least one.
    pub directives: Vec<Directive>,
    /// May be none; disabled ones are among them.
    pub sources: Vec<Source>,
    /// What is worth knowing though the set works.
    pub problems: Vec<Problem>,
    /// How many directives were left out because they cannot work (lenient only).
    pub skipped: usize,
}

/// Why a set cannot be used: every problem of every file, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// At least one.
    pub problems: Vec<String>,
}

impl std::error::Error for Unusable {}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl Selection {
    /// Whether the file of this name, without folders, is to be read.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let Some(stem) = name.strip_suffix(".json") else { return false };
        match (FileKind::of(name), self) {
            (Err(_), _) => false,
            (Ok(FileKind::Directives), Self::OfNode(node)) => is_of_node(stem, node),
            (Ok(_), _) => true,
        }
    }

    /// The file names of the directives, for a reader.
    fn directive_pattern(&self) -> String {
        match self {
            Self::All => "directives_*.json".to_owned(),
            Self::OfNode(node) => format!("directives_{node}.json or directives_{node}_*.json"),
        }
    }
}

fn is_of_node(stem: &str, node: &str) -> bool {
    let rest = stem.strip_prefix(FileKind::Directives.prefix()).and_then(|rest| rest.strip_prefix(node));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

impl Loaded {
    /// Tells of what is worth knowing.
    pub fn log_problems(&self) {
        for problem in self.problems.iter().take(MAX_LOGGED) {
            tracing::warn!("{problem}");
        }
        if self.problems.len() > MAX_LOGGED {
            tracing::warn!(
                more = self.problems.len() - MAX_LOGGED,
                "there are more problems with the configuration"
            );
        }
    }
}

/// Reads the files of `folder` that belong to `selection`, and checks them together.
///
/// # Errors
/// Every problem of every file when the set cannot be used.
pub fn load(folder: &Path, selection: &Selection, mode: Mode) -> Result<Loaded, Unusable> {
    let listing = names(folder, selection);
    let names = listing.map_err(|error| Unusable {
        problems: vec![format!("{}: the folder cannot be read: {error}", folder.display())],
    })?;
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        match read_regular(&folder.join(&name), MAX_FILE_BYTES) {
            Ok(bytes) => files.push(ConfigFile { name, bytes }),
            Err(error) => problems.push(Problem::error(&name, format!("cannot be read: {error}"))),
        }
    }
    check_with(problems, &folder.display().to_string(), &files, selection, mode)
}

/// The names of the files of `folder` that belong to `selection`, sorted.
pub(crate) fn names(folder: &Path, selection: &Selection) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        if let Ok(name) = name
            && selection.has(&name)
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Checks the files of one set together; `origin` says where they come from.
///
/// # Errors
/// Every problem of every file when the set cannot be used.
pub fn check(
    origin: &str,
    files: &[ConfigFile],
    selection: &Selection,
    mode: Mode,
) -> Result<Loaded, Unusable> {
    check_with(Vec::new(), origin, files, selection, mode)
}

/// The same where files of the set could not be read, which are `problems` already.
fn check_with(
    problems: Vec<Problem>,
    origin: &str,
    files: &[ConfigFile],
    selection: &Selection,
    mode: Mode,
) -> Result<Loaded, Unusable> {
    let mut set = Set { mode, problems };
    let assets = set.assets(origin, files);
    let (directives, skipped) = set.directives(origin, files, selection);
    let sources = set.sources(files);
    if set.problems.iter().any(Problem::is_error) {
        return Err(Unusable { problems: set.problems.iter().map(ToString::to_string).collect() });
    }
    Ok(Loaded { assets, directives, sources, problems: set.problems, skipped })
}

/// What was found so far.
struct Set {
    mode: Mode,
    problems: Vec<Problem>,
}

impl Set {
    fn assets(&mut self, origin: &str, files: &[ConfigFile]) -> Assets {
        let mut entries = Vec::new();
        for file in of_kind(files, FileKind::Assets) {
            let checked = assets::read(&file.name, &file.bytes);
            entries.extend(checked.value);
            self.problems.extend(checked.problems);
        }
        if entries.is_empty() && !self.has_errors_in(FileKind::Assets) {
            let message =
                "no asset in any assets_*.json: at least one is needed, for instance your home network";
            self.problems.push(Problem::error(origin, message));
        }
        Assets::new(entries)
    }

    fn directives(
        &mut self,
        origin: &str,
        files: &[ConfigFile],
        selection: &Selection,
    ) -> (Vec<Directive>, usize) {
        let files =
            of_kind(files, FileKind::Directives).map(|file| (file.name.as_str(), file.bytes.as_slice()));
        let checked = check::read_all(files, self.mode);
        self.problems.extend(checked.problems);
        let loaded = checked.value;
        if loaded.directives.is_empty() && !self.has_errors_in(FileKind::Directives) {
            let pattern = selection.directive_pattern();
            let message = format!(
                "no directive that can be used in any {pattern}: {} cannot work, {} are disabled; at least one is needed",
                loaded.skipped, loaded.disabled
            );
            self.problems.push(Problem::error(origin, message));
        }
        (loaded.directives, loaded.skipped)
    }

    fn sources(&mut self, files: &[ConfigFile]) -> Vec<Source> {
        let intel = of_kind(files, FileKind::Intel).map(|file| sources::read_intel(&file.name, &file.bytes));
        let vulnerabilities =
            of_kind(files, FileKind::Vulnerabilities).map(|file| sources::read_vuln(&file.name, &file.bytes));
        let mut sources = Vec::new();
        for checked in intel.chain(vulnerabilities) {
            sources.extend(checked.value);
            self.problems.extend(checked.problems.into_iter().map(|problem| {
                let is_excused = self.mode.lenient && problem.is_error();
                if is_excused { problem.with_severity(Severity::Warning) } else { problem }
            }));
        }
        sources
    }

    /// Whether something is said about a file of this kind that explains why it gives nothing.
    fn has_errors_in(&self, kind: FileKind) -> bool {
        self.problems.iter().any(|problem| problem.is_error() && FileKind::of(&problem.file) == Ok(kind))
    }
}

fn of_kind(files: &[ConfigFile], kind: FileKind) -> impl Iterator<Item = &ConfigFile> {
    files.iter().filter(move |file| FileKind::of(&file.name) == Ok(kind))
}

#[cfg(test)]
pub(crate) mod tests;
