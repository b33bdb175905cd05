//! The alarm store, held against the alarm files: the same alarms, with the revisions and events that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dsiem_frontend::alarm_store::{AlarmDocument, AlarmStore, AlarmUpdate, FILE, MAX_PAGE, Words};
use dsiem_frontend::database;
use dsiem_tests::wait::{DEADLINE, wait_for};

use crate::written::Written;

/// By the stage of each event that was counted.
type Events = BTreeMap<u8, BTreeSet<String>>;

/// Waits until the store in the folder `logs`, which goes on meanwhile, holds what was written.
pub(crate) async fn check(logs: &Path, written: &Written) {
    let mut last = None;
    let same = wait_for("the alarm store", DEADLINE, || {
        last = difference(logs, written);
        let same = last.is_none();
        async move { same.then_some(()) }
    });
    // What is wrong says more than that it took too long.
    let same = std::panic::AssertUnwindSafe(same);
    futures::FutureExt::catch_unwind(same).await.unwrap_or_else(|_| panic!("the alarm store: {last:?}"));
}

/// SQLite does not find files that another process alone sees: those are copied as they are, which may have to be done
/// again where they change meanwhile.
fn copy_store(path: &Path, to: &Path) -> Result<(), String> {
    if !path.starts_with("/proc") {
        return database::copy_file(path, to).map_err(|error| error.to_string());
    }
    for end in ["", "-wal"] {
        let named = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(named(path), named(to)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The first thing in which a copy of the store is not what was written.
fn difference(logs: &Path, written: &Written) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join(FILE);
    if let Err(error) = copy_store(&logs.join(FILE), &copy) {
        return Some(error);
    }
    let store = match AlarmStore::open_file(&copy, Words::default()) {
        Ok(store) => store,
        Err(error) => return Some(error.to_string()),
    };
    let mut events: BTreeMap<String, Events> = BTreeMap::new();
    for (alarm, stage, event) in written.links() {
        let stage = u8::try_from(stage).expect("a stage");
        events.entry(alarm).or_default().entry(stage).or_default().insert(event);
    }
    let alarms = written.alarms();
    assert!(!alarms.is_empty(), "there are alarms");
    alarms.into_iter().find_map(|document| {
        let update: AlarmUpdate = serde_json::from_value(document).expect("a document");
        let alarm_id = &update.document.alarm_id;
        let events = events.get(alarm_id).cloned().unwrap_or_default();
        difference_of(&store, &update.document, &events).map(|what| format!("{alarm_id}: {what}"))
    })
}

fn difference_of(store: &AlarmStore, written: &AlarmDocument, events: &Events) -> Option<String> {
    let Some((alarm, counts)) = store.alarm(&written.alarm_id).expect("a store that works") else {
        return Some("it is not there".to_owned());
    };
    let stored = AlarmDocument { progress: None, ..alarm.document };
    if stored != *written {
        return Some(format!("{stored:?} instead of {written:?}"));
    }
    let is_over = written.rules.iter().all(|rule| rule.status == "finished");
    let total: usize = events.values().map(BTreeSet::len).sum();
    let revision = (total as u64) << 21 | u64::from(is_over) << 20;
    if alarm.revision != revision {
        return Some(format!("revision {} instead of {revision}", alarm.revision));
    }
    let counts: Vec<_> = counts.iter().map(|count| (count.stage, count.events)).collect();
    let expected: Vec<_> = events.iter().map(|(stage, events)| (*stage, events.len() as u64)).collect();
    if counts != expected {
        return Some(format!("counts {counts:?} instead of {expected:?}"));
    }
    events.iter().find_map(|(stage, events)| {
        let page = store.events(&written.alarm_id, *stage, 0, MAX_PAGE).expect("a store that works");
        let bodies = page.events.iter().filter(|event| event.event.is_some());
        let stored: BTreeSet<_> = bodies.map(|event| event.event_id.clone()).collect();
        (stored != *events).then(|| format!("events {stored:?} instead of {events:?} at stage {stage}"))
    })
}
