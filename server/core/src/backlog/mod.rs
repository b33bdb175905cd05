//! One attempt at completing a directive, which is also its alarm.
//!
//! A [`Backlog`] is a state machine without I/O: events, findings and the passing of time go in, and an [`Outcome`] says
//! what has to be done. The task around it does the waiting, the look-ups and the writing. It becomes visible as an alarm
//! once its risk is at least 1.

mod address_set;
mod collected;
mod found;
mod id;
mod outcome;
mod parts;
mod revision;
mod settings;
mod stage;
#[cfg(test)]
pub(crate) mod tests;
mod title;

use std::sync::Arc;

use crate::bounded::Inserted;
use crate::directive::{Directive, Rule};
use crate::event::Event;
use crate::finding::{Finding, FindingKind};
use crate::matcher::{FirstEvent, FirstEvents};
use crate::risk::risk;
use crate::routing::{Interest, Interests};
use crate::time::ReceiptTime;

pub use collected::{Collected, CustomDatum, Limits};
pub(crate) use found::{Found, MaybeFound};
pub use id::AlarmId;
pub use outcome::{Discarded, Ending, Outcome, Update, Verdict};
pub(crate) use parts::Restored;
pub use settings::{Context, DEFAULT_TIME_ORDER_TOLERANCE_SECS, Settings};
pub use stage::{Stage, StageStatus};
use title::title;

/// One attempt at completing a directive.
#[derive(Debug, Clone)]
pub struct Backlog {
    id: AlarmId,
    directive: Arc<Directive>,
    title: Box<str>,
    /// Of the rules reached so far: at least one, the last one is the current one.
    stages: Vec<Stage>,
    collected: Collected,
    found: MaybeFound,
    risk: u8,
    /// The `update_time` at the first update of the alarm.
    created_secs: Option<i64>,
    /// Receipt time of the last event that joined, in seconds.
    update_secs: i64,
    ending: Option<Ending>,
}

/// The stages of a backlog that opens: the second begins with the same event, and most backlogs see no third.
fn first_stage(start_secs: i64) -> Vec<Stage> {
    let mut stages = Vec::with_capacity(2);
    stages.push(Stage::started(start_secs));
    stages
}

impl FirstEvents for Backlog {
    fn first(&self, position: usize) -> Option<&FirstEvent> {
        self.stages.get(position).and_then(Stage::first)
    }
}

impl Backlog {
    /// Opens a backlog of `directive` with an event that matches its stage-1 rule.
    #[must_use]
    pub fn open(directive: Arc<Directive>, event: &Event, context: Context<'_>) -> (Self, Outcome) {
        let mut backlog = Self {
            id: AlarmId::of(directive.id, &event.id),
            title: title(&directive.name, event, context.assets),
            stages: first_stage(event.time_secs(context.settings.max_clock_skew_secs)),
            collected: Collected::default(),
            found: MaybeFound::default(),
            risk: 0,
            created_secs: None,
            update_secs: event.received.secs(),
            ending: None,
            directive,
        };
        let outcome = backlog.count(event, context);
        (backlog, outcome)
    }

    /// Takes an event and says what became of it and what has to be done.
    ///
    /// Events that the backlog's deadline has passed for must not come here: see [`on_deadline`](Self::on_deadline).
    pub fn on_event(&mut self, event: &Event, context: Context<'_>) -> Outcome {
        if self.ending.is_some() {
            return Outcome::NOTHING;
        }
        if !self.rule().matches(event, context.assets, self) {
            return self.absorb(event, context);
        }
        let stage = self.stage();
        if stage.has(&event.key) {
            return Outcome::discarded(Discarded::SameEvent);
        }
        if self.rule().sticky_different.is_some_and(|field| stage.knows(&field.value(event))) {
            return Outcome::discarded(Discarded::NothingNew);
        }
        if self.is_out_of_order(event, context.settings) {
            return Outcome::discarded(Discarded::OutOfOrder);
        }
        self.count(event, context)
    }

    /// Ends the backlog if its deadline lies before `now`.
    pub fn on_deadline(&mut self, now: ReceiptTime, context: Context<'_>) -> Outcome {
        if self.ending.is_some() || self.deadline_secs(context.settings) >= now.secs() {
            return Outcome::NOTHING;
        }
        self.ending = Some(Ending::TimedOut);
        self.stage_mut().set_status(StageStatus::TimedOut);
        Outcome { update: self.update(Update::Now { look_ups: false }, context), ..Outcome::NOTHING }
    }

    /// Ends the backlog without a word, because too many are open.
    pub fn evict(&mut self) {
        self.ending.get_or_insert(Ending::Evicted);
    }

    /// Adds what look-ups found; whether anything of it is new.
    pub fn on_findings(&mut self, kind: FindingKind, findings: Vec<Finding>, settings: &Settings) -> bool {
        if findings.is_empty() {
            return false;
        }
        let found = self.found.get_mut();
        let known = match kind {
            FindingKind::Intel => &mut found.intel_hits,
            FindingKind::Vulnerability => &mut found.vulnerabilities,
        };
        let mut added = false;
        for finding in findings {
            added |= known.insert(finding, settings.limits.findings, settings.seed) == Inserted::New;
        }
        added
    }

    /// The last second of its life, in seconds since 1970: it is over as soon as this lies before `now`.
    #[must_use]
    pub fn deadline_secs(&self, settings: &Settings) -> i64 {
        let life = i64::from(self.rule().timeout_secs) + i64::from(settings.min_alarm_lifetime_secs);
        self.stage().start_secs().saturating_add(life)
    }

