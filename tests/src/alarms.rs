//! Reading the alarm files as whatever ships them would: line by line, and the last document of an alarm counts.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::installation::Node;
use crate::wait::{DEADLINE, wait_for, wait_until};

/// Which event was counted at which stage of which alarm.
pub type Link = (String, u64, String);

/// The complete lines of a file of JSON lines; none if there is no file.
///
/// # Panics
/// When a line is not JSON.
#[must_use]
pub fn read_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let read =
        |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}: {line}", path.display()));
    complete.lines().map(read).collect()
}

/// The last document of each alarm, in the order in which the alarms appeared.
#[must_use]
pub fn last_documents(documents: Vec<Value>) -> Vec<Value> {
    let mut alarms: Vec<Value> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for document in documents {
        let id = document["alarm_id"].to_string();
        let place = *places.entry(id).or_insert(alarms.len());
        if place == alarms.len() { alarms.push(document) } else { alarms[place] = document }
    }
    alarms
}

impl Node {
    /// Every alarm document so far, in order.
    #[must_use]
    pub fn documents(&self) -> Vec<Value> {
        read_lines(&self.path("logs/siem_alarms.json"))
    }

    /// The last document of each alarm so far.
    #[must_use]
    pub fn alarms(&self) -> Vec<Value> {
        last_documents(self.documents())
    }

    /// Every line of `siem_alarm_events.json`, in order.
    ///
    /// # Panics
    /// When a line has not the form that it should have.
    #[must_use]
    pub fn link_lines(&self) -> Vec<Link> {
        let lines = read_lines(&self.path("logs/siem_alarm_events.json"));
        lines.iter().map(link).collect()
    }

    /// Which events were counted, as a set.
    #[must_use]
    pub fn links(&self) -> BTreeSet<Link> {
        self.link_lines().into_iter().collect()
    }

    /// Waits until there are at least `count` alarms, and returns them.
    ///
    /// # Panics
    /// When there are not in time.
    pub async fn wait_for_alarms(&self, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} alarms"), DEADLINE, || async {
            let alarms = self.alarms();
            (alarms.len() >= count).then_some(alarms)
        })
        .await
    }

    /// Waits for an alarm whose last document is as asked for, and returns it.
    ///
    /// # Panics
    /// When there is none in time, with what there is.
    pub async fn wait_for_alarm(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, DEADLINE, || async { self.alarms().into_iter().find(|alarm| wanted(alarm)) }).await
    }

    /// Waits until there are at least `count` lines about counted events.
    ///
    /// # Panics
    /// When there are not in time.
    pub async fn wait_for_links(&self, count: usize) {
        wait_until(&format!("{count} alarm events"), || async { self.link_lines().len() >= count }).await;
    }
}

/// What a line of `siem_alarm_events.json` says.
///
/// # Panics
/// When it has not the form that it should have.
#[must_use]
pub fn link(line: &Value) -> Link {
    let text =
        |key: &str| line[key].as_str().unwrap_or_else(|| panic!("{key} is not a text in {line}")).to_owned();
    let stage = line["stage"].as_u64().unwrap_or_else(|| panic!("stage is not a number in {line}"));
    (text("alarm_id"), stage, text("event_id"))
}
