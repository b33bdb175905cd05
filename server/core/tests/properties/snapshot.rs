//! What is saved and read back goes on as if nothing had happened.

use std::sync::Arc;

use dsiem_core::alarm::AlarmDocument;
use dsiem_core::backlog::Backlog;
use dsiem_core::directive::Directive;
use dsiem_core::duplicates::{MAX_REMEMBERED, RecentEvents};
use dsiem_core::finding::{Finding, FindingKind};
use dsiem_core::snapshot::{DirectiveState, OpenBacklog, SavedFile, read, write};
use dsiem_core::time::ReceiptTime;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::cases::{WINDOW_SECS, definition, events};
use crate::config;
use crate::manager::{Manager, compile};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_restart_changes_nothing(
        definition in definition(),
        events in events(80),
        cut in 0_usize..80,
        changed in any::<bool>(),
        few in any::<bool>(),
    ) {
        let mut undisturbed = Manager::new(compile(&definition));
        if few {
            undisturbed.settings.limits.addresses = 2;
            undisturbed.settings.limits.ports = 2;
            undisturbed.settings.limits.custom_data = 1;
        }
        let (before, after) = events.0.split_at(cut.min(events.0.len()));
        for event in before {
            undisturbed.apply(event);
        }
        find_something(&mut undisturbed);
        let bytes = write("node", undisturbed.directive.id, &state(&undisturbed), ReceiptTime::from_secs(5));

        // Today's directive may have changed; open backlogs keep their rules.
        let mut other = definition.clone();
        if changed {
            other.0["rules"][0]["reliability"] = 3.into();
            other.0["rules"][0]["plugin_sid"] = vec![8].into();
        }
        let today = compile(&other);
        let file = read(&bytes, Some(&today), &undisturbed.settings).unwrap();
        prop_assert_eq!((&*file.node, file.directive_id), ("node", undisturbed.directive.id));
        prop_assert_eq!(&file.set_aside, &[]);
        for open in &file.state.backlogs {
            prop_assert_eq!(open.look_ups_pending, open.backlog.ending().is_some());
            prop_assert_eq!(&**open.backlog.directive(), &*undisturbed.directive);
            let shares_todays = Arc::ptr_eq(open.backlog.directive(), &today);
            prop_assert_eq!(shares_todays, today == undisturbed.directive);
        }
        prop_assert_eq!(write("node", undisturbed.directive.id, &file.state, ReceiptTime::from_secs(5)), bytes);

        let mut restarted = restart(file, &undisturbed, undisturbed.directive.clone());
        prop_assert_eq!(states(&restarted), states(&undisturbed));
        for event in after {
            prop_assert_eq!(restarted.apply(event), undisturbed.apply(event), "{}", &event.id);
            find_something(&mut restarted);
            find_something(&mut undisturbed);
        }
        prop_assert_eq!(states(&restarted), states(&undisturbed));
    }

    #[test]
    fn a_damaged_value_is_told_or_borne_but_breaks_nothing(
        definition in definition(),
        events in events(40),
        position in any::<prop::sample::Index>(),
        damage in select(damages()),
    ) {
        let mut manager = Manager::new(compile(&definition));
        for event in &events.0 {
            manager.apply(event);
        }
        let directive = manager.directive.clone();
        let whole = state(&manager);
        let mut file: Value =
            serde_json::from_slice(&write("node", directive.id, &whole, ReceiptTime::default())).unwrap();
        let mut places = Vec::new();
        places_of(&file, String::new(), &mut places);
        let place = &places[position.index(places.len())];
        *file.pointer_mut(place).unwrap() = damage;
        let Ok(read) = read(file.to_string().as_bytes(), Some(&directive), &manager.settings) else { return Ok(()) };
        if file["directives"].as_array().is_some_and(|list| !list.is_empty()) && !place.starts_with("/directives") {
            let restored = read.state.backlogs.len() + read.set_aside.len();
            let saved = file["backlogs"].as_array().unwrap().len();
            prop_assert_eq!(restored, saved, "each is restored or set aside");
            prop_assert!(read.set_aside.len() <= 1, "only the damaged one is set aside: {:?}", read.set_aside);
        }
        let mut restarted = restart(read, &manager, directive);
        for event in &events.0 {
            restarted.apply(event);
        }
        states(&restarted);
    }
}

/// What may stand in a damaged file.
fn damages() -> Vec<Value> {
    let numbers =
        [json!(-1), json!(0), json!(300), json!(i64::MIN), json!(i64::MAX), json!(u64::MAX), json!(1e300)];
    let others = [Value::Null, json!(true), json!("x"), json!(""), json!("::"), json!([]), json!({})];
    numbers.into_iter().chain(others).collect()
}

/// The places of all values within `value`.
fn places_of(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                places_of(value, format!("{place}/{n}"), places);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                places_of(value, format!("{place}/{name}"), places);
            }
        }
        _ => {}
    }
    if !place.is_empty() {
        places.push(place);
    }
}

fn state(manager: &Manager) -> DirectiveState {
    let waiting =
        manager.ended.iter().map(|backlog| OpenBacklog { backlog: backlog.clone(), look_ups_pending: true });
    let open = manager
        .open
        .values()
        .map(|open| OpenBacklog { backlog: open.backlog.clone(), look_ups_pending: false });
    DirectiveState { backlogs: waiting.chain(open).collect(), remembered: manager.recent.iter().collect() }
}

fn restart(file: SavedFile, old: &Manager, directive: Arc<Directive>) -> Manager {
    let mut manager = Manager::new(directive);
    manager.settings = old.settings.clone();
    manager.recent = RecentEvents::new(WINDOW_SECS, MAX_REMEMBERED, manager.settings.seed);
    for (at, key) in file.state.remembered {
        manager.recent.remember(key, at);
    }
    for open in file.state.backlogs {
        if open.backlog.ending().is_some() {
            manager.ended.push(open.backlog);
        } else {
            manager.adopt(open.backlog);
        }
    }
    manager
}

/// Look-ups answer.
pub(crate) fn find_something(manager: &mut Manager) {
    let settings = manager.settings.clone();
    let open = manager.open.values_mut().map(|open| &mut open.backlog);
    for backlog in manager.ended.iter_mut().chain(open) {
        let found = |address: std::net::IpAddr| Finding {
            provider: "Wise".to_owned(),
            term: address.to_string(),
            result: "bad".to_owned(),
        };
        let findings: Vec<_> = backlog.collected().addresses().map(found).collect();
        let kind = if findings.len() == 2 { FindingKind::Intel } else { FindingKind::Vulnerability };
        backlog.on_findings(kind, findings, &settings);
    }
}

/// Everything that can be seen of each backlog.
fn states(manager: &Manager) -> Vec<String> {
    let shown = |backlog: &Backlog| {
        let document = String::from_utf8(AlarmDocument::of(backlog, &manager.settings).to_json()).unwrap();
        let deadline = backlog.deadline_secs(&manager.settings);
        let events: Vec<_> = backlog.stages().iter().map(|stage| (stage.events(), stage.first())).collect();
        format!("{document} {:?} {} {deadline} {events:?}", backlog.ending(), backlog.revision())
    };
    manager.backlogs().map(shown).collect()
}
