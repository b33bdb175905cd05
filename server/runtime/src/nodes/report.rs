//! A report of a process, and its form on the bus: JSON with names.
//!
//! It may come from an older or a newer release, or from anybody who may write to the bus. So it is read leniently: what
//! is unknown is left out, what is missing or of another form is empty, and everything has a limit. Only a report that
//! does not say whose it is cannot be used.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A report in more bytes than this is not read.
pub const MAX_REPORT_BYTES: usize = 256 << 10;

/// The directives with the most open backlogs that a report names, at most.
pub const MAX_DIRECTIVES: usize = 1_000;

/// Characters of a name; the rest is cut off.
const MAX_NAME: usize = 100;

/// Characters of a reason; the rest is cut off.
const MAX_REASON: usize = 1_000;

/// Conditions, books, parts of a book, rates and queues: of each kind so many, at most.
const MAX_ENTRIES: usize = 64;

/// What a process is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// HTTP in, events out.
    Frontend,
    /// Events in, alarms out.
    Backend,
    /// Both.
    OneProcess,
    /// Something that this release does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How a process is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NodeReport {
    /// The name of the node. Several processes may have it, of which one does the work and the others stand by.
    pub node: String,
    /// Tells processes with the same name apart; a process that is started again has another one.
    pub run: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its release.
    pub version: String,
    /// When it started, in seconds since 1970.
    pub started: i64,
    /// Conditions that are met.
    pub met: Vec<String>,
    /// Conditions that are met in part, and what is wrong.
    pub degraded: BTreeMap<String, String>,
    /// Conditions that are not met, and why.
    pub unmet: BTreeMap<String, String>,
    /// Its books.
    pub books: Vec<Book>,
    /// How often something happens, by name.
    pub rates: BTreeMap<String, Rate>,
    /// What waits.
    pub queues: Vec<QueueFigures>,
    /// Open backlogs; `None` where nothing is correlated.
    pub backlogs: Option<BacklogFigures>,
    /// Directives; `None` where nothing is correlated.
    pub directives: Option<DirectiveFigures>,
    /// Memory that it has from the system, in bytes; `None` where the system does not say.
    pub memory_bytes: Option<u64>,
}

/// An equation with its numbers: what came in is what went out and what is on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    /// What it is about.
    pub name: String,
    /// What came in.
    pub incoming: u64,
    /// What became of it, by name.
    pub outgoing: Vec<(String, u64)>,
    /// What is on its way.
    pub in_flight: i64,
    /// Whether the process finds that it balances.
    pub balanced: bool,
}

/// How often something happens, in times a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rate {
    /// Over the time between two reports.
    pub now: f64,
    /// Over the last minute.
    pub minute: f64,
}

/// A queue, or something else that has a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueFigures {
    /// What waits there.
    pub name: String,
    /// How much of it.
    pub waiting: u64,
    /// How much of it there may be, where that is known.
    pub limit: Option<u64>,
}

/// Open backlogs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BacklogFigures {
    /// How many.
    pub open: u64,
    /// How many there may be.
    pub limit: Option<u64>,
    /// Directives, with how many each has: those that have the most, [`MAX_DIRECTIVES`] at most.
    pub by_directive: Vec<(u64, u64)>,
}

/// Directives of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectiveFigures {
    /// How many are loaded.
    pub loaded: u64,
    /// How many of them are awake.
    pub active: u64,
    /// How many were left out because they cannot work.
    pub skipped: u64,
}

/// Why a report cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// See [`MAX_REPORT_BYTES`].
    #[error("it is larger than {MAX_REPORT_BYTES} bytes")]
    TooLarge,
    /// It is no JSON object, or has no `node` or `run`.
    #[error("it is not a JSON object that says in `node` and `run` whose report it is")]
    Nobodys,
}

impl NodeReport {
    /// Its form on the bus.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Names and numbers always have a form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what came over the bus.
    ///
    /// # Errors
    /// When it does not even say whose report it is.
    pub fn from_json(payload: &[u8]) -> Result<Self, Unreadable> {
        if payload.len() > MAX_REPORT_BYTES {
            return Err(Unreadable::TooLarge);
        }
        let mut fields: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|_| Unreadable::Nobodys)?;
        let fields = &mut fields;
        let report = Self {
            node: name(fields, "node"),
            run: name(fields, "run"),
            kind: read(fields, "kind").unwrap_or_default(),
            version: name(fields, "version"),
            started: read(fields, "started").unwrap_or_default(),
            met: list::<String>(fields, "met").map(|name| clipped(name, MAX_NAME)).collect(),
            degraded: reasons(fields, "degraded"),
            unmet: reasons(fields, "unmet"),
            books: list(fields, "books").map(Book::bounded).collect(),
            rates: named::<Rate>(fields, "rates").map(|(name, rate)| (name, rate.possible())).collect(),
            queues: list(fields, "queues").map(QueueFigures::bounded).collect(),
            backlogs: read(fields, "backlogs").map(BacklogFigures::bounded),
            directives: read(fields, "directives"),
            memory_bytes: read(fields, "memory_bytes"),
        };
        let says_whose = !report.node.is_empty() && !report.run.is_empty();
        says_whose.then_some(report).ok_or(Unreadable::Nobodys)
    }

    /// The rate of this name; none is 0.
    #[must_use]
    pub fn rate(&self, name: &str) -> Rate {
        self.rates.get(name).copied().unwrap_or_default()
    }
}

