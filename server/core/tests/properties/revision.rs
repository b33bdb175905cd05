//! Of two states of a backlog, the later one has the higher revision, if they have different documents.

use std::collections::HashMap;

use dsiem_core::alarm::AlarmDocument;
use dsiem_core::backlog::AlarmId;
use dsiem_core::risk::RiskClass;
use proptest::prelude::*;

use crate::cases::{Definition, definition, events};
use crate::config;
use crate::manager::{Manager, compile};
use crate::snapshot::find_something;

/// What was seen of a backlog last.
struct Seen {
    document: Vec<u8>,
    revision: u64,
    class: RiskClass,
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_changes_a_document_raises_the_revision_and_the_class_does_not_fall(
        definition in definition(),
        events in events(80),
        look_ups in any::<bool>(),
    ) {
        let mut manager = Manager::new(compile(&surer_by_stage(definition)));
        let mut seen = HashMap::new();
        for event in &events.0 {
            manager.apply(event);
            look(&manager, &mut seen)?;
            if look_ups {
                find_something(&mut manager);
                look(&manager, &mut seen)?;
            }
        }
    }
}

/// Reliability does not fall from stage to stage, as in directives that make sense.
fn surer_by_stage(mut definition: Definition) -> Definition {
    let rules = definition.0["rules"].as_array_mut().unwrap();
    let mut reliabilities: Vec<_> = rules.iter().map(|rule| rule["reliability"].as_u64().unwrap()).collect();
    reliabilities.sort_unstable();
    rules.sort_by_key(|rule| rule["stage"].as_u64());
    for (rule, reliability) in rules.iter_mut().zip(reliabilities) {
        rule["reliability"] = reliability.into();
    }
    definition
}

fn look(manager: &Manager, seen: &mut HashMap<(AlarmId, usize), Seen>) -> Result<(), TestCaseError> {
    let settings = &manager.settings;
    let mut lives = HashMap::new();
    for backlog in manager.backlogs() {
        // The same event opens it again once it is forgotten: that is another life of the alarm, behind the earlier ones.
        let life: &mut usize = lives.entry(backlog.id().clone()).or_default();
        *life += 1;
        let life = (backlog.id().clone(), *life);
        let now = Seen {
            document: AlarmDocument::of(backlog, settings).to_json(),
            revision: backlog.revision(),
            class: settings.risk_limits.class_of(backlog.risk()),
        };
        prop_assert!((1..1 << 53).contains(&now.revision));
        if let Some(before) = seen.get(&life) {
            prop_assert!(now.revision >= before.revision);
            prop_assert!(now.class >= before.class);
            prop_assert!(now.document == before.document || now.revision > before.revision);
        }
        seen.insert(life, now);
    }
    Ok(())
}
