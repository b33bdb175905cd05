//! Reading what dsiem-rs saved: a list of alarm-shaped objects, with the rules as they were.
//!
//! dsiem-rs does not save the first events of stages, the directive's priority, nor whether its rules are always active;
//! the latter two come from today's directive. A backlog whose remaining stages refer to a first event that was not
//! saved cannot go on and is set aside with the reason.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::saved::{set, sticky_value};
use super::{DirectiveState, OpenBacklog, SavedFile, SnapshotError};
use crate::backlog::{
    AlarmId, Backlog, Collected, CustomDatum, Found, Restored, Settings, Stage, StageStatus,
};
use crate::directive::{Directive, Rule, file};
use crate::event::EventKey;
use crate::finding::Finding;

#[derive(Deserialize)]
struct SavedAlarm {
    alarm_id: String,
    title: String,
    #[serde(default)]
    created_time: i64,
    #[serde(default)]
    update_time: i64,
    #[serde(default)]
    risk: u8,
    #[serde(default)]
    src_ips: Vec<IpAddr>,
    #[serde(default)]
    dst_ips: Vec<IpAddr>,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    intel_hits: Vec<Finding>,
    #[serde(default)]
    vulnerabilities: Vec<Finding>,
    #[serde(default)]
    custom_data: Vec<CustomDatum>,
    #[serde(default)]
    saved_src_socketaddr: Vec<SocketAddr>,
    #[serde(default)]
    saved_dst_socketaddr: Vec<SocketAddr>,
    rules: Vec<Value>,
}

#[derive(Deserialize)]
struct SavedRule {
    stage: u8,
    #[serde(default)]
    start_time: i64,
    #[serde(default)]
    end_time: i64,
    #[serde(default)]
    status: String,
    #[serde(default)]
    saved_event_ids: Vec<String>,
    #[serde(default)]
    saved_sticky_diffdata: SavedSticky,
}

#[derive(Deserialize, Default)]
struct SavedSticky {
    #[serde(default)]
    sdiff_string: Vec<String>,
    #[serde(default)]
    sdiff_int: Vec<u64>,
}

/// Reads a file that dsiem-rs saved for the directive `directive_id`; `today` is that directive as it is loaded now.
///
/// # Errors
/// When the file is not a list of alarms.
pub fn read(
    bytes: &[u8],
    directive_id: u64,
    today: Option<&Arc<Directive>>,
    settings: &Settings,
) -> Result<SavedFile, SnapshotError> {
    let alarms: Vec<Value> =
        serde_json::from_slice(bytes).map_err(|e| SnapshotError::Malformed(e.to_string()))?;
    let mut state = DirectiveState::default();
    let mut set_aside = Vec::new();
    // Today's and the old ones. Backlogs of equal ones share it, which keeps routing cheap.
    let mut definitions = Vec::from_iter(today.cloned());
    for value in alarms {
        let id = value.get("alarm_id").and_then(Value::as_str).unwrap_or("?").to_owned();
        let restored = match today {
            Some(today) => restore(value, today, &mut definitions, settings),
            None => Err(format!("directive {directive_id} is not loaded any more")),
        };
        match restored {
            Ok(backlog) => state.backlogs.push(OpenBacklog { backlog, look_ups_pending: false }),
            Err(reason) => set_aside.push((id, reason)),
        }
    }
    Ok(SavedFile { node: String::new(), directive_id, state, set_aside })
}

fn restore(
    value: Value,
    today: &Arc<Directive>,
    definitions: &mut Vec<Arc<Directive>>,
    settings: &Settings,
) -> Result<Backlog, String> {
    let alarm: SavedAlarm = serde_json::from_value(value).map_err(|e| e.to_string())?;
    if !is_title_of(&alarm.title, &today.name) {
        return Err(format!("its title {:?} is not one of the directive {:?}", alarm.title, &*today.name));
    }
    let directive = definition(&alarm, today, definitions)?;
    let stages = stages(&alarm, &directive, settings)?;
    let seed = settings.seed;
    let limits = settings.limits;
    let ports = alarm.saved_src_socketaddr.iter().chain(&alarm.saved_dst_socketaddr);
    Ok(Backlog::restore(Restored {
        id: AlarmId::saved(&alarm.alarm_id),
        directive,
        title: alarm.title.into(),
        stages,
        collected: Collected::saved(
            [&alarm.src_ips, &alarm.dst_ips],
            ports.map(|pair| (pair.ip(), pair.port())),
            set(alarm.custom_data, limits.custom_data, seed),
            &limits,
            seed,
        ),
        found: Found {
            networks: set(alarm.networks.iter().filter_map(|text| text.parse().ok()), limits.addresses, seed),
            intel_hits: set(alarm.intel_hits, limits.findings, seed),
            vulnerabilities: set(alarm.vulnerabilities, limits.findings, seed),
        },
        risk: alarm.risk.min(10),
        created_secs: (alarm.created_time > 0).then_some(alarm.created_time),
        update_secs: alarm.update_time,
        ending: None,
    }))
}