impl Book {
    fn bounded(mut self) -> Self {
        self.name = clipped(self.name, MAX_NAME);
        self.outgoing.truncate(MAX_ENTRIES);
        self.outgoing.iter_mut().for_each(|(name, _)| *name = clipped(std::mem::take(name), MAX_NAME));
        self
    }
}

impl Rate {
    /// Without what no rate can be.
    fn possible(self) -> Self {
        let possible = |rate: f64| if rate.is_finite() { rate.max(0.0) } else { 0.0 };
        Self { now: possible(self.now), minute: possible(self.minute) }
    }
}

impl QueueFigures {
    fn bounded(self) -> Self {
        Self { name: clipped(self.name, MAX_NAME), ..self }
    }
}

impl BacklogFigures {
    fn bounded(mut self) -> Self {
        self.by_directive.truncate(MAX_DIRECTIVES);
        self
    }
}

/// What is there under this name, if it has the form that we know.
fn read<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(fields.remove(name)?).ok()
}

fn name(fields: &mut Map<String, Value>, name: &str) -> String {
    clipped(read(fields, name).unwrap_or_default(), MAX_NAME)
}

fn list<T: DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = T> + use<T> {
    let values: Vec<Value> = read(fields, name).unwrap_or_default();
    values.into_iter().take(MAX_ENTRIES).filter_map(|value| serde_json::from_value(value).ok())
}

fn named<T: DeserializeOwned>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (String, T)> + use<T> {
    let values: Map<String, Value> = read(fields, name).unwrap_or_default();
    let known = |(name, value)| Some((clipped(name, MAX_NAME), serde_json::from_value(value).ok()?));
    values.into_iter().take(MAX_ENTRIES).filter_map(known)
}

fn reasons(fields: &mut Map<String, Value>, name: &str) -> BTreeMap<String, String> {
    named(fields, name).map(|(name, reason)| (name, clipped(reason, MAX_REASON))).collect()
}

/// The first `limit` characters.
fn clipped(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn full() -> NodeReport {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect();
        let reason = |name: &str| BTreeMap::from([(name.to_owned(), "why".to_owned())]);
        NodeReport {
            node: "be-1".to_owned(),
            run: "0a".to_owned(),
            kind: NodeKind::Backend,
            version: "1.2.3".to_owned(),
            started: 1_767_225_600,
            met: names("event_bus directives"),
            degraded: reason("event_stream"),
            unmet: reason("node"),
            books: vec![Book {
                name: "events".to_owned(),
                incoming: 10,
                outgoing: vec![("invalid".to_owned(), 3)],
                in_flight: 7,
                balanced: true,
            }],
            rates: BTreeMap::from([("events_received".to_owned(), Rate { now: 1.5, minute: 2.0 })]),
            queues: vec![QueueFigures { name: "receive".to_owned(), waiting: 4, limit: Some(25_000) }],
            backlogs: Some(BacklogFigures { open: 3, limit: None, by_directive: vec![(7, 2), (8, 1)] }),
            directives: Some(DirectiveFigures { loaded: 20, active: 2, skipped: 1 }),
            memory_bytes: Some(1 << 20),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(NodeReport::from_json(&full().to_json()), Ok(full()));
    }

    #[test]
    fn other_releases_are_understood_as_far_as_can_be() {
        let text = json!({"node": "n", "run": "r", "kind": "collector", "started": "yesterday", "new": {"a": 1},
            "met": ["a", 1, "b"], "degraded": {"c": "why", "d": 5}, "books": [{"name": "events", "incoming": 1}, 7],
            "rates": {"x": {"now": 2, "week": 9}, "y": "many"}, "backlogs": {"open": 5}, "directives": 9});
        let report = NodeReport::from_json(text.to_string().as_bytes()).unwrap();
        assert_eq!((report.kind, report.started), (NodeKind::Unknown, 0));
        assert_eq!(report.met, ["a", "b"]);
        assert_eq!(report.degraded, BTreeMap::from([("c".to_owned(), "why".to_owned())]));
        assert_eq!((report.books.len(), report.books[0].incoming), (1, 1));
        assert_eq!(report.rate("x"), Rate { now: 2.0, minute: 0.0 });
        assert_eq!(report.rates.len(), 1);
        assert_eq!(report.backlogs.unwrap().open, 5);
        assert_eq!(report.directives, None);
    }

    #[test]
    fn nonsense_is_refused_and_what_is_too_long_is_cut() {
        for nonsense in
            ["", "[]", "{\"node\":\"n\"}", "{\"run\":\"r\"}", "{\"node\":\"\",\"run\":\"r\"}", "\u{1}"]
        {
            assert_eq!(NodeReport::from_json(nonsense.as_bytes()), Err(Unreadable::Nobodys), "{nonsense}");
        }
        assert_eq!(NodeReport::from_json(&[b' '; MAX_REPORT_BYTES + 1]), Err(Unreadable::TooLarge));
        let many: Vec<_> = (0..2_000).map(|n| json!([n, 1])).collect();
        let text = json!({"node": "ü".repeat(500), "run": "r", "met": vec!["m"; 500],
            "unmet": {"c": "w".repeat(5_000)}, "rates": {"x": {"now": -1.0}}, "backlogs": {"by_directive": many}});
        let report = NodeReport::from_json(text.to_string().as_bytes()).unwrap();
        assert_eq!(report.node, "ü".repeat(MAX_NAME));
        assert_eq!((report.met.len(), report.unmet["c"].len()), (MAX_ENTRIES, MAX_REASON));
        assert_eq!(report.rate("x").now, 0.0);
        assert_eq!(report.backlogs.unwrap().by_directive.len(), MAX_DIRECTIVES);
    }
}
