//! Alarms as the API gives them out: in lists with what a line shows, alone with everything.

use std::net::IpAddr;

use dsiem_core::risk::RiskClass;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alarm_store::{Alarm, AlarmDocument, Stage, StageCount};

/// What a risk is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Class {
    /// Below the medium risks.
    Low,
    /// 3 to 6, unless the installation says otherwise.
    Medium,
    /// Above the medium risks.
    High,
}

/// An alarm, as a line of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlarmSummary {
    /// Unique for ever.
    pub(super) alarm_id: String,
    /// The directive's name with what it says of the addresses.
    pub(super) title: String,
    /// One of the installation's words for how far it is.
    pub(super) status: String,
    /// One of the installation's words for what it is.
    pub(super) tag: String,
    /// Who handles it; empty while nobody does.
    pub(super) assignee: String,
    /// Counts the changes by users; to be sent back with a change.
    pub(super) version: u64,
    /// It was closed, and the engine has said something new about it since.
    pub(super) changed_since_closed: bool,
    /// The directive's kingdom.
    pub(super) kingdom: String,
    /// The directive's category.
    pub(super) category: String,
    /// When its risk first was at least 1.
    pub(super) created_time: i64,
    /// When the newest event came.
    pub(super) update_time: i64,
    /// 0 to 10.
    pub(super) risk: u8,
    /// What the risk is called.
    pub(super) risk_class: Class,
    /// Where its events came from.
    #[schema(value_type = Vec<String>)]
    pub(super) src_ips: Vec<IpAddr>,
    /// Where its events went.
    #[schema(value_type = Vec<String>)]
    pub(super) dst_ips: Vec<IpAddr>,
    /// The home networks of its addresses.
    pub(super) networks: Vec<String>,
    /// The directive that raised it, where that is known.
    pub(super) directive_id: Option<u64>,
    /// Rises with what the engine says of it; 0 where it was imported.
    pub(super) revision: u64,
    /// How many stages it has.
    pub(super) stages: usize,
    /// How many of them are complete.
    pub(super) finished_stages: usize,
    /// How many findings of threat intelligence and vulnerabilities there are.
    pub(super) findings: usize,
}

/// An alarm, with everything but its events and its history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlarmDetail {
    #[serde(flatten)]
    summary: AlarmSummary,
    /// Its stages, from the first.
    rules: Vec<StageDetail>,
    /// What threat intelligence says.
    intel_hits: Vec<Finding>,
    /// What is known to be vulnerable.
    vulnerabilities: Vec<Finding>,
    /// What its events carried.
    custom_data: Vec<CustomDatum>,
    /// How many addresses, ports and custom data were not kept.
    truncated: u64,
    /// Until when its current stage can be completed; null once it is over, and where nobody knows.
    deadline: Option<i64>,
    /// Why it is over: `completed`, `timed_out` or `evicted`; null while it is not, and where nobody knows.
    ending: Option<String>,
}

/// A stage, with how many events it has.
#[derive(Debug, Serialize, ToSchema)]
struct StageDetail {
    #[serde(flatten)]
    rule: Stage,
    /// How many events were counted for it.
    events: u64,
}

/// One answer of one source about an address or a port.
#[derive(Debug, Serialize, ToSchema)]
struct Finding {
    /// Who answered.
    provider: String,
    /// An address, or `address:port`.
    term: String,
    /// What the source says.
    result: String,
}

/// A text that an event carried.
#[derive(Debug, Serialize, ToSchema)]
struct CustomDatum {
    /// What it is; may be empty.
    label: String,
    /// The text.
    content: String,
}

impl Class {
    /// Its name.
    pub(super) fn as_str(self) -> &'static str {
        RiskClass::from(self).as_str()
    }
}

impl From<RiskClass> for Class {
    fn from(class: RiskClass) -> Self {
        match class {
            RiskClass::Low => Self::Low,
            RiskClass::Medium => Self::Medium,
            RiskClass::High => Self::High,
        }
    }
}

impl From<Class> for RiskClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Low => Self::Low,
            Class::Medium => Self::Medium,
            Class::High => Self::High,
        }
    }
}

impl From<Alarm> for AlarmSummary {
    fn from(alarm: Alarm) -> Self {
        let Alarm { document, directive_id, revision, handling } = alarm;
        let finished_stages = document.rules.iter().filter(|rule| rule.end_time.is_some()).count();
        Self {
            stages: document.rules.len(),
            finished_stages,
            findings: document.intel_hits.len() + document.vulnerabilities.len(),
            alarm_id: document.alarm_id,
            title: document.title,
            status: handling.status,
            tag: handling.tag,
            assignee: handling.assignee,
            version: handling.version,
            changed_since_closed: handling.changed_since_closed,
            kingdom: document.kingdom,
            category: document.category,
            created_time: document.created_time,
            update_time: document.update_time,
            risk: document.risk,
            risk_class: document.risk_class.into(),
            src_ips: document.src_ips,
            dst_ips: document.dst_ips,
            networks: document.networks,
            directive_id,
            revision,
        }
    }
}

impl AlarmDetail {
    /// An alarm whose stages have so many events.
    pub(super) fn new(alarm: Alarm, counts: &[StageCount]) -> Self {
        let AlarmDocument { rules, intel_hits, vulnerabilities, custom_data, truncated, progress, .. } =
            alarm.document.clone();
        let progress = progress.unwrap_or_default();
        let rules = rules
            .into_iter()
            .map(|rule| StageDetail { events: StageCount::of(counts, rule.stage), rule })
            .collect();
        let findings = |findings: Vec<dsiem_core::finding::Finding>| {
            findings
                .into_iter()
                .map(|finding| Finding {
                    provider: finding.provider,
                    term: finding.term,
                    result: finding.result,
                })
                .collect()
        };
        let custom_data = custom_data
            .into_iter()
            .map(|datum| CustomDatum { label: datum.label.to_string(), content: datum.content.to_string() })
            .collect();
        Self {
            rules,
            intel_hits: findings(intel_hits),
            vulnerabilities: findings(vulnerabilities),
            custom_data,
            truncated,
            deadline: progress.deadline,
            ending: progress.ending,
            summary: alarm.into(),
        }
    }
}