    /// What it waits for, for [routing](crate::routing).
    #[must_use]
    pub fn interests(&self, settings: &Settings) -> Interests {
        let current = self.current();
        let earlier = if self.directive.all_rules_always_active { 0..current } else { 0..0 };
        earlier
            .map(|position| (position, position == 0))
            .chain([(current, false)])
            .filter_map(|(position, pinned)| {
                Interest::of(&self.directive.rules[position], position, pinned, self, settings.seed)
            })
            .collect()
    }

    /// The id of its alarm.
    #[must_use]
    pub fn id(&self) -> &AlarmId {
        &self.id
    }

    /// The directive as it was when the backlog was opened.
    #[must_use]
    pub fn directive(&self) -> &Arc<Directive> {
        &self.directive
    }

    /// The alarm's title, with addresses or asset names in it.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The stages reached so far; the last one is the current one.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The position of the current rule.
    #[must_use]
    pub fn current(&self) -> usize {
        self.stages.len() - 1
    }

    /// Whether its second stage is complete, which protects it when too many backlogs are open.
    #[must_use]
    pub fn has_passed_second_stage(&self) -> bool {
        self.current() >= 2 || self.ending == Some(Ending::Completed)
    }

    /// Why it is over, if it is.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// 0 to 10; from 1 on it is visible as an alarm.
    #[must_use]
    pub fn risk(&self) -> u8 {
        self.risk
    }

    /// Whether it has been visible as an alarm: from then on it has documents.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.created_secs.is_some()
    }

    /// Addresses, ports and custom data of its events.
    #[must_use]
    pub fn collected(&self) -> &Collected {
        &self.collected
    }

    fn rule(&self) -> &Rule {
        &self.directive.rules[self.current()]
    }

    fn stage(&self) -> &Stage {
        &self.stages[self.stages.len() - 1]
    }

    fn stage_mut(&mut self) -> &mut Stage {
        let current = self.current();
        &mut self.stages[current]
    }

    fn is_out_of_order(&self, event: &Event, settings: &Settings) -> bool {
        let earlier = &self.stages[..self.current()];
        let Some(end) = earlier.iter().filter_map(Stage::end_secs).max() else { return false };
        let time = event.time_secs(settings.max_clock_skew_secs);
        time < end && end - time >= i64::from(settings.time_order_tolerance_secs)
    }

    /// Lets the event join an earlier stage, if the directive allows it and one matches.
    fn absorb(&mut self, event: &Event, context: Context<'_>) -> Outcome {
        if !self.directive.all_rules_always_active {
            return Outcome::NOTHING;
        }
        let matches = |position: usize| {
            let rule = &self.directive.rules[position];
            if position == 0 {
                rule.matches_pinned(event, self)
            } else {
                rule.matches(event, context.assets, self)
            }
        };
        let Some(position) = (0..self.current()).find(|position| matches(*position)) else {
            return Outcome::NOTHING;
        };
        if !self.stages[position].absorb(event.key, context.settings.seed) {
            return Outcome::discarded(Discarded::SameEvent);
        }
        self.collect(event, context.settings);
        Outcome {
            verdict: Verdict::Absorbed,
            joined_stage: Some(self.directive.rules[position].stage),
            update: self.update(Update::Soon, context),
            ..Outcome::NOTHING
        }
    }

    /// Counts the event in the current stage, and completes the stage if that was the last one it needed.
    fn count(&mut self, event: &Event, context: Context<'_>) -> Outcome {
        let settings = context.settings;
        let time = event.time_secs(settings.max_clock_skew_secs);
        let rule = self.rule();
        let (stage_number, occurrence) = (rule.stage, rule.occurrence);
        let sticky_value = rule.sticky_different.map(|field| field.value(event));
        let is_first = self.stage_mut().count(event, time, sticky_value, settings.seed);
        self.collect(event, settings);
        let mut outcome = Outcome {
            verdict: Verdict::Counted,
            joined_stage: Some(stage_number),
            deadline_changed: is_first,
            ..Outcome::NOTHING
        };
        if self.stage().events() >= u64::from(occurrence) {
            self.complete_stage(time, context);
            outcome.update = self.update(Update::Now { look_ups: true }, context);
            outcome.deadline_changed = true;
            outcome.interests_changed = true;
        }
        outcome
    }

    fn complete_stage(&mut self, time: i64, context: Context<'_>) {
        self.stage_mut().finish(time);
        let value =
            self.collected.addresses().map(|address| context.assets.value(address)).max().unwrap_or(0);
        self.risk = risk(self.directive.priority, self.rule().reliability, value);
        if self.stages.len() == self.directive.rules.len() {
            self.ending = Some(Ending::Completed);
        } else {
            self.stages.push(Stage::started(time));
        }
    }

    fn collect(&mut self, event: &Event, settings: &Settings) {
        self.collected.add(event, &settings.limits, settings.seed);
        self.update_secs = event.received.secs();
    }

    /// Brings the alarm up to date if it is visible; what is to be written is `wanted`, or nothing.
    fn update(&mut self, wanted: Update, context: Context<'_>) -> Update {
        if self.risk == 0 {
            return Update::None;
        }
        self.created_secs.get_or_insert(self.update_secs);
        let Context { settings, assets } = context;
        for address in self.collected.take_new_addresses() {
            for network in assets.home_networks(address) {
                self.found.get_mut().networks.insert(network, settings.limits.addresses, settings.seed);
            }
        }
        wanted
    }
}
