//! A directive's manager without tasks and channels: the parts of the engine in the order of the specification.

use std::collections::BTreeMap;
use std::sync::Arc;

use dsiem_core::assets::Assets;
use dsiem_core::backlog::{AlarmId, Backlog, Context, Discarded, Outcome, Settings, Verdict};
use dsiem_core::directive::{Directive, file};
use dsiem_core::duplicates::{MAX_REMEMBERED, RecentEvents};
use dsiem_core::event::Event;
use dsiem_core::expiry::Deadlines;
use dsiem_core::matcher::NoFirstEvents;
use dsiem_core::routing::{BacklogSlot, Interests, Router};

use crate::cases::{Definition, WINDOW_SECS, assets, settings};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The directive had it lately.
    Duplicate,
    /// By these backlogs, oldest first, and how.
    Consumed(Vec<(AlarmId, &'static str)>),
    /// It opened this one.
    Opened(AlarmId),
    /// Nobody wants it.
    Nothing,
}

/// One directive and its backlogs.
pub(crate) struct Manager {
    pub(crate) directive: Arc<Directive>,
    pub(crate) settings: Settings,
    pub(crate) assets: Assets,
    router: Router,
    deadlines: Deadlines,
    pub(crate) recent: RecentEvents,
    pub(crate) open: BTreeMap<BacklogSlot, Open>,
    pub(crate) ended: Vec<Backlog>,
    next: u32,
}

/// An open backlog and what it is registered with.
pub(crate) struct Open {
    pub(crate) backlog: Backlog,
    interests: Interests,
    deadline: i64,
}

pub(crate) fn compile(definition: &Definition) -> Arc<Directive> {
    Arc::new(file::from_value(&definition.0).unwrap())
}

pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome.verdict {
        Verdict::NotConsumed => "not consumed",
        Verdict::Counted => "counted",
        Verdict::Absorbed => "absorbed",
        Verdict::Discarded(Discarded::SameEvent) => "known",
        Verdict::Discarded(Discarded::NothingNew) => "nothing new",
        Verdict::Discarded(Discarded::OutOfOrder) => "out of order",
    }
}

impl Manager {
    pub(crate) fn new(directive: Arc<Directive>) -> Self {
        let settings = settings();
        Self {
            directive,
            assets: assets(),
            router: Router::new(settings.seed),
            deadlines: Deadlines::default(),
            recent: RecentEvents::new(WINDOW_SECS, MAX_REMEMBERED, settings.seed),
            settings,
            open: BTreeMap::new(),
            ended: Vec::new(),
            next: 0,
        }
    }

    /// The way of one event through the directive.
    pub(crate) fn apply(&mut self, event: &Event) -> Answer {
        if self.recent.contains(&event.key, event.received) {
            return Answer::Duplicate;
        }
        self.expire(event);
        let mut slots = Vec::new();
        self.router.candidates(event, &self.assets, &mut slots);
        let mut consumed = Vec::new();
        for slot in slots {
            let outcome = self.give(slot, event);
            if outcome.0.consumed() {
                consumed.push((outcome.1, word(&outcome.0)));
            }
        }
        if !consumed.is_empty() {
            self.recent.remember(event.key, event.received);
            return Answer::Consumed(consumed);
        }
        if !self.directive.rules[0].matches(event, &self.assets, &NoFirstEvents) {
            return Answer::Nothing;
        }
        let id = AlarmId::of(self.directive.id, &event.id);
        if self.open.values().any(|open| *open.backlog.id() == id) {
            return Answer::Nothing;
        }
        let context = Context { settings: &self.settings, assets: &self.assets };
        let (backlog, _) = Backlog::open(self.directive.clone(), event, context);
        self.recent.remember(event.key, event.received);
        self.adopt(backlog);
        Answer::Opened(id)
    }

    /// Takes over an open backlog.
    pub(crate) fn adopt(&mut self, backlog: Backlog) {
        let slot = BacklogSlot(self.next);
        self.next += 1;
        let interests = backlog.interests(&self.settings);
        let deadline = backlog.deadline_secs(&self.settings);
        self.router.add(slot, backlog.directive(), &interests);
        self.deadlines.add(slot, deadline);
        self.open.insert(slot, Open { backlog, interests, deadline });
    }

    /// Everyone who would consume the event, without consuming it.
    pub(crate) fn would_consume(&self, event: &Event) -> Vec<BacklogSlot> {
        let context = Context { settings: &self.settings, assets: &self.assets };
        let would = |open: &Open| open.backlog.clone().on_event(event, context).consumed();
        self.open.iter().filter(|(_, open)| would(open)).map(|(slot, _)| *slot).collect()
    }

    /// Whom the router would ask.
    pub(crate) fn candidates(&self, event: &Event) -> Vec<BacklogSlot> {
        let mut slots = vec![BacklogSlot(u32::MAX)];
        self.router.candidates(event, &self.assets, &mut slots);
        slots
    }

    pub(crate) fn expire(&mut self, event: &Event) {
        while let Some(slot) = self.deadlines.first_due(event.received.secs()) {
            let context = Context { settings: &self.settings, assets: &self.assets };
            self.open.get_mut(&slot).unwrap().backlog.on_deadline(event.received, context);
            assert!(self.open[&slot].backlog.ending().is_some(), "a backlog is over at its deadline");
            self.retire(slot);
        }
    }

    fn give(&mut self, slot: BacklogSlot, event: &Event) -> (Outcome, AlarmId) {
        let context = Context { settings: &self.settings, assets: &self.assets };
        let open = self.open.get_mut(&slot).unwrap();
        let outcome = open.backlog.on_event(event, context);
        let id = open.backlog.id().clone();
        if open.backlog.ending().is_some() {
            self.retire(slot);
            return (outcome, id);
        }
        let interests = open.backlog.interests(&self.settings);
        if outcome.interests_changed {
            self.router.remove(slot, open.backlog.directive(), &open.interests);
            self.router.add(slot, open.backlog.directive(), &interests);
        } else {
            assert_eq!(interests, open.interests, "interests changed and nobody said so");
        }
        open.interests = interests;
        let deadline = open.backlog.deadline_secs(&self.settings);
        if outcome.deadline_changed {
            self.deadlines.remove(slot, open.deadline);
            self.deadlines.add(slot, deadline);
        } else {
            assert_eq!(deadline, open.deadline, "the deadline changed and nobody said so");
        }
        open.deadline = deadline;
        (outcome, id)
    }

    fn retire(&mut self, slot: BacklogSlot) {
        let open = self.open.remove(&slot).unwrap();
        self.router.remove(slot, open.backlog.directive(), &open.interests);
        self.deadlines.remove(slot, open.deadline);
        self.ended.push(open.backlog);
    }

    /// All backlogs there ever were, the ended ones first.
    pub(crate) fn backlogs(&self) -> impl Iterator<Item = &Backlog> {
        self.ended.iter().chain(self.open.values().map(|open| &open.backlog))
    }
}
