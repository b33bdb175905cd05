//! The random cases do reach what the other tests are about; else these would prove little.

use std::collections::BTreeMap;

use dsiem_core::backlog::Ending;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::cases::{definition, events};
use crate::manager::{Answer, Manager, compile};

const CASES: usize = 300;

#[test]
fn every_answer_and_every_end_is_frequent() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..CASES {
        let (definition, events) = (definition(), events(80)).new_tree(&mut runner).unwrap().current();
        let mut manager = Manager::new(compile(&definition));
        for event in &events.0 {
            let words = match manager.apply(event) {
                Answer::Consumed(by) => by.into_iter().map(|(_, word)| word).collect(),
                Answer::Duplicate => vec!["duplicate"],
                Answer::Opened(_) => vec!["opened"],
                Answer::Nothing => vec!["nothing"],
            };
            for word in words {
                *seen.entry(word.to_owned()).or_default() += 1;
            }
        }
        for backlog in manager.backlogs() {
            let end = match backlog.ending() {
                Some(Ending::Completed) => "completed",
                Some(Ending::TimedOut) => "timed out",
                _ => "open",
            };
            *seen.entry(format!("{end} in stage {}", backlog.stages().len())).or_default() += 1;
            *seen.entry(if backlog.risk() > 0 { "alarm" } else { "no alarm" }.to_owned()).or_default() += 1;
        }
    }
    let wanted = [
        "counted",
        "absorbed",
        "known",
        "nothing new",
        "out of order",
        "duplicate",
        "opened",
        "nothing",
        "completed in stage 2",
        "completed in stage 3",
        "timed out in stage 2",
        "timed out in stage 3",
        "open in stage 2",
        "open in stage 3",
        "alarm",
        "no alarm",
    ];
    for what in wanted {
        assert!(seen.get(what).is_some_and(|times| *times >= CASES / 30), "{what} is rare: {seen:?}");
    }
}
