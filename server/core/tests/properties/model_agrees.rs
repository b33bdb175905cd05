//! The engine does what the naive model does, event by event and in the end.

use dsiem_core::alarm::AlarmDocument;
use dsiem_core::backlog::{AlarmId, Backlog, Settings, StageStatus};
use dsiem_core::event::EventKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases::{Events, definition, events};
use crate::config;
use crate::manager::{Answer, Manager, compile};
use crate::model::{self, Attempt, Model, Status};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_engine_does_what_the_model_does(definition in definition(), events in events(80)) {
        let mut manager = Manager::new(compile(&definition));
        let mut model = Model::new(&definition.0);
        let id = |event_id: &str| AlarmId::of(definition.0["id"].as_u64().unwrap(), event_id);
        for event in &events.0 {
            let expected = match model.apply(event) {
                model::Answer::Duplicate => Answer::Duplicate,
                model::Answer::Opened => Answer::Opened(id(&event.id)),
                model::Answer::Nothing => Answer::Nothing,
                model::Answer::Consumed(by) => {
                    Answer::Consumed(by.into_iter().map(|(opener, word)| (id(&opener), word)).collect())
                }
            };
            prop_assert_eq!(manager.apply(event), expected, "{}", &event.id);
        }
        let done = sorted(manager.backlogs().map(|backlog| of_engine(backlog, &events, &manager.settings)));
        let expected = sorted(model.backlogs.iter().map(|attempt| of_model(attempt, &events, &id)));
        prop_assert_eq!(done, expected);
    }
}

fn sorted(states: impl Iterator<Item = Value>) -> Vec<String> {
    let mut states: Vec<_> = states.map(|state| state.to_string()).collect();
    states.sort();
    states
}

/// All that is comparable, of the engine.
fn of_engine(backlog: &Backlog, events: &Events, settings: &Settings) -> Value {
    let document = serde_json::to_value(AlarmDocument::of(backlog, settings)).unwrap();
    let stages = backlog.stages().iter().zip(&backlog.directive().rules).map(|(stage, rule)| {
        let ids: Vec<_> = ids(events).into_iter().filter(|id| stage.has(&EventKey::of(id))).collect();
        assert_eq!(ids.len() as u64, stage.events());
        let status = match stage.status() {
            StageStatus::Active => "Active",
            StageStatus::Finished => "Finished",
            StageStatus::TimedOut => "Timeout",
        };
        json!([rule.stage, ids, stage.start_secs(), stage.end_secs(), status])
    });
    json!({
        "id": backlog.id().as_str(),
        "over": backlog.ending().is_some(),
        "stages": stages.collect::<Vec<_>>(),
        "risk": backlog.risk(),
        "created": document["created_time"],
        "updated": document["update_time"],
        "src_ips": document["src_ips"],
        "dst_ips": document["dst_ips"],
        "ports": backlog.collected().ports().collect::<Vec<_>>(),
        "custom_data": document.get("custom_data").map_or_else(Vec::new, |list| {
            list.as_array().unwrap().iter().map(|datum| json!([datum["label"], datum["content"]])).collect()
        }),
        "networks": unordered(document["networks"].as_array().unwrap().iter().map(|network| network.as_str().unwrap().to_owned())),
    })
}

/// All that is comparable, of the model.
fn of_model(attempt: &Attempt, events: &Events, id: &impl Fn(&str) -> AlarmId) -> Value {
    let stages = attempt.stages.iter().map(|stage| {
        let had = |id: &&str| stage.events.iter().any(|event| *event.id == **id);
        let status = match stage.status {
            Status::Active => "Active",
            Status::Finished => "Finished",
            Status::Timeout => "Timeout",
        };
        json!([
            stage.stage,
            ids(events).into_iter().filter(had).collect::<Vec<_>>(),
            stage.start,
            stage.end,
            status
        ])
    });
    json!({
        "id": id(&attempt.opened_by.id).as_str(),
        "over": attempt.over,
        "stages": stages.collect::<Vec<_>>(),
        "risk": attempt.risk,
        "created": attempt.created.unwrap_or(attempt.updated),
        "updated": attempt.updated,
        "src_ips": attempt.src_ips,
        "dst_ips": attempt.dst_ips,
        "ports": attempt.ports,
        "custom_data": attempt.custom_data,
        "networks": unordered(attempt.networks.iter().map(ToString::to_string)),
    })
}

/// The different event ids of a case.
fn ids(events: &Events) -> Vec<&str> {
    let mut ids: Vec<_> = events.0.iter().map(|event| &*event.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn unordered(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts
}
