//! The saved form of one backlog.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OpenBacklog;
use crate::backlog::{
    AlarmId, Backlog, Collected, CustomDatum, Ending, Found, Restored, Settings, Stage, StageStatus,
};
use crate::bounded::BoundedSet;
use crate::directive::{Directive, Rule};
use crate::event::EventKey;
use crate::finding::Finding;
use crate::hash::Seed;
use crate::matcher::FirstEvent;
use crate::sticky::{StickyField, StickyValue};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedBacklog {
    alarm_id: AlarmId,
    /// The position of its definition in the file.
    pub(super) directive: usize,
    title: Box<str>,
    risk: u8,
    created_time: Option<i64>,
    update_time: i64,
    /// Written for older releases, which read it; it follows from the rest.
    revision: u64,
    ending: Option<SavedEnding>,
    look_ups_pending: bool,
    stages: Vec<SavedStage>,
    src_ips: Vec<IpAddr>,
    dst_ips: Vec<IpAddr>,
    ports: Vec<SocketAddr>,
    custom_data: Vec<CustomDatum>,
    networks: Vec<IpNet>,
    intel_hits: Vec<Finding>,
    vulnerabilities: Vec<Finding>,
    truncated: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedEnding {
    Completed,
    TimedOut,
    Evicted,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedStage {
    stage: u8,
    status: StageStatus,
    start_time: i64,
    end_time: Option<i64>,
    first_event: Option<SavedFirstEvent>,
    /// Event ids as hexadecimal digits of their keys, sorted.
    event_ids: BTreeSet<String>,
    /// Numbers and texts, sorted; what they are is told by the rule's field.
    sticky_values: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedFirstEvent {
    src_ip: IpAddr,
    dst_ip: IpAddr,
    src_port: u16,
    dst_port: u16,
    protocol: Box<str>,
    custom_data: [Box<str>; 3],
}

impl SavedBacklog {
    pub(super) fn of(backlog: &Backlog, directive: usize, look_ups_pending: bool) -> Self {
        let parts = backlog.parts();
        let collected = backlog.collected();
        Self {
            alarm_id: backlog.id().clone(),
            directive,
            title: backlog.title().into(),
            risk: backlog.risk(),
            created_time: parts.created_secs,
            update_time: parts.update_secs,
            revision: backlog.revision(),
            ending: backlog.ending().map(SavedEnding::from),
            look_ups_pending,
            stages: backlog.stages().iter().zip(&backlog.directive().rules).map(SavedStage::of).collect(),
            src_ips: collected.src_ips.iter().collect(),
            dst_ips: collected.dst_ips.iter().collect(),
            ports: collected.ports().map(SocketAddr::from).collect(),
            custom_data: values(&collected.custom_data),
            networks: values(&parts.found.networks),
            intel_hits: values(&parts.found.intel_hits),
            vulnerabilities: values(&parts.found.vulnerabilities),
            truncated: collected.truncated(),
        }
    }

    /// The backlog, or why it cannot be one of `directive`.
    pub(super) fn restore(
        self,
        directive: Arc<Directive>,
        settings: &Settings,
    ) -> Result<OpenBacklog, String> {
        let (reached, rules) = (self.stages.len(), directive.rules.len());
        if !(1..=rules).contains(&reached) {
            return Err(format!("it has {reached} stages, and its directive {rules}"));
        }
        let seed = settings.seed;
        let stages = self
            .stages
            .into_iter()
            .zip(&directive.rules)
            .map(|(stage, rule)| stage.restore(rule, seed))
            .collect::<Result<_, _>>()?;
        let limits = settings.limits;
        let mut collected = Collected::saved(
            [&self.src_ips, &self.dst_ips],
            self.ports.iter().map(|pair| (pair.ip(), pair.port())),
            set(self.custom_data, limits.custom_data, seed),
            &limits,
            seed,
        );
        // Which of the sets was full is not told in documents, only how much is missing.
        collected.src_ips.set_truncated(self.truncated);
        let backlog = Backlog::restore(Restored {
            id: self.alarm_id,
            directive,
            title: self.title,
            stages,
            collected,
            found: Found {
                networks: set(self.networks, limits.addresses, seed),
                intel_hits: set(self.intel_hits, limits.findings, seed),
                vulnerabilities: set(self.vulnerabilities, limits.findings, seed),
            },
            risk: self.risk.min(10),
            created_secs: self.created_time,
            update_secs: self.update_time,
            ending: self.ending.map(Ending::from),
        });
        Ok(OpenBacklog { backlog, look_ups_pending: self.look_ups_pending })
    }
}

impl SavedStage {
    fn of((stage, rule): (&Stage, &Rule)) -> Self {
        let mut sticky: Vec<_> = stage.sticky_values().collect();
        sticky.sort_unstable();
        Self {
            stage: rule.stage,
            status: stage.status(),
            start_time: stage.start_secs(),
            end_time: stage.end_secs(),
            first_event: stage.first().map(SavedFirstEvent::from),
            event_ids: stage.event_keys().map(|key| key.to_hex()).collect(),
            sticky_values: sticky.into_iter().map(saved_value).collect(),
        }
    }

    fn restore(self, rule: &Rule, seed: Seed) -> Result<Stage, String> {
        if self.stage != rule.stage {
            return Err(format!(
                "it has a stage {} where its directive has stage {}",
                self.stage, rule.stage
            ));
        }
        let keys: Option<Vec<_>> = self.event_ids.iter().map(|hex| EventKey::from_hex(hex)).collect();
        let keys =
            keys.ok_or_else(|| format!("stage {} has an event id that is not one of ours", self.stage))?;
        let sticky = match rule.sticky_different {
            Some(field) => self.sticky_values.iter().filter_map(|value| sticky_value(field, value)).collect(),
            None => Vec::new(),
        };
        let first = self.first_event.map(FirstEvent::from);
        Ok(Stage::restore(self.start_time, self.end_time, self.status, first, keys, sticky, seed))
    }
}

fn saved_value(value: &StickyValue) -> Value {
    match value {
        StickyValue::Number(number) => Value::from(*number),
        StickyValue::Address(address) => Value::from(address.to_string()),
        StickyValue::Text(text) => Value::from(&**text),
    }
}

/// A saved value as the field holds it; `None` for what the field cannot hold.
pub(super) fn sticky_value(field: StickyField, value: &Value) -> Option<StickyValue> {
    Some(match field {
        StickyField::PluginSid | StickyField::SrcPort | StickyField::DstPort => {
            StickyValue::Number(value.as_u64()?)
        }
        StickyField::SrcIp | StickyField::DstIp => StickyValue::Address(value.as_str()?.parse().ok()?),
        StickyField::CustomData1 | StickyField::CustomData2 | StickyField::CustomData3 => {
            StickyValue::Text(value.as_str()?.into())
        }
    })
}

impl From<&FirstEvent> for SavedFirstEvent {
    fn from(first: &FirstEvent) -> Self {
        let FirstEvent { src_ip, dst_ip, src_port, dst_port, protocol, custom_data } = first.clone();
        Self { src_ip, dst_ip, src_port, dst_port, protocol, custom_data }
    }
}

impl From<SavedFirstEvent> for FirstEvent {
    fn from(saved: SavedFirstEvent) -> Self {
        let SavedFirstEvent { src_ip, dst_ip, src_port, dst_port, protocol, custom_data } = saved;
        Self { src_ip, dst_ip, src_port, dst_port, protocol, custom_data }
    }
}

impl From<Ending> for SavedEnding {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Completed => Self::Completed,
            Ending::TimedOut => Self::TimedOut,
            Ending::Evicted => Self::Evicted,
        }
    }
}

impl From<SavedEnding> for Ending {
    fn from(saved: SavedEnding) -> Self {
        match saved {
            SavedEnding::Completed => Self::Completed,
            SavedEnding::TimedOut => Self::TimedOut,
            SavedEnding::Evicted => Self::Evicted,
        }
    }
}

fn values<T: Clone + std::hash::Hash + Eq>(set: &BoundedSet<T>) -> Vec<T> {
    set.iter().cloned().collect()
}

pub(super) fn set<T: std::hash::Hash + Eq>(
    values: impl IntoIterator<Item = T>,
    limit: usize,
    seed: Seed,
) -> BoundedSet<T> {
    let mut set = BoundedSet::default();
    for value in values {
        set.insert(value, limit, seed);
    }
    set
}