/// The directive with the rules that the alarm was opened with, one of `known` if it is equal.
fn definition(
    alarm: &SavedAlarm,
    today: &Directive,
    known: &mut Vec<Arc<Directive>>,
) -> Result<Arc<Directive>, String> {
    let mut value = file::to_value(today);
    value["rules"] = json!(alarm.rules);
    let directive = file::from_value(&value)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    if let Some(equal) = known.iter().find(|known| ***known == directive) {
        return Ok(equal.clone());
    }
    known.push(Arc::new(directive));
    Ok(known[known.len() - 1].clone())
}

/// The stages up to the first that is not finished, which must not need what was not saved.
fn stages(alarm: &SavedAlarm, directive: &Directive, settings: &Settings) -> Result<Vec<Stage>, String> {
    let mut saved: Vec<SavedRule> = alarm
        .rules
        .iter()
        .map(|rule| serde_json::from_value(rule.clone()).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    saved.sort_by_key(|rule| rule.stage);
    let current =
        saved.iter().position(|rule| rule.status != "finished").ok_or("all its stages are finished")?;
    if directive.all_rules_always_active && current > 0 {
        return Err(
            "its first stage would be matched again, and dsiem-rs did not save its first event".to_owned()
        );
    }
    if let Some(rule) = directive.rules[current..].iter().find(|rule| refers_up_to(rule, current, &saved)) {
        return Err(format!(
            "stage {} refers to the first event of an earlier stage, which dsiem-rs did not save",
            rule.stage
        ));
    }
    Ok(saved[..=current]
        .iter()
        .zip(&directive.rules)
        .enumerate()
        .map(|(n, (rule, definition))| stage(rule, definition, n == current, settings))
        .collect())
}

/// Whether a rule needs the first event of a stage that has had events already.
fn refers_up_to(rule: &Rule, current: usize, saved: &[SavedRule]) -> bool {
    let had_events = |n: usize| n < current || (n == current && !saved[n].saved_event_ids.is_empty());
    let references = [
        rule.from.test.reference(),
        rule.to.test.reference(),
        rule.port_from.test.reference(),
        rule.port_to.test.reference(),
        rule.protocol.test.reference(),
    ];
    references
        .into_iter()
        .chain(rule.custom_data.iter().map(|c| c.test.reference()))
        .flatten()
        .any(had_events)
}

fn stage(saved: &SavedRule, rule: &Rule, is_current: bool, settings: &Settings) -> Stage {
    let sticky = &saved.saved_sticky_diffdata;
    let values =
        sticky.sdiff_string.iter().map(|text| json!(text)).chain(sticky.sdiff_int.iter().map(|n| json!(n)));
    let values: Vec<_> = match rule.sticky_different {
        Some(field) => values.filter_map(|value| sticky_value(field, &value)).collect(),
        None => Vec::new(),
    };
    Stage::restore(
        saved.start_time,
        (saved.end_time > 0).then_some(saved.end_time),
        if is_current { StageStatus::Active } else { StageStatus::Finished },
        None,
        saved.saved_event_ids.iter().map(|id| EventKey::of(id)),
        values,
        settings.seed,
    )
}

/// Whether `title` can come from `template` by putting something in the place of `SRC_IP` and `DST_IP`.
fn is_title_of(title: &str, template: &str) -> bool {
    let mut pieces = template.split("SRC_IP").flat_map(|piece| piece.split("DST_IP"));
    let Some(mut rest) = pieces.next().and_then(|first| title.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(position) = rest.find(piece) else { return false };
        rest = &rest[position + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_belongs_to_its_template_whatever_stands_for_the_addresses() {
        for (title, template, expected) in [
            ("Ping flood from 10.0.0.1", "Ping flood from SRC_IP", true),
            ("Ping flood from web (10.0.0.1 to 10.0.0.2)!", "Ping flood from web (SRC_IP to DST_IP)!", true),
            ("Ping flood", "Ping flood", true),
            ("Ping floods", "Ping flood", false),
            ("Port scan from 10.0.0.1", "Ping flood from SRC_IP", false),
            ("a 1 c", "a SRC_IP b DST_IP c", false),
        ] {
            assert_eq!(is_title_of(title, template), expected, "{title} / {template}");
        }
    }
}
