//! An open backlog as it is shown to people.

use dsiem_core::backlog::{Backlog, Settings};
use dsiem_runtime::bus::{BacklogProgress, MAX_ADDRESSES};

/// How far `backlog` is.
pub(super) fn shown(backlog: &Backlog, settings: &Settings) -> BacklogProgress {
    let (directive, stages) = (backlog.directive(), backlog.stages());
    let current = backlog.current();
    let rule = &directive.rules[current];
    let collected = backlog.collected();
    BacklogProgress {
        alarm_id: backlog.id().as_str().to_owned(),
        stage: rule.stage,
        stages: u8::try_from(directive.rules.len()).unwrap_or(u8::MAX),
        events: stages[current].events(),
        needed: rule.occurrence.into(),
        since: stages[0].start_secs(),
        deadline: backlog.deadline_secs(settings),
        src_ips: collected.sources().take(MAX_ADDRESSES).collect(),
        dst_ips: collected.destinations().take(MAX_ADDRESSES).collect(),
        risk: backlog.risk(),
    }
}
