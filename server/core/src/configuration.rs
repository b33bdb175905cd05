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

/// Which files of directives are loaded by the same process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// One process loads all of them.
    OneProcess,
    /// Each node of a cluster loads those whose names begin with its own: `directives_<node>.json` and
    /// `directives_<node>_*.json`.
    Nodes,
}

impl Readers {
    /// Whether the two files of directives can meet in one process.
    #[must_use]
    pub fn share(self, a: &str, b: &str) -> bool {
        // Where a node's name ends is not told by a file's; up to the first underscore it errs on the safe side.
        let node = |name| -> Option<String> {
            let stem: &str = str::strip_suffix(name, ".json")?.strip_prefix(FileKind::Directives.prefix())?;
            Some(format!("{}_", stem.split('_').next()?))
        };
        self == Self::OneProcess || node(a) == node(b)
    }
}

/// What the loader would find wrong with a file of directives among `others`, each a name and its content, beyond what
/// [`check_file`] finds in it alone: ids that stand in another file already.
#[must_use]
pub fn check_directives_among(
    name: &str,
    bytes: &[u8],
    others: &[(String, Vec<u8>)],
    mode: Mode,
) -> Vec<Problem> {
    let others = others.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let mut problems = check::read_all(others.chain([(name, bytes)]), mode).problems;
    problems.retain(|problem| problem.file == name);
    problems
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

    #[test]
    fn files_meet_in_one_process_or_in_a_node_that_both_are_named_after() {
        for (a, b, expected) in [
            ("directives_be-1_web.json", "directives_be-1_mail.json", true),
            ("directives_be-1.json", "directives_be-1_mail.json", true),
            ("directives_be-1_web.json", "directives_be-10_web.json", false),
            ("directives_web.json", "directives_mail.json", false),
        ] {
            assert_eq!(Readers::Nodes.share(a, b), expected, "{a} {b}");
            assert!(Readers::OneProcess.share(a, b));
        }
    }

    #[test]
    fn an_id_of_another_file_is_a_problem_of_the_new_one_and_the_others_own_problems_are_not() {
        let rule = |stage: u8| {
            format!(
                r#"{{"stage":{stage},"type":"PluginRule","plugin_id":1,"plugin_sid":[1],"occurrence":1,"from":"ANY","to":"ANY","reliability":1}}"#
            )
        };
        let file = |id: u8| {
            format!(
                r#"{{"directives":[{{"id":{id},"name":"n","priority":1,"kingdom":"k","category":"c","rules":[{},{}]}}]}}"#,
                rule(1),
                rule(2)
            )
        };
        let others = [
            ("directives_a.json".to_owned(), file(1).into_bytes()),
            ("directives_b.json".to_owned(), b"not JSON".to_vec()),
        ];
        let check =
            |id| check_directives_among("directives_c.json", file(id).as_bytes(), &others, Mode::default());
        assert_eq!(check(2), []);
        let problems = check(1);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].to_string().contains("directives_a.json"), "{}", problems[0]);
    }
}
