//! What the engine says about an alarm, as it comes in: from the bus with a revision, or from a line of existing files
//! without one.
//!
//! The keys are those of `siem_alarms.json` and `siem_alarm_events.json`, of our own engine and of the two existing
//! ones: what they leave out may be absent, what they write beside it is passed over.

use std::net::IpAddr;

use dsiem_core::backlog::CustomDatum;
use dsiem_core::finding::Finding;
use dsiem_core::risk::RiskClass;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A full alarm document: the engine's part of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmDocument {
    /// Unique for ever.
    pub alarm_id: String,
    /// The directive's name with what it says of the addresses.
    pub title: String,
    /// The status that new alarms get; what it is now is the user's.
    pub status: String,
    /// The tag that new alarms get; what it is now is the user's.
    pub tag: String,
    /// The directive's kingdom.
    pub kingdom: String,
    /// The directive's category.
    pub category: String,
    /// When its risk first was at least 1, in seconds since 1970.
    pub created_time: i64,
    /// When the newest event came, in seconds since 1970.
    pub update_time: i64,
    /// 0 to 10.
    pub risk: u8,
    /// What the risk is called.
    #[serde(with = "class_name")]
    pub risk_class: RiskClass,
    /// Where its events came from.
    #[serde(default, deserialize_with = "or_default")]
    pub src_ips: Vec<IpAddr>,
    /// Where its events went.
    #[serde(default, deserialize_with = "or_default")]
    pub dst_ips: Vec<IpAddr>,
    /// The home networks of its addresses.
    #[serde(default, deserialize_with = "or_default")]
    pub networks: Vec<String>,
    /// Its stages, from the first.
    #[serde(default, deserialize_with = "or_default")]
    pub rules: Vec<Stage>,
    /// What threat intelligence says.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub intel_hits: Vec<Finding>,
    /// What is known to be vulnerable.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<Finding>,
    /// What its events carried.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub custom_data: Vec<CustomDatum>,
    /// How many addresses, ports and custom data were not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub truncated: u64,
    /// How far it is. Documents of existing files do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How far an alarm is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The last second in which its current stage can be completed, in seconds since 1970; `None` once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
    /// Why it is over: `completed`, `timed_out` or `evicted`; `None` until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
    /// How many events each stage has that was reached, in the order of the stages. The events themselves may be fewer: those from
    /// before it was an alarm may have been dropped.
    pub stage_events: Vec<u64>,
}

/// One stage of an alarm: the rule, with references replaced by what they stand for, and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Stage {
    /// From 1.
    pub stage: u8,
    /// The rule's name.
    pub name: String,
    /// `PluginRule` or `TaxonomyRule`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many events it needs.
    pub occurrence: u64,
    /// How sure an alarm is after it.
    pub reliability: u8,
    /// How long it waits, in seconds.
    pub timeout: u64,
    /// Which sources.
    pub from: String,
    /// Which destinations.
    pub to: String,
    /// Which ports of sources.
    pub port_from: String,
    /// Which ports of destinations.
    pub port_to: String,
    /// Which protocols.
    pub protocol: String,
    /// Of a plugin rule; 0 otherwise.
    pub plugin_id: u64,
    /// Of a plugin rule.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub plugin_sid: Vec<u64>,
    /// Of a taxonomy rule.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub product: Vec<String>,
    /// Of a taxonomy rule.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// Of a taxonomy rule.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub subcategory: Vec<String>,
    /// What the first custom text must be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_data1: String,
    /// What the second custom text must be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_data2: String,
    /// What the third custom text must be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custom_data3: String,
    /// Of which field each event must bring a new value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sticky_different: String,
    /// When it began, in seconds since 1970; `None` before it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    /// When it was complete, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    /// `finished`, `timeout` or, while neither, empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
}

/// A document with what orders it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmUpdate {
    /// What the alarm is now.
    #[serde(flatten)]
    pub document: AlarmDocument,
    /// Rises with what is known of the alarm, and is the same whenever the same is known: with the events that joined, then
    /// with its end, then with findings. Above 0 and below 2⁵³. A document of existing files has none: those are ordered
    /// by risk and time, and never replace one that has.
    #[serde(default)]
    pub revision: Option<u64>,
    /// The directive that raised it. Documents of existing files do not say.
    #[serde(default)]
    pub directive_id: Option<u64>,
}

/// An event that was counted for a stage of an alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageEvent {
    /// Of which alarm.
    pub alarm_id: String,
    /// Of which of its stages, from 1.
    pub stage: u8,
    /// Which event. The same one is counted once for a stage, however often it comes.
    pub event_id: String,
    /// The event itself, as JSON. Lines of existing files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<RawValue>>,
}

/// The class of a risk by its name, as in alarm documents.
pub(crate) mod class_name {
    use super::{Deserialize, Deserializer, RiskClass, Serializer};

    pub(crate) const ALL: [RiskClass; 3] = [RiskClass::Low, RiskClass::Medium, RiskClass::High];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(class: &RiskClass, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(class.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RiskClass, D::Error> {
        let name = String::deserialize(deserializer)?;
        ALL.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(&name)).ok_or_else(|| {
            serde::de::Error::custom(format!("risk_class {name:?} is not Low, Medium or High"))
        })
    }
}

/// Go writes `null` for a list that is empty.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
