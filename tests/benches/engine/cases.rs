//! The cases, as values: the bars of the issue, and the curves.

use crate::case::{Case, Way};

/// Events of a case where they are cheap and even decoded already, where they are cheap, where some count, and where
/// each counts.
const CHEAPEST: u64 = 10_000_000;
const CHEAP: u64 = 2_000_000;
const SOME: u64 = 1_000_000;
const DEAR: u64 = 300_000;

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Of which table.
    pub(crate) table: &'static str,
    /// What the line is about.
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) case: Case,
    /// How many events a second of CPU time should be enough for.
    pub(crate) bar: Option<u32>,
}

impl Row {
    /// Whether these words choose it; none choose all.
    pub(crate) fn is_chosen(&self, words: &[String]) -> bool {
        let has = |word: &String| self.name.contains(word.as_str()) || self.table.contains(word.as_str());
        words.is_empty() || words.iter().any(has)
    }
}

/// One event in `one_in` counts in one of `backlogs` backlogs of one of `directives` directives.
const fn case(way: Way, directives: u32, backlogs: u32, one_in: u32, filters: usize) -> Case {
    let events = match (one_in, way) {
        (0, Way::Decoded) => CHEAPEST,
        (0, _) => CHEAP,
        (1, _) => DEAR,
        (_, _) => SOME,
    };
    Case { way, directives, backlogs, one_in, filters, events }
}

/// All of them, table by table.
pub(crate) fn all() -> Vec<Row> {
    [bars(), filter_threads(), directives(), backlogs()].concat()
}

fn table(table: &'static str, rows: &[(&'static str, Case)]) -> Vec<Row> {
    rows.iter().map(|&(name, case)| Row { table, name, case, bar: None }).collect()
}

/// What a core does. The bars are of decoded events through filter, managers and backlogs.
fn bars() -> Vec<Row> {
    const UNCONCERNED: u32 = 1_000_000;
    const CORRELATED: u32 = 300_000;
    let (bytes, decoded) = (Way::Bytes, Way::Decoded);
    let rows = [
        ("decoded, 1,000 directives, none matches", case(decoded, 1_000, 0, 0, 1), Some(UNCONCERNED)),
        (
            "decoded, 1 directive, 20,000 backlogs, all count",
            case(decoded, 1, 20_000, 1, 1),
            Some(CORRELATED),
        ),
        (
            "decoded, 1,000 directives, 10 backlogs each, all count",
            case(decoded, 1_000, 10, 1, 1),
            Some(CORRELATED),
        ),
        ("bytes, 1,000 directives, none matches", case(bytes, 1_000, 0, 0, 1), None),
        ("bytes, 1,000 directives, 10 backlogs each, 1 in 10 counts", case(bytes, 1_000, 10, 10, 1), None),
        ("bytes, 1 directive, 20,000 backlogs, all count", case(bytes, 1, 20_000, 1, 1), None),
        ("bytes, 1,000 directives, 10 backlogs each, all count", case(bytes, 1_000, 10, 1, 1), None),
    ];
    rows.map(|(name, case, bar)| Row { table: "a core", name, case, bar }).into()
}

/// What more filter threads do.
fn filter_threads() -> Vec<Row> {
    let none = |threads| case(Way::Bytes, 1_000, 0, 0, threads);
    let some = |threads| case(Way::Bytes, 1_000, 10, 10, threads);
    table(
        "filter threads",
        &[
            ("1 thread, none matches", none(1)),
            ("2 threads, none matches", none(2)),
            ("4 threads, none matches", none(4)),
            ("8 threads, none matches", none(8)),
            ("1 thread, 1 in 10 counts", some(1)),
            ("2 threads, 1 in 10 counts", some(2)),
            ("4 threads, 1 in 10 counts", some(4)),
            ("8 threads, 1 in 10 counts", some(8)),
        ],
    )
}

/// What more directives do.
fn directives() -> Vec<Row> {
    let none = |directives| case(Way::Bytes, directives, 0, 0, 1);
    let some = |directives| case(Way::Bytes, directives, 1, 10, 1);
    table(
        "directives",
        &[
            ("1 directive, none matches", none(1)),
            ("100 directives, none matches", none(100)),
            ("1,000 directives, none matches", none(1_000)),
            ("20,000 directives, none matches", none(20_000)),
            ("100,000 directives, none matches", none(100_000)),
            ("1 directive with a backlog, 1 in 10 counts", some(1)),
            ("100 directives with a backlog each, 1 in 10 counts", some(100)),
            ("1,000 directives with a backlog each, 1 in 10 counts", some(1_000)),
            ("20,000 directives with a backlog each, 1 in 10 counts", some(20_000)),
            ("100,000 directives with a backlog each, 1 in 10 counts", some(100_000)),
        ],
    )
}

/// What more backlogs do.
fn backlogs() -> Vec<Row> {
    let all = |backlogs| case(Way::Bytes, 1, backlogs, 1, 1);
    table(
        "backlogs",
        &[
            ("1,000 backlogs of one directive, all count", all(1_000)),
            ("20,000 backlogs of one directive, all count", all(20_000)),
            ("200,000 backlogs of one directive, all count", all(200_000)),
            ("1,000,000 backlogs of one directive, all count", all(1_000_000)),
        ],
    )
}
