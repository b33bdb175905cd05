//! The index never misses a directive, whatever the rules.

use dsiem_core::event::{EventKeys, json};
use dsiem_core::hash::Seed;
use dsiem_core::index::{DirectiveSlot, Index};
use proptest::prelude::*;

use crate::cases::{definition, events};
use crate::config;
use crate::manager::compile;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn names_every_directive_of_which_a_rule_has_the_keys_of_the_event(
        definitions in prop::collection::vec((definition(), 0_u32..6), 0..12),
        events in events(12),
    ) {
        let mut index = Index::new(Seed(3));
        // Several definitions may share a slot: reloaded backlogs keep their rules.
        let directives: Vec<_> =
            definitions.iter().map(|(definition, slot)| (DirectiveSlot(*slot), compile(definition))).collect();
        for (slot, directive) in &directives {
            index.add(*slot, directive);
        }
        let mut found = vec![DirectiveSlot(99)];
        for event in &events.0 {
            let has_keys = |directive: &dsiem_core::directive::Directive| {
                directive.rules.iter().any(|rule| rule.kind.matches(event))
            };
            index.concerned(&EventKeys::from(event), &mut found);
            prop_assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]), "each once, in order");
            for (slot, directive) in &directives {
                prop_assert!(!has_keys(directive) || found.contains(slot), "{slot:?} misses {}", event.id);
            }
            for slot in &found {
                let one_of_it = |(of, directive): &(DirectiveSlot, std::sync::Arc<_>)| {
                    of == slot && directive_keys_near(directive, event)
                };
                prop_assert!(directives.iter().any(one_of_it), "{slot:?} has nothing to do with {}", event.id);
            }
        }
    }

    #[test]
    fn the_keys_of_the_wire_form_are_those_of_the_event(events in events(12)) {
        for event in &events.0 {
            let mut wire = Vec::new();
            json::encode(event, &mut wire);
            prop_assert_eq!(EventKeys::read(&wire).unwrap(), EventKeys::from(event));
            prop_assert_eq!(&json::decode(&wire).unwrap(), event);
        }
    }
}

/// Whether a rule has the event's plugin key, or its product and category: all that the index looks at.
fn directive_keys_near(
    directive: &dsiem_core::directive::Directive,
    event: &dsiem_core::event::Event,
) -> bool {
    use dsiem_core::directive::RuleKind;
    directive.rules.iter().any(|rule| match &rule.kind {
        RuleKind::Plugin { .. } => rule.kind.matches(event),
        RuleKind::Taxonomy { products, category, .. } => {
            **category == *event.category && products.iter().any(|product| **product == *event.product)
        }
    })
}
