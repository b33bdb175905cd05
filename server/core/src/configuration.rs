//! Checking a configuration file by its name: what the frontend asks of uploads and the backend of what it pulls.

use crate::directive::check::{self, Mode};
use crate::problem::Problem;
use crate::{assets, sources};

/// What a configuration file holds; its name begins accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `assets_*`
    Assets,
    /// `directives_*`
    Directives,
    /// `intel_*`
    Intel,
    /// `vuln_*`
    Vulnerabilities,
}

/// The name of a file does not say what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is not the name of a configuration file: it must begin with assets_, directives_, intel_ or vuln_"
)]
pub struct UnknownPrefix {
    /// The name.
    pub name: String,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Assets, Self::Directives, Self::Intel, Self::Vulnerabilities];

    /// The kind that the name of a file, without folders, begins with.
    ///
    /// # Errors
    /// If it begins with none of the known prefixes.
    pub fn of(name: &str) -> Result<Self, UnknownPrefix> {
        let kind = Self::ALL.into_iter().find(|kind| name.starts_with(kind.prefix()));
        kind.ok_or_else(|| UnknownPrefix { name: name.to_owned() })
    }

    /// What the names of such files begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Assets => "assets_",
            Self::Directives => "directives_",
            Self::Intel => "intel_",
            Self::Vulnerabilities => "vuln_",
        }
    }
}

/// Everything that the loader would find wrong with this file, taken alone.
///
/// # Errors
/// If the name, without folders, does not say what the file holds.
pub fn check_file(name: &str, bytes: &[u8], mode: Mode) -> Result<Vec<Problem>, UnknownPrefix> {
    Ok(match FileKind::of(name)? {
        FileKind::Assets => assets::read(name, bytes).problems,
        FileKind::Directives => check::read(name, bytes, mode).problems,
        FileKind::Intel => sources::read_intel(name, bytes).problems,
        FileKind::Vulnerabilities => sources::read_vuln(name, bytes).problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, content: &str, expected: &str) {
        let problems = check_file(name, content.as_bytes(), Mode::default()).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].to_string().contains(expected), "{problems:?}");
    }

    #[test]
    fn the_prefix_of_the_name_decides_who_reads_a_file() {
        check("assets_x.json", "{}", "assets_x.json: has no \"assets\"");
        check("directives_x.json", "{}", "directives_x.json: has no \"directives\"");
        check("intel_x.json", "{}", "intel_x.json: has no \"intel_sources\"");
        check("vuln_x.json", "{}", "vuln_x.json: has no \"vuln_sources\"");
    }

    #[test]
    fn a_name_without_a_known_prefix_is_refused_whatever_the_file_holds() {
        for name in
            ["", "asset_x.json", "Assets_x.json", "../assets_x.json", "dsiem_config.json", "directives"]
        {
            let error = check_file(name, b"{}", Mode::default()).unwrap_err();
            assert_eq!(error, UnknownPrefix { name: name.to_owned() });
            assert!(error.to_string().contains("directives_"), "{error}");
        }
    }
}
