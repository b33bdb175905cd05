//! The router never misses a backlog that would consume the event, whatever backlogs wait for.

use proptest::prelude::*;

use crate::cases::{definition, events};
use crate::config;
use crate::manager::{Manager, compile};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn everyone_who_would_consume_an_event_is_a_candidate(
        first in definition(),
        second in definition(),
        events in events(60),
        reload_at in 0_usize..60,
    ) {
        let mut manager = Manager::new(compile(&first));
        for (n, event) in events.0.iter().enumerate() {
            if n == reload_at {
                // Open backlogs go on with the rules that they were opened with; new ones have those of today.
                manager.directive = compile(&second);
            }
            manager.expire(event);
            let would = manager.would_consume(event);
            let candidates = manager.candidates(event);
            prop_assert!(candidates.windows(2).all(|pair| pair[0] < pair[1]), "each once, oldest first");
            for slot in would {
                prop_assert!(candidates.contains(&slot), "{slot:?} is not asked about {}", event.id);
            }
            manager.apply(event);
        }
    }

    #[test]
    fn once_all_backlogs_are_gone_nobody_is_a_candidate(definition in definition(), events in events(60)) {
        let mut manager = Manager::new(compile(&definition));
        for event in &events.0 {
            manager.apply(event);
        }
        let mut last = events.0[events.0.len() - 1].clone();
        last.received = last.received.plus_nanos(1_000_000_000_000);
        manager.expire(&last);
        prop_assert!(manager.open.is_empty());
        for event in &events.0 {
            prop_assert_eq!(manager.candidates(event), []);
        }
    }
}
