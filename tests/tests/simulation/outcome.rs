//! What has come out: from the alarm files, and from the naive model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dsiem_backend::alarm_log::{ALARM_EVENTS_FILE, ALARMS_FILE};
use dsiem_core::backlog::AlarmId;
use serde_json::{Value, json};

use crate::cases::{ASSETS, Definition};
use crate::model::{Attempt, Model, Status, has_keys_of};
use crate::plan::Plan;

/// Alarm, stage, event.
type Link = (String, u64, String);

/// All that is promised of what comes out.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Every line of the file of alarm events, in order.
    links: Vec<Link>,
    /// The last document of each alarm.
    documents: BTreeMap<String, Value>,
    /// Alarms whose risk has fallen to 0, after which they are not updated any more, except for what was to be written
    /// soon: how much of them the last document shows is a matter of time.
    fallen: BTreeSet<String>,
}

impl Outcome {
    /// What is in the alarm files.
    pub(crate) fn read(home: &Path) -> anyhow::Result<Self> {
        let mut links = Vec::new();
        for line in lines(&home.join(ALARM_EVENTS_FILE))? {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            links.push((text("alarm_id"), line["stage"].as_u64().unwrap_or_default(), text("event_id")));
        }
        links.sort();
        let documents = lines(&home.join(ALARMS_FILE))?
            .into_iter()
            .map(|document| (document["alarm_id"].as_str().unwrap_or_default().to_owned(), document));
        Ok(Self { links, documents: documents.collect(), fallen: BTreeSet::new() })
    }

    /// What the naive model makes of the same events. It says less in a document.
    pub(crate) fn of_model(plan: &Plan) -> Self {
        let arrivals = plan.arrivals();
        let (mut links, mut documents, mut fallen) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        for Definition(directive) in &plan.definitions {
            let mut model = Model::new(directive);
            let rules = directive["rules"].as_array().cloned().unwrap_or_default();
            for arrival in arrivals.iter().filter(|arrival| !is_whitelisted(&arrival.event.src_ip)) {
                if rules.iter().any(|rule| has_keys_of(rule, &arrival.event)) {
                    model.apply(&arrival.event);
                }
            }
            model.expire(i64::MAX);
            for attempt in &model.backlogs {
                let id = AlarmId::of(directive["id"].as_u64().unwrap_or_default(), &attempt.opened_by.id);
                for stage in &attempt.stages {
                    let link = |event: &dsiem_core::event::Event| {
                        (id.to_string(), stage.stage, event.id.to_string())
                    };
                    links.extend(stage.events.iter().map(link));
                }
                if attempt.created.is_some() {
                    documents.insert(id.to_string(), of_attempt(attempt));
                    if attempt.risk == 0 {
                        fallen.insert(id.to_string());
                    }
                }
            }
        }
        links.sort();
        Self { links, documents, fallen }
    }

    /// With no more in its documents than the model knows.
    pub(crate) fn for_the_model(self) -> Self {
        let documents =
            self.documents.into_iter().map(|(id, document)| (id, of_document(&document))).collect();
        Self { documents, ..self }
    }

    /// What is different from what was `expected`, but for documents of alarms that have fallen.
    pub(crate) fn difference(&self, expected: &Self, fallen: &BTreeSet<String>) -> Option<String> {
        let mut left = expected.links.clone();
        let mut surplus = Vec::new();
        for link in &self.links {
            match left.iter().position(|other| other == link) {
                Some(place) => drop(left.swap_remove(place)),
                None => surplus.push(link),
            }
        }
        // One that an alarm has had before is none that is lost.
        left.retain(|link| !self.links.contains(link));
        if !left.is_empty() || !surplus.is_empty() {
            return Some(format!("links missing: {left:?}\nlinks too many: {surplus:?}"));
        }
        let ids = self.documents.keys().chain(expected.documents.keys());
        ids.map(|id| (id, self.documents.get(id), expected.documents.get(id)))
            .find(|(id, found, expected)| {
                found.is_some() != expected.is_some() || (found != expected && !fallen.contains(*id))
            })
            .map(|(id, found, expected)| {
                let show = |document: Option<&Value>| document.map_or("none".to_owned(), Value::to_string);
                format!("the last document of {id}\n   found: {}\nexpected: {}", show(found), show(expected))
            })
    }

    /// Alarms of which it is not known what their last document shows.
    pub(crate) fn fallen(&self) -> &BTreeSet<String> {
        &self.fallen
    }

    /// How many links and how many alarms.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.links.len(), self.documents.len())
    }
}

/// The lines of a file that are JSON; a torn one is not.
fn lines(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn is_whitelisted(address: &std::net::IpAddr) -> bool {
    ASSETS.iter().any(|(network, _, whitelisted)| {
        *whitelisted && network.parse::<ipnet::IpNet>().is_ok_and(|network| network.contains(address))
    })
}

fn of_attempt(attempt: &Attempt) -> Value {
    let stages = attempt.stages.iter().map(|stage| {
        let status = match stage.status {
            Status::Active => "active",
            Status::Finished => "finished",
            Status::Timeout => "timeout",
        };
        json!([stage.stage, status, stage.start, stage.end])
    });
    json!({
        "stages": stages.collect::<Vec<_>>(),
        "risk": attempt.risk,
        "created": attempt.created,
        "updated": attempt.updated,
        "src_ips": attempt.src_ips,
        "dst_ips": attempt.dst_ips,
        "custom_data": attempt.custom_data,
        "networks": sorted(attempt.networks.iter().map(ToString::to_string)),
    })
}

fn of_document(document: &Value) -> Value {
    let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
    let mut rules = list("rules");
    rules.retain(|rule| rule.get("status").is_some_and(|status| status != ""));
    rules.sort_by_key(|rule| rule["stage"].as_u64());
    let stages =
        rules.iter().map(|rule| json!([rule["stage"], rule["status"], rule["start_time"], rule["end_time"]]));
    let custom = list("custom_data");
    let custom = custom.iter().map(|datum| json!([datum["label"], datum["content"]]));
    json!({
        "stages": stages.collect::<Vec<_>>(),
        "risk": document["risk"],
        "created": document["created_time"],
        "updated": document["update_time"],
        "src_ips": document["src_ips"],
        "dst_ips": document["dst_ips"],
        "custom_data": custom.collect::<Vec<_>>(),
        "networks": sorted(list("networks").iter().map(|network| network.as_str().unwrap_or_default().to_owned())),
    })
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts
}
