//! Why an alarm is what it is: for each stage which rule, which values of events fitted what of it, and what is still
//! missing until the next stage, and until when.
//!
//! A pure function of what is stored: the alarm's document, some events of each stage, and the directive as it is now,
//! where it is known. Nothing is matched anew: the engine has said which events belong to which stage, and this says
//! what of them the rule looked at. Conditions that take anything are left out.

mod condition;
#[cfg(test)]
mod tests;

use serde::Serialize;
use utoipa::ToSchema;

use crate::alarm_store::{AlarmDocument, Progress, Stage, StoredEvent};
use dsiem_core::directive::{Directive, Rule};

pub(crate) use condition::Condition;

/// How many events of a stage are looked at for the values of its conditions.
pub(crate) const EVENTS_LOOKED_AT: usize = 100;

/// Why an alarm is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// In a sentence or two.
    summary: String,
    /// Whether nothing will join it any more; null where it was imported and nobody knows.
    is_over: Option<bool>,
    /// Until when the current stage can be completed; null once it is over.
    deadline: Option<i64>,
    /// Whether the directive is there, as it was when the alarm was raised.
    directive: DirectiveState,
    /// From the first.
    stages: Vec<StageExplanation>,
}

/// What is known of the directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectiveState {
    /// It is loaded, and the alarm follows from it.
    Loaded,
    /// It is loaded and has been changed since: conditions are shown as they were for this alarm.
    Changed,
    /// It is not in the configuration files that are here.
    Unknown,
}

/// What became of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageState {
    /// It has all the events it needs.
    Complete,
    /// It waits for events.
    Waiting,
    /// It did not get its events in time.
    TimedOut,
    /// It was the current one when the alarm was given up, because too many were open.
    GivenUp,
    /// A stage before it is not complete.
    NotReached,
}

/// One stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageExplanation {
    /// From 1.
    stage: u8,
    /// The rule's name.
    name: String,
    state: StageState,
    /// In a sentence.
    why: String,
    /// How many events it needs.
    needed: u64,
    /// How many it has.
    events: u64,
    /// How many it still needs.
    missing: u64,
    /// When it began.
    started: Option<i64>,
    /// When it was complete.
    ended: Option<i64>,
    /// How long it waits, in seconds.
    timeout: u64,
    /// How sure an alarm is after it, 0 to 10.
    reliability: u8,
    /// The field of which each event has to bring a new value.
    different: Option<String>,
    /// What an event has to be, part by part.
    conditions: Vec<Condition>,
}

/// Explains an alarm. `events_of` gives some events of a stage, `counted` how many it has.
pub(crate) fn explain(
    document: &AlarmDocument,
    directive: Option<&Directive>,
    counted: impl Fn(u8) -> u64,
    mut events_of: impl FnMut(u8) -> Vec<StoredEvent>,
) -> Explanation {
    let progress = document.progress.as_ref();
    let mut stages = Vec::with_capacity(document.rules.len());
    let mut reached = true;
    let mut state = DirectiveState::Unknown;
    if let Some(directive) = directive {
        let fits = document.rules.iter().all(|stage| rule_of(directive, stage).is_some());
        state = if fits { DirectiveState::Loaded } else { DirectiveState::Changed };
    }
    for rule in &document.rules {
        let events = counted(rule.stage);
        let stage_state = state_of(rule, reached, progress);
        reached &= stage_state == StageState::Complete;
        let written = directive.filter(|_| state == DirectiveState::Loaded).and_then(|it| rule_of(it, rule));
        let bodies: Vec<_> = events_of(rule.stage).into_iter().filter_map(|event| event.event).collect();
        stages.push(StageExplanation::new(rule, stage_state, events, written, &bodies));
    }
    let ending = progress.and_then(|progress| progress.ending.as_deref());
    let is_over = progress.map(|_| ending.is_some());
    Explanation {
        summary: summary(&stages, ending),
        is_over,
        deadline: progress.and_then(|progress| progress.deadline),
        directive: state,
        stages,
    }
}

/// The rule of a directive that a stage of an alarm is of, unless it says something else now.
fn rule_of<'d>(directive: &'d Directive, stage: &Stage) -> Option<&'d Rule> {
    let rule = directive.rules.iter().find(|rule| rule.stage == stage.stage)?;
    let same = u64::from(rule.occurrence) == stage.occurrence && *rule.name == *stage.name;
    same.then_some(rule)
}

fn state_of(rule: &Stage, reached: bool, progress: Option<&Progress>) -> StageState {
    let ending = progress.and_then(|progress| progress.ending.as_deref());
    match rule.status.as_str() {
        "finished" => StageState::Complete,
        "timeout" => StageState::TimedOut,
        _ if !reached => StageState::NotReached,
        _ if ending == Some("evicted") => StageState::GivenUp,
        _ => StageState::Waiting,
    }
}

impl StageExplanation {
    fn new(
        rule: &Stage,
        state: StageState,
        events: u64,
        written: Option<&Rule>,
        bodies: &[Box<serde_json::value::RawValue>],
    ) -> Self {
        let missing = if state == StageState::Complete { 0 } else { rule.occurrence.saturating_sub(events) };
        Self {
            stage: rule.stage,
            name: rule.name.clone(),
            state,
            why: why(state, rule, events, missing),
            needed: rule.occurrence,
            events,
            missing,
            started: rule.start_time,
            ended: rule.end_time,
            timeout: rule.timeout,
            reliability: rule.reliability,
            different: Some(rule.sticky_different.clone()).filter(|field| !field.is_empty()),
            conditions: condition::of_rule(rule, written, bodies),
        }
    }
}

fn why(state: StageState, rule: &Stage, events: u64, missing: u64) -> String {
    let needed = number_of(rule.occurrence);
    match state {
        StageState::Complete if events > rule.occurrence => {
            format!("It has the {needed} that it needs, and {} in all.", number_of(events))
        }
        StageState::Complete => format!("It has the {needed} that it needs."),
        StageState::Waiting => {
            format!("It waits for {} more: it has {events} of {needed}.", number_of(missing))
        }
        StageState::TimedOut => {
            format!("It had {events} of {needed} when its {} seconds were over.", rule.timeout)
        }
        StageState::GivenUp => {
            format!("It had {events} of {needed} when the alarm was given up: too many backlogs were open.")
        }
        StageState::NotReached => "A stage before it is not complete.".to_owned(),
    }
}

fn summary(stages: &[StageExplanation], ending: Option<&str>) -> String {
    let complete = stages.iter().filter(|stage| stage.state == StageState::Complete).count();
    let all = stages.len();
    if complete == all {
        return format!("All {all} stages are complete.");
    }
    let done = format!("{complete} of {all} stages are complete.");
    let Some(current) = stages.iter().find(|stage| stage.state != StageState::Complete) else { return done };
    let next = match (current.state, ending) {
        (StageState::TimedOut, _) => format!("Stage {} did not get its events in time.", current.stage),
        (StageState::GivenUp, _) => {
            format!("Stage {} was given up: too many backlogs were open.", current.stage)
        }
        _ => format!("Stage {} waits for {} more.", current.stage, number_of(current.missing)),
    };
    format!("{done} {next}")
}

fn number_of(events: u64) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{events} events") }
}
