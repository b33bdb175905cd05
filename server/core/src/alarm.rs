//! The document that comes out: one line of `siem_alarms.json` for each update of an alarm.
//!
//! Keys, their alphabetical order and what is left out when empty are those of dsiem-rs, so that existing pipelines
//! read the files unchanged. References are shown as the values they stand for, once these are known. `truncated` is
//! ours: it appears when a backlog had more addresses, ports or custom data than it keeps.

mod standing;

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::backlog::{AlarmId, Backlog, CustomDatum, Settings, Stage, StageStatus};
use crate::bounded::BoundedSet;
use crate::directive::{Rule, RuleKind, Text};
use crate::finding::Finding;
use crate::matcher::{FirstEvent, FirstEvents};

pub use standing::Standing;

/// A full alarm document.
#[derive(Debug, Serialize)]
pub struct AlarmDocument<'a> {
    alarm_id: &'a AlarmId,
    category: &'a str,
    created_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_data: Vec<&'a CustomDatum>,
    dst_ips: Vec<IpAddr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    intel_hits: Vec<&'a Finding>,
    kingdom: &'a str,
    networks: Vec<&'a IpNet>,
    risk: u8,
    risk_class: &'static str,
    rules: Vec<RuleDocument<'a>>,
    src_ips: Vec<IpAddr>,
    status: &'a str,
    tag: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    truncated: u64,
    update_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<&'a Finding>,
}

/// One rule of an alarm document.
#[derive(Debug, Serialize)]
struct RuleDocument<'a> {
    #[serde(skip_serializing_if = "is_empty")]
    category: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    custom_data1: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_empty")]
    custom_data2: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_empty")]
    custom_data3: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    from: Cow<'a, str>,
    name: &'a str,
    occurrence: u32,
    plugin_id: u64,
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    plugin_sid: &'a [u64],
    port_from: Cow<'a, str>,
    port_to: Cow<'a, str>,
    #[serde(skip_serializing_if = "<[Text]>::is_empty")]
    product: &'a [Text],
    protocol: Cow<'a, str>,
    reliability: u8,
    stage: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "is_empty")]
    status: &'static str,
    #[serde(skip_serializing_if = "is_empty")]
    sticky_different: &'static str,
    #[serde(skip_serializing_if = "<[Text]>::is_empty")]
    subcategory: &'a [Text],
    timeout: u32,
    to: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> AlarmDocument<'a> {
    /// The document of a backlog as it stands.
    #[must_use]
    pub fn of(backlog: &'a Backlog, settings: &'a Settings) -> Self {
        let parts = backlog.parts();
        let collected = backlog.collected();
        let directive = backlog.directive();
        Self {
            alarm_id: backlog.id(),
            category: &directive.category,
            created_time: parts.created_secs.unwrap_or(parts.update_secs),
            custom_data: list(&collected.custom_data),
            dst_ips: collected.dst_ips.iter().collect(),
            intel_hits: list(&parts.found.intel_hits),
            kingdom: &directive.kingdom,
            networks: list(&parts.found.networks),
            risk: backlog.risk(),
            risk_class: settings.risk_limits.class_of(backlog.risk()).as_str(),
            rules: directive
                .rules
                .iter()
                .enumerate()
                .map(|(n, rule)| RuleDocument::of(rule, n, backlog))
                .collect(),
            src_ips: collected.src_ips.iter().collect(),
            status: &settings.status,
            tag: &settings.tag,
            title: backlog.title(),
            truncated: collected.truncated(),
            update_time: parts.update_secs,
            vulnerabilities: list(&parts.found.vulnerabilities),
        }
    }

    /// One line of JSON without its end.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts, numbers and lists have a JSON form.
        serde_json::to_vec(self).expect("an alarm has a JSON form")
    }
}

impl<'a> RuleDocument<'a> {
    fn of(rule: &'a Rule, position: usize, backlog: &'a Backlog) -> Self {
        let (plugin_id, plugin_sid, product, category, subcategory, kind) = match &rule.kind {
            RuleKind::Plugin { id, sids } => (*id, &**sids, &[][..], "", &[][..], "PluginRule"),
            RuleKind::Taxonomy { products, category, subcategories } => {
                (0, &[][..], &**products, &**category, &**subcategories, "TaxonomyRule")
            }
        };
        let stage = backlog.stages().get(position);
        let first = |reference: Option<usize>| reference.and_then(|n| backlog.first(n));
        let custom = |n: usize| {
            let written = &rule.custom_data[n];
            shown(&written.text, first(written.test.reference()), |first| first.custom_data[n].to_string())
        };
        Self {
            category,
            custom_data1: custom(0),
            custom_data2: custom(1),
            custom_data3: custom(2),
            end_time: stage.and_then(Stage::end_secs).filter(|secs| *secs != 0),
            from: shown(&rule.from.text, first(rule.from.test.reference()), |first| first.src_ip.to_string()),
            name: &rule.name,
            occurrence: rule.occurrence,
            plugin_id,
            plugin_sid,
            port_from: shown(&rule.port_from.text, first(rule.port_from.test.reference()), |f| {
                f.src_port.to_string()
            }),
            port_to: shown(&rule.port_to.text, first(rule.port_to.test.reference()), |f| {
                f.dst_port.to_string()
            }),
            product,
            protocol: shown(&rule.protocol.text, first(rule.protocol.test.reference()), |f| {
                f.protocol.to_string()
            }),
            reliability: rule.reliability,
            stage: rule.stage,
            start_time: stage.map(Stage::start_secs).filter(|secs| *secs != 0),
            status: match stage.map(Stage::status) {
                Some(StageStatus::Finished) => "finished",
                Some(StageStatus::TimedOut) => "timeout",
                Some(StageStatus::Active) | None => "",
            },
            sticky_different: rule.sticky_different.map_or("", crate::sticky::StickyField::as_str),
            subcategory,
            timeout: rule.timeout_secs,
            to: shown(&rule.to.text, first(rule.to.test.reference()), |first| first.dst_ip.to_string()),
            kind,
        }
    }
}

/// What a rule asks of a field, with a reference replaced by the value it stands for.
fn shown<'a>(
    text: &'a str,
    first: Option<&FirstEvent>,
    value: impl Fn(&FirstEvent) -> String,
) -> Cow<'a, str> {
    first.map_or(Cow::Borrowed(text), |first| Cow::Owned(value(first)))
}

fn list<T: std::hash::Hash + Eq>(set: &BoundedSet<T>) -> Vec<&T> {
    set.iter().collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_empty(text: &impl AsRef<str>) -> bool {
    text.as_ref().is_empty()
}
